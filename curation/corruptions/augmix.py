"""AugMix: chains of simple operations, mixed with each other and with the image."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from curation.copying import sent
from curation.corruptions.base import Corruption
from curation.randomness import SampleRandom

_AUTOCONTRAST, _EQUALIZE, _POSTERIZE, _SOLARIZE, _ROTATE, _SHEAR_X, _SHEAR_Y, _TRANSLATE_X, _TRANSLATE_Y = range(9)
_NOTHING = 9
_CHAINS = 3
_LONGEST = 3
_WEAKEST = 0.1
_DEGREES = 30
_SHEAR = 0.3
_LEVELS = 256


class AugMix(Corruption):
    """Three chains of one to three simple operations each, mixed by random shares, and with the image itself.

    The operations are autocontrast, equalize, posterize, solarize, rotate, shear and translate: none of them is one of
    the common corruptions that sets are tested with. Severity is the paper's, whose sets of 32×32 images have 3. Images
    have 8 bits after each operation, as in its code (Pillow), rounded where that cuts off.

    Source: Hendrycks et al. 2020, "AugMix: A Simple Data Processing Method to Improve Robustness and Uncertainty",
    algorithm 1 and appendix C; constants of its code (maximum at level 10: 30°, shear .3, a third of the side, 256
    levels, 4 bits). Never among ``kinds: all``, which are the kinds of the tests.
    """

    name = "augmix"
    title = "AugMix"
    group = "digital"
    held_out = True

    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Return (1 − m)·image + m·Σ wᵢ·chainᵢ, m uniform, w from Dirichlet(1, 1, 1); see ``Corruption.corrupt``."""
        operations = random.integers(_CHAINS, _LONGEST, low=0, high=_NOTHING)
        depths = random.integers(_CHAINS, low=1, high=_LONGEST + 1)
        strengths = random.uniform(_CHAINS, _LONGEST, low=_WEAKEST, high=self.strength) / 10
        turned = random.uniform(_CHAINS, _LONGEST) < 0.5
        shares = -torch.log1p(-random.uniform(_CHAINS))
        total = (shares[:, 0] + shares[:, 1] + shares[:, 2]).clamp_min(torch.finfo(shares.dtype).tiny)
        mixed_in = random.uniform()
        start = (images * (_LEVELS - 1)).round().long()
        mix = torch.zeros_like(images)
        for chain in range(_CHAINS):
            levels = start
            for step in range(_LONGEST):
                operation = torch.where(step < depths[:, chain], operations[:, chain, step], _NOTHING)
                levels = _operated(levels, operation, strengths[:, chain, step], turned[:, chain, step])
            share = (shares[:, chain] / total)[:, None, None, None]
            mix = mix + share * (levels.to(images.dtype) / (_LEVELS - 1))
        mixed_in = mixed_in[:, None, None, None]
        return (1 - mixed_in) * images + mixed_in * mix


def _operated(levels: Tensor, operation: Tensor, strength: Tensor, turned: Tensor) -> Tensor:
    """Return int64 N×C×H×W of whole levels after one operation each.

    Every operation either replaces levels by others or moves pixels: a table for each channel, then an affine map, of
    which one changes nothing.

    Args: operation: int64 N; strength: float32 N in (0, 1], of the largest; turned: bool N, to the other side.
    """
    n, channels, height, width = levels.shape
    flat = levels.reshape(n, channels, height * width)
    replaced = _table(flat, operation, strength).gather(2, flat).view_as(levels)
    return _moved(replaced, *_affine(operation, strength, turned, height, width))


