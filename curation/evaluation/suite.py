"""The test suite P: clean, corrupted and adversarial copies of held-out images, made once and known by its contents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from curation.evaluation.settings import SuiteSettings
from curation.progress import Report, ignore
from curation.recipe import Recipe
from curation.workspace import Workspace


@dataclass(frozen=True)
class Part:
    """One kind at one severity.

    part: clean, corruption, held_out or adversarial; kind: "clean", "fog", "pgd/resnet20" (attack and surrogate), …;
    severity: 1 … 5 of a corruption, 0 where there is none; sample_ids: int64 N, of the test source; labels: int64 N;
    images: positions 0 … N − 1, in any order, to pixels uint8 M×H×W×C.
    """

    part: str
    kind: str
    severity: int
    sample_ids: np.ndarray
    labels: np.ndarray
    images: Callable[[np.ndarray], np.ndarray]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Suite:
    """P. key: hash of its contents; shape: H, W, C; about: what it is made of, as plain data for people."""

    key: str
    classes: list[str]
    shape: tuple[int, int, int]
    parts: tuple[Part, ...]
    about: dict[str, Any]

    def __len__(self) -> int:
        return sum(map(len, self.parts))


def check_surrogates(settings: SuiteSettings, goal_architecture: str, targets: Sequence[str]) -> None:
    """Raises: UsageError where a surrogate is also the goal model's or a target's architecture."""
    raise NotImplementedError


def make_suite(
    settings: SuiteSettings, recipe: Recipe, workspace: Workspace, *, device: str, report: Report = ignore
) -> Suite:
    """Return P, made where it is missing; what is finished is kept, shard by shard.

    Raises: CurationError: one sentence; Cancelled.
    """
    raise NotImplementedError


def find_suite(settings: SuiteSettings, recipe: Recipe, workspace: Workspace, *, device: str) -> Suite | None:
    """Return P where all of it is there, else None; nothing is computed."""
    raise NotImplementedError
