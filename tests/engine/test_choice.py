"""The one way in to an engine: what is refused, and in which words."""

from __future__ import annotations

import sys

import pytest
import torch

from curation.engine import LocalEngine, choose, title_of
from curation.errors import UsageError


def test_an_engine_is_chosen_by_name() -> None:
    assert isinstance(choose(device="cpu"), LocalEngine)
    with pytest.raises(UsageError, match="unknown engine 'rya'; did you mean 'ray'"):
        choose("rya")


def test_options_of_ray_are_of_ray_alone() -> None:
    assert choose(device="cpu", address=None, gpus=None).device == "cpu"
    with pytest.raises(UsageError, match="address is of the engine ray; add --engine ray"):
        choose(address="auto")


def test_without_ray_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"not installed: pip install 'curation\[ray\]'"):
        choose("ray", device="cpu")


def test_a_device_has_the_name_that_people_call_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA A100")
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert [title_of(device) for device in ("cuda", "mps", "cpu")] == ["NVIDIA A100", "Apple GPU", "CPU, 2 cores"]
