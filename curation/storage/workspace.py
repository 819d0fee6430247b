"""A workspace: everything computed for one source, as plain files. Only this module knows where they lie."""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from curation.errors import UsageError
from curation.storage.addresses import entries, is_address, is_remote, local_or_remote, reachable
from curation.storage.differences import Differences
from curation.storage.files import clear_write_errors, read_bytes, read_json, write_bytes, write_json
from curation.storage.lease import Lease
from curation.storage.models import KeptModel as KeptModel
from curation.storage.sample_header import SampleHeader
from curation.storage.shards import Shards

PARTS = (
    *("images", "scores", "models", "features", "map", "pools", "recipes", "sources", "jobs", "locks"),
    *("targets", "predictions", "evaluations", "studies", "suites", "orders", "labels", "stages", "stability"),
)
"""The folders of a workspace."""


class Workspace:
    """A folder under ``cache/`` (or an fsspec address) that keeps everything computed for one source."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        """Args: root: need not exist yet.

        Raises: UsageError when it exists and is something else; CurationError when an address cannot be reached.
        """
        self.root: Path = local_or_remote(root)
        if self.about:
            return
        with reachable(self.root):
            if self.root.is_file():
                raise UsageError(f"workspace {self.root} is a file, not a folder; choose another name")
            if self.exists:
                raise UsageError(f"{self.root}/workspace.json is damaged; restore it or start a new workspace")
            if self.root.is_dir() and any(map(_strange, self.root.iterdir())):
                raise UsageError(f"{self.root} is not a workspace and not empty; choose a new folder, e.g. cache/mine")

    def __reduce__(self) -> tuple[type[Workspace], tuple[str]]:
        return Workspace, (str(self.root),)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.root.name

    @property
    def exists(self) -> bool:
        """Whether something was ever ingested here."""
        return (self.root / "workspace.json").exists()

    @property
    def about(self) -> dict[str, Any]:
        """The source this workspace is for: ``{"source": {"reader": …, "path": …}}``; empty when new."""
        return read_json(self.root / "workspace.json") or {}

    def claim(self, source: dict[str, Any]) -> None:
        """Tie the workspace to a source (reader and path). Raises: UsageError when it belongs to another one."""
        if source.get("path") and not is_address(source["path"]):
            source = {**source, "path": str(Path(source["path"]).expanduser().resolve())}
        about = self.about
        if not about:
            write_json(self.root / "workspace.json", {"format": 1, "source": source})
        elif about["source"] != source:
            raise UsageError(
                f"workspace {self.root} holds {_spell(about['source'])}, but the recipe's source is {_spell(source)}; "
                "give another --workspace for it"
            )

    # Samples

    def source_key(self, spec: str) -> str | None:
        """Return the key under which a source (its recipe block's fingerprint) was last ingested, or None."""
        found = read_json(self.root / "sources" / f"{spec}.json")
        return found["key"] if found else None

    def source_stamp(self, spec: str) -> str | None:
        """Return the stamp of the files of a source that was ingested (see ``readers.files.stamp``), if noted."""
        found = read_json(self.root / "sources" / f"{spec}.json")
        return found.get("stamp") if found else None

    def write_source_key(self, spec: str, key: str, stamp: str | None) -> None:
        """Remember under which key a source was ingested, and the stamp of its files."""
        write_json(self.root / "sources" / f"{spec}.json", {"key": key, "stamp": stamp})

    def forget_source(self, spec: str) -> None:
        """Forget under which key a source was ingested, so that it is read again."""
        write_json(self.root / "sources" / f"{spec}.json", {"key": None})

    def sample_header(self, key: str) -> SampleHeader | None:
        """Return what is known of the ingested source, or None."""
        value = read_json(self.root / "images" / key / "header.json")
        if not value:
            return None
        return SampleHeader(**{**value, "shape": tuple(value["shape"]), "remarks": tuple(value.get("remarks", ()))})

    def write_sample_header(self, key: str, header: SampleHeader) -> None:
        """Keep what is known of a source."""
        write_json(self.root / "images" / key / "header.json", header.__dict__)

    def sample_tables(self, key: str, shards: int) -> Shards:
        """Return the table shards of samples."""
        return Shards(self.root / "images" / key, shards, "parquet")

    # Results

    def pixels(self, key: str, shards: int) -> Shards:
        """Return the pixel shards of the samples."""
        return Shards(self.root / "images" / key, shards, "npy")

    def copies(
        self, key: str, rows: np.ndarray, starts: np.ndarray, *, originals: Callable[[np.ndarray], np.ndarray] | None
    ) -> Shards:
        """Return the shards of one set of variants; with ``originals`` as ``Differences`` to them, which see."""
        if originals is None:
            return self.pixels(key, len(starts) - 1)
        return Differences(self.root / "images" / key, originals, rows, starts)

    def describe_pixels(self, key: str, about: dict[str, Any]) -> None:
        """Keep what a set of variants is: see ``described_pixels``."""
        if read_json(self.root / "images" / key / "set.json") != about:
            write_json(self.root / "images" / key / "set.json", about)

    def described_pixels(self) -> dict[str, dict[str, Any]]:
        """Return the description of every set of variants by key, finished or not."""
        found = {key: read_json(self.root / "images" / key / "set.json") for key in self.kept("images")}
        return {key: about for key, about in found.items() if about}

    def scores(self, key: str, shards: int) -> Shards:
        """Return the score shards of one set of images under one goal model."""
        return Shards(self.root / "scores" / key, shards, "parquet")

    def features(self, key: str, shards: int) -> Shards:
        """Return feature shards."""
        return Shards(self.root / "features" / key, shards, "npy")

    def label_errors(self, key: str, shards: int) -> Shards:
        """Return tables of what is known of the labels."""
        return Shards(self.root / "labels" / key, shards, "parquet")

    def map(self, key: str) -> Shards:
        """Return the one-shard table of a two-dimensional map."""
        return Shards(self.root / "map" / key, 1, "parquet")

    def pool(self, key: str) -> Shards:
        """Return the one-shard table of all candidates."""
        return Shards(self.root / "pools" / key, 1, "parquet")

    def add_seconds(self, result: Shards, seconds: float) -> None:
        """Add to the compute seconds that a kept result cost; they go when its folder goes. Several may add at once."""
        with self.lock(f"{result.folder.name}-cost"):
            write_json(result.folder / "cost.json", {"seconds": round(self.seconds(result) + seconds, 3)})

    def seconds(self, result: Shards) -> float:
        """Return the compute seconds that a kept result cost, 0 where nothing was noted."""
        return float((read_json(result.folder / "cost.json") or {"seconds": 0.0})["seconds"])

    def order(self, key: str) -> Shards:
        """Return the one-shard table of the order in which a strategy chose candidates."""
        return Shards(self.root / "orders" / key, 1, "parquet")

    def rounds(self, order: Shards) -> Any | None:
        """Return what is kept of an order that is being computed, as plain data, or None."""
        return read_json(order.folder / "rounds.json")

    def write_rounds(self, order: Shards, value: Any) -> None:
        """Keep how far an order is computed."""
        write_json(order.folder / "rounds.json", value)

    def of_stage(self, stage: str, key: str, *, shards: int = 1, kind: str = "parquet") -> Shards:
        """Return the shards, npy or parquet, of a result of a stage that has no folder of its own here."""
        return Shards(self.root / "stages" / stage / key, shards, kind)

    def kept(self, what: str) -> list[str]:
        """Return the keys kept under images, scores, models, features, map or pools."""
        return [entry.name for entry in entries(self.root / what) if entry.is_folder]

    # Goal models

    def model(self, key: str) -> KeptModel:
        """Return the place of one goal model."""
        return KeptModel(self.root / "models" / key)

    def models(self) -> dict[str, dict[str, Any]]:
        """Return every finished goal model by key; the surrogates of a test suite are none."""
        abouts = {key: self.model(key).about for key in self.kept("models")}
        return {key: about for key, about in abouts.items() if about and about.get("role") != "surrogate"}

    # Evaluations

    def target(self, key: str) -> KeptModel:
        """Return the place of one target model."""
        return KeptModel(self.root / "targets" / key)

    def predictions(self, key: str) -> Shards:
        """Return the one-shard table of what a model says of a test suite."""
        return Shards(self.root / "predictions" / key, 1, "parquet")

    def suite(self, key: str) -> Any | None:
        """Return what is kept of a test suite, as plain data, or None."""
        return read_json(self.root / "suites" / f"{key}.json")

    def write_suite(self, key: str, about: Any) -> None:
        """Keep what a test suite is."""
        write_json(self.root / "suites" / f"{key}.json", about)

    def inner(self, key: str) -> Workspace:
        """Return the workspace, inside this one, of test images that come from another source."""
        return Workspace(self.root / "suites" / key)

    def evaluations(self) -> list[str]:
        """Return the names of the kept evaluations, the newest last."""
        found = sorted(entries(self.root / "evaluations"), key=lambda entry: entry.stat.st_mtime_ns)
        return [entry.name.removesuffix(".json") for entry in found if entry.name.endswith(".json")]

    def evaluation(self, name: str) -> dict[str, Any] | None:
        """Return what is kept of an evaluation, as plain data, or None."""
        return read_json(self.root / "evaluations" / f"{name}.json")

    def write_evaluation(self, name: str, value: dict[str, Any]) -> None:
        """Keep an evaluation."""
        write_json(self.root / "evaluations" / f"{name}.json", value)

    def stability(self, key: str) -> dict[str, Any] | None:
        """Return how much trainings agree on a selection, as plain data, or None where it was not measured."""
        return read_json(self.root / "stability" / f"{key}.json")

    def write_stability(self, key: str, value: dict[str, Any]) -> None:
        """Keep how much trainings agree on a selection."""
        write_json(self.root / "stability" / f"{key}.json", value)

    # Recipe revisions

    def revisions(self) -> list[int]:
        """Return the numbers of the saved recipe revisions, rising."""
        names = [entry.name for entry in entries(self.root / "recipes")]
        return sorted(int(name[:4]) for name in names if re.fullmatch(r"\d{4}\.yaml", name))

    def revision(self, number: int) -> str:
        """Return a saved recipe's YAML."""
        return read_bytes(self.root / "recipes" / f"{number:04d}.yaml").decode()

    def save_revision(self, text: str) -> int:
        """Keep a recipe as the newest revision, unless it equals the newest; return its number."""
        with self.lock("recipes"):
            numbers = self.revisions()
            if numbers and self.revision(numbers[-1]) == text:
                return numbers[-1]
            number = numbers[-1] + 1 if numbers else 1
            write_bytes(self.root / "recipes" / f"{number:04d}.yaml", text.encode())
            return number

    def presentation(self) -> dict[str, Any] | None:
        """Return how the result is presented, as plain data, or None where nobody arranged it."""
        return read_json(self.root / "recipes" / "presentation.json")

    def write_presentation(self, value: dict[str, Any]) -> None:
        """Keep how the result is presented."""
        write_json(self.root / "recipes" / "presentation.json", value)

    @property
    def engine(self) -> dict[str, Any]:
        """Where background work of this workspace runs: as ``engine.choose`` takes it; empty: this machine."""
        return read_json(self.root / "jobs" / "engine.json") or {}

    def write_engine(self, value: dict[str, Any]) -> None:
        """Keep where background work of this workspace runs."""
        write_json(self.root / "jobs" / "engine.json", value)

    @property
    def jobs_folder(self) -> Path:
        """The folder of background jobs."""
        return self.root / "jobs"

    @property
    def studies_folder(self) -> Path:
        """The folder of tunings."""
        return self.root / "studies"

    @contextmanager
    def mark(self) -> Iterator[Path]:
        """Keep a file of a name that is nowhere else: who sees it sees this workspace, not another at the same path."""
        path = self.root / "locks" / f"{uuid.uuid4().hex}.seen"
        write_bytes(path, b"")
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    @contextmanager
    def lock(self, name: str, *, waiting: Any = None) -> Iterator[None]:
        """Hold a named lock between processes; ``waiting()`` is called while another holds it.

        On object storage it is a lease that a killed process loses after ``lease.EXPIRES_S``. Shards are written whole
        and the same whoever writes them, so where a lease is lost two writers only cost time.
        """
        folder = self.root / "locks"
        if is_remote(folder):
            lease = Lease(folder / f"{name}.lease")
            while not lease.acquire():
                time.sleep(0.5)
                if waiting is not None:
                    waiting()
            try:
                yield
            finally:
                lease.release()
            return
        with clear_write_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(folder / f"{name}.lock"))
        while True:
            try:
                lock.acquire(timeout=0.5)
                break
            except Timeout:
                if waiting is not None:
                    waiting()
        try:
            yield
        finally:
            lock.release()


def _strange(path: Path) -> bool:
    """Whether a workspace would not hold this; another process may be writing ``workspace.json`` just now."""
    return path.name not in PARTS and "workspace.json" not in path.name


def _spell(source: dict[str, Any]) -> str:
    path = source.get("path")
    return f"{source['reader']} ({path})" if path else str(source["reader"])


def workspaces(cache: Path) -> list[Path]:
    """Return the workspaces in a local cache folder, by name."""
    if not cache.is_dir():
        return []
    return sorted(path for path in cache.iterdir() if (path / "workspace.json").exists())
