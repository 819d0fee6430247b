"""Self-correction, a published baseline: train, add the candidates nearest to what is misclassified, repeat."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch

from curation.errors import CurationError
from curation.models.architectures import build
from curation.models.prediction import predict
from curation.plugin import fingerprint
from curation.progress import Progress, Report, ignore
from curation.randomness import stream_seeds
from curation.selection.pool import FAMILIES
from curation.selection.same_class import Read, nearest_of_same_class
from curation.selection.self_correction import SelfCorrection
from curation.training.trainer import train

FEWEST = 3
"""Validation samples of a class at least, where it has twice as many."""


@dataclass(frozen=True)
class Corrected:
    """chosen: candidate_id int64, round int64 (0: at random), order uint32, in the order of choice; history: a row a
    round, with images (trained on), validation and misclassified (images), added, at_random (of those added); seconds:
    of all rounds, also of those before a resume; trainings: networks trained."""

    chosen: pd.DataFrame
    history: pd.DataFrame
    seconds: float
    trainings: int


def correct(
    candidates: pd.DataFrame,
    *,
    features: Read,
    images: Read,
    quotas: Mapping[str, int],
    settings: SelfCorrection,
    classes: int,
    shape: tuple[int, int, int],
    seed: int,
    device: str | torch.device = "cpu",
    resume: dict[str, Any] | None = None,
    keep: Callable[[dict[str, Any]], None] | None = None,
    report: Report = ignore,
) -> Corrected:
    """Choose a set of the quotas' size, round by round.

    A seeded share of the samples, by class, is validation: some of their images, in the quotas' proportions and of no
    family more than there are such samples, are classified, and none of theirs is ever chosen. A part of every quota is
    chosen at random. Each round trains a network on what is chosen and adds, in every family, an equal part of what is
    left: for each misclassified image the k nearest candidates of its class that are not chosen yet, k being the
    smallest that suffices; nearest neighbors come before second nearest, and so on. What cannot be filled so, because
    nothing is misclassified or those classes have no more candidates, is filled at random and counted in ``history``.

    Args:
        candidates: candidate_id, sample_id, family, label in [0, K); rows in any order, which changes nothing.
        features: float32 M×D of a pretrained network; asked for blocks of rows, again in every round.
        images: uint8 M×H×W×C.
        quotas: images of each family.
        classes: K; shape: (H, W, C).
        seed: of validation, of all that is random, and, where ``settings.train.seed`` is None, of the trainings.
        resume: what ``keep`` was last given, to go on after that round.
        keep: called after every round with plain JSON data.
        report: receives the number of images trained on, and may raise ``Cancelled``.

    Raises: CurationError: too few candidates, or a state of other settings or candidates.
    Source: Data Boosting, the self-correction scheme that Wang & Fang 2022, "Goal-Oriented Data-Centric Robust
        Learning", compare with.
    """
    for family in quotas:
        if family not in FAMILIES:
            raise CurationError(f"quotas: family must be one of {', '.join(FAMILIES)}, got {family!r}")
    wanted = {family: quotas[family] for family in FAMILIES if quotas.get(family)}
    table = candidates[["candidate_id", "sample_id", "family", "label"]].reset_index(drop=True)
    table = table.rename_axis("row").reset_index().sort_values("candidate_id", ignore_index=True)
    scheme = _Scheme(table, features, images, wanted, settings, classes, shape, seed, torch.device(device))
    scheme.check()
    state = resume or {"key": scheme.key, "chosen": [], "history": [], "seconds": 0.0}
    if state["key"] != scheme.key:
        raise CurationError("the stored rounds of self-correction belong to other settings or candidates; start over")
    started, before = time.perf_counter(), state["seconds"]
    for index in range(len(state["history"]), settings.rounds + 1):
        added, row = scheme.run(index, np.array([name for name, _ in state["chosen"]], dtype=np.int64), report)
        state = {
            "key": scheme.key,
            "chosen": [*state["chosen"], *([name, index] for name in added)],
            "history": [*state["history"], row],
            "seconds": before + time.perf_counter() - started,
        }
        if keep:
            keep(state)
    total = scheme.work(settings.rounds)
    report(Progress("self_correction", total, total))
    pairs = np.array(state["chosen"], dtype=np.int64).reshape(-1, 2)
    order = np.arange(len(pairs), dtype=np.uint32)
    return Corrected(
        chosen=pd.DataFrame({"candidate_id": pairs[:, 0], "round": pairs[:, 1], "order": order}),
        history=pd.DataFrame(state["history"]),
        seconds=state["seconds"],
        trainings=settings.rounds,
    )


@dataclass(frozen=True)
class _Scheme:
    """What stays the same over the rounds; table: the candidates by rising id, with the caller's ``row`` of each."""

    table: pd.DataFrame
    features: Read
    images: Read
    quotas: dict[str, int]
    settings: SelfCorrection
    classes: int
    shape: tuple[int, int, int]
    seed: int
    device: torch.device

    @cached_property
    def key(self) -> str:
        """Fingerprint of all that decides what is chosen, but for pixels and features."""
        pairs = self.table[["candidate_id", "label"]].to_numpy(np.int64)
        rows = hashlib.blake2b(pairs.tobytes(), digest_size=8).hexdigest()
        return fingerprint([self.settings.model_dump(mode="json"), self.quotas, self.classes, self.seed, rows])

    @cached_property
    def held_out(self) -> np.ndarray:
        """bool N, the candidates of validation samples."""
        samples = self.table.drop_duplicates("sample_id")
        samples = samples.iloc[self.shuffled(samples["sample_id"], "validation")]
        by_class = samples.groupby("label")
        sizes = by_class["row"].transform("size").to_numpy()
        wanted = np.maximum(np.round(self.settings.validation_share * sizes), np.minimum(FEWEST, sizes // 2))
        chosen = samples["sample_id"].to_numpy()[by_class.cumcount().to_numpy() < wanted]
        return np.isin(self.table["sample_id"].to_numpy(), chosen)

    @cached_property
    def free(self) -> pd.DataFrame:
        """The candidates that may be chosen."""
        return self.table[~self.held_out]

    @cached_property
    def validation(self) -> pd.DataFrame:
        """The candidates that are classified after each training."""
        table = self.table[self.held_out]
        most, parts = table["sample_id"].nunique(), []
        for family, quota in self.quotas.items():
            some = table[table["family"] == family]
            count = round(most * quota / max(self.quotas.values()))
            parts.append(some.iloc[self.shuffled(some["candidate_id"], "classified", family)[:count]])
        return pd.concat(parts).sort_index()

    @cached_property
    def pixels(self) -> np.ndarray:
        """The validation images, uint8."""
        return self.images(self.validation["row"].to_numpy())

    def check(self) -> None:
        """Raises: CurationError where the quotas cannot be filled."""
        if not self.quotas:
            raise CurationError("quotas: at least one family must be above 0")
        for family, quota in self.quotas.items():
            there = int((self.free["family"] == family).sum())
            if quota > there:
                raise CurationError(
                    f"{family}: {quota:,} wanted, {there:,} available besides the validation samples; lower the "
                    "budget or validation_share"
                )

    def shuffled(self, ids: pd.Series, *stream: str) -> np.ndarray:
        """Return a random order of some ids, int64 positions."""
        return np.argsort(stream_seeds(self.seed, ids.to_numpy(), "self_correction", *stream).numpy(), kind="stable")

    def grown(self, family: str, index: int) -> int:
        """Return how many of a family are chosen after a round; before round 0 none."""
        quota = self.quotas[family]
        start = math.ceil(self.settings.initial_share * quota)
        return start + (quota - start) * index // self.settings.rounds if index >= 0 else 0

    def work(self, index: int) -> int:
        """Return how many images, counted once an epoch that shows them, are trained on up to the end of a round."""
        sizes = [sum(self.grown(family, at) for family in self.quotas) for at in range(index)]
        return sum(sum(self.settings.train.shown(size)) for size in sizes)

    def run(self, index: int, chosen: np.ndarray, report: Report) -> tuple[list[int], dict[str, int]]:
        """Return the candidates that a round adds, nearest first in every family, and its row of ``history``."""
        taken = self.free["candidate_id"].isin(chosen)
        wrong = self.misclassified(self.free[taken], index, report) if index else self.validation.iloc[:0]
        added: list[int] = []
        at_random = 0
        for family in self.quotas:
            left = self.free[~taken & (self.free["family"] == family)]
            need = self.grown(family, index) - self.grown(family, index - 1)
            at = nearest_of_same_class(
                left["row"].to_numpy(),
                left["label"].to_numpy(),
                query_rows=wrong["row"].to_numpy(),
                query_labels=wrong["label"].to_numpy(),
                need=need,
                features=self.features,
                device=self.device,
            )
            near = left.iloc[at]
            rest = left.drop(index=near.index)
            filled = rest.iloc[self.shuffled(rest["candidate_id"], "chosen")[: need - len(near)]]
            added += [*near["candidate_id"].tolist(), *filled["candidate_id"].tolist()]
            at_random += len(filled)
        counts = {"images": len(chosen), "validation": len(self.validation), "misclassified": len(wrong)}
        return added, {"round": index, **counts, "added": len(added), "at_random": at_random}

    def misclassified(self, chosen: pd.DataFrame, index: int, report: Report) -> pd.DataFrame:
        """Train a network from scratch and return the validation images that it misclassifies."""
        settings, before, total = self.settings, self.work(index - 1), self.work(self.settings.rounds)
        seed = settings.train.seed
        if seed is None:
            seed = int(stream_seeds(self.seed, np.array([index]), "self_correction", "train")[0] & 0x7FFFFFFF)
        network = build(settings.architecture, classes=self.classes, shape=self.shape, seed=seed)
        note = f"round {index} of {settings.rounds}"
        for _ in train(
            network,
            self.images(chosen["row"].to_numpy()),
            chosen["label"].to_numpy(np.int64),
            settings=settings.train,
            seed=seed,
            device=self.device,
            on_step=lambda done, _: report(Progress("self_correction", before + done, total, note=note)),
        ):
            pass
        predicted = predict(network, self.pixels, device=self.device).argmax(1).numpy()
        return self.validation[predicted != self.validation["label"].to_numpy()]
