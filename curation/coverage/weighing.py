"""Sample weights and clusters of chosen images, from the candidates around them."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from curation.coverage import assign, cluster_sizes, label_agreement, set_cover, within_radius_counts
from curation.plugin import Settings

Metric = Literal["l2", "cosine"]


class Weights(Settings):
    """Weights and clusters of the chosen images, measured as the coverage strategies measure."""

    by: Literal["none", "cluster_size", "within_radius", "label_agreement"] = Field(
        "none",
        description="none: all 1; cluster_size: the number of candidates in its cluster; within_radius: "
        "the number of candidates of its family within the radius (one radius favors dense classes); label_agreement: "
        "the share of its cluster with its label",
    )
    radius: float | None = Field(
        None,
        gt=0,
        description="clusters are balls of this radius over the chosen images, and are exported for cluster sampling; "
        "None: each chosen image has its own cluster, the candidates nearest to it",
    )

    @model_validator(mode="after")
    def _measurable(self) -> Weights:
        if self.by == "within_radius" and self.radius is None:
            raise ValueError("by within_radius needs a radius, in units of selection.coverage.space")
        return self

    @property
    def asked(self) -> bool:
        """Whether there is anything to compute."""
        return self.by != "none" or self.radius is not None


class Weighed(NamedTuple):
    """weights: float32 M; clusters: int32 M, 0 … the number of clusters − 1, or None where each is its own."""

    weights: np.ndarray
    clusters: np.ndarray | None


def weigh(
    points: np.ndarray,
    labels: np.ndarray,
    chosen: np.ndarray,
    settings: Weights,
    *,
    metric: Metric,
    device: str = "cpu",
) -> Weighed:
    """Weigh the chosen ones of some points.

    Args: points: float32 N×D; labels: integers N; chosen: int64 M, different positions.
    Sources: cluster_size: CRAIG (Mirzasoleiman, Bilmes & Leskovec 2020); the others: Cai, Cao & Liu,
        "An Empirical Study of Robust Deep Models".
    """
    clusters: np.ndarray | None = None
    if settings.radius is None:
        assigned, _ = assign(points, chosen, metric=metric, device=device)
        own, members = np.arange(len(chosen)), labels
    else:
        balls = set_cover(points[chosen], radius=settings.radius, metric=metric, device=device).chosen
        assigned, _ = assign(points[chosen], balls, metric=metric, device=device)
        own, members = assigned, labels[chosen]
        clusters = assigned.astype(np.int32)
    if settings.by == "cluster_size":
        return Weighed(cluster_sizes(assigned, int(assigned.max()) + 1)[own], clusters)
    if settings.by == "label_agreement":
        return Weighed(label_agreement(labels[chosen], own, members, assigned), clusters)
    if settings.by == "within_radius" and settings.radius is not None:
        counts = within_radius_counts(points, chosen, radius=settings.radius, metric=metric, device=device)
        return Weighed(counts, clusters)
    return Weighed(np.ones(len(chosen), np.float32), clusters)
