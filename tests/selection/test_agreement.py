"""How much selections agree that differ in the training of their goal model."""

from __future__ import annotations

import numpy as np
import pytest

from curation.selection.agreement import Agreement, Stability, agreement
from curation.selection.selected import FamilySummary, Selected


def chosen(**ids: list[int]) -> Selected:
    families = {name: FamilySummary(len(of), len(of), 10, 0, 10, None, None, []) for name, of in ids.items()}
    every = np.concatenate([np.array(of, dtype=np.int64) for of in ids.values()])
    return Selected(np.arange(len(every)), every, np.zeros(len(every), np.int64), families, [])


def test_every_two_trainings_are_compared_family_by_family() -> None:
    found = agreement(
        [
            chosen(clean=[1, 2, 3, 4], corruption=[7], adversarial=[]),
            chosen(clean=[3, 4, 5, 6], corruption=[7], adversarial=[]),
            chosen(clean=[4, 5, 6, 7], corruption=[8], adversarial=[]),
        ]
    )
    assert found == {"clean": Agreement(4, 2.0, 1.6), "corruption": Agreement(1, pytest.approx(1 / 3), 0.1)}
    whole = Stability(3, found).whole
    assert (whole.chosen, whole.again) == (5, pytest.approx(2 + 1 / 3))
    assert "Of the 5 chosen images, about 2 (47%) would be chosen again" in Stability(3, found).sentence
    assert Stability.from_dict(Stability(3, found).to_dict()) == Stability(3, found)
