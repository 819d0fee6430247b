"""Self-correction: quotas, held-out samples, the nearest of known features, resuming, and the selector that follows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from curation.errors import CurationError
from curation.progress import Cancelled, Progress
from curation.readers.digits import Digits
from curation.selection.family import NEVER
from curation.selection.pool import FAMILIES, Part, build_pool
from curation.selection.rounds import Corrected, correct
from curation.selection.same_class import nearest_of_same_class
from curation.selection.select import select
from curation.selection.self_correction import SelfCorrection
from curation.selection.settings import Selection

QUOTAS = {"clean": 60, "corruption": 41, "adversarial": 67}
TINY = SelfCorrection.model_validate({"rounds": 2, "train": {"epochs": 1, "batch_size": 32}})


class Digits300:
    """300 digits, each clean, darkened and inverted; candidates in a shuffled order."""

    def __init__(self, shuffle: int = 0) -> None:
        chunk = Digits().open().read(0, 300)
        views = [chunk.images, chunk.images // 2, 255 - chunk.images]
        scores = pd.DataFrame({"prediction": np.zeros(300, np.int32), "entropy": np.linspace(0, 1, 300)})
        parts = [
            Part(family, kind, severity, scores)
            for family, kind, severity in zip(FAMILIES, ("clean", "fog", "pgd"), (0, 1, 0), strict=True)
        ]
        pool = build_pool(np.arange(300) * 3, chunk.labels, parts)
        self.pool = pool.sample(frac=1, random_state=shuffle, ignore_index=True)
        which = self.pool["family"].cat.codes.to_numpy()
        self.pixels = np.stack(views)[which, self.pool["sample_id"].to_numpy() // 3]

    def images(self, rows: np.ndarray) -> np.ndarray:
        return self.pixels[rows]

    def features(self, rows: np.ndarray) -> np.ndarray:
        return self.pixels[rows].reshape(len(rows), -1).astype(np.float32)

    def correct(self, **changes: Any) -> Corrected:
        fixed = {"quotas": QUOTAS, "settings": TINY, "classes": 10, "shape": (28, 28, 1), "seed": 5}
        return correct(self.pool, features=self.features, images=self.images, **{**fixed, **changes})


@pytest.fixture(scope="module")
def digits() -> Digits300:
    return Digits300()


@pytest.fixture(scope="module")
def corrected(digits: Digits300) -> tuple[Corrected, list[str], list[Progress]]:
    """A whole correction, every state it kept, as JSON, and what it reported."""
    kept: list[str] = []
    seen: list[Progress] = []
    return digits.correct(keep=lambda state: kept.append(json.dumps(state)), report=seen.append), kept, seen


def test_quotas_are_exact_and_nothing_is_chosen_twice(digits: Digits300, corrected: Any) -> None:
    found, _, _ = corrected
    chosen = digits.pool.set_index("candidate_id").loc[found.chosen["candidate_id"]]
    assert chosen["family"].value_counts().to_dict() == QUOTAS
    assert not found.chosen["candidate_id"].duplicated().any()
    assert found.chosen["order"].tolist() == list(range(sum(QUOTAS.values())))
    assert found.chosen["round"].value_counts().sort_index().tolist() == [12 + 9 + 14, 24 + 16 + 26, 24 + 16 + 27]
    assert found.trainings == 2
    assert found.seconds > 0


def test_validation_samples_are_of_every_class_and_never_chosen(digits: Digits300, corrected: Any) -> None:
    found, _, _ = corrected
    # With quotas of all that may be chosen, what is left are the validation samples.
    everything = digits.correct(quotas={"clean": 267}, settings=TINY.model_copy(update={"rounds": 1}))
    may_be = set((everything.chosen["candidate_id"] // 2**20).tolist())
    assert len(may_be) == 267
    held_out = digits.pool[~digits.pool["sample_id"].isin(may_be)].drop_duplicates("sample_id")
    assert held_out["label"].value_counts().between(2, 4).all()
    assert held_out["label"].nunique() == 10
    assert set((found.chosen["candidate_id"] // 2**20).tolist()) <= may_be
    assert found.history["validation"].unique().tolist() == [30 + 20 + 33]  # as 60 : 41 : 67


def test_the_order_of_rows_and_earlier_runs_change_nothing(corrected: Any) -> None:
    found, _, _ = corrected
    again = Digits300(shuffle=1).correct()
    pd.testing.assert_frame_equal(again.chosen, found.chosen)
    pd.testing.assert_frame_equal(again.history, found.history)


@pytest.mark.parametrize("after", [0, 1, 2])
def test_going_on_gives_the_same(digits: Digits300, corrected: Any, after: int) -> None:
    found, kept, _ = corrected
    again = digits.correct(resume=json.loads(kept[after]))
    pd.testing.assert_frame_equal(again.chosen, found.chosen)
    pd.testing.assert_frame_equal(again.history, found.history)
    assert again.seconds >= json.loads(kept[after])["seconds"]


def test_progress_rises_to_the_total_and_may_stop_the_work(digits: Digits300, corrected: Any) -> None:
    _, _, seen = corrected
    counts = [progress.done for progress in seen]
    assert counts == sorted(counts)
    assert {progress.total for progress in seen} == {counts[-1]} == {35 + 101}

    def stop(progress: Progress) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        digits.correct(report=stop)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"quotas": {"clean": 290}},
            "clean: 290 wanted, 267 available besides the validation samples; lower the budget",
        ),
        ({"quotas": {"clean": 0}}, "at least one family must be above 0"),
        ({"quotas": {"blurred": 3}}, "got 'blurred'"),
        ({"seed": 6}, "belong to other settings or candidates"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(digits: Digits300, corrected: Any, changes: Any, sentence: str) -> None:
    resume = json.loads(corrected[1][0]) if "seed" in changes else None
    with pytest.raises(CurationError, match=sentence):
        digits.correct(resume=resume, **changes)


def test_where_nothing_is_wrong_the_rest_is_random(digits: Digits300) -> None:
    """Labels that are all 0 are learned at once; a class of its own is needed for a second one."""
    easy = Digits300()
    easy.pool = easy.pool.assign(label=0)
    found = easy.correct(settings=SelfCorrection.model_validate({"rounds": 2, "train": {"epochs": 4}}))
    last = found.history.iloc[-1]
    assert last["misclassified"] == 0
    assert last["at_random"] == last["added"] > 0


# Neighbors


def test_the_nearest_of_known_features() -> None:
    """Two queries at 0° and 90°; candidates at known angles, one of another class in between."""
    degrees = np.radians([0, 90, 10, 20, 85, 60, 1, 44])
    table = np.stack([np.cos(degrees), np.sin(degrees)], 1) * np.arange(1, 9)[:, None]  # lengths do not count
    rows, labels = np.array([2, 3, 4, 5, 6, 7]), np.array([0, 0, 0, 0, 1, 0])

    def found(need: int) -> list[int]:
        at = nearest_of_same_class(
            rows,
            labels,
            query_rows=np.array([0, 1]),
            query_labels=np.array([0, 0]),
            need=need,
            features=lambda some: table[some],
            device=torch.device("cpu"),
        )
        return rows[at].tolist()

    assert found(2) == [4, 2]  # each query's first, the closer before
    assert found(3) == [4, 2, 3]  # 20° from the one is closer than 30° from the other
    assert found(4) == [4, 2, 3, 5]
    assert found(9) == [4, 2, 3, 5, 7]  # never the other class


@given(st.integers(0, 100), st.integers(1, 40), st.integers(1, 6), st.integers(1, 60))
@examples(deadline=None, max_examples=40)
def test_nearest_is_what_a_plain_loop_finds(seed: int, n: int, m: int, need: int) -> None:
    random = np.random.default_rng(seed)
    table = random.normal(size=(n + m, 5)).astype(np.float32)
    labels = random.integers(0, 2, n + m)
    rows, queries = np.arange(n), np.arange(n, n + m)
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)

    def ranked() -> Iterator[tuple[int, float, int]]:
        for query in queries:
            mine = sorted((-float(unit[query] @ unit[row]), row) for row in range(n) if labels[row] == labels[query])
            yield from ((rank, value, row) for rank, (value, row) in enumerate(mine))

    wanted = list(dict.fromkeys(row for _, _, row in sorted(ranked())))[:need]
    found = nearest_of_same_class(
        rows,
        labels[:n],
        query_rows=queries,
        query_labels=labels[n:],
        need=need,
        features=lambda some: table[some],
        device=torch.device("cpu"),
    )
    assert found.tolist() == wanted


# The selector


def test_the_selector_takes_what_was_chosen_first(digits: Digits300, corrected: Any) -> None:
    found, _, _ = corrected
    order = found.chosen.set_index("candidate_id")["order"]
    pool = digits.pool.assign(self_correction=digits.pool["candidate_id"].map(order).fillna(NEVER).astype(np.uint32))
    mix = list(QUOTAS.values())
    settings = Selection.model_validate({"budget": sum(mix), "mix": mix, "strategy": "self_correction"})
    whole = select(pool, settings, seed=0, classes=10)
    assert set(whole.candidate_ids.tolist()) == set(order.index)
    assert not whole.shortages

    half = select(pool, settings.model_copy(update={"budget": sum(mix) // 2}), seed=0, classes=10)
    families = pool.set_index("candidate_id")["family"]
    for family, quota in half.quotas.items():
        first = [name for name in order.index if families[name] == family][:quota]
        assert set(first) == {name for name in half.candidate_ids.tolist() if families[name] == family}

    more = select(pool, settings.model_copy(update={"budget": 2 * sum(mix)}), seed=0, classes=10)
    assert set(more.candidate_ids.tolist()) == set(order.index)  # what was left out is not taken
    assert [(short.family, short.available) for short in more.shortages] == list(QUOTAS.items())
    assert more.shortages[0].fits_budget == sum(mix)


def test_without_the_order_the_selector_says_what_to_run(digits: Digits300) -> None:
    with pytest.raises(CurationError, match="run the stage self_correction first"):
        select(digits.pool, Selection(budget=10, strategy="self_correction"), seed=0, classes=10)
