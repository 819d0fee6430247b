"""Where images lie in a space: neighbors, projections to two dimensions, clusters, and what is alike."""

from curation.embedding.alike import alike
from curation.embedding.clusters import cluster_table, clusters, dense_clusters
from curation.embedding.neighbors import Neighbors, nearest_neighbors, within_radius
from curation.embedding.projection import project, project_onto
from curation.embedding.spaces import concatenated, space

__all__ = [
    "Neighbors",
    "alike",
    "cluster_table",
    "clusters",
    "concatenated",
    "dense_clusters",
    "nearest_neighbors",
    "project",
    "project_onto",
    "space",
    "within_radius",
]
