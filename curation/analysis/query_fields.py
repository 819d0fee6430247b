"""What a query may ask of the candidates of a pool: every column of it, of its samples, and of what was decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from curation.analysis.image_statistics import TITLES
from curation.analysis.query import Field
from curation.recipe import Recipe
from curation.scores import SCORES
from curation.selection.pool import FAMILIES, parse_candidate
from curation.storage.samples import Samples

DECISIONS = ("included", "excluded", "dropped", "relabeled", "confirmed")
_CHANGES = {
    "linf": "Largest change of a value (L∞)",
    "l2": "Change (L2)",
    "true_probability": "Probability of its label",
}


@dataclass(frozen=True)
class OfSamples:
    """What is known of some samples beside the pool, where it is; each has an entry a sample, in their order.

    clusters: int32 N, negative: in none, and their names; suspicion: float N; suggested: int N, classes;
    statistics: brightness, contrast and sharpness, looked at when they are asked for.
    """

    clusters: np.ndarray | None = None
    cluster_names: Sequence[str] = ()
    suspicion: np.ndarray | None = None
    suggested: np.ndarray | None = None
    statistics: Callable[[], Mapping[str, np.ndarray]] | None = None


def fields(
    pool: pd.DataFrame,
    samples: Samples,
    recipe: Recipe,
    *,
    chosen: np.ndarray,
    saved: np.ndarray | None = None,
    known: OfSamples | None = None,
) -> dict[str, Field]:
    """Return the fields by name, in the order in which people are offered them.

    Args:
        chosen: int64, the pool's rows that the recipe selects.
        saved: int64, candidate ids that the last saved recipe selects; None: not known.
        known: of the samples.
    """
    it = _Pool(pool, samples, recipe)
    found = [*it.of_candidates(), *it.of_decisions(chosen, saved), *it.of_samples(known or OfSamples())]
    return {field.name: field for field in found}


class _Pool:
    def __init__(self, pool: pd.DataFrame, samples: Samples, recipe: Recipe) -> None:
        self.pool, self.samples, self.recipe = pool, samples, recipe

    @cached_property
    def rows(self) -> np.ndarray:
        """Each candidate's row among the samples, int64."""
        return self.samples.rows(self.pool["sample_id"].to_numpy())

    def labels(self) -> np.ndarray:
        """The classes as decided, int64."""
        return self.samples.labels_with(self.recipe.selection.edits.relabel)[self.rows]

    def _column(self, name: str) -> Callable[[], np.ndarray]:
        return lambda: self.pool[name].to_numpy()

    def of_candidates(self) -> list[Field]:
        pool, classes = self.pool, self.samples.classes
        kinds = [str(kind) for kind in pool["kind"].cat.categories]
        found = [
            Field("family", "Family", "category", lambda: pool["family"].cat.codes.to_numpy(), FAMILIES),
            Field("kind", "Kind", "category", lambda: pool["kind"].cat.codes.to_numpy(), kinds),
            Field("severity", "Severity", "number", self._column("severity")),
            Field("label", "Label", "category", self.labels, classes),
            Field("predicted", "Predicted", "category", self._column("prediction"), classes),
            Field("right", "Predicted correctly", "flag", lambda: self.pool["prediction"].to_numpy() == self.labels()),
        ]
        for name in [*SCORES.names, *_CHANGES]:
            if name not in pool:
                continue
            title = SCORES[name].title if name in SCORES else _CHANGES[name]
            found.append(Field(name, title, "number", self._column(name)))
        return found

    def of_decisions(self, chosen: np.ndarray, saved: np.ndarray | None) -> list[Field]:
        pool, notes = self.pool, self.recipe.annotations

        def selected() -> np.ndarray:
            mask = np.zeros(len(pool), bool)
            mask[chosen] = True
            return mask

        def noted() -> np.ndarray:
            return np.isin(pool["candidate_id"].to_numpy(), [parse_candidate(name).id for name in notes.notes])

        found = [Field("chosen", "In the set", "flag", selected)]
        if saved is not None:
            found.append(
                Field("saved", "In the last saved set", "flag", lambda: np.isin(pool["candidate_id"].to_numpy(), saved))
            )
        return [
            *found,
            Field("decided", "Decided", "category", self._decided, DECISIONS),
            Field("tags", "Tags", "tags", lambda: notes.tagged(pool), [*notes.tags]),
            Field("noted", "Has a note", "flag", noted),
        ]

    def _decided(self) -> np.ndarray:
        """What was decided of each candidate, the place among ``DECISIONS``, int8; −1: nothing."""
        edits = self.recipe.selection.edits
        candidates, sample_ids = self.pool["candidate_id"].to_numpy(), self.pool["sample_id"].to_numpy()
        copies = [parse_candidate(name).id for name in edits.exclude]
        decided = np.full(len(self.pool), -1, np.int8)
        for place, mask in (
            (4, np.isin(sample_ids, edits.confirmed)),
            (3, np.isin(sample_ids, list(edits.relabel))),
            (2, np.isin(sample_ids, edits.drop)),
            (1, np.isin(candidates, copies) | np.isin(sample_ids, list(set(edits.dropped) - set(edits.drop)))),
            (0, np.isin(candidates, [parse_candidate(name).id for name in edits.include])),
        ):
            decided[mask] = place
        return decided

    def of_samples(self, known: OfSamples) -> list[Field]:
        samples, classes = self.samples, self.samples.classes

        def each(values: np.ndarray) -> Callable[[], np.ndarray]:
            return lambda: values[self.rows]

        def statistic(name: str, of: Callable[[], Mapping[str, np.ndarray]]) -> Callable[[], np.ndarray]:
            return lambda: of()[name][self.rows]

        found = [
            Field("sample", "Sample", "number", self._column("sample_id")),
            Field("name", "File or place in the source", "text", lambda: samples.table["name"].to_numpy()[self.rows]),
            Field("source_label", "Label in the source", "category", each(samples.labels), classes),
        ]
        if "same_as" in self.pool:
            found.append(
                Field(
                    "repeats",
                    "Repeats another sample",
                    "flag",
                    lambda: self.pool["same_as"].to_numpy() != self.pool["sample_id"].to_numpy(),
                )
            )
        if known.clusters is not None:
            found.append(Field("cluster", "Cluster", "category", each(known.clusters), known.cluster_names))
        if known.suspicion is not None and known.suggested is not None:
            found.append(Field("suspicion", "Suspicion of its label", "number", each(known.suspicion)))
            found.append(Field("suggested", "Suggested label", "category", each(known.suggested), classes))
        if known.statistics is not None:
            for name, title in TITLES.items():
                found.append(Field(name, f"{title} of the original", "number", statistic(name, known.statistics)))
        return found
