"""Every score on an accelerator, rehearsed without one."""

from __future__ import annotations

import pytest
import torch

from curation.scores import SCORES
from tests.rehearsal import DEVICE, assert_asked_only, assert_on_device, rehearsal

ALLOWED = {
    "base.py:Score.__call__": "once a call, all logits: in float64 on the CPU they have the same bits everywhere"
}
"""Functions that ask an accelerator for a value, and why they may."""


@pytest.mark.parametrize("name", SCORES.names)
def test_a_score_comes_back_to_its_device(name: str) -> None:
    score = SCORES.build(name)
    with rehearsal() as rehearsed:
        logits = torch.rand(*((3, 6, 10) if score.uses in ("passes", "errors") else (6, 10)), device=DEVICE)
        assert_on_device(score(logits, torch.arange(6)))
    assert_asked_only(rehearsed.fetches, ALLOWED)
    assert rehearsed.fetches["base.py:Score.__call__"] == 1
