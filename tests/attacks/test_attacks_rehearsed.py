"""Every attack on an accelerator, rehearsed without one: on the device throughout, and what it asks it for."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest
import torch

from curation.attacks import ATTACKS
from curation.models.architectures import build
from tests.rehearsal import DEVICE, assert_asked_only, assert_on_device, rehearsal

_LEAVES = "samples that are done leave: a pass over fewer images is worth the question"
ALLOWED = {
    "base.py:_check": "once a call: images and labels out of range are refused before the search",
    "classify.py:Classify.check": "after the first pass and the last: a model that gives NaN is told of",
    "search.py:Search._leave": f"only with stop_early, once a step; {_LEAVES}",
    "search.py:left": f"only with stop_early, once a step; {_LEAVES}",
    "apgd.py:_Path.see": f"only with stop_early, once a step; {_LEAVES}",
    "randomness.py:SampleRandom.rows": f"only with stop_early, once a step; {_LEAVES}",
    "minimal.py:MinimalAttack.settle": f"once a length tried; {_LEAVES}",
    "deepfool.py:DeepFool.perturb": f"once a step; {_LEAVES}",
    "carlini_wagner.py:CarliniWagner.perturb": f"once a step, whether a round has ended; {_LEAVES}",
    "carlini_wagner.py:CarliniWagner._shortened": f"once a halving; {_LEAVES}",
    "carlini_wagner.py:_Round.next_round": f"where a round has ended; {_LEAVES}",
    "transfer.py:Transfer._logits": "once a step: which images are resized decides how many each pass takes",
    "style_transfer.py:StyleTransfer._lent": "once a batch: every image needs one of another class",
}
"""Functions that ask an accelerator for a value, and why they may."""


@cache
def asked(name: str) -> Counter[str]:
    """Rehearse an attack in L∞ to the end and in L2 stopping early, and return who asked for values."""
    choices = [{"norm": "linf", "stop_early": False}, {"norm": "l2", "stop_early": True}]
    few = {"steps": 2, "targets": 2, "candidates": 3}
    with rehearsal() as rehearsed:
        model = build("tiny_convnet", classes=5, shape=(16, 16, 3)).to(DEVICE)
        images, labels = torch.rand(8, 3, 16, 16, device=DEVICE), torch.zeros(8, dtype=torch.int64, device=DEVICE)
        for choice in choices:
            chosen = {field: value for field, value in (few | choice).items() if field in ATTACKS[name].model_fields}
            attack = ATTACKS.build(name, chosen).with_donors(images, labels)
            found = attack(model, images, labels, seeds=torch.arange(8))
            assert_on_device(found)
            assert found.shape == images.shape
    return rehearsed.fetches


@pytest.mark.parametrize("name", ATTACKS.names)
def test_an_attack_stays_on_its_device(name: str) -> None:
    assert_asked_only(asked(name), ALLOWED)


def test_all_that_is_allowed_happens() -> None:
    assert set(ALLOWED) == {function for name in ATTACKS.names for function in asked(name)}


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("name", ["mim", "pgd", "apgd", "square"])
def test_a_search_to_the_end_asks_nothing_in_its_loop(name: str, norm: str) -> None:
    """Questions about the images and the model's answers, and copies: as many for one step as for three."""
    counts = []
    for steps in (1, 3):
        with rehearsal() as rehearsed:
            model = build("tiny_convnet", classes=5, shape=(16, 16, 3)).to(DEVICE)
            images, labels = torch.rand(8, 3, 16, 16, device=DEVICE), torch.zeros(8, dtype=torch.int64, device=DEVICE)
            attack = ATTACKS.build(name, {"norm": norm, "steps": steps, "stop_early": False})
            attack(model, images, labels, seeds=torch.arange(8))
        counts.append(rehearsed.fetches + rehearsed.waits)
    assert counts[0] == counts[1]
    assert set(rehearsed.fetches) == {"base.py:_check", "classify.py:Classify.check"}
