"""The review of suspicious labels: order, queue, progress, relabeling of many, and what the search for them takes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from curation.analysis.label_review import LAST, Decided, bulk, place, progress, queue, truly_wrong
from curation.analysis.label_search import label_search
from curation.analysis.suspects import NEAREST, Suspects
from curation.pipeline import Pipeline
from curation.recipe import LabelErrors
from curation.storage.samples import Samples

COUNT = 40


def samples_of(*, noise: bool = True) -> Samples:
    """40 samples with the ids 100, 102, …; every third one of the first 30 is truly of class 1."""
    found = object.__new__(Samples)
    label = np.zeros(COUNT, np.int64)
    table = pd.DataFrame({"sample_id": 100 + 2 * np.arange(COUNT), "label": label})
    if noise:
        table["true_label"] = np.where((np.arange(COUNT) % 3 == 0) & (np.arange(COUNT) < 30), 1, 0)
    header = SimpleNamespace(classes=["cat", "dog", "owl"])
    found.__dict__.update(table=table, starts=np.array([0, COUNT]), header=header)
    return found


def suspects_of(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> Suspects:
    """Row 0 is the most suspicious by ``combined``, the last row by ``forgetting``; even rows look like a dog."""
    rows = np.arange(COUNT)
    table = pd.DataFrame(
        {
            "row": rows,
            "given": samples.labels,
            "suggested": np.where(rows % 2 == 0, 1, 0),
            "confidence": 1 - rows / COUNT,
            "rank": rows,
            "combined": 1 - rows / COUNT,
            "forgetting": np.minimum(rows, COUNT - 2),
            "checked": True,
        }
    ).iloc[::-1]
    shards = SimpleNamespace(folder=SimpleNamespace(name="key"), table=lambda _: table)
    monkeypatch.setattr("curation.analysis.suspects.suspects_table", lambda *_: shards)
    pipeline = SimpleNamespace(plan=None, samples=samples, device="cpu")
    return Suspects(cast(Pipeline, pipeline), LabelErrors(), features=lambda: np.eye(COUNT, dtype=np.float32))


def test_suspects_are_ordered_by_each_score_ties_by_the_combined_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    found = suspects_of(samples_of(), monkeypatch)
    assert list(found.scores) == ["combined", "forgetting"]
    assert found.order("combined").tolist() == list(range(COUNT))
    assert found.order("forgetting")[:3].tolist() == [COUNT - 2, COUNT - 1, COUNT - 3]
    assert found.places("forgetting")[COUNT - 2] == 1
    assert found.share("combined", 0) == 1
    assert found.share("combined", COUNT - 1) == 0


def test_pairs_count_what_looks_like_another_class_and_typical_samples_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    found = suspects_of(samples_of(), monkeypatch)
    assert found.pairs.tolist() == [[0, 20, 0], [0, 0, 0], [0, 0, 0]]
    assert found.typical == [[1, 3, 5, 7, 9], [], []], "the surest of those that agree"


def test_an_opinion_is_the_likeliest_classes_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    found = suspects_of(samples_of(), monkeypatch)
    found.__dict__["probabilities"] = np.array([[0.2, 0.2, 0.6]], np.float32)
    assert found.opinion(0, count=2) == [(2, pytest.approx(0.6)), (0, pytest.approx(0.2))]


def test_the_nearest_leave_out_the_sample_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    found = suspects_of(samples_of(), monkeypatch)
    near = found.nearest(np.array([3, 4]), ahead=np.arange(10))
    assert near.shape == (2, NEAREST)
    assert 3 not in near[0]


def test_a_queue_is_filtered_and_keeps_what_is_decided_while_it_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = samples_of()
    found = suspects_of(samples, monkeypatch)
    decided: dict[int, Decided] = {100: "confirmed", 104: 1}
    both = queue(found, samples, decided, score="combined", given=0, looks=1, which="all")
    assert both.rows.tolist() == list(range(0, COUNT, 2))
    still_open = queue(found, samples, decided, score="combined", which="open", before=[100])
    assert still_open.rows[:3].tolist() == [1, 2, 3], "104 was decided since, and stays"
    again = queue(found, samples, {**decided, 108: "dropped"}, score="combined", which="open", before=[100])
    assert again.key == still_open.key
    done = queue(found, samples, decided, score="combined", which="decided", before=[100, 104])
    assert done.rows.tolist() == [0, 2]
    assert len({both.key, still_open.key, done.key}) == 3


def test_a_place_is_where_the_sample_is_or_the_first() -> None:
    ids = np.array([7, 3, 5])
    assert [place(ids, one) for one in (5, 7, 4, None)] == [2, 0, 0, 0]


def test_progress_judges_the_last_reviewed_and_not_what_was_relabeled_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = samples_of()
    found = suspects_of(samples, monkeypatch)
    decided: dict[int, Decided] = {100: 1, 102: "confirmed", 104: "dropped", 106: 2, 999: "confirmed"}
    at = progress(found, samples, queue(found, samples, decided, score="combined"), bulk=[106])
    assert (at.decided, at.relabeled, at.dropped) == (4, 2, 1), "of samples that are here"
    assert (at.judged, at.wrong) == (3, 2)
    many: dict[int, Decided] = {100 + 2 * row: "confirmed" if row >= 10 else "dropped" for row in range(30)}
    at = progress(found, samples, queue(found, samples, many, score="combined"))
    assert (at.judged, at.wrong) == (LAST, 0), "the least suspicious of those reviewed"


def test_injected_noise_is_counted_among_the_first_and_all(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = samples_of()
    assert truly_wrong(suspects_of(samples, monkeypatch), samples, "combined") == (COUNT, 10, 10)
    clean = samples_of(noise=False)
    assert truly_wrong(suspects_of(clean, monkeypatch), clean, "combined") is None


def test_many_are_relabeled_where_the_suggestion_is_sure_and_nothing_is_decided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    samples = samples_of()
    found = suspects_of(samples, monkeypatch)
    asked = queue(found, samples, {100: "confirmed"}, score="combined")
    would = bulk(found, samples, asked, first=10, confidence=0.85)
    assert would.rows.tolist() == [2, 4, 6]
    assert (would.asked, would.surest, would.right) == (10, pytest.approx(0.95), 1)
    none = bulk(found, samples, queue(found, samples, {}, score="combined", looks=0), first=10, confidence=0.0)
    assert len(none.rows) == 0
    assert none.surest is None


@pytest.mark.parametrize(("method", "timed"), [("plain", True), ("free", False)])
def test_a_search_takes_as_long_as_the_same_training_took(computed: Pipeline, method: str, timed: bool) -> None:
    """Another method takes several passes a step: what the goal model took says nothing of it."""
    goal = computed.recipe.goal_model
    check = LabelErrors.parse({"architecture": goal.architecture, "folds": 3, "train": {"epochs": 5, "method": method}})
    assert (label_search(computed, check).seconds is not None) == timed


def test_the_cost_of_a_search_and_a_class_too_small(computed: Pipeline) -> None:
    check = LabelErrors.parse({"folds": 3, "train": {"epochs": 5}}, where="label_errors")
    found = label_search(computed, check)
    assert (found.folds, found.images, found.done) == (3, len(computed.samples) * 10, 0)
    assert (found.alone, found.too_few) == ([], None)
    few: Any = SimpleNamespace(
        samples=samples_of(), recipe=computed.recipe, workspace=computed.workspace, plan=computed.plan
    )
    few.samples.__dict__["labels"] = np.array([0] * 39 + [2])
    assert label_search(few, check).alone == ["owl"]
    few.samples.__dict__["labels"] = np.array([0, 0, 1, 2])
    small = label_search(few, check)
    assert (small.alone, small.too_few, small.done) == (["dog", "owl"], 2, 0)
