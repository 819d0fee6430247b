"""The working out of a recipe's coverage and weights: where its candidates lie, which are chosen, what each counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from curation.embedding.spaces import concatenated
from curation.progress import Progress, Report
from curation.selection import SELECTORS
from curation.selection.coverage import CoverageRun, GroupCoverage
from curation.selection.edits import without
from curation.selection.family import family_of
from curation.selection.pool import FAMILIES
from curation.selection.select import Selected, select
from curation.selection.weights import weigh

if TYPE_CHECKING:
    from curation.pipeline.pipeline import Pipeline


class WorkedOut(NamedTuple):
    """chosen: candidate_id int64, order uint32 (of choice, ``NEVER`` where the strategy has none), weight float32,
    cluster int32 (−1: none); groups: plain data of each ``GroupCoverage``."""

    chosen: pd.DataFrame
    groups: list[dict[str, Any]]


def families_measured(pipeline: Pipeline) -> list[str]:
    """Return the families whose candidates' places are needed."""
    selection = pipeline.recipe.selection
    return [
        family
        for family in FAMILIES
        if selection.mix.of(family)
        and (pipeline.recipe.weights.asked or SELECTORS[selection.strategy_of(family)].by_coverage)
    ]


def work_out(pipeline: Pipeline, pool: pd.DataFrame, report: Report) -> WorkedOut:
    """Select with the coverage strategy worked out on the way, and weigh what is chosen.

    Raises: CurationError as ``select`` and the strategies do; ``Cancelled`` when ``report`` asks to stop.
    """
    recipe, selection = pipeline.recipe, pipeline.recipe.selection
    places = _Places(pipeline, pool)
    coverage_run = CoverageRun(
        places,
        selection.coverage,
        total=selection.budget,
        device=pipeline.device,
        on_progress=lambda done, total: report(Progress("coverage", done, total)),
    )
    classes = len(pipeline.samples.classes)
    selected = select(pool, selection, seed=recipe.seed, classes=classes, coverage_run=coverage_run)
    order = coverage_run.order_of(selected.candidate_ids)
    weights, clusters = _weighed(pipeline, pool, selected, places)
    chosen = pd.DataFrame(
        {"candidate_id": selected.candidate_ids, "order": order, "weight": weights, "cluster": clusters}
    )
    return WorkedOut(chosen, [_plain(group) for group in coverage_run.groups])


class _Places:
    """Where rows of a pool lie in the recipe's space: its image sets' kept points, joined over epochs."""

    def __init__(self, pipeline: Pipeline, pool: pd.DataFrame) -> None:
        self.pipeline = pipeline
        self.kinds = pool["kind"].astype(str).to_numpy()
        self.severities = pool["severity"].to_numpy()
        self.sample_rows = pipeline.samples.rows(pool["sample_id"].to_numpy())
        space = pipeline.recipe.selection.coverage.space
        families = families_measured(pipeline)
        self.sets = [
            (images, [pipeline.points(images, of=space, epoch=epoch).freeze() for epoch in pipeline.space_epochs])
            for images in pipeline.image_sets()
            if images.family in families
        ]

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Return float32 M×D."""
        out: np.ndarray | None = None
        for images, kept in self.sets:
            mine = np.flatnonzero((self.kinds[rows] == images.kind) & (self.severities[rows] == images.severity))
            if len(mine):
                at = np.searchsorted(images.rows, self.sample_rows[rows[mine]])
                some = concatenated([np.asarray(points.gather(at, images.starts)) for points in kept])
                if out is None:
                    out = np.empty((len(rows), some.shape[1]), dtype=np.float32)
                out[mine] = some
        return np.empty((0, 1), np.float32) if out is None else out


def _weighed(
    pipeline: Pipeline, pool: pd.DataFrame, selected: Selected, places: _Places
) -> tuple[np.ndarray, np.ndarray]:
    """Return each chosen image's weight, float32, and cluster, int32: every family by itself."""
    recipe = pipeline.recipe
    weights = np.ones(len(selected.rows), dtype=np.float32)
    clusters = np.full(len(selected.rows), -1, dtype=np.int32)
    if not recipe.weights.asked:
        return weights, clusters
    families = {name: family_of(pool, name, recipe.selection.score) for name in FAMILIES}
    left_out = without(families, recipe.selection.edits)
    start, first = 0, 0
    for name, family in families.items():
        chosen = selected.candidate_ids[start : start + selected.families[name].chosen]
        mine = slice(start, start + len(chosen))
        start += len(chosen)
        if not len(chosen):
            continue
        ids, rows = np.delete(family.candidate_ids, left_out[name]), np.delete(family.rows, left_out[name])
        at = np.searchsorted(ids, chosen)
        labels = pool["label"].to_numpy()[rows].astype(np.int64)
        labels[at] = selected.labels[mine]
        found = weigh(
            places(rows),
            labels,
            at,
            recipe.weights,
            metric=recipe.selection.coverage.metric,
            device=pipeline.device,
        )
        weights[mine] = found.weights
        if found.clusters is not None:
            clusters[mine] = found.clusters + first
            first += int(found.clusters.max()) + 1
    return weights, clusters


def _plain(group: GroupCoverage) -> dict[str, Any]:
    subset = group.subset
    return {
        "family": group.family,
        "label": group.label,
        "offered": group.offered,
        "chosen": len(subset.chosen),
        "value": subset.value,
        "share": subset.share,
        "guarantee": subset.guarantee,
        "farthest": subset.radius,
        "seconds": round(subset.seconds, 3),
        "radius": group.radius,
        "steps": group.steps.tolist(),
        "curve": group.curve.round(5).tolist(),
        "by_chance": group.by_chance.round(5).tolist(),
    }
