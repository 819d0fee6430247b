"""From a recipe to a curated set: what is needed, what is missing, and the work that makes it."""

from curation.pipeline.carried import stability_of
from curation.pipeline.pipeline import Pipeline, run_together
from curation.pipeline.stages import FOR_SELECTION, STAGES, in_order, titles

__all__ = ["FOR_SELECTION", "STAGES", "Pipeline", "in_order", "run_together", "stability_of", "titles"]
