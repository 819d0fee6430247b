"""``python -m curation.cli``."""

from curation.cli.main import app

app()
