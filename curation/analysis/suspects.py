"""What a finished label check says of every label: scores and orders, and what a suspect is compared with."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from curation.embedding.neighbors import nearest_neighbors
from curation.label_errors import LABEL_SCORES
from curation.pipeline.stages.labels import held_out_probabilities, suspects_table

if TYPE_CHECKING:
    from curation.pipeline import Pipeline
    from curation.recipe import LabelErrors

NEAREST = 8
"""Most similar samples that are shown beside a suspect."""

TYPICAL = 5
"""Samples of a class whose labels are least in doubt, shown beside a suspect."""


class Suspects:
    """The finished label check, by row of the samples.

    key: changes with all that determines it; given, suggested: int64 N; confidence: float64 N, of the suggested class,
    in [0, 1]; scores: name → float64 N, larger is more suspicious; unchecked: int64, the rows whose labels could not be
    checked, each the only sample of its class: they come last in every order.
    """

    def __init__(
        self, pipeline: Pipeline, check: LabelErrors, *, features: Callable[[], np.ndarray] | None = None
    ) -> None:
        """Read the check of a pipeline's samples.

        Args: features: returns where samples lie in the recipe's space, float32 N×D, where that is kept already.
        Raises: CurationError: the check is not computed.
        """
        shards = suspects_table(pipeline.plan, check)
        table = shards.table(0).sort_values("row", ignore_index=True)
        self.key = shards.folder.name
        self.given = table["given"].to_numpy(np.int64)
        self.suggested = table["suggested"].to_numpy(np.int64)
        self.confidence = table["confidence"].to_numpy(np.float64)
        self.scores = {name: table[name].to_numpy(np.float64) for name in LABEL_SCORES.names if name in table}
        self.unchecked = np.flatnonzero(~table["checked"].to_numpy())
        self._rank = table["rank"].to_numpy()
        self._pipeline, self._check = pipeline, check
        self._features = features or (lambda: pipeline.plan.features().whole_array())
        self._orders: dict[str, np.ndarray] = {}
        self._places: dict[str, np.ndarray] = {}
        self._nearest: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.given)

    def order(self, score: str) -> np.ndarray:
        """Return the rows, int64 N, the most suspicious by a score first; ties by the combined rank."""
        if score not in self._orders:
            unchecked = np.isin(np.arange(len(self)), self.unchecked)
            self._orders[score] = np.lexsort((self._rank, -self.scores[score], unchecked))
        return self._orders[score]

    def places(self, score: str) -> np.ndarray:
        """Return each row's place in that order, int64 N, from 1."""
        if score not in self._places:
            self._places[score] = np.empty(len(self), np.int64)
            self._places[score][self.order(score)] = np.arange(1, len(self) + 1)
        return self._places[score]

    def share(self, score: str, row: int) -> float:
        """Return how far a row's score is between the least and the most suspicious one, in [0, 1]."""
        values = self.scores[score]
        low, high = float(values.min()), float(values.max())
        return (float(values[row]) - low) / (high - low) if high > low else 0.0

    @cached_property
    def probabilities(self) -> np.ndarray:
        """The probabilities of the network that did not train on a sample, float32 N×K; 0 where there is none."""
        return held_out_probabilities(self._pipeline.plan, self._check)

    def opinion(self, row: int, *, count: int) -> list[tuple[int, float]]:
        """Return the likeliest classes of a row by that network and their probabilities, falling; ties by class."""
        found = self.probabilities[row]
        return [(int(label), float(found[label])) for label in np.argsort(-found, kind="stable")[:count]]

    @cached_property
    def typical(self) -> list[list[int]]:
        """The rows, at most ``TYPICAL`` a class, whose labels are least in doubt; the surest first."""
        agreeing = np.flatnonzero(self.given == self.suggested)
        agreeing = agreeing[np.lexsort((-self._rank[agreeing], -self.confidence[agreeing]))]
        labels = self.given[agreeing]
        return [agreeing[labels == label][:TYPICAL].tolist() for label in range(len(self._pipeline.samples.classes))]

    @cached_property
    def pairs(self) -> np.ndarray:
        """How many samples of each given class (rows) look like each other class, int64 K×K, the diagonal 0."""
        classes = len(self._pipeline.samples.classes)
        counts = np.zeros((classes, classes), np.int64)
        np.add.at(counts, (self.given, self.suggested), 1)
        np.fill_diagonal(counts, 0)
        return counts

    def nearest(self, rows: np.ndarray, *, ahead: np.ndarray) -> np.ndarray:
        """Return the rows nearest to some rows in the recipe's space, int64 M×k.

        Args: ahead: rows that will be asked for next: they cost little in the same go, and much in one of their own.
        """
        if not self._nearest.keys() >= set(rows.tolist()):
            new = np.array([row for row in np.union1d(rows, ahead).tolist() if row not in self._nearest])
            ids = np.array(self._pipeline.samples.sample_ids)  # a copy that torch may share
            features = self._features()
            near = nearest_neighbors(
                features,
                queries=features[new],
                count=min(NEAREST, len(ids) - 1),
                metric="cosine",
                owners=ids,
                query_owners=ids[new],
                device=self._pipeline.device,
            )
            self._nearest.update(zip(new.tolist(), near.index, strict=True))
        return np.stack([self._nearest[row] for row in rows.tolist()])
