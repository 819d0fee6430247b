"""Where images lie in the goal model's eyes: projections to two dimensions, and clusters."""

from curation.embedding.clusters import clusters
from curation.embedding.projection import project

__all__ = ["clusters", "project"]
