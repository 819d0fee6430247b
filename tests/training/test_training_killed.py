"""A training that was stopped in the middle of an epoch goes on to the same weights, to the bit."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from curation.models.architectures import build
from curation.training.samplers import About, Showing
from curation.training.settings import Training
from curation.training.trainer import train
from tests.patience import PATIENCE_S

VARIETIES: dict[str, dict[str, Any]] = {
    "plain": {"flip": True, "dropout": 0.2},
    "averaged": {"average": 0.9, "decay_norms": False},
    "free": {"method": "free", "steps": 2},
    "mixup": {"mixup": 0.4, "noise": 0.05},
    "noise layers, color": {
        "layer_noise": 0.2,
        "color": 0.4,
        "loss": "huber",
        "entropy_weight": 0.1,
        "entropy_order": 2,
    },
    "adversarial": {"method": "adversarial", "steps": 2},
    "trades": {"method": "trades", "steps": 2, "cutmix": 1.0},
    "cooperative": {"method": "cooperative", "steps": 1, "average": 0.9},
    "cooperative, sampled": {"method": "cooperative", "sampling": {"ratio": (0.2, 0.8)}, "detector_input": "full"},
    "sampled": {"sampling": {"ratio": (0.2, 0.8)}, "flip": True},
    "facilities": {"sampling": {"method": "facility_location", "warm_up": 0, "space": "features"}, "average": 0.9},
    "facilities kept": {
        "sampling": {"method": "facility_location", "warm_up": 0, "every": 2, "weigh": "label_agreement", "ratio": 0.7},
        "method": "free",
        "steps": 2,
    },
    "clusters": {"sampling": {"method": "clusters", "warm_up": 0, "weigh": "label_agreement"}, "dropout": 0.2},
    "curriculum": {"sampling": {"method": "curriculum", "warm_up": 0, "every": 2}, "decay": {"at": [1], "factor": 0.3}},
}
COMMON = {"epochs": 2, "batch_size": 16, "threads": 1}
SAMPLES = 41

SCRIPT = """
import os, signal, sys
import torch
from tests.training.test_training_killed import data, network, settings
from curation.training.trainer import train

path, name = sys.argv[1:]

def on_step(done, total):
    if os.path.exists(path):  # a step into the second epoch
        os.kill(os.getpid(), signal.SIGKILL)

for epoch in train(network(), *data(), settings=settings(name), seed=3, on_step=on_step):
    torch.save(epoch.state, path)
"""


def settings(name: str) -> Training:
    return Training(**COMMON, **VARIETIES[name])


def data() -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(0)
    return draws.integers(0, 256, (SAMPLES, 16, 16, 1), dtype=np.uint8), draws.integers(0, 3, SAMPLES)


def showing(name: str) -> Showing | None:
    """Of 20 samples with a clean image and a variant each, and of one with a clean image alone."""
    sampling = settings(name).sampling
    kinds = np.array(["clean", "fog"])[np.arange(SAMPLES) % 2]
    return sampling and sampling.of(About(data()[1], np.arange(SAMPLES) // 2, kinds))


def network() -> torch.nn.Module:
    return build("tiny_resnet", classes=3, shape=(16, 16, 1))


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(value, expected) for value, expected in pairs)


@pytest.mark.parametrize("name", VARIETIES)
def test_from_a_kept_epoch_it_goes_on_to_the_same_bits(name: str, tmp_path: Path) -> None:
    """A network that never saw the first epoch, from what is on disk of it."""
    whole, resumed = network(), network()
    for expected in train(whole, *data(), settings=settings(name), showing=showing(name), seed=3):
        if expected.epoch == 1:
            torch.save(expected.state, tmp_path / "kept")
    kept = torch.load(tmp_path / "kept", weights_only=True)
    (found,) = train(resumed, *data(), settings=settings(name), showing=showing(name), seed=3, resume=kept)
    assert (found.loss, found.accuracy) == (expected.loss, expected.accuracy)
    assert same(resumed, whole)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize("name", ["free", "cooperative", "facilities kept", "noise layers, color"])
def test_a_killed_training_goes_on_to_the_same_bits(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "kept"), name]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    whole, resumed = network(), network()
    list(train(whole, *data(), settings=settings(name), seed=3))
    kept = torch.load(tmp_path / "kept", weights_only=True)
    assert len(list(train(resumed, *data(), settings=settings(name), seed=3, resume=kept))) == 1
    assert same(resumed, whole)
