"""A coverage strategy computed while a selection is made: group by group, class by class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np

from curation.coverage import Subset, coverage_curve
from curation.coverage.classes import parts_of_classes, taking_turns
from curation.embedding.neighbors import nearest_neighbors
from curation.randomness import stream_seeds
from curation.selection.base import Group
from curation.selection.coverage import CoverageSelector, CoverageSettings
from curation.selection.family import NEVER
from curation.selection.pool import CODE_BITS

Points = Callable[[np.ndarray], np.ndarray]
"""From rows of the pool, int64 M, to where they lie, float32 M×D."""

_PROBED = 500
_CURVE = 100


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


def in_turn(
    tasks: Sequence[Callable[..., GroupCoverage]], *, relay: Callable[..., None]
) -> Iterable[tuple[int, GroupCoverage]]:
    """Do tasks in this process, in their order; yield each one's index and what it found."""
    for index, task in enumerate(tasks):
        yield index, task(partial(relay, index))


@dataclass
class CoverageRun:
    """A coverage strategy computed while a selection is made; ``groups`` tells of every group, in order.

    points: where rows of the pool lie; on_progress: told how many images are chosen of how many, may raise to stop;
    run: does the classes of a group, as ``Engine.run`` does tasks; by default here, one after the other.
    """

    points: Points
    settings: CoverageSettings
    total: int
    device: str = "cpu"
    on_progress: Callable[[int, int], None] = lambda done, total: None
    run: Callable[..., Iterable[tuple[int, GroupCoverage]]] = in_turn
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
        parts = self._parts(labels, owners, given, need, one_per_sample=group.one_per_sample)
        members = [
            np.arange(len(positions)) if label is None else np.flatnonzero(labels == label) for label, _ in parts
        ]
        found: list[np.ndarray] = []
        tasks = [
            partial(
                cover,
                selector,
                self.settings,
                points,
                mine,
                family=group.family.name,
                label=label,
                count=count,
                given=np.flatnonzero(given[mine]),
                owners=owners[mine] if group.one_per_sample else None,
                seed=seed,
                device=self.device,
            )
            for mine, (label, count) in zip(members, parts, strict=True)
        ]
        for mine, covered in zip(members, self._covered(tasks, [count for _, count in parts]), strict=True):
            self.groups.append(covered)
            found.append(mine[covered.subset.chosen])
        order = np.full(len(positions), NEVER, dtype=np.uint32)
        if found:
            chosen = taking_turns(found)
            order[chosen] = np.arange(len(chosen), dtype=np.uint32)
            self.ranks |= dict(
                zip(group.family.candidate_ids[positions[chosen]].tolist(), range(len(chosen)), strict=True)
            )
        return order[len(group.given) :]

    def _covered(self, tasks: Sequence[Callable[..., GroupCoverage]], counts: Sequence[int]) -> list[GroupCoverage]:
        """Return what some tasks find, in their order, and tell how many images all of them have chosen."""
        flight, found = dict.fromkeys(range(len(tasks)), 0), dict[int, GroupCoverage]()

        def relay(index: int, done: int, total: int, words: str) -> None:
            flight[index] = counts[index] * done // max(total, 1)
            self.on_progress(min(self.done + sum(flight.values()), self.total), self.total)

        for index, covered in self.run(tasks, relay=relay):
            found[index] = covered
            self.done += counts[index]
            del flight[index]
        return [found[index] for index in range(len(tasks))]

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
        return [*parts_of_classes(there, need)]


def cover(
    selector: CoverageSelector,
    settings: CoverageSettings,
    points: np.ndarray,
    mine: np.ndarray,
    tell: Callable[[int, int, str], None],
    *,
    family: str,
    label: int | None,
    count: int,
    seed: int,
    device: str,
    **more: Any,
) -> GroupCoverage:
    """Choose ``count`` of some points and say how they cover the others: an ``engine.Task``, once ``tell`` is left.

    Args: points: float32 N×D, of all classes; mine: int64 M, which of them; more: given and owners.
    """
    points, metric = points[mine], settings.metric
    radius = settings.radius or fitting_radius(points, count=count, metric=metric, device=device)
    subset = selector.choose(
        points,
        settings=settings.model_copy(update={"radius": radius}),
        count=count,
        seed=seed,
        device=device,
        on_progress=lambda done, total: tell(done, total, ""),
        **more,
    )
    draws = stream_seeds(seed, np.arange(len(points)), "covered by chance", family, str(label)).numpy()
    chance = np.argsort(draws, kind="stable")[: len(subset.chosen)]
    steps = np.unique(np.linspace(0, len(chance), min(len(chance), _CURVE) + 1).round().astype(np.int64))
    curves = [
        coverage_curve(points, chosen, radius=radius, metric=metric, device=device)[steps]
        for chosen in (subset.chosen, chance)
    ]
    return GroupCoverage(family, label, len(points), subset, radius, steps, *curves)


def fitting_radius(points: np.ndarray, *, count: int, metric: Literal["l2", "cosine"], device: str = "cpu") -> float:
    """Return a radius at which ``count`` balls can hold most points: half of the points have N / count within it."""
    around = min(max(len(points) // max(count, 1), 1), len(points) - 1)
    if around < 1:
        return 1.0
    probes = points[np.arange(min(_PROBED, len(points))) * len(points) // min(_PROBED, len(points))]
    found = nearest_neighbors(points, queries=probes, count=around + 1, metric=metric, device=device)
    radius = float(np.median(found.distance[:, -1]))
    return radius if radius > 0 else float(found.distance.max()) or 1.0
