"""Strategies that choose by how well the chosen cover the others: their settings, their members."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from curation.coverage import Subset, facility_location, k_center, k_means, moderate, set_cover
from curation.embedding.spaces import SpaceName
from curation.errors import CurationError
from curation.plugin import Settings
from curation.selection.base import Group, Selector

DENSE_POINTS = 50_000
"""Facility location compares every point with every other up to so many; above, with its nearest neighbors only."""

NEIGHBORS = 100
"""How many nearest neighbors stand for all others above ``DENSE_POINTS``."""


class CoverageSettings(Settings):
    """How the coverage strategies measure distance, and what they may choose from."""

    former_fields: ClassVar = {"neighbours": "neighbors"}

    families: list[Literal["clean", "corruption", "adversarial"]] = Field(
        ["clean", "corruption", "adversarial"],
        min_length=1,
        description="families chosen by coverage; the others are chosen by the boundary strategy",
    )
    space: SpaceName = Field(
        "features",
        description="embedding space: features (the recipe's space; without one, the goal model's penultimate layer), "
        "softmax_gradient (p − y) or last_layer_gradient of the goal model",
    )
    epochs: list[int] = Field(
        [], description="kept epochs of the goal model whose embeddings are concatenated; empty: the epoch in use"
    )
    metric: Literal["l2", "cosine"] = Field(
        "l2", description="distance: l2 (Euclidean) or cosine (1 − cosine similarity)"
    )
    classwise: bool = Field(
        True,
        description="cover each class separately, with a quota in proportion to its size; uses the labels as they "
        "are, so turn it off where many are wrong",
    )
    radius: float | None = Field(
        None,
        gt=0,
        description="radius of set cover, in units of the embedding space; None: the radius with which the quota "
        "covers most",
    )
    greedy: Literal["lazy", "stochastic"] = Field(
        "lazy",
        description="facility location: exact lazy greedy, or stochastic greedy: faster, on a random part each step",
    )
    neighbors: int | None = Field(
        None,
        ge=1,
        description=f"facility location: compare with this many nearest neighbors only; None: with all up to "
        f"{DENSE_POINTS:,} points, above with {NEIGHBORS}",
    )

    @field_validator("epochs")
    @classmethod
    def _once(cls, epochs: list[int]) -> list[int]:
        return sorted(set(epochs))


def compared_with(settings: CoverageSettings, points: int) -> int | None:
    """Return with how many neighbors facility location compares each of so many points; None: with all others."""
    return settings.neighbors or (NEIGHBORS if points > DENSE_POINTS else None)


class CoverageSelector(Selector):
    """A strategy whose choices depend on one another: the stage ``coverage`` computes them, a selection follows."""

    follows: ClassVar[str | None] = "coverage"
    by_coverage: ClassVar[bool] = True

    keeps_pairs: ClassVar[bool] = False
    """Whether it holds the pairs of candidates that still matter (``coverage.greedy``)."""

    def prefer(self, group: Group, need: int, *, seed: int) -> np.ndarray:
        """Return the order of choice: computed now, where the group says how, else as it is in the pool."""
        if group.coverage_run is not None:
            return group.coverage_run.order(self, group, need, seed=seed)
        order = group.family.given_order
        if order is None:
            raise CurationError(f"the group was made without the order of {self.name}; use `family_of(…, follows=…)`")
        return order[group.positions]

    @abstractmethod
    def choose(
        self,
        points: np.ndarray,
        *,
        settings: CoverageSettings,
        count: int,
        given: np.ndarray,
        owners: np.ndarray | None,
        seed: int,
        device: str,
        on_progress: Callable[[int, int], None],
    ) -> Subset:
        """Choose ``count`` of some points, float32 N×D; see ``curation.coverage``."""


class FacilityLocation(CoverageSelector):
    """Near every candidate there is a chosen one: the sum of the distances to the nearest chosen is greedily least.

    Source: Mirzasoleiman, Bilmes & Leskovec 2020, "Coresets for Data-efficient Training of Machine Learning Models".
    """

    name: ClassVar[str] = "facility_location"
    title: ClassVar[str] = "Facility location: a chosen image near every candidate"
    keeps_pairs: ClassVar[bool] = True

    def choose(
        self, points: np.ndarray, *, settings: CoverageSettings, count: int, seed: int, **more: Any
    ) -> Subset:  # fmt: skip
        """Choose by lazy or stochastic greedy; see ``CoverageSelector.choose``."""
        neighbors = compared_with(settings, len(points))
        if neighbors is not None and neighbors >= len(points):
            neighbors = None
        return facility_location(
            points,
            count=count,
            metric=settings.metric,
            neighbors=neighbors,
            method=settings.greedy,
            seed=seed,
            **more,
        )


class SetCover(CoverageSelector):
    """As many candidates as possible have a chosen one within the radius."""

    name: ClassVar[str] = "set_cover"
    title: ClassVar[str] = "Set cover: balls of one radius over all candidates"
    keeps_pairs: ClassVar[bool] = True

    def choose(self, points: np.ndarray, *, settings: CoverageSettings, count: int, seed: int, **more: Any) -> Subset:
        """Choose the centers of balls, greedily; see ``CoverageSelector.choose``."""
        assert settings.radius is not None, "computed before, where the recipe leaves it open"
        return set_cover(points, radius=settings.radius, count=count, metric=settings.metric, **more)


class KCenter(CoverageSelector):
    """The candidate farthest from all chosen ones is chosen next.

    Source: Gonzalez 1985; Sener & Savarese 2018, "Active Learning for Convolutional Neural Networks: A Core-Set
    Approach".
    """

    name: ClassVar[str] = "k_center"
    title: ClassVar[str] = "k-center: no candidate far from a chosen one"

    def choose(self, points: np.ndarray, *, settings: CoverageSettings, count: int, seed: int, **more: Any) -> Subset:
        """Choose farthest first; see ``CoverageSelector.choose``."""
        return k_center(points, count=count, metric=settings.metric, seed=seed, **more)


class KMeans(CoverageSelector):
    """The candidates nearest to the centers of k-means clusters."""

    name: ClassVar[str] = "k_means"
    version: ClassVar[int] = 2
    title: ClassVar[str] = "k-means centers"

    def choose(self, points: np.ndarray, *, settings: CoverageSettings, count: int, seed: int, **more: Any) -> Subset:
        """Choose what is nearest to each center; see ``CoverageSelector.choose``."""
        return k_means(points, count=count, seed=seed, **more)


class Moderate(CoverageSelector):
    """The candidates whose distance to the center of their class is nearest to the median of those distances.

    With ``classwise`` off, to the center of all. Source: Xia et al. 2023, "Moderate Coreset: A Universal Method of Data
    Selection for Real-world Data-efficient Deep Learning", section 3.
    """

    name: ClassVar[str] = "moderate"
    title: ClassVar[str] = "Moderate: median distance to the center of the class"

    def choose(self, points: np.ndarray, *, settings: CoverageSettings, count: int, seed: int, **more: Any) -> Subset:
        """Choose those nearest to the median distance; see ``CoverageSelector.choose``."""
        return moderate(points, count=count, metric=settings.metric, **more)
