"""Counter-based random numbers: each sample owns a stream, so batch size, order and device change nothing.

A draw is a pure hash of (the sample's seed, the draw's number, the element's position). No state is shared between
samples, and no generator object exists; the same uniform bits come out on CPU, CUDA and MPS.
Source of the integer mix: "lowbias32" (Wellons, hash-prospector), applied twice with the two halves of the seed.
"""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from torch import Tensor

from curation.compilation import runs_compiled
from curation.copying import sent
from curation.sampling import hashes


def stream_seeds(seed: int, sample_ids: Tensor | np.ndarray, *stream: str | int | float) -> Tensor:
    """Return one seed per sample for the named stream of draws.

    Args:
        seed: the recipe's seed.
        sample_ids: int64 N.
        stream: what the draws are for, e.g. ``"fog", 3``; different streams are independent.

    Returns: int64 N on the CPU; see ``sampling.hashes``.
    """
    return torch.from_numpy(hashes(seed, np.asarray(sample_ids), *stream).astype(np.int64))


def _unsigned(bits: Tensor) -> np.ndarray:
    """Return int32 on the CPU as uint32, in the same place."""
    return bits.numpy().view(np.uint32)


def _mix(x: Tensor) -> Tensor:
    """lowbias32 on int32, in place; the masks make arithmetic shifts logical."""
    x ^= (x >> 16) & 0xFFFF
    x *= 0x7FEB352D
    x ^= (x >> 15) & 0x1FFFF
    x *= 0x846CA68B - (1 << 32)
    x ^= (x >> 16) & 0xFFFF
    return x


class SampleRandom:
    """Random draws for a batch, one independent stream a sample; each call is a new draw of every stream."""

    def __init__(self, seeds: Tensor, *, device: torch.device | str | None = None) -> None:
        """Args: seeds: int64 N (see ``stream_seeds``); device: where draws are made, by default the seeds'."""
        seeds = sent(seeds.to(torch.int64), seeds.device if device is None else device)
        self._low = (seeds & 0xFFFFFFFF).to(torch.int64).sub(1 << 31).to(torch.int32)
        self._high = ((seeds >> 32) & 0xFFFFFFFF).sub(1 << 31).to(torch.int32)
        self._draw = 0

    def __len__(self) -> int:
        return len(self._low)

    def rows(self, index: Tensor | slice) -> SampleRandom:
        """Return the streams of some samples (bool N, int64 positions or a slice), each at its next draw."""
        some = copy.copy(self)
        some._low, some._high = self._low[index], self._high[index]
        return some

    @property
    def device(self) -> torch.device:
        """Where draws are made."""
        return self._low.device

    def bits(self, *shape: int) -> Tensor:
        """Return int32 N×shape, all 32 bits uniform."""
        size = math.prod(shape)
        self._draw += 1
        if runs_compiled(self.device):
            from curation.random_kernels import fill_bits

            drawn = torch.empty(len(self), *shape, dtype=torch.int32)
            fill_bits(*self._halves, self._draw, _unsigned(drawn).reshape(len(self), size))
            return drawn
        key = _mix(self._high ^ _mix(torch.full((1,), self._draw, dtype=torch.int32, device=self.device)))
        counter = torch.arange(size, dtype=torch.int32, device=self.device)
        x = counter[None, :] * -1640531527 + self._low[:, None]
        x = _mix(_mix(x) ^ key[:, None])
        return x.reshape(len(self), *shape)

    @property
    def _halves(self) -> tuple[np.ndarray, np.ndarray]:
        return _unsigned(self._low), _unsigned(self._high)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return float32 N×shape in [low, high), on a grid of 2⁻²⁴ of the width."""
        if runs_compiled(self.device):
            from curation.random_kernels import fill_units

            self._draw += 1
            unit = torch.empty(len(self), *shape)
            fill_units(*self._halves, self._draw, unit.numpy().reshape(len(self), math.prod(shape)))
        else:
            unit = ((self.bits(*shape) >> 8) & 0xFFFFFF).to(torch.float32) * 2.0**-24
        return unit if (low, high) == (0.0, 1.0) else unit.mul_(high - low).add_(low)

    def normal(self, *shape: int) -> Tensor:
        """Return float32 N×shape, standard normal (Box & Muller 1958)."""
        size = math.prod(shape)
        both = self.uniform(2, (size + 1) // 2)
        radius = both[:, 0].neg_().log1p_().mul_(-2.0).sqrt_()
        angle = both[:, 1].mul_(2.0 * math.pi)
        cosine = torch.cos(angle)
        angle.sin_().mul_(radius)
        radius.mul_(cosine)
        return both.flatten(1)[:, :size].reshape(len(self), *shape)

    def integers(self, *shape: int, low: int, high: int) -> Tensor:
        """Return int64 N×shape, uniform on low … high − 1 (high − low at most 2²⁴)."""
        return (self.uniform(*shape) * (high - low)).to(torch.int64).clamp_(max=high - low - 1) + low
