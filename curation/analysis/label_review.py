"""The review of suspicious labels: which are looked at in which order, what was decided, and what it came to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from curation.plugin import fingerprint

if TYPE_CHECKING:
    from curation.analysis.suspects import Suspects
    from curation.storage.samples import Samples

Decided = Literal["confirmed", "dropped"] | int
"""What was decided about a sample's label: it is right, the sample is left out, or it is of this class."""

Which = Literal["open", "decided", "all"]
"""Which suspects are looked at: those without a decision, those with one, or all."""

LAST = 20
"""Decisions by which one judges whether going on is worth while."""

FIRST = 100
"""Suspects on which a score is measured where noise was injected."""


@dataclass(frozen=True)
class Queue:
    """Suspects in order.

    key: changes with what is in it; score: that orders it; rows: int64 M, of the samples; which: which are in it;
    decided: what was decided about labels, by sample id.
    """

    key: str
    score: str
    rows: np.ndarray
    which: Which
    decided: Mapping[int, Decided]


def queue(
    suspects: Suspects,
    samples: Samples,
    decided: Mapping[int, Decided],
    *,
    score: str,
    given: int | None = None,
    looks: int | None = None,
    which: Which = "all",
    before: Collection[int] = (),
) -> Queue:
    """Return the suspects of some classes in the order of a score.

    Args:
        given, looks: the class that the label names and the one that the sample looks like; None: any.
        before: sample ids that were decided when this queue was asked for: what is decided since stays where it is, so
            that one can go back to it.
    """
    rows = suspects.order(score)
    if given is not None:
        rows = rows[suspects.given[rows] == given]
    if looks is not None:
        rows = rows[suspects.suggested[rows] == looks]
    listed: list[int] = []
    if which != "all":
        listed = [one for one in before if one in decided or which == "decided"]
        mask = np.zeros(len(samples), bool)
        mask[samples.known(listed)[0]] = True
        rows = rows[mask[rows] == (which == "decided")]
    return Queue(fingerprint([suspects.key, score, given, looks, which, listed]), score, rows, which, decided)


def place(ids: np.ndarray, sample_id: int | None) -> int:
    """Return where among sample ids one is; the first place, 0, where it is not among them."""
    found = np.flatnonzero(ids == (-1 if sample_id is None else sample_id))
    return int(found[0]) if len(found) else 0


@dataclass(frozen=True)
class Progress:
    """How far a review is.

    decided, relabeled, dropped: samples; judged: of the last decisions, at most ``LAST``, the least suspicious of those
    decided one by one; wrong: how many of these labels were wrong.
    """

    decided: int
    relabeled: int
    dropped: int
    judged: int
    wrong: int


def progress(suspects: Suspects, samples: Samples, queue: Queue, *, bulk: Collection[int] = ()) -> Progress:
    """Return how far a review is. Args: bulk: sample ids that were relabeled unseen; they say nothing of the rest."""
    rows, here = samples.known(list(queue.decided))
    outcomes = [what for what, known in zip(queue.decided.values(), here, strict=True) if known]
    seen = ~np.isin(samples.sample_ids[rows], list(bulk))
    places = suspects.places(queue.score)[rows[seen]]
    wrong = np.array([what != "confirmed" for what in outcomes], bool)[seen]
    last = np.argsort(places)[-LAST:]
    relabeled = sum(isinstance(what, int) for what in outcomes)
    return Progress(len(rows), relabeled, outcomes.count("dropped"), len(last), int(wrong[last].sum()))


def truly_wrong(suspects: Suspects, samples: Samples, score: str) -> tuple[int, int, int] | None:
    """Return where noise was injected: of how many first suspects by a score, how many are wrong; of all labels too.

    None: no noise was injected.
    """
    truth = samples.truly_wrong
    if truth is None:
        return None
    first = suspects.order(score)[:FIRST]
    return len(first), int(truth[first].sum()), int(truth.sum())


@dataclass(frozen=True)
class Bulk:
    """What relabeling many at once would do.

    rows: int64, of the samples that would be relabeled; asked: suspects that were asked for; surest: highest confidence
    of those that are open and look like another class, in [0, 1], None: there are none; right: how many would get
    their true label, None: it is not known.
    """

    rows: np.ndarray
    asked: int
    surest: float | None
    right: int | None


def bulk(suspects: Suspects, samples: Samples, queue: Queue, *, first: int, confidence: float) -> Bulk:
    """Return which of the first suspects of a queue would get the label of the class that they look like.

    Those are without a decision, look like another class than the given one, and are at least that sure.
    """
    rows = queue.rows[:first]
    is_open = np.array([int(one) not in queue.decided for one in samples.sample_ids[rows]], bool)
    other = rows[is_open & (suspects.suggested[rows] != suspects.given[rows])]
    would = other[suspects.confidence[other] >= confidence]
    right = None
    if samples.truly_wrong is not None:
        right = int((samples.table["true_label"].to_numpy()[would] == suspects.suggested[would]).sum())
    return Bulk(would, len(rows), float(suspects.confidence[other].max()) if len(other) else None, right)
