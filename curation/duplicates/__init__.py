"""Images that are the same, exactly or nearly: of one set among another, and within one set."""

from curation.duplicates.near import NEAR
from curation.duplicates.repeats import groups, near_duplicates
from curation.duplicates.search import duplicates

__all__ = ["NEAR", "duplicates", "groups", "near_duplicates"]
