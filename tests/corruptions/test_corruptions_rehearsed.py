"""Every corruption on an accelerator, rehearsed without one: on the device throughout, and what it asks it for."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest
import torch

from curation.corruptions import CORRUPTIONS
from tests.rehearsal import DEVICE, assert_asked_only, assert_on_device, rehearsal

ALLOWED = {
    "base.py:Corruption.__call__": "once a call: pixels out of range are refused before anything is made of them",
    "settling.py:settled": "once in 32 steps: how far an edge goes on is not known before",
    "quantization.py:_without_empty": "once a batch: 23 rounds for clusters that are not there would cost more",
}
"""Functions that ask an accelerator for a value, and why they may."""


@cache
def asked(name: str) -> Counter[str]:
    """Rehearse a kind with all its constants and return who asked for values."""
    kind = CORRUPTIONS[name]
    with rehearsal() as rehearsed:
        images, seeds = torch.rand(4, 3, 20, 16, device=DEVICE), torch.arange(4)
        pixels = torch.zeros(4, 20, 16, 3, dtype=torch.uint8, device=DEVICE)
        for constants in (name for name, rows in kind.table._asdict().items() if rows is not None):
            severity = 2 if constants == "cifar" else 5  # of spatter one is water, the other mud
            corruption = kind(severity=severity, constants=constants)
            for given, corrupted in (
                (images, corruption(images, seeds=seeds)),
                (pixels, corruption.levels(pixels, seeds=seeds)),
            ):
                assert_on_device(corrupted)
                assert (corrupted.shape, corrupted.dtype) == (given.shape, given.dtype)
    return rehearsed.fetches


@pytest.mark.parametrize("name", CORRUPTIONS.names)
def test_a_corruption_stays_on_its_device(name: str) -> None:
    assert_asked_only(asked(name), ALLOWED)
    assert asked(name)["base.py:Corruption.__call__"] <= len(CORRUPTIONS[name].table)


def test_all_that_is_allowed_happens() -> None:
    assert set(ALLOWED) == {function for name in CORRUPTIONS.names for function in asked(name)}
