"""Strategies that choose by how well the chosen cover the others: their settings, their members, their run."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from curation.coverage import Subset, coverage_curve, facility_location, k_center, k_means, set_cover
from curation.embedding.neighbors import nearest_neighbors
from curation.embedding.spaces import SpaceName
from curation.errors import CurationError
from curation.plugin import Settings
from curation.randomness import stream_seeds
from curation.selection.base import Group, Selector
from curation.selection.family import NEVER
from curation.selection.pool import CODE_BITS

Points = Callable[[np.ndarray], np.ndarray]
"""From rows of the pool, int64 M, to where they lie, float32 M×D."""

DENSE_POINTS = 50_000
"""Facility location compares every point with every other up to so many; above, with its nearest neighbors only."""

NEIGHBORS = 100
"""How many nearest neighbors stand for all others above ``DENSE_POINTS``."""

_PROBED = 500
_CURVE = 100


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
        description="embedding space: features (penultimate layer), softmax_gradient (p − y), last_layer_gradient",
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


@dataclass(frozen=True)
class GroupCoverage:
    """How the candidates of one family, or of one class of it, are covered.

    label: the class, None: all; offered: candidates there were; subset: as ``curation.coverage`` returned it; radius:
    of the curves, in the space's unit; steps: int64, numbers of chosen images; curve, by_chance: share of the
    candidates within the radius of the first so many chosen, or of as many drawn at random.
    """

    family: str
    label: int | None
    offered: int
    subset: Subset
    radius: float
    steps: np.ndarray
    curve: np.ndarray
    by_chance: np.ndarray


@dataclass
class CoverageRun:
    """A coverage strategy computed while a selection is made; ``groups`` tells of every group, in order.

    points: where rows of the pool lie; on_progress: told how many images are chosen of how many, may raise to stop.
    """

    points: Points
    settings: CoverageSettings
    total: int
    device: str = "cpu"
    on_progress: Callable[[int, int], None] = lambda done, total: None
    groups: list[GroupCoverage] = field(default_factory=list)
    done: int = 0
    ranks: dict[int, int] = field(default_factory=dict)
    """By candidate_id: the order of choice among its family, or class of it."""

    def order_of(self, candidate_ids: np.ndarray) -> np.ndarray:
        """Return uint32 N: the order in which candidates were chosen; ``NEVER`` where by hand or another strategy."""
        return np.array([self.ranks.get(name, NEVER) for name in candidate_ids.tolist()], dtype=np.uint32)

    def order(self, selector: CoverageSelector, group: Group, need: int, *, seed: int) -> np.ndarray:
        """Return uint32 N: the order of choice; ``NEVER`` for what is not chosen."""
        positions = np.concatenate([group.given, group.positions])
        points = self.points(group.family.pool_rows[positions])
        labels, owners = group.family.labels[positions], group.family.candidate_ids[positions] >> CODE_BITS
        given = np.arange(len(positions)) < len(group.given)
        found: list[np.ndarray] = []
        ranks: list[np.ndarray] = []
        for label, count in self._parts(labels, owners, given, need, one_per_sample=group.one_per_sample):
            mine = np.arange(len(positions)) if label is None else np.flatnonzero(labels == label)
            radius = self.settings.radius or fitting_radius(
                points[mine], count=count, metric=self.settings.metric, device=self.device
            )
            subset = self._choose(
                selector,
                points[mine],
                settings=self.settings.model_copy(update={"radius": radius}),
                count=count,
                given=np.flatnonzero(given[mine]),
                owners=owners[mine] if group.one_per_sample else None,
                seed=seed,
            )
            self._note(group.family.name, label, points[mine], subset, radius=radius, seed=seed)
            found.append(mine[subset.chosen])
            ranks.append((np.arange(len(subset.chosen)) + 0.5) / max(len(subset.chosen), 1))
        order = np.full(len(positions), NEVER, dtype=np.uint32)
        if found:
            # Classes take turns, so that the first so many chosen are a fair part of the whole.
            chosen = np.concatenate(found)[np.argsort(np.concatenate(ranks), kind="stable")]
            order[chosen] = np.arange(len(chosen), dtype=np.uint32)
            self.ranks |= dict(
                zip(group.family.candidate_ids[positions[chosen]].tolist(), range(len(chosen)), strict=True)
            )
        return order[len(group.given) :]

    def _parts(
        self, labels: np.ndarray, owners: np.ndarray, given: np.ndarray, need: int, *, one_per_sample: bool
    ) -> list[tuple[int | None, int]]:
        """Return how many to choose of each class, by the number that can be chosen of it: largest remainder."""
        if one_per_sample:
            free = ~given & ~np.isin(owners, owners[given])
            _, first = np.unique(owners[free], return_index=True)
            there = labels[free][first]
        else:
            there = labels[~given]
        need = min(need, len(there))
        if not self.settings.classwise:
            return [(None, need)] if need else []
        classes, sizes = np.unique(there, return_counts=True)
        exact = sizes * need
        parts = exact // max(len(there), 1)
        parts[np.argsort(-(exact % max(len(there), 1)), kind="stable")[: need - int(parts.sum())]] += 1
        return [(int(label), int(part)) for label, part in zip(classes, parts, strict=True) if part]

    def _choose(self, selector: CoverageSelector, points: np.ndarray, *, count: int, **more: Any) -> Subset:
        before = self.done

        def report(done: int, total: int) -> None:
            self.on_progress(min(before + count * done // max(total, 1), self.total), self.total)

        subset = selector.choose(points, count=count, device=self.device, on_progress=report, **more)
        self.done += count
        return subset

    def _note(
        self, family: str, label: int | None, points: np.ndarray, subset: Subset, *, radius: float, seed: int
    ) -> None:
        count, metric = len(subset.chosen), self.settings.metric
        draws = stream_seeds(seed, np.arange(len(points)), "covered by chance", family, str(label)).numpy()
        chance = np.argsort(draws, kind="stable")[:count]
        steps = np.unique(np.linspace(0, count, min(count, _CURVE) + 1).round().astype(np.int64))
        curves = [
            coverage_curve(points, chosen, radius=radius, metric=metric, device=self.device)[steps]
            for chosen in (subset.chosen, chance)
        ]
        self.groups.append(GroupCoverage(family, label, len(points), subset, radius, steps, *curves))


def fitting_radius(points: np.ndarray, *, count: int, metric: Literal["l2", "cosine"], device: str = "cpu") -> float:
    """Return a radius at which ``count`` balls can hold most points: half of the points have N / count within it."""
    around = min(max(len(points) // max(count, 1), 1), len(points) - 1)
    if around < 1:
        return 1.0
    probes = points[np.arange(min(_PROBED, len(points))) * len(points) // min(_PROBED, len(points))]
    found = nearest_neighbors(points, queries=probes, count=around + 1, metric=metric, device=device)
    radius = float(np.median(found.distance[:, -1]))
    return radius if radius > 0 else float(found.distance.max()) or 1.0


class CoverageSelector(Selector):
    """A strategy whose choices depend on one another: the stage ``coverage`` computes them, a selection follows."""

    follows: ClassVar[str | None] = "coverage"
    by_coverage: ClassVar[bool] = True

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

    def choose(
        self, points: np.ndarray, *, settings: CoverageSettings, count: int, seed: int, **more: Any
    ) -> Subset:  # fmt: skip
        """Choose by lazy or stochastic greedy; see ``CoverageSelector.choose``."""
        neighbors = settings.neighbors or (NEIGHBORS if len(points) > DENSE_POINTS else None)
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
    title: ClassVar[str] = "k-means centers"

    def choose(self, points: np.ndarray, *, settings: CoverageSettings, count: int, seed: int, **more: Any) -> Subset:
        """Choose what is nearest to each center; see ``CoverageSelector.choose``."""
        return k_means(points, count=count, seed=seed, **more)
