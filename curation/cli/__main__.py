"""``python -m curation.cli``."""

from curation.cli import app

app()
