"""A training computes with its own number of threads: the same weights, whatever the environment says."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

from curation.models.architectures import build
from curation.plugin import fingerprint
from curation.threads import torch_threads
from curation.training.settings import Training
from curation.training.trainer import train

random = np.random.default_rng(0)
IMAGES = random.integers(0, 256, (48, 16, 16, 1), dtype=np.uint8)
LABELS = random.integers(0, 4, 48)


def trained(how: dict[str, Any]) -> str:
    """Train a small network and return a hash of its weights."""
    model = build("tiny_resnet", classes=4, shape=IMAGES.shape[1:], seed=0)
    for _ in train(model, IMAGES, LABELS, settings=Training(epochs=1, batch_size=24, **how), seed=1):
        pass
    return fingerprint([value.double().sum().item() for value in model.state_dict().values()])


@pytest.mark.parametrize("method", ["plain", "adversarial"])
def test_the_same_weights_whatever_number_torch_was_set_to(method: str) -> None:
    found = set()
    for count in (1, 2, 3):
        with torch_threads(count):
            found.add(trained({"method": method, "threads": 2}))
            assert torch.get_num_threads() == count
    assert len(found) == 1


def test_the_same_weights_whatever_the_environment_says() -> None:
    """Here OMP_NUM_THREADS is what tests/conftest.py sets."""
    code = "from tests.training.test_training_threads import trained; print(trained({'threads': 2}))"
    other = str(int(os.environ["OMP_NUM_THREADS"]) + 2)
    environment = {**os.environ, "OMP_NUM_THREADS": other, "MKL_NUM_THREADS": other}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == trained({"threads": 2}) + "\n"


def test_the_number_is_in_force_while_a_batch_is_learned_and_given_back_between_epochs() -> None:
    before, inside = torch.get_num_threads(), []
    model = build("tiny_convnet", classes=4, shape=IMAGES.shape[1:], seed=0)
    settings = Training(epochs=2, batch_size=24, threads=before + 1)
    for _ in train(
        model, IMAGES, LABELS, settings=settings, seed=0, on_step=lambda *_: inside.append(torch.get_num_threads())
    ):
        assert torch.get_num_threads() == before
    assert set(inside) == {before + 1}


def test_a_stopped_training_gives_the_number_back() -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    before = torch.get_num_threads()
    model = build("tiny_convnet", classes=4, shape=IMAGES.shape[1:], seed=0)
    with pytest.raises(KeyboardInterrupt):
        list(train(model, IMAGES, LABELS, settings=Training(threads=before + 1), seed=0, on_step=stop))
    assert torch.get_num_threads() == before


def test_the_precision_is_float32_unless_asked_and_auto_says_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Training().precision == "float32"
    for answer, expected in ((True, "bfloat16"), (False, "float32")):
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
            monkeypatch.setattr(torch.cpu, name, lambda answer=answer: answer)
        assert Training(precision="auto").resolved("cpu").precision == expected
    assert Training(precision="bfloat16").resolved("cpu").precision == "bfloat16"
