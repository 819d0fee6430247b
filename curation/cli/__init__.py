"""The ``curation`` command."""
