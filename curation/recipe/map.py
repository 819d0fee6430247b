"""The ``map`` and ``slices`` blocks of a recipe: how the samples are laid out, and parts drawn on the layout."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from curation.plugin import Settings


class MapSettings(Settings):
    """The two-dimensional map of the clean samples and their clusters."""

    neighbors: int = Field(15, ge=2, le=200, description="UMAP's neighborhood: small shows detail, large shows shape")
    min_dist: float = Field(0.1, ge=0, lt=1, description="UMAP's smallest distance between points")
    clusters: int = Field(20, ge=2, le=20_000, description="number of k-means clusters in the recipe's space")
    cluster_by: Literal["k_means", "hdbscan"] = Field(
        "k_means", description="k_means: of the features; hdbscan: dense regions of the plane, whatever their number"
    )
    min_cluster_size: int = Field(25, ge=2, description="smallest number of samples in a cluster (hdbscan)")
    copies: list[str] = Field([], max_length=64, description="variants projected onto the map, e.g. [pgd, fog/3]")
    names: dict[int, str] = Field({}, description="names of clusters, by their number")


class Slice(Settings):
    """A part of the samples that was drawn on the map, under a name."""

    layout: Literal["umap", "pca"] = Field("umap", description="the map on which it was drawn")
    polygon: list[tuple[float, float]] = Field(
        min_length=3, max_length=128, description="corners, in the unit of that map"
    )
