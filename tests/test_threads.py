"""How threads wait, set before torch is loaded by whatever starts; a number that is given back; what others do."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from curation.errors import CurationError
from curation.progress import Cancelled
from curation.threads import WAITING, aside, torch_threads
from tests.patience import wait_for

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


@pytest.mark.parametrize(("device", "here"), [("cpu", True), ("cuda", False)])
def test_what_is_done_aside_is_done_at_the_end_by_others(device: str, here: bool) -> None:
    done = list[tuple[int, bool]]()

    def write(number: int) -> None:
        done.append((number, threading.current_thread() is threading.main_thread()))

    with aside(device) as later:
        for number in range(50):
            later(write, number)
    assert sorted(done) == [(number, here) for number in range(50)]


def test_little_waits_where_writing_is_slow() -> None:
    """The call that is one too many returns only once an earlier one is done."""
    go, handed = threading.Event(), list[int]()

    def hand_over(later: Callable[..., None]) -> None:
        for number in range(WAITING + 1):
            later(go.wait)
            handed.append(number)

    with aside("cuda") as later:
        other = threading.Thread(target=hand_over, args=(later,))
        other.start()
        wait_for(lambda: len(handed) == WAITING)
        other.join(0.1)
        assert len(handed) == WAITING
        go.set()
        other.join()
    assert len(handed) == WAITING + 1


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_an_error_aside_is_the_sentence_that_it_was(device: str) -> None:
    done = []

    def write(number: int) -> None:
        if number == 3:
            raise CurationError("the disk is full")
        done.append(number)

    def hand_over() -> None:
        with aside(device) as later:
            for number in range(1000):
                later(write, number)

    with pytest.raises(CurationError, match=r"^the disk is full$"):
        hand_over()
    assert {0, 1, 2} <= set(done)
    assert len(done) < 100


def test_what_was_handed_over_is_done_where_work_is_stopped() -> None:
    done, go = list[int](), threading.Event()

    def hand_over() -> None:
        with aside("cuda") as later:
            for number in range(10):
                later(lambda number: (go.wait(), done.append(number)), number)
            go.set()
            raise Cancelled

    with pytest.raises(Cancelled):
        hand_over()
    assert sorted(done) == list(range(10))
