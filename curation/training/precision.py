"""The precision in which a network is trained, and deterministic computation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

Precision = Literal["auto", "float32", "bfloat16"]


def resolved(precision: Precision, device: torch.device) -> Literal["float32", "bfloat16"]:
    """Return what a precision is on a device; ``auto`` is bfloat16 where that is computed in hardware."""
    if precision == "auto":
        return "bfloat16" if _computes_bfloat16(device) else "float32"
    return precision


def dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """Return the type in which the network's convolutions and products are computed on a device."""
    return torch.bfloat16 if resolved(precision, device) == "bfloat16" else torch.float32


def _computes_bfloat16(device: torch.device) -> bool:
    if device.type == "cpu":
        names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, name, bool)() for name in names)
    return device.type == "cuda" and torch.cuda.is_bf16_supported()


@contextmanager
def reproducible(seed: int, device: torch.device) -> Iterator[None]:
    """Inside, layers such as dropout draw from ``seed`` and cuDNN chooses the same kernels each time.

    The global random state and cuDNN's switches are given back as they were.
    """
    cuda, cudnn = device.type == "cuda", torch.backends.cudnn
    before = cudnn.deterministic, cudnn.benchmark
    with torch.random.fork_rng(devices=[device] if cuda else []):
        torch.default_generator.manual_seed(seed)
        if cuda:
            torch.cuda.manual_seed(seed)
        try:
            cudnn.deterministic, cudnn.benchmark = (True, False) if cuda else before
            yield
        finally:
            cudnn.deterministic, cudnn.benchmark = before
