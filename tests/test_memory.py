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
