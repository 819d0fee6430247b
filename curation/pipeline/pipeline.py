"""From a recipe to a curated set: makes what is missing, selects, exports."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from itertools import chain, takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from curation.engine import Engine, choose
from curation.errors import CurationError
from curation.exporters.base import CuratedSet
from curation.exporters.export import export
from curation.pipeline.curated import curated
from curation.pipeline.execution import Execution
from curation.pipeline.plan import Plan, Role
from curation.pipeline.pool import pool_images, pool_of
from curation.pipeline.stages import FOR_POOL, FOR_SELECTION, STAGES, Status, in_order, statuses, titles
from curation.pipeline.stages.score import score_all
from curation.progress import Progress, Report, ignore
from curation.recipe import Recipe
from curation.selection import SELECTORS
from curation.selection.family import NEVER
from curation.selection.select import Selected, select
from curation.storage.addresses import fetched, is_address
from curation.storage.samples import Samples
from curation.storage.shards import Shards
from curation.storage.workspace import Workspace


class Pipeline:
    """One recipe on one workspace, and the engine that computes. Nothing is until ``run``, ``pool`` or ``export``."""

    def __init__(
        self,
        recipe: Recipe,
        workspace: Workspace,
        *,
        engine: Engine | None = None,
        device: str | None = None,
        role: Role = "goal",
    ) -> None:
        """Args: engine: where work runs; None: here, on ``device``: cuda, mps or cpu, by default the fastest."""
        self.engine = engine or choose(device=device)
        device = self.engine.device
        self.plan = Plan(recipe.resolved(device), workspace, device=device, role=role)

    def of(self, recipe: Recipe) -> Pipeline:
        """Return the pipeline of another recipe on the same workspace; what both have in common is read once."""
        other = Pipeline(recipe, self.workspace, engine=self.engine, role=self.plan.role)
        other.plan = self.plan.of(recipe.resolved(self.device))
        return other

    @property
    def recipe(self) -> Recipe:
        """The recipe."""
        return self.plan.recipe

    @property
    def workspace(self) -> Workspace:
        """The workspace."""
        return self.plan.workspace

    @property
    def device(self) -> str:
        """Where its engine's tasks compute: cuda, mps or cpu."""
        return self.plan.device

    @property
    def samples(self) -> Samples:
        """The ingested samples. Raises: CurationError when they are not complete."""
        return self.plan.samples

    # Stages

    def status(self, *, verify: bool = False) -> list[Status]:
        """Return how far every stage is; with ``verify`` damaged shards are found and removed."""
        return statuses(self.plan, verify=verify)

    def undone(self, only: Sequence[str] = FOR_SELECTION) -> list[str]:
        """Return those of some stages that are still missing, as people call them; files alone are never missed."""
        words, wanted = titles(), {*only}
        return [
            words[found.stage].lower()
            for found in self.status()
            if found.stage in wanted and found.state not in ("done", "off") and STAGES[found.stage].makes != "files"
        ]

    def cost(self) -> dict[str, float]:
        """Return the compute seconds that each stage's kept results cost, whichever recipe or session made them.

        0 where nothing is kept, and for results that were copied from elsewhere with no note of their cost; resumed
        work adds up.
        """
        every = in_order()
        found = dict.fromkeys(every, 0.0)
        for name, stage in every.items():
            if stage.asked(self.recipe):
                with suppress(CurationError):  # a stage that it needs is missing, so its results cannot be named
                    found[name] = stage.cost(self.plan)
        return found

    def run(self, only: Sequence[str] | None = None, *, report: Report = ignore) -> dict[str, float]:
        """Make what is missing, stage after stage; every finished shard is kept at once.

        Args:
            only: names of stages to run, None: of all; those they need must be done or among them.
            report: receives the progress, and may raise ``Cancelled``.

        Returns: the seconds each stage took.
        Raises: CurationError: one sentence; what was finished is kept.
        """
        if self.engine.elsewhere:
            with self.workspace.mark() as mark:
                self.engine.reach({f"the workspace {self.workspace.root}": mark, **_files(self.recipe.to_dict())})
        seconds = {}
        for name, stage in in_order().items():
            if (only is None or name in only) and stage.asked(self.recipe):
                start = time.monotonic()
                stage.run(Execution(name, self.plan, self.engine, report))
                if stage.names_others:
                    self._read_anew()
                seconds[name] = round(time.monotonic() - start, 2)
        return seconds

    def _read_anew(self) -> None:
        self.plan = Plan(self.recipe, self.workspace, device=self.device, role=self.plan.role)
        self.__dict__.pop("pool_key", None)

    # Selection and export

    def require_pool(self) -> None:
        """Raises: CurationError that names the stages still missing for the candidates."""
        undone = self.undone(FOR_POOL)
        if undone:
            raise CurationError(f"not computed yet: {', '.join(undone)}; run the recipe first (`curation run`)")

    @cached_property
    def pool_key(self) -> str:
        """Key of the table of all candidates. Raises: CurationError when a stage is missing."""
        self.require_pool()
        return self.plan.candidates_key

    def pool(self) -> pd.DataFrame:
        """Return the table of all candidates (see ``selection.pool``), kept on disk once built.

        Raises: CurationError when a stage is missing.
        """
        self.require_pool()
        return pool_of(self.plan)

    def images(self, pool: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
        """Return the pixels, uint8 M×H×W×C, of some rows of the pool."""
        return pool_images(self.plan, pool, rows)

    def select(self, pool: pd.DataFrame | None = None) -> Selected:
        """Return what the recipe chooses from the pool; shortages are in the result, not raised.

        Raises: CurationError when the strategy follows an order that is not computed for these settings yet.
        """
        pool = self.pool() if pool is None else pool
        selection, order = self.recipe.selection, self._order()
        if order is not None:
            if not order.complete():
                raise CurationError(
                    f"strategy {selection.strategy} is not computed for these settings yet; run the recipe first "
                    "(`curation run`)"
                )
            ranks = order.table(0).set_index("candidate_id")["order"]
            ordered = ranks.reindex(pool["candidate_id"], fill_value=NEVER).to_numpy(np.uint32)
            pool = pool.assign(**{str(SELECTORS[selection.strategy].follows): ordered})
        return select(pool, selection, seed=self.recipe.seed, classes=len(self.samples.classes))

    def unordered(self) -> bool:
        """Whether the strategy follows an order that is not computed for these settings."""
        order = self._order()
        return order is not None and not order.complete()

    def _order(self) -> Shards | None:
        follows = SELECTORS[self.recipe.selection.strategy].follows
        return None if follows is None else STAGES.build(follows).order(self.plan)

    def curated(self, pool: pd.DataFrame, selected: Selected) -> CuratedSet:
        """Return the curated set, ready for an exporter. Raises: CurationError when a family is short."""
        return curated(self.plan, pool, selected)

    def export(self, destination: Path | str, *, overwrite: bool = False, report: Report = ignore) -> Path:
        """Select and write the curated set; return its folder. Raises: CurationError; never half an export."""
        pool = self.pool()
        found = self.curated(pool, self.select(pool))
        for images in self.plan.image_sets():
            if images.lacking(verify=True):
                raise CurationError("some images were damaged on disk and removed; run the recipe again to remake them")
        total = len(found.manifest)
        return export(
            found,
            self.recipe.export,
            destination,
            overwrite=overwrite,
            on_progress=lambda done: report(Progress("export", done, total)),
        )


def _files(recipe: Any) -> dict[str, Path]:
    """Return the files and folders that a recipe, as plain data, names and that are there, by name."""
    found: dict[str, Path] = {}
    for name, value in recipe.items() if isinstance(recipe, dict) else enumerate(recipe):
        if name in ("path", "checkpoint", "weights", "vectors") and isinstance(value, str):
            if name == "path" and is_address(value):
                found[f"the copy of {value}"] = fetched(value)
            elif Path(value).exists():
                found[value] = Path(value)
        elif isinstance(value, dict | list):
            found |= _files(value)
    return found


def run_together(pipelines: Sequence[Pipeline], only: Sequence[str], *, report: Report = ignore) -> dict[str, float]:
    """Run pipelines of the same samples and engine that differ in their goal models; see ``Pipeline.run``.

    Their candidates are scored in one pass: copies that are made where they are scored are made once for all.
    """
    before = list(takewhile(lambda name: name != "score", only))
    seconds = [pipeline.run(before, report=report) for pipeline in pipelines]
    if "score" in only:
        first, start = pipelines[0], time.monotonic()
        score_all(Execution("score", first.plan, first.engine, report), [pipeline.plan for pipeline in pipelines])
        seconds.append({"score": round(time.monotonic() - start, 2)})
        seconds += [pipeline.run(only[len(before) :], report=report) for pipeline in pipelines]
    return {name: sum(spent.get(name, 0.0) for spent in seconds) for name in chain(*seconds)}
