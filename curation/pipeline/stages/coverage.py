"""Choosing candidates that cover the others, and weighing what is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from curation.coverage.greedy import GRAPH_PAIRS
from curation.coverage.weighing import weigh
from curation.embedding.spaces import concatenated, width_of
from curation.errors import CurationError
from curation.pipeline.execution import Execution, Result, Work
from curation.pipeline.expense import Expense, Scale
from curation.pipeline.plan import Plan
from curation.pipeline.pool import pool_of, several_times
from curation.pipeline.stages.base import Stage
from curation.pipeline.stages.embed import embedding, placing
from curation.plugin import fingerprint
from curation.recipe import Recipe
from curation.selection import SELECTORS
from curation.selection.coverage import CoverageSelector
from curation.selection.coverage_run import CoverageRun, GroupCoverage
from curation.selection.edits import without
from curation.selection.family import family_of
from curation.selection.pool import CODE_BITS, FAMILIES
from curation.selection.select import Selected, select
from curation.storage.image_set import ImageSet
from curation.storage.shards import Shards

COPIES, PAIR_BYTES = 4, 8
"""Of a group's points, and of a pair that is held while a strategy chooses."""

KEPT_BYTES = 20
"""Of each chosen image: its id, order, weight and cluster."""


class Cover(Stage):
    """The candidates that a coverage strategy chooses, in order, with their weights and clusters."""

    name = "coverage"
    title = "Coverage and weights"
    needs = ("score",)
    makes = "selection"
    rare = True

    def asked(self, recipe: Recipe) -> bool:
        """See ``Stage.asked``."""
        return SELECTORS[recipe.selection.strategy].by_coverage or recipe.weights.asked

    def used(self, recipe: Recipe) -> bool:
        """See ``Stage.used``."""
        return self.asked(recipe)

    def order(self, plan: Plan) -> Shards:
        """See ``Stage.order``: columns candidate_id, order, weight, cluster.

        Raises: CurationError when some candidates are not scored yet.
        """
        recipe = plan.recipe
        selection = recipe.selection.model_dump(mode="json")
        selection["edits"] |= _label_edits(plan)
        in_space = recipe.covers_in_space
        digests = [plan.space_key] if in_space else [plan.digest_at(epoch) for epoch in plan.space_epochs]
        return plan.workspace.order(
            fingerprint([selection, recipe.weights.model_dump(), recipe.seed, plan.candidates_key, digests])
        )

    def expected(self, recipe: Recipe, scale: Scale) -> Expense:
        """See ``Stage.expected``: where the candidates lie, and choosing among them; classes as if equally large."""
        network, asked = scale.networks[recipe.goal_model.form], recipe.selection.coverage
        width, epochs = width_of(asked.space, features=network.features, classes=scale.classes), len(asked.epochs)
        pass_s, counts = network.pass_s, scale.candidates(recipe)
        if recipe.covers_in_space:
            pass_s, width = scale.embedding(recipe)
        images = sum(counts[family] for family in recipe.families_measured)
        known = counts["clean"] if asked.space == "features" and not epochs else 0  # the stage embed has these
        placed = max(0, images - known if "clean" in recipe.families_measured else images) * max(1, epochs)
        disk = 4.0 * placed * width + KEPT_BYTES * recipe.selection.budget
        memory = 4.0 * images * width * max(1, epochs)
        groups = [counts[family] for family in asked.families]
        if asked.classwise:
            groups = [count // scale.classes for count in groups for _ in range(scale.classes)]
        chosen = choosing(recipe, groups, width=width * max(1, epochs), pair_s=scale.pair_s)
        return Expense(placed * pass_s + chosen.seconds, disk, memory + chosen.memory_bytes)

    def results(self, plan: Plan) -> list[Result]:
        """See ``Stage.results``."""
        return [Result(self.order(plan), np.array([plan.recipe.selection.budget]))]

    def run(self, execution: Execution) -> None:
        """See ``Stage.run``. Raises: CurationError as ``select`` and the strategies do."""
        plan, budget = execution.plan, execution.plan.recipe.selection.budget
        out = self.order(plan)
        if out.missing(verify=True):
            with execution.alone(out.folder.name, budget):
                execution.shards(
                    [
                        work
                        for images in plan.image_sets()
                        if images.family in plan.recipe.families_measured
                        for work in _placing(plan, images.frozen())
                    ]
                )
                with execution.timed(out):
                    choose(execution, out)
        execution.tell(budget, budget)


def choosing(recipe: Recipe, groups: Sequence[int], *, width: int, pair_s: float) -> Expense:
    """Return what a coverage strategy takes to choose among groups of candidates, one after the other.

    Every strategy's time grows with the square of a group, where a share of it is chosen.

    Args: groups: candidates in each; width: of their space; pair_s: see ``Scale``.
    """
    selector, largest = SELECTORS[recipe.selection.strategy], float(max(groups, default=0))
    if not issubclass(selector, CoverageSelector):
        return Expense()
    pairs = min(GRAPH_PAIRS, largest**2) if selector.keeps_pairs else 0
    seconds = pair_s * sum(float(count) ** 2 for count in groups)
    return Expense(seconds, memory_bytes=COPIES * 4 * largest * width + PAIR_BYTES * pairs)


def _placing(plan: Plan, images: ImageSet) -> list[Work]:
    """Return the work that finds where a finished image set lies: the spaces that are to be joined."""
    if plan.recipe.covers_in_space:
        return [placing(plan, images)]
    space = plan.recipe.selection.coverage.space
    return [embedding(plan, images, space, epoch) for epoch in plan.space_epochs]


def _label_edits(plan: Plan) -> dict[str, Any]:
    """Return the decisions about labels on which the choice depends.

    That a label is confirmed only says which of several samples of one picture counts; so does a new label, where no
    class is looked at.
    """
    edits, selection, repeated = plan.recipe.selection.edits, plan.recipe.selection, several_times(plan)
    by_class = (
        selection.coverage.classwise
        or selection.coverage.space != "features"
        or any(selection.class_balance.of(family) for family in FAMILIES)
        or plan.recipe.weights.by == "label_agreement"
    )
    relabel = {sample: label for sample, label in edits.relabel.items() if by_class or sample in repeated}
    return {"relabel": relabel, "confirmed": [sample for sample in edits.confirmed if sample in repeated]}


def coverage_of(plan: Plan) -> list[dict[str, Any]]:
    """Return how each group is covered, as plain data (see ``selection.coverage.GroupCoverage``).

    Raises: CurationError when the stage is missing.
    """
    out = Cover().order(plan)
    if not out.complete():
        raise CurationError("coverage and weights are not computed for these settings yet; run the recipe first")
    return list(plan.workspace.rounds(out) or [])


def choose(execution: Execution, out: Shards) -> None:
    """Select with the coverage strategy, class by class on the engine, weigh what is chosen and keep both.

    Kept are candidate_id int64, order uint32 (of choice, ``NEVER`` where the strategy has none), weight float32 and
    cluster int32 (−1: none), and plain data of each ``GroupCoverage``.
    """
    plan = execution.plan
    recipe, selection, pool = plan.recipe, plan.recipe.selection, pool_of(plan)
    points = _Points(plan, pool)
    coverage_run = CoverageRun(
        points,
        selection.coverage,
        total=selection.budget,
        device=plan.device,
        on_progress=execution.tell,
        run=execution.engine.run,
    )
    selected = select(pool, selection, seed=recipe.seed, classes=len(plan.samples.classes), coverage_run=coverage_run)
    order = coverage_run.order_of(selected.candidate_ids)
    weights, clusters = _weighed(plan, pool, selected, points)
    plan.workspace.write_rounds(out, [_plain(group) for group in coverage_run.groups])
    out.write(
        0,
        pd.DataFrame({"candidate_id": selected.candidate_ids, "order": order, "weight": weights, "cluster": clusters}),
    )


class _Points:
    """Where rows of a pool lie in the recipe's space: its image sets' kept points, joined over epochs."""

    def __init__(self, plan: Plan, pool: pd.DataFrame) -> None:
        self.kinds = pool["kind"].astype(str).to_numpy()
        self.severities = pool["severity"].to_numpy()
        self.sample_rows = plan.samples.rows(pool["sample_id"].to_numpy())
        families = plan.recipe.families_measured
        self.sets = [
            (images, [work.result.shards.freeze() for work in _placing(plan, images)])
            for images in plan.image_sets()
            if images.family in families
        ]

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Return float32 M×D."""
        out: np.ndarray | None = None
        for images, kept in self.sets:
            mine = np.flatnonzero((self.kinds[rows] == images.kind) & (self.severities[rows] == images.severity))
            if images.relabel:
                mine = mine[np.isin(self.sample_rows[rows[mine]], images.sample_rows)]
            if len(mine):
                at = np.searchsorted(images.sample_rows, self.sample_rows[rows[mine]])
                some = concatenated([np.asarray(shards.gather(at, images.starts)) for shards in kept])
                if out is None:
                    out = np.empty((len(rows), some.shape[1]), dtype=np.float32)
                out[mine] = some
        return np.empty((0, 1), np.float32) if out is None else out


def _weighed(plan: Plan, pool: pd.DataFrame, selected: Selected, points: _Points) -> tuple[np.ndarray, np.ndarray]:
    """Return each chosen image's weight, float32, and cluster, int32: every family by itself."""
    recipe = plan.recipe
    weights = np.ones(len(selected.pool_rows), dtype=np.float32)
    clusters = np.full(len(selected.pool_rows), -1, dtype=np.int32)
    if not recipe.weights.asked:
        return weights, clusters
    families = {name: family_of(pool, name, recipe.selection.score) for name in FAMILIES}
    left_out = without(families, recipe.selection)
    start, first = 0, 0
    for name, family in families.items():
        chosen = selected.candidate_ids[start : start + selected.families[name].chosen]
        mine = slice(start, start + len(chosen))
        start += len(chosen)
        if not len(chosen):
            continue
        ids, rows = np.delete(family.candidate_ids, left_out[name]), np.delete(family.pool_rows, left_out[name])
        at = np.searchsorted(ids, chosen)
        labels = plan.labels[plan.samples.rows(ids >> CODE_BITS)]
        found = weigh(
            points(rows),
            labels,
            at,
            recipe.weights,
            metric=recipe.selection.coverage.metric,
            device=plan.device,
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
