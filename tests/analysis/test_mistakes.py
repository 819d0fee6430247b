"""Misclassified images of P: filters, which trainings, and tables of accuracies, gains and confusions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curation.analysis.mistakes import (
    confusion_matrix,
    error_tables,
    in_table,
    misclassified,
    of_training,
    offered,
    trainings,
    verdicts,
)


def predicted(*predictions: int) -> pd.DataFrame:
    """What one training predicts for two clean and three corrupted images of three classes."""
    return pd.DataFrame(
        {
            "part": ["clean", "clean", "corruption", "corruption", "corruption"],
            "kind": ["clean", "clean", "fog", "fog", "snow"],
            "severity": [0, 0, 1, 3, 3],
            "sample_id": [0, 1, 0, 1, 1],
            "label": [0, 1, 0, 1, 1],
            "prediction": list(predictions),
            "true_probability": [0.9, 0.8, 0.2, 0.1, 0.3],
        }
    )


def test_filters_leave_what_passes_the_worst_first() -> None:
    table = verdicts([predicted(0, 1, 1, 2, 0)])
    rows, of = misclassified(table, {})
    assert (rows.tolist(), of) == ([3, 2, 4], 5)
    rows, of = misclassified(table, {"part": "corruption", "severity": 3, "label": None})
    assert (rows.tolist(), of) == ([3, 4], 2)
    rows, of = misclassified(table, {"prediction": 0})
    assert (rows.tolist(), of) == ([4], 5), "how many there are does not depend on predictions"
    rows, _ = misclassified(table, {}, others=verdicts([predicted(0, 1, 0, 2, 2)]))
    assert rows.tolist() == [2], "only what the other gets right"


def test_offered_are_kinds_and_severities_of_misclassified_images() -> None:
    table = verdicts([predicted(0, 1, 0, 2, 0)])
    assert offered(table, None, None) == {"part": ["clean", "corruption"], "kind": ["fog", "snow"], "severity": [3]}
    assert offered(table, "clean", None)["kind"] == []
    assert offered(table, "corruption", "snow")["severity"] == [3]


def test_a_kind_that_the_part_does_not_have_is_left_out() -> None:
    table = predicted(0, 1, 1, 2, 0)
    assert in_table(table, "corruption", "fog", 3) == ("corruption", "fog", 3)
    assert in_table(table, "clean", "fog", 3) == ("clean", None, None)
    assert in_table(table, None, None, None) == (None, None, None)


def test_tables_hold_accuracies_counts_and_gains() -> None:
    mine, other = predicted(0, 1, 1, 1, 0), predicted(0, 0, 1, 1, 1)
    alone = error_tables([mine], ["a", "b", "c"])
    assert alone.kind_gains is None
    assert alone.kinds.loc[("corruption", "fog"), 1] == 0
    assert alone.kind_images.loc[("clean", "clean"), 0] == 2
    both = error_tables([mine], ["a", "b", "c"], [other])
    assert both.kind_gains is not None
    assert both.class_gains is not None
    assert both.kind_gains.loc[("clean", "clean"), 0] == pytest.approx(0.5)
    assert both.class_gains.loc["b", "clean"] == pytest.approx(1.0)


def test_confusions_are_counted_over_trainings_and_by_severity() -> None:
    tables = [predicted(0, 1, 1, 2, 0), predicted(0, 1, 1, 2, 2)]
    assert confusion_matrix(tables, 3, None, None, 3).tolist() == [[0, 0, 0], [1, 0, 3], [0, 0, 0]]
    assert confusion_matrix(tables, 3, "clean", None, None).tolist() == [[2, 0, 0], [0, 2, 0], [0, 0, 0]]
    assert np.trace(confusion_matrix(tables, 3, "corruption", "fog", None)) == 0


def test_trainings_are_chosen_all_by_target_or_single() -> None:
    trials = pd.DataFrame({"target": ["a", "a", "b"], "number": [0, 1, 0]})
    choices = trainings(trials)
    assert list(choices) == ["all", "a", "b", "a.0", "a.1", "b.0"]
    assert choices["a.1"] == "a, training 2"
    assert [len(of_training(trials, choice)) for choice in choices] == [3, 2, 1, 1, 1, 1]
    assert list(trainings(trials[2:])) == ["all"]
