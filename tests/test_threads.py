"""How threads wait, set before torch is loaded by whatever starts; and a number of threads that is given back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from curation.threads import torch_threads

ROOT = Path(__file__).resolve().parents[1]
AT_TORCH = """
import os, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            print(os.environ.get("OMP_WAIT_POLICY"), flush=True)
            os._exit(0)
sys.meta_path.insert(0, Watch())
import {entry}
print("torch was not loaded;", os.environ.get("OMP_WAIT_POLICY"))
"""


def policy(entry: str, **environment: str) -> str:
    """What a process says of the policy when an entry's import first asks for torch."""
    usual = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    result = subprocess.run(
        [sys.executable, "-c", AT_TORCH.format(entry=entry)],
        cwd=ROOT,
        env={**usual, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.strip()


ENTRIES = ("curation.pipeline", "curation.jobs", "curation.training.trainer", "app", "tests.conftest")


@pytest.mark.parametrize("entry", [*ENTRIES, "benchmarks.training", "benchmarks.threads"])
def test_threads_sleep_while_they_wait_before_torch_is_loaded(entry: str) -> None:
    assert policy(entry).split()[-1] == "passive"


def test_ones_own_policy_wins() -> None:
    assert policy("curation.pipeline", OMP_WAIT_POLICY="active") == "active"


def test_the_package_and_the_command_line_load_no_torch() -> None:
    assert policy("curation") == policy("curation.cli.main") == "torch was not loaded; passive"


def test_the_number_of_threads_is_given_back() -> None:
    before = torch.get_num_threads()
    with torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
        with pytest.raises(ZeroDivisionError), torch_threads(3):
            raise ZeroDivisionError
        assert torch.get_num_threads() == before + 1
        with torch_threads():
            torch.set_num_threads(5)
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
