"""The contract of a label score: how suspicious each label is, given what was gathered about it."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from curation.errors import CurationError
from curation.plugin import Plugin


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of N labeled samples. All but labels and probabilities may be missing.

    labels: int64 N in [0, K), as given.
    probabilities: float32 N×K, rows sum to 1, of networks that did not learn the sample (see ``cross_fit``).
    neighbors: int64 N×k, the samples that lie nearest, itself left out; −1: there is none.
    distances: float32 N×k, how far they are (see ``curation.embedding.neighbors``).
    clusters: integers N; negative: in no cluster.
    area_under_margin: float32 N, in logits; forgetting: float32 N, events (see ``curation.training.dynamics``).

    Raises: CurationError: shapes that do not fit one another, values out of range or not finite, fewer than two classes
        among the labels.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    neighbors: np.ndarray | None = None
    distances: np.ndarray | None = None
    clusters: np.ndarray | None = None
    area_under_margin: np.ndarray | None = None
    forgetting: np.ndarray | None = None

    def __post_init__(self) -> None:
        self._check_lengths()
        check_labels(self.labels)
        self._check_probabilities()
        if self.neighbors is not None:
            self._check_neighbors(self.neighbors)
        for name in ("area_under_margin", "forgetting"):
            values = getattr(self, name)
            if values is not None and not np.isfinite(values).all():
                row = int(np.flatnonzero(~np.isfinite(values))[0])
                raise CurationError(f"{name} is not finite in row {row}; train again with a lower learning rate")

    def has(self, name: str) -> bool:
        """Say whether a field is there."""
        return getattr(self, name) is not None

    def _check_lengths(self) -> None:
        count = len(self.labels)
        forms = {"probabilities": 2, "neighbors": 2, "distances": 2, "clusters": 1, "area_under_margin": 1}
        for name, dimensions in {"labels": 1, **forms, "forgetting": 1}.items():
            value = getattr(self, name)
            if value is not None and (value.ndim != dimensions or len(value) != count):
                form = "N" if dimensions == 1 else "N×columns"
                raise CurationError(f"{name} must be {form} for the {count} labels, got {value.shape}")

    def _check_probabilities(self) -> None:
        classes = self.probabilities.shape[1]
        if self.labels.max() >= classes:
            raise CurationError(f"the probabilities are of {classes} classes, got a label {self.labels.max()}")
        sums = self.probabilities.sum(1, dtype=np.float64)
        wrong = np.flatnonzero(~((abs(sums - 1) < 1e-3) & (self.probabilities >= 0).all(1)))
        if len(wrong):
            raise CurationError(
                f"probabilities must be non-negative and sum to 1 in each row, got {self.probabilities[wrong[0]]} in "
                f"row {wrong[0]}; take the softmax of finite logits"
            )

    def _check_neighbors(self, neighbors: np.ndarray) -> None:
        count = len(self.labels)
        if neighbors.dtype.kind not in "iu" or not neighbors.shape[1]:
            raise CurationError(
                f"neighbors must be positions, integers N×k with k at least 1, got {neighbors.dtype} {neighbors.shape}"
            )
        if neighbors.min() < -1 or neighbors.max() >= count:
            raise CurationError(
                f"neighbors must be positions in 0 … {count - 1}, or −1 for none, got {neighbors.min()} … "
                f"{neighbors.max()}"
            )
        itself = np.flatnonzero((neighbors == np.arange(count)[:, None]).any(1))
        if len(itself):
            raise CurationError(
                f"a sample is no neighbor of itself, yet row {itself[0]} names itself; leave it out, or its label "
                "speaks for itself"
            )
        distances = self.distances
        if distances is not None and (
            distances.shape != neighbors.shape
            or not (np.isfinite(distances) & (distances >= 0) | (neighbors == -1)).all()
        ):
            raise CurationError(
                f"distances must be finite, 0 or more, one for each of {neighbors.shape} neighbors, got "
                f"{distances.shape}"
            )


class LabelScore(Plugin):
    """One measure of doubt in a label. A member writes ``measure``; ``__call__`` checks around it.

    ``uses`` names the fields of ``Evidence``, beside labels and probabilities, without which it cannot be told.
    """

    family = "label score"
    uses: ClassVar[tuple[str, ...]] = ()

    def __call__(self, evidence: Evidence) -> np.ndarray:
        """Return the score of each sample, float32 N; large is suspicious.

        Raises: CurationError: the evidence that it uses is missing.
        """
        for name in self.uses:
            if not evidence.has(name):
                raise CurationError(f"{self.name} needs {name.replace('_', ' ')}, which this evidence lacks")
        return self.measure(evidence).astype(np.float32)

    @classmethod
    def told_by(cls, evidence: Evidence) -> bool:
        """Say whether the evidence has all that this score uses."""
        return all(evidence.has(name) for name in cls.uses)

    @abstractmethod
    def measure(self, evidence: Evidence) -> np.ndarray:
        """Return floats N; large is suspicious."""


def check_labels(labels: np.ndarray) -> None:
    """Raises: CurationError: labels that are no classes, or all of one class."""
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not len(labels):
        raise CurationError(f"labels must be classes, integers N with N at least 1, got {labels.dtype} {labels.shape}")
    if labels.min() < 0:
        raise CurationError(f"labels must be classes in 0 … K − 1, got {labels.min()}")
    if labels.min() == labels.max():
        raise CurationError(
            f"wrong labels show between classes, and all {len(labels)} labels are class {labels[0]}; take samples of "
            "two classes or more"
        )
