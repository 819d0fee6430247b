"""The query bar: which candidates are looked at, in which order, and what is decided of all of them."""

from pages.ui.query.bar import bar
from pages.ui.query.bulk import bulk

__all__ = ["bar", "bulk"]
