"""From a recipe to a curated set: which results it needs, which are there, and how the missing ones are made."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch

from curation import stages
from curation.embedding import clusters, project
from curation.engine import Engine, LocalEngine
from curation.errors import CurationError, UsageError
from curation.exporters.base import CuratedSet
from curation.exporters.export import export
from curation.models.architectures import build
from curation.models.loading import load_weights, save_weights
from curation.models.training import evaluate, train
from curation.plugin import Plugin, fingerprint
from curation.progress import Progress, Report, ignore
from curation.recipe import Recipe
from curation.scores import SCORES
from curation.selection.pool import build_pool
from curation.selection.select import Selected, select
from curation.storage import Shards, digest, write_bytes, write_json
from curation.workspace import SampleHeader, Samples, Workspace

State = Literal["done", "partial", "missing", "stale", "waiting", "off"]

TITLES = {
    "ingest": "Read the images",
    "goal_model": "Goal model",
    "corruption": "Corrupted copies",
    "adversarial": "Adversarial copies",
    "score": "Score candidates",
    "embed": "Features and clusters",
    "map": "Map",
}
"""Every stage in order, with the words people see."""

FOR_SELECTION = ("ingest", "goal_model", "corruption", "adversarial", "score")
"""The stages that a selection needs; the others only draw the map."""


@dataclass(frozen=True)
class Status:
    """How far one stage is for a recipe.

    ``stale``: results exist, but for other settings; ``waiting``: an earlier stage must be done first; ``off``: the
    recipe does not ask for it. ``done`` and ``total`` count images (epochs for the goal model).
    """

    stage: str
    state: State
    done: int = 0
    total: int = 0
    unit: str = "images"


@dataclass(frozen=True)
class ImageSet:
    """One set of images aligned with the samples' shards: the clean ones, one (kind, severity), or one attack."""

    family: Literal["clean", "corruption", "adversarial"]
    kind: str
    severity: int
    plugin: Plugin | None
    pixels: Shards


