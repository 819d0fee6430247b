"""A training that is killed in the middle of an epoch goes on to the same weights, to the bit."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from curation.models.architectures import build
from curation.training.settings import Training
from curation.training.trainer import train
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.xdist_group("training_killed")  # one worker kills the trainings for all

VARIETIES = {
    "plain": {"flip": True, "dropout": 0.2},
    "averaged": {"average": 0.9, "decay_norms": False},
    "free": {"method": "free", "steps": 2},
    "mixup": {"mixup": 0.4, "noise": 0.05},
    "adversarial": {"method": "adversarial", "steps": 2},
    "trades": {"method": "trades", "steps": 2, "cutmix": 1.0},
}
COMMON = {"epochs": 3, "batch_size": 16}

SCRIPT = """
import json, os, signal, sys
from pathlib import Path
import torch
from tests.training.test_training_killed import COMMON, VARIETIES, data, network
from curation.training.settings import Training
from curation.training.trainer import train

folder = Path(sys.argv[1])

def on_step(done, total):
    if done > 41 * 2 + 20:  # in the middle of the third epoch
        os.kill(os.getpid(), signal.SIGKILL)

for name, how in VARIETIES.items():
    child = os.fork()
    if not child:
        for epoch in train(network(), *data(), settings=Training(**COMMON, **how), seed=3, on_step=on_step):
            torch.save(epoch.state, folder / f"{name}.{epoch.epoch}")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(name, os.WTERMSIG(status), flush=True)
"""


def data() -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(0)
    return draws.integers(0, 256, (41, 16, 16, 1), dtype=np.uint8), draws.integers(0, 3, 41)


def network() -> torch.nn.Module:
    return build("tiny_resnet", classes=3, shape=(16, 16, 1))


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of states that killed trainings left behind."""
    if not hasattr(signal, "SIGKILL"):
        pytest.skip("this system has no SIGKILL")
    folder = tmp_path_factory.mktemp("killed")
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", SCRIPT, str(folder)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.stdout.split("\n")[:-1] == [f"{name} {int(signal.SIGKILL)}" for name in VARIETIES], done.stderr
    return folder


@pytest.mark.parametrize("name", VARIETIES)
def test_a_killed_training_goes_on_to_the_same_bits(name: str, killed: Path) -> None:
    assert sorted(path.name for path in killed.glob(f"{name}.*")) == [f"{name}.1", f"{name}.2"]
    state = torch.load(killed / f"{name}.2", weights_only=True)
    chosen = Training(**COMMON, **VARIETIES[name])
    whole, resumed = network(), network()
    expected = list(train(whole, *data(), settings=chosen, seed=3))[-1]
    (found,) = train(resumed, *data(), settings=chosen, seed=3, resume=state)
    assert (found.loss, found.accuracy) == (expected.loss, expected.accuracy)
    for one, other in zip(resumed.state_dict().values(), whole.state_dict().values(), strict=True):
        assert torch.equal(one, other)
