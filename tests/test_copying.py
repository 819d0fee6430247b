"""Copies beside an accelerator's work: what waits for what, on faked streams; and on a CPU nothing but the arrays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import Tensor

from curation import copying
from curation.copying import ahead, blocks, fetched
from curation.models.architectures import build
from curation.models.dropout import dropout_logits
from curation.models.features import logits_and_features
from curation.models.prediction import by_batches, predict
from tests.rehearsal import DEVICE, Rehearsal, rehearsal

IMAGES = np.arange(7 * 4 * 4 * 3, dtype=np.uint8).reshape(7, 4, 4, 3)


class Streams:
    """Streams and events that write down what is asked of them; work on one is in order, on two it is not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log: list[str] = []
        self.now = "work"
        self.names = {}
        log, outer = self.log, self

        class Stream:
            def __init__(self, name: object = "beside") -> None:
                self.name = name if name == "work" else "beside"

            def wait_stream(self, other: Stream) -> None:
                log.append(f"{self.name} waits for {other.name}")

            def record_event(self) -> Event:
                return Event(self.name)

            def wait_event(self, event: Event) -> None:
                log.append(f"{self.name} waits for copy {event.number}")

        class Event:
            def __init__(self, stream: str) -> None:
                self.number = sum(line.startswith("copy") for line in log)
                log.append(f"event {self.number} on {stream}")

            def synchronize(self) -> None:
                log.append(f"host waits for copy {self.number}")

        @contextmanager
        def on(stream: Stream) -> Iterator[None]:
            outer.now = stream.name
            yield
            outer.now = "work"

        to = Tensor.to

        def copied(tensor: Tensor, where: object, *rest: object, **how: bool) -> Tensor:
            if torch.device(where).type != tensor.device.type:  # type: ignore[arg-type]
                pinned = how.get("non_blocking", False)
                log.append(f"copy {self.copies + 1} on {outer.now}{'' if pinned else ', waited for'}")
            return to(tensor, where, *rest, **how)  # type: ignore[call-overload]

        monkeypatch.setattr(torch.cuda, "Stream", Stream)
        monkeypatch.setattr(torch.cuda, "current_stream", lambda device=None: Stream("work"))
        monkeypatch.setattr(torch.cuda, "stream", on)
        monkeypatch.setattr(Tensor, "to", copied)
        monkeypatch.setattr(Tensor, "pin_memory", lambda tensor: log.append("pinned anew") or tensor.clone())
        monkeypatch.setattr(Tensor, "record_stream", lambda tensor, stream: log.append(f"kept for {stream.name}"))

    @property
    def copies(self) -> int:
        return sum(line.startswith("copy") for line in self.log)


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Iterator[Streams]:
    """Faked streams on a faked device."""
    with rehearsal():
        yield Streams(monkeypatch)


def test_the_next_block_is_on_its_way_before_one_is_worked_on(streams: Streams) -> None:
    def read() -> Iterator[np.ndarray]:
        for number in (1, 2, 3):
            streams.log.append(f"read {number}")
            yield np.zeros((2, 2), np.uint8)

    for block in ahead(read(), DEVICE):
        assert block.device.type == "cuda"
        streams.log.append("work")
    send = ["read {0}", "pinned anew", "copy {0} on beside", "event {0} on beside"]
    take = ["work waits for copy {0}", "kept for work", "work"]
    wanted = [(send, 1), (send, 2), (take, 1), (send, 3), (take, 2), (take, 3)]
    assert streams.log == [line.format(number) for lines, number in wanted for line in lines]


def test_a_result_is_copied_once_it_is_made_and_read_once_it_is_here(streams: Streams) -> None:
    first, second = (fetched(torch.zeros(3, device=DEVICE)) for _ in range(2))
    streams.log.append("work")
    assert [first().device.type, second().device.type] == ["cpu", "cpu"]
    begin = ["beside waits for work", "copy {0} on beside", "event {0} on beside", "kept for beside"]
    lines = [line.format(number) for number in (1, 2) for line in begin]
    assert streams.log == [*lines, "work", "host waits for copy 1", "host waits for copy 2"]


def test_on_a_cpu_arrays_are_handed_on_as_they_are() -> None:
    assert [block is IMAGES for block in blocks(IMAGES, "cpu")] == [True]
    (same,) = blocks(torch.from_numpy(IMAGES), "cpu")
    assert same.data_ptr() == IMAGES.ctypes.data
    read = []
    for block in ahead((read.append(part) or part for part in (IMAGES[:3], IMAGES[3:])), "cpu"):
        assert np.array_equal(block.numpy(), read[-1])
    assert len(read) == 2
    assert np.array_equal(fetched(torch.from_numpy(IMAGES))().numpy(), IMAGES)


def test_read_only_images_go_to_a_device_by_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "BLOCK_VALUES", 3 * IMAGES[0].size)
    IMAGES.setflags(write=False)
    with rehearsal():
        assert [tuple(block.shape) for block in blocks(IMAGES, DEVICE)] == [(n, 4, 4, 3) for n in (3, 3, 1)]
        assert [tuple(block.shape) for block in blocks(IMAGES[:0], DEVICE)] == [(0, 4, 4, 3)]


@pytest.mark.parametrize("what", ["logits", "features", "dropout"])
def test_a_network_waits_for_nothing_but_its_results(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    images = np.zeros((20, 32, 32, 3), np.uint8)
    monkeypatch.setattr(copying, "BLOCK_VALUES", 8 * images[0].size)

    def run(rehearsed: Rehearsal) -> list[tuple[int, ...]]:
        model = build("tiny_resnet", classes=10, shape=(32, 32, 3)).to(DEVICE).eval()
        rehearsed.waits.clear()
        if what == "logits":
            return [tuple(predict(model, images, device=DEVICE, batch_size=4).shape)]
        runs = {
            "features": lambda batch: logits_and_features(model, batch),
            "dropout": lambda batch: dropout_logits(model, batch, rate=0.5, passes=3, seed=0),
        }
        found = by_batches(runs[what], images, "a test", device=DEVICE, batch_size=4)
        return [tuple(values.shape) for values in found[0]]

    with rehearsal() as rehearsed:
        shapes = run(rehearsed)
    assert shapes[0] == ((20, 10) if what == "logits" else (4, 10))
    assert set(rehearsed.fetches) == {"copying.py:fetched"}
    assert not rehearsed.waits
