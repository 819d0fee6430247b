"""Copies between the host and an accelerator that neither waits for, from pinned memory, beside the work.

They are so on CUDA; elsewhere the same functions copy at once. torch's own allocators keep what is copied until that
has ended: pinned memory by events, the device's by ``record_stream``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

BLOCK_VALUES = 1 << 24
"""Pixel values that go to an accelerator, and are worked on there, as one block: 5,461 images of 32 px, 111 of 224."""


def images_in_block(shape: tuple[int, ...]) -> int:
    """Return how many images of a shape (H, W, C) make a block, at least one."""
    return max(1, BLOCK_VALUES // max(int(np.prod(shape)), 1))


def sent(values: Tensor, device: str | torch.device) -> Tensor:
    """Return a tensor on a device: what is done with it there waits for it, the host does not."""
    device = torch.device(device)
    if device.type != "cuda" or values.device.type != "cpu":
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)


def blocks(images: np.ndarray | Tensor, device: str | torch.device) -> Iterator[Any]:
    """Yield images, N×H×W×C, by blocks on a device, the next one on its way; those that are there, all at once."""
    there = images.device.type if isinstance(images, Tensor) else "cpu"
    if there == torch.device(device).type:
        yield images
        return
    size = images_in_block(images.shape[1:])
    yield from ahead((images[at : at + size] for at in range(0, max(len(images), 1), size)), device)


def ahead(parts: Iterable[np.ndarray | Tensor], device: str | torch.device) -> Iterator[Tensor]:
    """Yield arrays on a device; on CUDA each is read and sent before the one before it is handed out."""
    device, coming = torch.device(device), None
    for part in parts:
        values = part if isinstance(part, Tensor) else torch.from_numpy(np.require(part, requirements=("C", "W")))
        if device.type != "cuda":
            yield values.to(device)
            continue
        before, coming = coming, _beside(values, device)
        if before:
            yield before()
    if coming:
        yield coming()


def fetched(result: Tensor) -> Callable[[], Tensor]:
    """Begin to copy a result to the host; call what is returned to wait for it and have it."""
    if result.device.type != "cuda":
        result = result.cpu()
        return lambda: result
    beside = _stream(result.device)
    beside.wait_stream(torch.cuda.current_stream(result.device))
    with torch.cuda.stream(beside):
        host = result.to("cpu", non_blocking=True)  # torch pins it
        arrived = beside.record_event()
    result.record_stream(beside)

    def wait() -> Tensor:
        arrived.synchronize()
        return host

    return wait


def _beside(values: Tensor, device: torch.device) -> Callable[[], Tensor]:
    beside = _stream(device)
    with torch.cuda.stream(beside):
        there = sent(values, device)
        arrived = beside.record_event()

    def take() -> Tensor:
        here = torch.cuda.current_stream(device)
        here.wait_event(arrived)
        there.record_stream(here)
        return there

    return take


@cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)
