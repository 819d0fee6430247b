"""From a recipe to a curated set: makes what is missing, selects, exports."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from curation.embedding import clusters, project
from curation.embedding.clusters import dense_clusters
from curation.embedding.projection import project_onto
from curation.embedding.spaces import SpaceName
from curation.engine import Engine, LocalEngine
from curation.errors import CurationError
from curation.exporters.base import CuratedSet
from curation.exporters.export import export
from curation.models.prediction import predict
from curation.pipeline import stages
from curation.pipeline.covered import families_measured, work_out
from curation.pipeline.goal_model import make_goal_model
from curation.pipeline.label_check import check_labels
from curation.pipeline.plan import FOR_POOL, FOR_SELECTION, TITLES, Plan
from curation.pipeline.status import Status, ingest_status, status
from curation.plugin import fingerprint
from curation.progress import Progress, Report, ignore
from curation.recipe import Recipe
from curation.scores import scores_of
from curation.selection import SELECTORS
from curation.selection.family import NEVER
from curation.selection.mix import quotas
from curation.selection.pool import Part, build_pool
from curation.selection.rounds import correct
from curation.selection.select import Selected, select
from curation.storage.image_set import ImageSet
from curation.storage.samples import SampleHeader
from curation.storage.shards import Shards
from curation.storage.workspace import Workspace

__all__ = ["FOR_SELECTION", "TITLES", "Pipeline"]


ACCELERATOR_SHARDS = 16
"""Shards attacked at once on an accelerator: 1,024 images keep it busy."""


CHUNK_ROWS = 8192
"""Candidates whose pixels are read at once."""


class Work(NamedTuple):
    """One result of a stage: its shards, what makes some of them, images in each, and how many are made at once."""

    shards: Shards
    task: Callable[[Sequence[int]], int]
    sizes: np.ndarray
    together: int = 1
    beside: Shards | None = None
    """What the task writes with them, shard for shard."""

    def missing(self, *, verify: bool = False) -> list[int]:
        """Return the indices still to be computed; see ``Shards.missing``."""
        beside = self.beside.missing(verify=verify) if self.beside else []
        return sorted({*self.shards.missing(verify=verify), *beside})


def _each(task: Callable[[int], int], indices: Sequence[int]) -> int:
    return sum(task(index) for index in indices)


class Pipeline(Plan):
    """One recipe on one workspace. Nothing is computed until a ``run…`` method is called."""

    def __init__(
        self, recipe: Recipe, workspace: Workspace, *, engine: Engine | None = None, device: str | None = None
    ) -> None:
        """Args: engine: where shards run, by default here; device: cuda, mps or cpu, by default the fastest."""
        device = device or stages.best_device()
        super().__init__(recipe.resolved(device), workspace, device=device)
        self.engine = engine or LocalEngine()

    def with_recipe(self, recipe: Recipe) -> Pipeline:
        """Return the pipeline of another recipe that has the same candidates; what was read already is shared."""
        other = copy.copy(self)
        other.recipe = recipe.resolved(self.device)
        return other

    def status(self, *, verify: bool = False) -> list[Status]:
        """Return how far every stage is; with ``verify`` damaged shards are found and removed."""
        return status(self, verify=verify)

    # Running

    def run(self, only: tuple[str, ...] = tuple(TITLES), *, report: Report = ignore) -> dict[str, float]:
        """Make what is missing, stage after stage; every finished shard is kept at once.

        Args:
            only: stages to run, of ``TITLES``; those they need must be done or among them.
            report: is told how far the work is, and may raise ``Cancelled``.

        Returns: the seconds each stage took.
        Raises: CurationError: one sentence; what was finished is kept.
        """
        seconds = {}
        for stage in TITLES:
            if stage in only and self.asks_for(stage):
                start = time.monotonic()
                getattr(self, f"_run_{stage}")(report)
                seconds[stage] = round(time.monotonic() - start, 2)
        return seconds

    def _run_shards(self, stage: str, work: Sequence[Work], report: Report) -> None:
        """Run the missing shards of several results that make one stage."""
        total = sum(int(part.sizes.sum()) for part in work)
        done = total - sum(int(part.sizes[part.missing()].sum()) for part in work)
        report(Progress(stage, done, total))
        for part in work:
            if not part.missing(verify=True):
                continue
            waiting = partial(report, Progress(stage, done, total, note="waiting for another process"))
            with self.workspace.lock(f"{part.shards.folder.name}", waiting=waiting):
                missing = part.missing()
                tasks = [
                    partial(part.task, missing[at : at + part.together]) for at in range(0, len(missing), part.together)
                ]
                start = time.monotonic()
                for handled in self.engine.run(tasks):
                    self.workspace.add_seconds(part.shards, time.monotonic() - start)
                    done += handled
                    report(Progress(stage, min(done, total), total))
                    start = time.monotonic()
        report(Progress(stage, total, total))

    def _run_ingest(self, report: Report) -> None:
        reader, limit = self.recipe.source.reader, self.recipe.source.limit
        if ingest_status(self, verify=True).state == "done":
            total = len(self.samples)
            report(Progress("ingest", total, total))
            return
        source = reader.open()
        self.workspace.claim({"reader": reader.name, "path": getattr(reader, "path", None)})
        key = fingerprint([self.source_spec, source.fingerprint])
        header = SampleHeader(list(source.classes), source.shape, len(source), limit)
        self.workspace.write_sample_header(key, header)
        self.workspace.write_source_key(self.source_spec, key)
        pixels, tables = self.workspace.pixels(key, header.shards), self.workspace.sample_tables(key, header.shards)
        task = partial(
            _each, partial(stages.ingest_shard, self.workspace, key, header, source, self.recipe.source.noise)
        )
        self._run_shards("ingest", [Work(pixels, task, header.positions_per_shard, beside=tables)], report)
        self.__dict__.pop("samples", None)
        self._check_samples()

    def _check_samples(self) -> None:
        if not len(self.samples):
            first = self.samples.positions.iloc[0]
            raise CurationError(f"no image could be read; the first, {first['name']}, because {first['note']}")
        present = np.unique(self.samples.labels)
        if len(present) < 2:
            raise CurationError(
                f"only one class, {self.samples.classes[present[0]]!r}, has readable images; at least two are needed"
            )

    def _run_goal_model(self, report: Report) -> None:
        make_goal_model(self, report)
        for outdated in ("model_digest", "candidates_key"):
            self.__dict__.pop(outdated, None)

    def _run_corruption(self, report: Report) -> None:
        samples, seed = self.samples, self.recipe.seed
        work = []
        for images in self.corrupted():
            self.workspace.describe_pixels(images.pixels.folder.name, self.description(images))
            each = partial(stages.corrupt_shard, samples, images, seed, self.device)
            work.append(Work(images.pixels, self._copied(images) or partial(_each, each), images.sizes))
        self._run_shards("corruption", work, report)

    def _run_adversarial(self, report: Report) -> None:
        samples, seed = self.samples, self.recipe.seed
        together = 1 if self.device == "cpu" else ACCELERATOR_SHARDS
        work = []
        for images in self.attacked():
            self.workspace.describe_pixels(images.pixels.folder.name, self.description(images))
            task = partial(stages.attack_shards, samples, images, self.model, seed)
            work.append(Work(images.pixels, self._copied(images) or task, images.sizes, together))
        self._run_shards("adversarial", work, report)

    def _copied(self, images: ImageSet) -> Callable[[Sequence[int]], int] | None:
        """Return the task that takes a set from the one of all samples, where that is finished."""
        whole = self.whole(images)
        if whole is None or not whole.pixels.complete():
            return None
        return partial(stages.copy_shards, whole.frozen(), images)

    def _run_score(self, report: Report) -> None:
        work = []
        for images in self.image_sets():
            out = self.scores(images)
            finished = images.frozen()
            task = partial(stages.score_shard, self.samples, finished, out, self.model, self.dropout)
            work.append(Work(out, partial(_each, task), self.score_sizes(images)))
        self._run_shards("score", work, report)

    def _run_self_correction(self, report: Report) -> None:
        out, settings = self.corrected(), self.recipe.self_correction
        if out.missing(verify=True):
            waiting = partial(report, Progress("self_correction", 0, 1, note="waiting for another process"))
            with self.workspace.lock(out.folder.name, waiting=waiting):
                pool = self.pool()
                report(Progress("self_correction", 0, 1, "rounds", note=f"features of {len(pool):,} candidates"))
                every = self._features_of(pool)
                found = correct(
                    pool,
                    features=lambda rows: every[rows].astype(np.float32),
                    images=lambda rows: self.images(pool, rows),
                    quotas=quotas(self.recipe.selection.mix, self.recipe.selection.budget),
                    settings=settings,
                    classes=len(self.samples.classes),
                    shape=self.samples.shape,
                    seed=self.recipe.seed,
                    device=self.device,
                    resume=self.workspace.rounds(out),
                    keep=partial(self.workspace.write_rounds, out),
                    report=report,
                )
                out.write(0, found.chosen)
                self.workspace.add_seconds(out, found.seconds)
        report(Progress("self_correction", settings.rounds, settings.rounds, "rounds"))

    def _features_of(self, pool: pd.DataFrame) -> np.ndarray:
        """Return the features of all candidates, float16 N×D: half the memory, and directions keep three digits."""
        rows = np.array_split(np.arange(len(pool)), -(-len(pool) // CHUNK_ROWS))
        return np.concatenate(
            [stages.features(self.images(pool, some), self.model).astype(np.float16) for some in rows]
        )

    def _run_coverage(self, report: Report) -> None:
        out, budget = self.covered(), self.recipe.selection.budget
        if out.missing(verify=True):
            waiting = partial(report, Progress("coverage", 0, budget, note="waiting for another process"))
            with self.workspace.lock(out.folder.name, waiting=waiting):
                self._run_points("coverage", families_measured(self), report)
                start = time.monotonic()
                found = work_out(self, self.pool(), report)
                self.workspace.write_rounds(out, found.groups)
                out.write(0, found.chosen)
                self.workspace.add_seconds(out, time.monotonic() - start)
        report(Progress("coverage", budget, budget))

    def _run_points(self, stage: str, families: Sequence[str], report: Report) -> None:
        """Keep where the images of some families lie in the coverage strategies' space."""
        work = []
        for images in self.image_sets():
            if images.family in families:
                finished = images.frozen()
                for epoch in self.space_epochs:
                    work.append(self._embedding(finished, self.recipe.selection.coverage.space, epoch))
        self._run_shards(stage, work, report)

    def _embedding(self, images: ImageSet, of: SpaceName, epoch: int | None) -> Work:
        out = self.points(images, of=of, epoch=epoch)
        task = partial(stages.embed_shard, self.samples, images, out, self.model_at(epoch), of)
        return Work(out, partial(_each, task), images.sizes)

    def _run_embed(self, report: Report) -> None:
        self._run_shards("embed", [self._embedding(self.clean, "features", self.epoch)], report)
        table = self.map_table("pca")
        if table.missing(verify=True):
            start = time.monotonic()
            features = self.all_features()
            xy = project(features, method="pca", seed=self.recipe.seed)
            if self.recipe.map.cluster_by == "hdbscan":
                groups = dense_clusters(xy, smallest=self.recipe.map.min_cluster_size)
            else:
                groups = clusters(features, count=self.recipe.map.clusters, seed=self.recipe.seed)
            table.write(0, pd.DataFrame({"x": xy[:, 0], "y": xy[:, 1], "cluster": groups}))
            self.workspace.add_seconds(table, time.monotonic() - start)

    def _run_map(self, report: Report) -> None:
        total = len(self.samples)
        table = self.map_table("umap")
        beginning = Progress("map", 0, total, note="UMAP; the first minute goes to compiling it")
        with self.workspace.lock(table.folder.name, waiting=partial(report, beginning)):
            if table.missing(verify=True):
                report(beginning)
                start, settings = time.monotonic(), self.recipe.map
                features = self.all_features()
                xy = project(
                    features,
                    method="umap",
                    seed=self.recipe.seed,
                    neighbors=settings.neighbors,
                    min_dist=settings.min_dist,
                )
                groups = self.map_table("pca").table(0)["cluster"].to_numpy()
                if settings.cluster_by == "hdbscan":
                    groups = dense_clusters(xy, smallest=settings.min_cluster_size)
                table.write(0, pd.DataFrame({"x": xy[:, 0], "y": xy[:, 1], "cluster": groups}))
                self.workspace.add_seconds(table, time.monotonic() - start)
        self._place_copies(report)
        report(Progress("map", total, total))

    def _place_copies(self, report: Report) -> None:
        """Find where the asked-for copies land on the UMAP map."""
        self.require_copies()
        missing = [images for images in self.copied() if not self.placed(images)]
        finished = [images.frozen() for images in missing]
        self._run_shards("map", [self._embedding(images, "features", self.epoch) for images in finished], report)
        for images in finished:
            drawn, total = self.recipe.map, len(images.rows)
            report(Progress("map", 0, total, note=f"where {images.kind} copies land"))
            start, table = time.monotonic(), self.copies_table(images)
            xy = project_onto(
                self.points(images, epoch=self.epoch).whole_array(),
                reference=self.all_features(),
                plane=self.map_table("umap").table(0)[["x", "y"]].to_numpy(np.float32),
                method="umap",
                seed=self.recipe.seed,
                neighbors=drawn.neighbors,
                min_dist=drawn.min_dist,
                device=self.device,
            )
            table.write(0, pd.DataFrame({"x": xy[:, 0], "y": xy[:, 1]}))
            self.workspace.add_seconds(table, time.monotonic() - start)

    def _run_labels(self, report: Report) -> None:
        check_labels(self, report)

    def cost(self) -> dict[str, float]:
        """Return the compute seconds that each stage's kept results cost, whichever recipe or session made them.

        0 where nothing is kept, and for results that were copied from elsewhere with no note of their cost; resumed
        work adds up. A goal model costs its whole training, whichever epoch is used.
        """
        found = dict.fromkeys(TITLES, 0.0)
        with suppress(CurationError):  # from there on nothing is computed, or can be named
            found["ingest"] = self._seconds(self.samples.pixels)
            found["goal_model"] = self.workspace.model(self.model_key).seconds
            found["corruption"] = self._seconds(*(images.pixels for images in self.corrupted()))
            found["adversarial"] = self._seconds(*(images.pixels for images in self.attacked()))
            finished = [images for images in self.image_sets() if images.pixels.complete()]
            found["score"] = self._seconds(*(self.scores(images) for images in finished))
            if self.asks_for("self_correction") and self.scored():
                found["self_correction"] = self._seconds(self.corrected())
            if self.asks_for("coverage") and self.scored():
                found["coverage"] = self._seconds(self.covered())
            found["embed"] = self._seconds(self.features())
            found["embed"] += self._seconds(self.map_table("pca"))
            found["map"] = self._seconds(self.map_table("umap"))
            if self.recipe.label_check is not None:
                found["labels"] = self._seconds(self.folds(self.recipe.label_check))
        return found

    def _seconds(self, *results: Shards) -> float:
        return sum(map(self.workspace.seconds, results), 0.0)

    def all_features(self) -> np.ndarray:
        """Return the clean samples' features, float32 N×D. Raises: CurationError when they are not computed."""
        return self.features().whole_array()

    # Selection and export

    def require_pool(self) -> None:
        """Raises: CurationError that names the stages still missing for the candidates."""
        undone = self.undone(FOR_POOL)
        if undone:
            raise CurationError(f"not computed yet: {', '.join(undone)}; run the recipe first (`curation run`)")

    def undone(self, stages: Sequence[str] = FOR_SELECTION) -> list[str]:
        """Return those of some stages that are still missing, as people call them."""
        return [
            TITLES[found.stage].lower()
            for found in self.status()
            if found.stage in stages and found.state not in ("done", "off")
        ]

    @cached_property
    def pool_key(self) -> str:
        """Key of the table of all candidates. Raises: CurationError when a stage is missing."""
        self.require_pool()
        return self.candidates_key

    def pool(self) -> pd.DataFrame:
        """Return the table of all candidates (see ``selection.pool``), kept on disk once built.

        Raises: CurationError when a stage is missing.
        """
        self.require_pool()
        table = self.workspace.pool(self.candidates_key)
        if table.missing(verify=True):
            samples = self.samples
            parts = [
                Part(images.family, images.kind, images.severity, self.scores(images).whole_table(), images.rows)
                for images in self.image_sets()
            ]
            table.write(0, build_pool(samples.sample_ids, samples.labels, parts))
        return table.table(0)

    def select(self, pool: pd.DataFrame | None = None) -> Selected:
        """Return what the recipe chooses from the pool; shortages are in the result, not raised.

        Raises: CurationError when the strategy follows an order that is not worked out for these settings yet.
        """
        pool = self.pool() if pool is None else pool
        if self.unordered():
            raise CurationError(
                f"strategy {self.recipe.selection.strategy} is not worked out for these settings yet; run the recipe "
                "first (`curation run`)"
            )
        order = self._order()
        if order is not None:
            ranks = order.table(0).set_index("candidate_id")["order"]
            follows = str(SELECTORS[self.recipe.selection.strategy].follows)
            ordered = ranks.reindex(pool["candidate_id"], fill_value=NEVER).to_numpy(np.uint32)
            pool = pool.assign(**{follows: ordered})
        return select(pool, self.recipe.selection, seed=self.recipe.seed, classes=len(self.samples.classes))

    def unordered(self) -> bool:
        """Whether the strategy follows an order that is not worked out for these settings."""
        order = self._order()
        return order is not None and not order.complete()

    def _order(self) -> Shards | None:
        follows = SELECTORS[self.recipe.selection.strategy].follows
        return None if follows is None else self.corrected() if follows == "self_correction" else self.covered()

    def coverage(self) -> list[dict[str, Any]]:
        """Return how each group is covered, as plain data (see ``selection.coverage.GroupCoverage``).

        Raises: CurationError when the stage is missing.
        """
        out = self.covered()
        if not out.complete():
            raise CurationError("coverage and weights are not worked out for these settings yet; run the recipe first")
        return list(self.workspace.rounds(out) or [])

    def images(self, pool: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
        """Return the pixels, uint8 M×H×W×C, of some rows of the pool."""
        picked = pool.iloc[rows]
        sample_rows = self.samples.rows(picked["sample_id"].to_numpy())
        codes, severities = picked["kind"].astype(str).to_numpy(), picked["severity"].to_numpy()
        out = np.empty((len(rows), *self.samples.shape), dtype=np.uint8)
        for images in self.image_sets():
            mine = np.flatnonzero((codes == images.kind) & (severities == images.severity))
            if len(mine):
                out[mine] = images.frozen().gather(sample_rows[mine])
        return out

    def curated(self, pool: pd.DataFrame, selected: Selected) -> CuratedSet:
        """Return the curated set, ready for an exporter. Raises: CurationError when a family is short."""
        selected.require()
        recipe, samples = self.recipe, self.samples
        chosen = pool.iloc[selected.rows]
        scores = [score.name for score in scores_of(passes=self.dropout is not None)]
        manifest = chosen[["sample_id", "family", "kind", "severity", *scores, "prediction"]].copy()
        manifest["label"] = selected.labels
        manifest["source_name"] = samples.table["name"].to_numpy()[samples.rows(chosen["sample_id"].to_numpy())]
        manifest["weight"] = np.float32(1)
        coverage = None
        if self.asks_for("coverage"):
            coverage = self.coverage()
            around = self.covered().table(0).set_index("candidate_id").loc[selected.candidate_ids]
            manifest["weight"] = around["weight"].to_numpy(np.float32)
            if self.recipe.weights.radius is not None:
                manifest["cluster"] = around["cluster"].to_numpy(np.int32)
        about = self.workspace.model(self.model_key).about_at(self.epoch) or {}
        return CuratedSet(
            manifest=manifest.reset_index(drop=True),
            images=lambda start, stop: self.images(pool, selected.rows[start:stop]),
            soft_labels=self._soft_labels(pool, selected),
            classes=samples.classes,
            shape=samples.shape,
            recipe_yaml=recipe.to_yaml(),
            about={
                "name": recipe.name,
                "note": recipe.note,
                "source": recipe.source.reader.name,
                "samples": len(samples),
                "skipped": int((~samples.positions["read"]).sum()),
                "candidates": len(pool),
                "goal_model": {
                    key: about.get(key) for key in ("architecture", "train_accuracy", "test_accuracy", "digest")
                },
                "families": selected.summary(),
                "coverage": coverage,
            },
        )

    def _soft_labels(self, pool: pd.DataFrame, selected: Selected) -> np.ndarray | None:
        mode, k = self.recipe.labels.mode, len(self.samples.classes)
        if mode == "hard":
            return None
        if mode == "smoothed":
            share = self.recipe.labels.smoothing
            return np.eye(k, dtype=np.float32)[selected.labels] * np.float32(1 - share) + np.float32(share / k)
        # Of the clean original: what it says of a copy that was attacked against it is wrong on purpose.
        rows, owners = np.unique(self.samples.rows(pool["sample_id"].to_numpy()[selected.rows]), return_inverse=True)
        network = stages.goal_model(*self.model)
        parts = [
            predict(network, self.samples.images(rows[at : at + 1024]), device=self.device).softmax(1).numpy()
            for at in range(0, len(rows), 1024)
        ]
        return np.concatenate(parts)[owners]

    def export(self, destination: Path, *, overwrite: bool = False, report: Report = ignore) -> Path:
        """Select and write the curated set; return its folder. Raises: CurationError; never half an export."""
        pool = self.pool()
        curated = self.curated(pool, self.select(pool))
        for images in self.image_sets():
            if images.pixels.missing(verify=True):
                raise CurationError("some images were damaged on disk and removed; run the recipe again to remake them")
        total = len(curated.manifest)
        return export(
            curated,
            self.recipe.export,
            destination,
            overwrite=overwrite,
            on_progress=lambda done: report(Progress("export", done, total)),
        )