class Pipeline:
    """One recipe on one workspace. Nothing is computed until a ``run…`` method is called."""

    def __init__(
        self, recipe: Recipe, workspace: Workspace, *, engine: Engine | None = None, device: str | None = None
    ) -> None:
        """Args: engine: where shards run, by default here; device: cuda, mps or cpu, by default the fastest."""
        self.recipe = recipe
        self.workspace = workspace
        self.engine = engine or LocalEngine()
        self.device = device or stages.best_device()

    # Keys: what determines each result

    @property
    def _source_spec(self) -> str:
        source = self.recipe.source
        return fingerprint([source.reader.identity(), source.limit])

    @property
    def samples_key(self) -> str | None:
        """Key of the ingested samples, or None before the source was ever opened."""
        return self.workspace.source_key(self._source_spec)

    @cached_property
    def samples(self) -> Samples:
        """The ingested samples. Raises: CurationError when they are not complete."""
        return Samples(self.workspace, self.samples_key or "none")

    @cached_property
    def model_key(self) -> str:
        """Key of the goal model: its settings and, when trained here, the samples and the seed."""
        goal = self.recipe.goal_model
        samples = self.samples
        if goal.checkpoint is not None:
            try:
                weights = digest(Path(goal.checkpoint).read_bytes())
            except OSError:
                raise UsageError(
                    f"goal_model.checkpoint: there is no readable file {goal.checkpoint}; give a safetensors file or "
                    "a state dict, or leave it out to train a goal model"
                ) from None
            return fingerprint(["loaded", goal.architecture, weights, samples.classes, samples.shape])
        settings = goal.train.model_dump(mode="json")
        return fingerprint(["trained", goal.architecture, settings, self.recipe.seed, samples.digest])

    @cached_property
    def _model_digest(self) -> str:
        about = self.workspace.model_about(self.model_key)
        if about is None:
            raise CurationError("the goal model is not ready yet; run the goal-model stage first")
        return str(about["digest"])

    @property
    def model(self) -> tuple[str, str, str]:
        """What ``stages.goal_model`` takes to load this recipe's goal model."""
        return str(self.workspace.root), self.model_key, self.device

    def _clean(self) -> ImageSet:
        return ImageSet("clean", "clean", 0, None, self.samples.pixels)

    def _pixels(self, *identity: Any) -> Shards:
        key = fingerprint([*identity, self.recipe.seed, self.samples.digest])
        return self.workspace.pixels(key, self.samples.header.shards)

    def corrupted(self) -> list[ImageSet]:
        """Every set of corrupted copies that the recipe asks for."""
        asked = self.recipe.variants.corruption
        return [
            ImageSet("corruption", member.name, member.severity, member, self._pixels("corruption", member.identity()))
            for member in (asked.members() if asked else [])
        ]

    def attacked(self) -> list[ImageSet]:
        """Every set of adversarial copies that the recipe asks for."""
        attack = self.recipe.variants.adversarial
        if attack is None:
            return []
        pixels = self._pixels("adversarial", attack.identity(), self._model_digest)
        return [ImageSet("adversarial", attack.name, 0, attack, pixels)]

    def image_sets(self) -> list[ImageSet]:
        """Everything that may be selected, in the pool's order."""
        return [self._clean(), *self.corrupted(), *self.attacked()]

    def _scores(self, images: ImageSet) -> Shards:
        versions = [[score.name, score.version] for score in SCORES]
        key = fingerprint(["score", versions, self._model_digest, images.pixels.digest()])
        return self.workspace.scores(key, images.pixels.count)

    def _features(self) -> Shards:
        key = fingerprint(["features", self._model_digest, self.samples.pixels.digest()])
        return self.workspace.features(key, self.samples.pixels.count)

    def map_table(self, method: Literal["pca", "umap"]) -> Shards:
        """The table of x, y and cluster for the clean samples, one row a sample."""
        settings = self.recipe.map.model_dump() if method == "umap" else {"clusters": self.recipe.map.clusters}
        key = fingerprint(["map", method, settings, self.recipe.seed, self._features().digest()])
        return self.workspace.map(key)

    # Status

    def status(self, *, verify: bool = False) -> list[Status]:
        """Return how far every stage is, from what lies on disk."""
        found: list[Status] = []
        blocked = False
        for stage in TITLES:
            status = self._waiting(stage) if blocked else getattr(self, f"_{stage}_status")(verify)
            found.append(status)
            blocked = blocked or (stage in ("ingest", "goal_model") and status.state != "done")
        return found

    def _waiting(self, stage: str) -> Status:
        asked = getattr(self.recipe.variants, stage, True)
        return Status(stage, "waiting" if asked is not None else "off")

    def _ingest_status(self, verify: bool) -> Status:
        key = self.samples_key
        header = self.workspace.sample_header(key) if key else None
        if key is None or header is None:
            return Status("ingest", "stale" if self.workspace.exists else "missing")
        shards = self.workspace.pixels(key, header.shards)
        missing = set(shards.missing(verify=verify))
        missing |= set(self.workspace.sample_tables(key, header.shards).missing(verify=verify))
        total = len(header.chosen)
        done = total - min(len(missing) * header.shard_rows, total)
        return Status("ingest", _state(done, total, bool(missing), False), done, total)

    def _goal_model_status(self, verify: bool) -> Status:
        epochs = 1 if self.recipe.goal_model.checkpoint else self.recipe.goal_model.train.epochs
        folder = self.workspace.model_folder(self.model_key)
        about = self.workspace.model_about(self.model_key)
        if about and verify and not _weights_intact(folder / "model.safetensors", about["digest"]):
            (folder / "model.json").unlink(missing_ok=True)
            about = None
        if about:
            return Status("goal_model", "done", epochs, epochs, "epochs")
        if (folder / "checkpoint.pt").exists():
            return Status("goal_model", "partial", 0, epochs, "epochs")
        return Status("goal_model", "stale" if self.workspace.models() else "missing", 0, epochs, "epochs")

    def _shards_status(self, stage: str, shards: list[Shards], verify: bool, elsewhere: str) -> Status:
        rows = np.diff(self.samples.starts)
        missing = [part.missing(verify=verify) for part in shards]
        total = len(self.samples) * len(shards)
        done = total - sum(int(rows[indices].sum()) for indices in missing)
        stale = elsewhere != "images" and bool(self.workspace.kept(elsewhere))
        return Status(stage, _state(done, total, any(missing), stale), done, total)

    def _corruption_status(self, verify: bool) -> Status:
        if self.recipe.variants.corruption is None:
            return Status("corruption", "off")
        return self._shards_status("corruption", [s.pixels for s in self.corrupted()], verify, "images")

    def _adversarial_status(self, verify: bool) -> Status:
        if self.recipe.variants.adversarial is None:
            return Status("adversarial", "off")
        return self._shards_status("adversarial", [s.pixels for s in self.attacked()], verify, "images")

    def _score_status(self, verify: bool) -> Status:
        sets = self.image_sets()
        ready = [self._scores(images) for images in sets if images.pixels.complete()]
        status = self._shards_status("score", ready, verify, "scores")
        total = len(self.samples) * len(sets)
        return Status("score", "partial" if status.done and status.done < total else status.state, status.done, total)

    def _embed_status(self, verify: bool) -> Status:
        status = self._shards_status("embed", [self._features()], verify, "features")
        if status.state == "done" and self.map_table("pca").missing(verify=verify):
            return Status("embed", "partial", status.done, status.total)
        return status

    def _map_status(self, verify: bool) -> Status:
        features = self._features()
        if not features.complete():
            return Status("map", "waiting")
        ready = not self.map_table("umap").missing(verify=verify)
        n = len(self.samples)
        return Status("map", "done" if ready else "missing", n if ready else 0, n)

    # Running

    def run(self, only: tuple[str, ...] = tuple(TITLES), *, report: Report = ignore) -> None:
        """Make what is missing, stage after stage; every finished shard is kept at once.

        Args:
            only: stages to run, of ``TITLES``; those they need must be done or among them.
            report: is told how far the work is, and may raise ``Cancelled``.

        Raises: CurationError: one sentence; what was finished is kept.
        """
        for stage in TITLES:
            if stage in only and getattr(self.recipe.variants, stage, True) is not None:
                getattr(self, f"_run_{stage}")(report)

    def _run_shards(
        self, stage: str, work: list[tuple[Shards, Callable[[int], int]]], report: Report, rows: np.ndarray
    ) -> None:
        """Run the missing shards of several results that make one stage; ``rows``: images in each shard."""
        total = int(rows.sum()) * len(work)
        done = total - sum(int(rows[part.missing()].sum()) for part, _ in work)
        report(Progress(stage, done, total))
        for part, task in work:
            if not part.missing(verify=True):
                continue
            waiting = partial(report, Progress(stage, done, total, note="waiting for another process"))
            with self.workspace.lock(f"{part.folder.name}", waiting=waiting):
                tasks = [partial(task, index) for index in part.missing()]
                for handled in self.engine.run(tasks):
                    done += handled
                    report(Progress(stage, min(done, total), total))
        report(Progress(stage, total, total))

    def _run_ingest(self, report: Report) -> None:
        reader, limit = self.recipe.source.reader, self.recipe.source.limit
        if self._ingest_status(verify=True).state == "done":
            total = len(self.samples)
            report(Progress("ingest", total, total))
            return
        source = reader.open()
        self.workspace.claim({"reader": reader.name, "path": getattr(reader, "path", None)})
        key = fingerprint([self._source_spec, source.fingerprint])
        header = SampleHeader(list(source.classes), source.shape, len(source), limit)
        self.workspace.write_sample_header(key, header)
        self.workspace.write_source_key(self._source_spec, key)
        total = len(header.chosen)
        rows = np.full(header.shards, header.shard_rows)
        rows[-1] = total - header.shard_rows * (header.shards - 1)
        pixels, tables = self.workspace.pixels(key, header.shards), self.workspace.sample_tables(key, header.shards)
        with self.workspace.lock(key, waiting=partial(report, Progress("ingest", 0, total, note="waiting"))):
            missing = sorted({*pixels.missing(), *tables.missing()})
            done = total - int(rows[missing].sum())
            report(Progress("ingest", done, total))
            work = [partial(stages.ingest_shard, self.workspace, key, header, source, index) for index in missing]
            for handled in self.engine.run(work):
                done += handled
                report(Progress("ingest", done, total))
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
        if self._goal_model_status(verify=True).state == "done":
            epochs = self._goal_model_status(verify=False).total
            report(Progress("goal_model", epochs, epochs, "epochs"))
            return
        goal, samples, key = self.recipe.goal_model, self.samples, self.model_key
        folder = self.workspace.model_folder(key)
        unit = "images"
        waiting = partial(report, Progress("goal_model", 0, 1, note="waiting for another process"))
        with self.workspace.lock(key, waiting=waiting):
            if self.workspace.model_about(key):
                return
            network = build(goal.architecture, classes=len(samples.classes), shape=samples.shape, seed=self.recipe.seed)
            history: list[dict[str, float]] = []
            if goal.checkpoint is not None:
                load_weights(network, Path(goal.checkpoint))
                network.to(self.device)
            else:
                total = goal.train.epochs * len(samples)
                resume = _checkpoint(folder / "checkpoint.pt")
                if resume:
                    history = resume["history"]

                def on_step(done: int, _total: int) -> None:
                    report(Progress("goal_model", done, total, unit, _describe(history)))

                for epoch in train(
                    network,
                    samples.array(),
                    samples.labels,
                    settings=goal.train,
                    seed=self.recipe.seed,
                    device=self.device,
                    resume=resume["state"] if resume else None,
                    on_step=on_step,
                ):
                    history.append({"epoch": epoch.epoch, "loss": epoch.loss, "accuracy": epoch.accuracy})
                    write_json(folder / "history.json", history)
                    buffer = io.BytesIO()
                    torch.save({"state": epoch.state, "history": history}, buffer)
                    write_bytes(folder / "checkpoint.pt", buffer.getvalue())
            network.eval()
            with tempfile.TemporaryDirectory() as scratch:
                save_weights(network, Path(scratch) / "weights")
                weights = (Path(scratch) / "weights").read_bytes()
            write_bytes(folder / "model.safetensors", weights)
            about = {
                "architecture": goal.architecture,
                "classes": len(samples.classes),
                "shape": list(samples.shape),
                "settings": goal.model_dump(mode="json"),
                "seed": self.recipe.seed,
                "digest": digest(weights),
                "history": history,
                **self._accuracies(network),
            }
            write_json(folder / "model.json", about)
            (folder / "checkpoint.pt").unlink(missing_ok=True)
        self.__dict__.pop("_model_digest", None)

    def _accuracies(self, network: torch.nn.Module) -> dict[str, float | None]:
        """Accuracy on at most 2,000 of the samples and, where the source has one, of its test split."""

        def evenly(n: int) -> np.ndarray:
            return np.arange(min(n, 2000), dtype=np.int64) * n // min(n, 2000)

        rows = evenly(len(self.samples))
        images, labels = self.samples.images(rows), self.samples.labels[rows]
        found: dict[str, float | None] = {
            "train_accuracy": evaluate(network, images, labels, device=self.device),
            "test_accuracy": None,
        }
        reader = self.recipe.source.reader
        if reader.split != "test":
            try:
                source = reader.model_copy(update={"split": "test"}).open()
            except CurationError:
                return found
            if source.shape == self.samples.shape and list(source.classes) == self.samples.classes:
                chunk = source.read(0, min(len(source), 2000))
                found["test_accuracy"] = evaluate(network, chunk.images, chunk.labels, device=self.device)
        return found

    def _run_corruption(self, report: Report) -> None:
        samples, seed = self.samples, self.recipe.seed
        work = [
            (s.pixels, partial(stages.corrupt_shard, samples, s.pixels, s.plugin, seed, self.device))
            for s in self.corrupted()
        ]
        self._run_shards("corruption", work, report, np.diff(samples.starts))

    def _run_adversarial(self, report: Report) -> None:
        samples, seed = self.samples, self.recipe.seed
        work = [
            (s.pixels, partial(stages.attack_shard, samples, s.pixels, s.plugin, self.model, seed))
            for s in self.attacked()
        ]
        self._run_shards("adversarial", work, report, np.diff(samples.starts))

    def _run_score(self, report: Report) -> None:
        work = []
        for images in self.image_sets():
            out = self._scores(images)
            work.append((out, partial(stages.score_shard, images.pixels.freeze(), out, self.model)))
        self._run_shards("score", work, report, np.diff(self.samples.starts))

    def _run_embed(self, report: Report) -> None:
        out = self._features()
        work = [(out, partial(stages.embed_shard, self.samples.pixels, out, self.model))]
        self._run_shards("embed", work, report, np.diff(self.samples.starts))
        table = self.map_table("pca")
        if table.missing(verify=True):
            features = self._all_features()
            xy = project(features, method="pca", seed=self.recipe.seed)
            groups = clusters(features, count=self.recipe.map.clusters, seed=self.recipe.seed)
            table.write(0, pd.DataFrame({"x": xy[:, 0], "y": xy[:, 1], "cluster": groups}))

    def _run_map(self, report: Report) -> None:
        total = len(self.samples)
        table = self.map_table("umap")
        if table.missing(verify=True):
            note = "UMAP; the first minute goes to compiling it"
            report(Progress("map", 0, total, note=note))
            settings = self.recipe.map
            with self.workspace.lock(table.folder.name, waiting=partial(report, Progress("map", 0, total, note=note))):
                xy = project(
                    self._all_features(),
                    method="umap",
                    seed=self.recipe.seed,
                    neighbors=settings.neighbors,
                    min_dist=settings.min_dist,
                )
                groups = self.map_table("pca").table(0)["cluster"]
                table.write(0, pd.DataFrame({"x": xy[:, 0], "y": xy[:, 1], "cluster": groups}))
        report(Progress("map", total, total))

    def _all_features(self) -> np.ndarray:
        features = self._features()
        return np.concatenate([features.array(index) for index in range(features.count)])

    # Selection and export

    def require_pool(self) -> None:
        """Raises: CurationError that names the stages still missing for a selection."""
        undone = [s.stage for s in self.status() if s.stage in FOR_SELECTION and s.state not in ("done", "off")]
        if undone:
            names = ", ".join(TITLES[stage].lower() for stage in undone)
            raise CurationError(f"not computed yet: {names}; run the recipe first (`curation run`, or the Run button)")

    @cached_property
    def pool_key(self) -> str:
        """Key of the table of all candidates. Raises: CurationError when a stage is missing."""
        self.require_pool()
        return fingerprint(["pool", [self._scores(images).digest() for images in self.image_sets()]])

    def pool(self) -> pd.DataFrame:
        """Return the table of all candidates (see ``selection.pool``), kept on disk once built."""
        table = self.workspace.pool(self.pool_key)
        if table.missing(verify=True):
            samples = self.samples
            parts = [
                (images.family, images.kind, images.severity, self._scores(images).whole_table())
                for images in self.image_sets()
            ]
            table.write(0, build_pool(samples.sample_ids, samples.labels, parts))
        return table.table(0)

    def select(self, pool: pd.DataFrame | None = None) -> Selected:
        """Return what the recipe chooses from the pool; shortages are in the result, not raised."""
        pool = self.pool() if pool is None else pool
        return select(pool, self.recipe.selection, seed=self.recipe.seed, classes=len(self.samples.classes))

    def images(self, pool: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
        """Return the pixels, uint8 M×H×W×C, of some rows of the pool."""
        picked = pool.iloc[rows]
        sample_rows = self.samples.rows(picked["sample_id"].to_numpy())
        codes, severities = picked["kind"].astype(str).to_numpy(), picked["severity"].to_numpy()
        out = np.empty((len(rows), *self.samples.shape), dtype=np.uint8)
        for images in self.image_sets():
            mine = np.flatnonzero((codes == images.kind) & (severities == images.severity))
            if len(mine):
                out[mine] = images.pixels.freeze().gather(sample_rows[mine], self.samples.starts)
        return out

    def curated(self, pool: pd.DataFrame, selected: Selected) -> CuratedSet:
        """Return the curated set, ready for an exporter. Raises: CurationError when a family is short."""
        selected.require()
        recipe, samples = self.recipe, self.samples
        chosen = pool.iloc[selected.rows]
        manifest = chosen[["sample_id", "family", "kind", "severity", "entropy", "gini", "margin", "prediction"]].copy()
        manifest["label"] = selected.labels
        manifest["source_name"] = samples.table["name"].to_numpy()[samples.rows(chosen["sample_id"].to_numpy())]
        manifest["weight"] = np.float32(1)
        about = self.workspace.model_about(self.model_key) or {}
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
            },
        )

    def _soft_labels(self, pool: pd.DataFrame, selected: Selected) -> np.ndarray | None:
        mode, k = self.recipe.labels.mode, len(self.samples.classes)
        if mode == "hard":
            return None
        if mode == "smoothed":
            share = self.recipe.labels.smoothing
            return np.eye(k, dtype=np.float32)[selected.labels] * np.float32(1 - share) + np.float32(share / k)
        network = stages.goal_model(*self.model)
        parts = [
            stages.classify(network, self.images(pool, selected.rows[at : at + 1024]), self.device).softmax(1).numpy()
            for at in range(0, len(selected.rows), 1024)
        ]
        return np.concatenate(parts)

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


def _state(done: int, total: int, missing: bool, stale: bool) -> State:
    if not missing and total:
        return "done"
    if done:
        return "partial"
    return "stale" if stale else "missing"


def _weights_intact(path: Path, expected: str) -> bool:
    try:
        return digest(path.read_bytes()) == expected
    except OSError:
        return False


def _checkpoint(path: Path) -> dict[str, Any] | None:
    """Return a training checkpoint, or None where there is none or it is broken (training then starts over)."""
    try:
        return torch.load(io.BytesIO(path.read_bytes()), weights_only=True)
    except FileNotFoundError:
        return None
    except Exception:  # a broken pickle can raise anything
        return None


def _describe(history: list[dict[str, float]]) -> str:
    if not history:
        return "first epoch"
    last = history[-1]
    return f"epoch {int(last['epoch'])}: loss {last['loss']:.3f}, accuracy {last['accuracy']:.1%}"