def _table(flat: Tensor, operation: Tensor, strength: Tensor) -> Tensor:
    """Return int64 N×C×256: what each level becomes; itself where the operation moves pixels. Takes N×C×P levels."""
    level = torch.arange(_LEVELS, device=flat.device)
    low, high = (value[..., None] for value in torch.aminmax(flat, dim=2))
    stretched = ((level - low) * (_LEVELS - 1)).div((high - low).clamp_min(1), rounding_mode="floor").clamp(0, 255)
    stretched = torch.where(high > low, stretched, level)

    count = torch.zeros(*flat.shape[:2], _LEVELS, dtype=torch.int64, device=flat.device)
    count.scatter_add_(2, flat, torch.ones_like(flat))
    step = (flat.shape[2] - count.gather(2, high)).div(_LEVELS - 1, rounding_mode="floor")
    below = count.cumsum(2) - count
    equal = (below + step // 2).div(step.clamp_min(1), rounding_mode="floor").clamp(max=_LEVELS - 1)
    equal = torch.where(step > 0, equal, level)

    strength = strength[:, None, None]
    coarse = (1 << (4 + (strength * 4).long())).expand(-1, 1, _LEVELS)
    posterized = level.div(coarse, rounding_mode="floor") * coarse
    solarized = torch.where(level < _LEVELS - (strength * _LEVELS).long(), level, _LEVELS - 1 - level)

    operation = operation[:, None, None]
    table = level.expand_as(count)
    for number, made in (
        (_AUTOCONTRAST, stretched),
        (_EQUALIZE, equal),
        (_POSTERIZE, posterized),
        (_SOLARIZE, solarized),
    ):
        table = torch.where(operation == number, made, table)
    return table


def _affine(
    operation: Tensor, strength: Tensor, turned: Tensor, height: int, width: int
) -> tuple[tuple[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]:
    """Return where a pixel's value is taken from: (a, b, c) of a·x + b·y + c for its column and its row, each N×1×1."""
    side = torch.where(turned, -1.0, 1.0)
    one, none = torch.ones_like(strength), torch.zeros_like(strength)

    def of(number: int, value: Tensor, otherwise: Tensor) -> Tensor:
        return torch.where(operation == number, value, otherwise)

    cosine, sine = sent(_turns(), strength.device).index_select(1, (strength * _DEGREES).long()).unbind(0)
    sine = sine * side
    sheared = strength * _SHEAR * side
    # Rotation is about the middle: what the matrix does to it is taken back.
    middle_x, middle_y = width / 2, height / 2
    right = of(_TRANSLATE_X, (strength * (width / 3)).trunc() * side, none)
    right = of(_ROTATE, middle_x - cosine * middle_x + sine * middle_y, right)
    down = of(_TRANSLATE_Y, (strength * (height / 3)).trunc() * side, none)
    down = of(_ROTATE, middle_y - sine * middle_x - cosine * middle_y, down)
    along = of(_ROTATE, cosine, one)
    columns = along, of(_SHEAR_X, sheared, of(_ROTATE, -sine, none)), right
    rows = of(_SHEAR_Y, sheared, of(_ROTATE, sine, none)), along, down
    return tuple(v[:, None, None] for v in columns), tuple(v[:, None, None] for v in rows)  # type: ignore[return-value]


@cache
def _turns() -> Tensor:
    """Return float32 2×31: cosine and sine of 0 … 30 degrees, the same for every device."""
    angles = [math.radians(degrees) for degrees in range(_DEGREES + 1)]
    return torch.tensor([[math.cos(a) for a in angles], [math.sin(a) for a in angles]])


def _moved(levels: Tensor, columns: tuple[Tensor, Tensor, Tensor], rows: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Return int64 N×C×H×W: each pixel taken from its place, bilinearly as Pillow does it, to the nearest level.

    Outside the image is black; within half a pixel of its edge, the edge.
    """
    n, channels, height, width = levels.shape
    y = torch.arange(height, device=levels.device)[:, None] + 0.5
    x = torch.arange(width, device=levels.device) + 0.5
    from_x = columns[0] * x + columns[1] * y + columns[2]
    from_y = rows[0] * x + rows[1] * y + rows[2]
    inside = (from_x >= 0) & (from_x < width) & (from_y >= 0) & (from_y < height)
    from_x, from_y = from_x - 0.5, from_y - 0.5
    left, top = from_x.floor(), from_y.floor()
    share_x, share_y = (from_x - left)[:, None], (from_y - top)[:, None]
    lefts, tops = left.long(), top.long()
    flat = levels.reshape(n, channels, height * width)

    def at(down: int, right: int) -> Tensor:
        places = (tops + down).clamp(0, height - 1) * width + (lefts + right).clamp(0, width - 1)
        index = places.view(n, 1, height * width).expand(-1, channels, -1)
        return flat.gather(2, index).view_as(levels).to(share_x.dtype)

    upper = at(0, 0) * (1 - share_x) + at(0, 1) * share_x
    lower = at(1, 0) * (1 - share_x) + at(1, 1) * share_x
    found = (upper * (1 - share_y) + lower * share_y).round().long()
    return torch.where(inside[:, None], found, 0)
