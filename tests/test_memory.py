"""Out of memory: noticed however it is said, and the same work done in smaller parts."""

from __future__ import annotations

import pytest
import torch

from curation.errors import CurationError
from curation.memory import Fitting, enough_memory, out_of_memory

COMPLAINTS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
    RuntimeError("MPS backend out of memory (MPS allocated: 5.4 GB)"),
    MemoryError(),
]


@pytest.mark.parametrize("complaint", COMPLAINTS, ids=lambda error: str(error)[:24])
@pytest.mark.parametrize(
    ("size", "smallest", "multiple", "room", "tried"),
    [
        (64, 1, 1, 5, [23, 11, 5, 5, 5, 5, 3]),
        (60, 8, 1, 17, [23, 11, 11, 1]),
        (64, 8, 8, 9, [23, 8, 8, 7]),
    ],
)
def test_what_does_not_fit_is_done_in_smaller_parts(
    complaint: Exception, size: int, smallest: int, multiple: int, room: int, tried: list[int]
) -> None:
    fitting, done, seen = Fitting(size, device="cpu", smallest=smallest, multiple=multiple), 0, list[int]()
    while done < 23:
        with fitting.attempt(23 - done):
            seen.append(min(fitting.size, 23 - done))
            if seen[-1] > room:
                raise complaint
            done += seen[-1]
    assert seen == tried
    assert done == 23


def test_the_smallest_part_that_does_not_fit_is_an_error_and_so_is_anything_else() -> None:
    fitting = Fitting(8, device="cpu", smallest=8)
    with (
        pytest.raises(CurationError, match=r"^buy more$"),
        enough_memory("buy more"),
        fitting.attempt(8),
    ):
        raise MemoryError
    with pytest.raises(RuntimeError, match="shapes"), enough_memory("buy more"), fitting.attempt(8):
        raise RuntimeError("shapes do not match")
    assert not out_of_memory(ValueError("out of memory"))


class Card:
    """Faked readings of a GPU's memory: ``held`` bytes are taken by a model, each image takes ``each`` of the rest."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, free: int, each: int, held: int = 1000) -> None:
        self.free, self.each, self.held, self.peak = free, each, held, held
        readings = {
            "reset_peak_memory_stats": self.forget,
            "memory_allocated": lambda device: self.held,
            "max_memory_allocated": lambda device: self.peak,
            "memory_reserved": lambda device: self.held + free // 4,
            "mem_get_info": lambda device: (free - free // 4, 1 << 40),
            "empty_cache": lambda: None,
        }
        for name, answer in readings.items():
            monkeypatch.setattr(torch.cuda, name, answer)

    def forget(self, device: torch.device) -> None:
        self.peak = self.held

    def work(self, images: int) -> None:
        if images * self.each > self.free:
            raise torch.OutOfMemoryError
        self.peak = max(self.peak, self.held + images * self.each)


def sizes(fitting: Fitting, total: int, card: Card) -> list[int]:
    done, seen = 0, list[int]()
    while done < total:
        with fitting.attempt(total - done):
            seen.append(min(fitting.size, total - done))
            card.work(seen[-1])
            done += seen[-1]
    return seen


@pytest.mark.parametrize(
    ("start", "multiple", "free", "each", "total", "tried"),
    [
        (128, 8, 1 << 30, 100_000, 10_000, [128, 4096, 4096, 1680]),  # half of what is free
        (128, 8, 1 << 34, 100_000, 20_000, [128, 8192, 8192, 3488]),  # never more than MOST
        (128, 8, 1 << 30, 100_000, 300, [128, 172]),  # nor than there are
        (128, 8, 1 << 30, 5_000_000, 500, [128, 128, 128, 116]),  # no room for twice as many
        (128, 8, 1 << 30, 20_000_000, 100, [100, 48, 48, 4]),  # too many from the start: halved, and left at that
        (24, 8, 1 << 30, 1_000_000, 1000, [24, 384, 384, 208]),  # a multiple of 8 stays one
    ],
)
def test_an_accelerator_works_on_as_many_as_its_memory_has_room_for(
    monkeypatch: pytest.MonkeyPatch, start: int, multiple: int, free: int, each: int, total: int, tried: list[int]
) -> None:
    card = Card(monkeypatch, free=free, each=each)
    for _ in range(2):  # each begins anew
        fitting = Fitting(start, device="cuda", smallest=multiple, multiple=multiple, grows=True)
        assert sizes(fitting, total, card) == tried
    assert sizes(Fitting(start, device="cuda", smallest=multiple, multiple=multiple), 100, card)[0] <= start


def test_a_cpu_is_asked_for_nothing_and_keeps_its_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    card = Card(monkeypatch, free=1 << 30, each=1)
    monkeypatch.setattr(card, "forget", None)
    assert sizes(Fitting(100, device="cpu", grows=True), 250, card) == [100, 100, 50]


def test_mps_is_asked_what_torch_holds_on_to(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("current_allocated_memory", 1000), ("driver_allocated_memory", 101_000), ("recommended_max_memory", 2_001_000)
    ):  # fmt: skip
        monkeypatch.setattr(torch.mps, name, lambda value=value: value)
    fitting = Fitting(100, device="mps", grows=True)
    with fitting.attempt(5000):
        pass
    assert fitting.size == 800
