"""The ``curation`` command."""

from curation.cli.main import app

__all__ = ["app"]
