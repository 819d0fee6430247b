"""From a recipe to a curated set: what is needed, what is missing, and the work that makes it."""

from curation.pipeline.pipeline import FOR_SELECTION, TITLES, Pipeline

__all__ = ["FOR_SELECTION", "TITLES", "Pipeline"]
