"""How threads wait, set before torch is loaded by whatever starts; and a number of threads that is given back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from curation.threads import torch_threads

ROOT = Path(__file__).resolve().parents[1]
AT_TORCH = """
import json, os, sys
import pandas, pydantic, streamlit  # what takes long and is no torch
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            tell(os.environ.get("OMP_WAIT_POLICY"))
def tell(policy, loads="torch"):
    print(json.dumps([entry, own, policy, loads]), flush=True)
    os._exit(0)
assert "torch" not in sys.modules
os.environ.pop("OMP_WAIT_POLICY", None)
for entry, own in json.loads(sys.argv[1]):
    if not os.fork():
        try:
            os.environ.update({"OMP_WAIT_POLICY": own} if own else {})
            sys.meta_path.insert(0, Watch())
            __import__(entry)
            tell(os.environ.get("OMP_WAIT_POLICY"), loads=None)
        finally:
            os._exit(1)
    os.wait()
"""
"""Imports each entry in a process of its own, until it asks for torch, and prints what the policy is then."""

LIGHT = ("curation", "curation.cli.main")
ENTRIES = (
    *("curation.pipeline", "curation.jobs", "curation.training.trainer", "app", "tests.conftest"),
    *("benchmarks.training", "benchmarks.threads", *LIGHT),
)


@pytest.mark.slow
def test_threads_sleep_while_they_wait_before_torch_is_loaded_and_ones_own_policy_wins() -> None:
    """The package and the command line load no torch."""
    expected = {(entry, None): "passive" for entry in ENTRIES} | {("curation.pipeline", "active"): "active"}
    command = [sys.executable, "-c", AT_TORCH, json.dumps(list(expected))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert {(entry, own): policy for entry, own, policy, _ in told} == expected, done.stderr
    assert not any(loads for entry, _, _, loads in told if entry in LIGHT)


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
