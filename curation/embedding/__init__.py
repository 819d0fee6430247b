"""Where images lie in the goal model's eyes: spaces, neighbours, projections to two dimensions, and clusters."""

from curation.embedding.clusters import cluster_table, clusters, dense_clusters
from curation.embedding.neighbours import Neighbours, nearest_neighbours, within_radius
from curation.embedding.projection import place, project
from curation.embedding.spaces import concatenated, space

__all__ = [
    "Neighbours",
    "cluster_table",
    "clusters",
    "concatenated",
    "dense_clusters",
    "nearest_neighbours",
    "place",
    "project",
    "space",
    "within_radius",
]
