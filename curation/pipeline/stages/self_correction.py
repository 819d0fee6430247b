"""Self-correction rounds, the order in which the compared scheme chooses candidates."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from curation.engine import Tell
from curation.models.architectures import Form
from curation.pipeline.answers import features
from curation.pipeline.execution import Execution, Result
from curation.pipeline.expense import Expense, Scale
from curation.pipeline.plan import Plan
from curation.pipeline.pool import pool_images, pool_of, several_times
from curation.pipeline.stages.base import Stage, Status
from curation.pipeline.stages.embed import backbone_of
from curation.plugin import fingerprint
from curation.progress import Progress
from curation.recipe import Recipe
from curation.selection.edits import offered
from curation.selection.mix import quotas
from curation.selection.pool import parse_candidate
from curation.selection.rounds import correct
from curation.storage.shards import Shards

CHUNK_ROWS = 8192
"""Candidates whose pixels are read at once."""


KEPT_BYTES = 40
"""Of each chosen image: its id, round and order, and the same for a resume."""


class SelfCorrect(Stage):
    """Train, add the candidates nearest to what is misclassified, repeat."""

    name = "self_correction"
    title = "Self-correction rounds"
    unit = "rounds"
    needs = ("score",)
    makes = "selection"
    rare = True

    def asked(self, recipe: Recipe) -> bool:
        """See ``Stage.asked``."""
        return recipe.selection.strategy == self.name

    def used(self, recipe: Recipe) -> bool:
        """See ``Stage.used``."""
        return self.asked(recipe)

    def expected(self, recipe: Recipe, scale: Scale) -> Expense:
        """See ``Stage.expected``: the set grows evenly, and the features of all candidates are in memory."""
        settings, budget = recipe.self_correction, recipe.selection.budget
        grown = [
            settings.initial_share + (1 - settings.initial_share) * at / settings.rounds
            for at in range(settings.rounds)
        ]
        images, network = sum(scale.candidates(recipe).values()), scale.networks[recipe.goal_model.form]
        pass_s, width = scale.embedding(recipe) if settings.extractor == "space" else (network.pass_s, network.features)
        trained = scale.networks[Form(settings.architecture)]
        seconds = sum(scale.training_s(settings.train, trained, images=round(share * budget)) for share in grown)
        return Expense(seconds + images * pass_s, KEPT_BYTES * budget, 2.0 * images * width)

    def order(self, plan: Plan) -> Shards:
        """See ``Stage.order``. Raises: CurationError when some candidates are not scored yet."""
        recipe = plan.recipe
        settings = recipe.self_correction.model_dump(mode="json")
        asked = quotas(recipe.selection.mix, recipe.selection.budget)
        about = [settings, asked, recipe.seed, plan.candidates_key, *recipe.self_correction.train.versions]
        about += [plan.space_key] if recipe.self_correction.extractor == "space" else []
        decided, edits, several = {"exclude", "drop", "relabel"}, recipe.selection.edits, several_times(plan)
        about += [recipe.selection.duplicates, edits.model_dump(mode="json", include=decided)]
        about += [  # of these it depends which of several samples of one picture is a candidate
            [name for name in edits.include if parse_candidate(name).sample_id in several],
            [sample for sample in edits.confirmed if sample in several],
        ]
        return plan.workspace.order(fingerprint(about))

    def results(self, plan: Plan) -> list[Result]:
        """See ``Stage.results``."""
        return [Result(self.order(plan), np.array([plan.recipe.self_correction.rounds]))]

    def status(self, plan: Plan, *, verify: bool = False) -> Status:
        """See ``Stage.status``: rounds are kept one by one."""
        rounds, out = plan.recipe.self_correction.rounds, self.order(plan)
        if not out.missing(verify=verify):
            return self._status("done", rounds, rounds)
        done = len((plan.workspace.rounds(out) or {}).get("history", []))
        return self._status("partial" if done else "missing", max(0, done - 1), rounds)

    def run(self, execution: Execution) -> None:
        """See ``Stage.run``."""
        plan, settings = execution.plan, execution.plan.recipe.self_correction
        out = self.order(plan)
        if out.missing(verify=True):
            with execution.alone(out.folder.name, 1):
                execution.tell(0, 1, unit="rounds", note="features of all candidates")
                execution.tasks([partial(correct_pool, plan, out)])
        execution.tell(settings.rounds, settings.rounds, unit="rounds")


def correct_pool(plan: Plan, out: Shards, tell: Tell) -> int:
    """Run the rounds that are missing and keep the order; an ``engine.Task`` that counts images trained on."""
    pool, done = pool_of(plan), 0
    rows = offered(pool, plan.recipe.selection)
    pool = pool.iloc[rows].reset_index(drop=True)
    pool["label"] = plan.labels[plan.samples.rows(pool["sample_id"].to_numpy())].astype(np.int32)

    def report(progress: Progress) -> None:
        nonlocal done
        done = progress.done
        tell(progress.done, progress.total, progress.note)

    every = _features_of(plan, pool, lambda: tell(0, 1, "features of all candidates"))
    found = correct(
        pool,
        features=lambda rows: every[rows].astype(np.float32),
        images=lambda rows: pool_images(plan, pool, rows),
        quotas=quotas(plan.recipe.selection.mix, plan.recipe.selection.budget),
        settings=plan.recipe.self_correction,
        classes=len(plan.samples.classes),
        shape=plan.samples.shape,
        seed=plan.recipe.seed,
        device=plan.device,
        resume=plan.workspace.rounds(out),
        keep=partial(plan.workspace.write_rounds, out),
        report=report,
    )
    out.write(0, found.chosen)
    plan.workspace.add_seconds(out, found.seconds)
    return done


def _features_of(plan: Plan, pool: pd.DataFrame, tell: Callable[[], None]) -> np.ndarray:
    """Return the extractor's features of every candidate, float16 N×D."""
    network = backbone_of(plan) if plan.recipe.self_correction.extractor == "space" else None
    parts = []
    for at in range(0, len(pool), CHUNK_ROWS):
        tell()
        rows = np.arange(at, min(at + CHUNK_ROWS, len(pool)))
        parts.append(features(pool_images(plan, pool, rows), network or plan.model).astype(np.float16))
    return np.concatenate(parts)
