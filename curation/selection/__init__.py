"""Selection: from the pool of candidates to the rows of a curated set. Pure functions of table, settings and seed."""

from curation.plugin import Registry
from curation.selection.boundary import Boundary
from curation.selection.random import Random

SELECTORS = Registry("selector", (Boundary, Random))

__all__ = ["SELECTORS", "Boundary", "Random"]
