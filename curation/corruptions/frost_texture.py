"""Frost textures of our own: procedural ferns and crystals of ice, made at first use and kept in memory.

No photograph is used or stored. What is taken from the six photographs of ImageNet-C is a few measured numbers each:
quantiles of the brightness, the color cast, and the power spectrum in octaves, tuned until 32 px crops have the
photographs' brightness and spectrum.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

_SIDE_PX = 510
"""A multiple of five: at scale 0.2 bilinear shrinking then takes every fifth pixel, as it does with the photographs."""
_QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
_OCTAVES = np.arange(-9.0, 0.0)


class _Habit(NamedTuple):
    """How the crystals of one texture grow; lengths in px."""

    crystals: int
    shortest: float
    longest: float
    slimness: float
    """Half the width as a share of the length."""
    fern: bool
    """Feathered leaves, else clusters of blades."""


class _Ice(NamedTuple):
    """The measured look of one texture."""

    habit: _Habit
    gray: tuple[float, ...]
    """Brightness at ``_QUANTILES``."""
    power: tuple[float, ...]
    """log₂ of the spectral power at 2⁻⁹ … 2⁻¹ cycles a pixel."""
    dark: tuple[float, float, float]
    """Red, green and blue less gray, of the darkest pixels."""
    bright: tuple[float, float, float]
    """The same of the brightest."""


_BLADES = _Habit(420, 30, 110, 0.11, fern=False)
_WHITE_CAST = (-0.022, -0.006, 0.028)

_ICES = (
    _Ice(
        _Habit(200, 60, 170, 0.28, fern=True),
        (0.265, 0.329, 0.358, 0.413, 0.459, 0.516, 0.615, 0.680, 0.861),
        (6.1, 4.1, 0.5, -7.47, -9.44, -9.32, -9.63, -8.6, -12.0),
        (-0.230, 0.076, 0.154),
        (-0.146, 0.054, 0.092),
    ),
    _Ice(
        _BLADES,
        (0.285, 0.549, 0.639, 0.749, 0.803, 0.843, 0.890, 0.915, 0.956),
        (4.2, 4.1, -0.2, -1.17, -2.74, -3.72, -6.13, -8.2, -11.9),
        _WHITE_CAST,
        _WHITE_CAST,
    ),
    _Ice(
        _BLADES,
        (0.298, 0.562, 0.652, 0.762, 0.816, 0.856, 0.903, 0.928, 0.969),
        (4.2, 4.1, -0.2, -4.17, -3.54, -4.92, -6.63, -8.2, -11.9),
        _WHITE_CAST,
        _WHITE_CAST,
    ),
    _Ice(
        _Habit(420, 20, 70, 0.17, fern=False),
        (0.124, 0.316, 0.421, 0.543, 0.609, 0.670, 0.765, 0.854, 0.981),
        (5.0, 3.8, -0.8, -2.07, -2.64, -3.92, -5.53, -6.5, -10.0),
        (-0.051, 0.006, 0.045),
        (-0.059, 0.001, 0.058),
    ),
    _Ice(
        _Habit(460, 25, 80, 0.30, fern=True),
        (0.054, 0.134, 0.184, 0.294, 0.390, 0.497, 0.668, 0.797, 0.968),
        (5.7, 2.8, 1.5, 0.53, -0.84, -3.22, -5.13, -6.6, -8.5),
        (-0.046, -0.001, 0.047),
        (-0.029, 0.000, 0.029),
    ),
    _Ice(
        _Habit(160, 80, 220, 0.26, fern=True),
        (0.000, 0.019, 0.068, 0.158, 0.274, 0.400, 0.565, 0.672, 0.896),
        (6.6, 5.9, 3.7, -0.47, -2.84, -4.22, -6.83, -6.5, -9.8),
        (-0.022, 0.013, 0.009),
        (-0.107, 0.030, 0.077),
    ),
)


def _crystals(rng: np.random.Generator, habit: _Habit) -> np.ndarray:
    """Return float64 side×side: crystals laid over each other where they happened to grow, the later ones on top."""
    pane = np.zeros((_SIDE_PX, _SIDE_PX))
    flow = rng.uniform(0, 2 * np.pi)
    for number in range(habit.crystals):
        root = rng.uniform(0, _SIDE_PX, 2)
        length = rng.uniform(habit.shortest, habit.longest) * (1.3 if number < habit.crystals // 4 else 1)
        if habit.fern:
            angles = np.array([flow + rng.normal(0, 0.6)])
        else:
            angles = rng.uniform(0, 2 * np.pi) + np.sort(rng.uniform(0, 1.3 * np.pi, rng.integers(3, 9)))
        for angle in angles:
            own = length * (1 if habit.fern else rng.uniform(0.4, 1))
            _grow_crystal(pane, rng, root, angle, own, own * habit.slimness * rng.uniform(0.7, 1.3), fern=habit.fern)
    return pane


def _grow_crystal(
    pane: np.ndarray,
    rng: np.random.Generator,
    root: np.ndarray,
    angle: float,
    length: float,
    half_width: float,
    *,
    fern: bool,
) -> None:
    """Draw one leaf or blade over what is there; root: (row, column), lengths in px, angle from the row's direction."""
    along = np.array([np.sin(angle), np.cos(angle)])
    ends = np.stack([root, root + length * along])
    low = np.clip(np.floor(ends.min(0) - half_width), 0, _SIDE_PX).astype(int)
    high = np.clip(np.ceil(ends.max(0) + half_width) + 1, 0, _SIDE_PX).astype(int)
    down = np.arange(low[0], high[0])[:, None] - root[0]
    across = np.arange(low[1], high[1])[None, :] - root[1]
    at = (down * along[0] + across * along[1]) / length  # 0 at the root, 1 at the tip
    aside = (across * along[0] - down * along[1]) / half_width
    lit = np.where(aside > 0, 1.0, -1.0)  # light comes from one side
    aside, shade = np.abs(aside), rng.uniform(-0.15, 0.15)
    if fern:
        # Side branches leave the midrib at a slant, one every few pixels, and notch the edge.
        notch = ((at * length - aside * half_width * 0.7) / rng.uniform(5, 8)) % 1
        edge = np.sqrt(np.clip(at * 4, 0, 1)) * np.clip(1 - at, 0, 1) * (0.7 + 0.3 * (1 - notch))
        midrib = np.exp(-((aside * half_width / 1.3) ** 2))
        height = 0.35 + 0.4 * (1 - notch) ** 1.5 + 0.12 * lit + 0.5 * midrib + 0.15 * at + shade + 0.2 * aside
    else:
        edge = np.clip(1 - at, 0, 1) * np.clip(at * 6, 0, 1)
        height = 0.45 + 0.28 * lit + 0.35 * (aside / np.maximum(edge, 1e-3)) ** 4 + 0.1 * at + shade
    inside = (at > 0) & (at < 1) & (aside < edge)
    pane[low[0] : high[0], low[1] : high[1]][inside] = height[inside]


def _grow(ice: _Ice, seed: int) -> np.ndarray:
    """Return float32 3×side×side in [0, 1], on 8-bit levels: crystals with the brightness and the spectrum of the ice.

    Source of the last step: amplitude-adjusted surrogates (Schreiber & Schmitz 1996), here of crystals, not of noise.
    """
    down, across = np.fft.fftfreq(_SIDE_PX)[:, None], np.fft.rfftfreq(_SIDE_PX)[None, :]
    octave = np.log2(np.maximum(np.hypot(down, across), 2.0**-12))
    ring = np.round((octave + 12) * 4).astype(int)
    size = np.bincount(ring.ravel())
    level = np.interp(np.linspace(0, 1, _SIDE_PX**2), _QUANTILES, ice.gray)
    wanted = 2.0 ** (np.interp(octave, _OCTAVES, ice.power) / 2)
    # The coarsest haze takes up the variance that is left.
    coarse = octave < -8
    rest = level.var() - 2 * (wanted[~coarse] ** 2).sum() / _SIDE_PX**2
    wanted[coarse] = np.sqrt(max(rest, 0) * _SIDE_PX**2 / (2 * coarse.sum()))

    picture = _crystals(np.random.default_rng(seed), ice.habit)
    for _ in range(2):
        spectrum = np.fft.rfft2(picture - picture.mean())
        ring_power = np.bincount(ring.ravel(), (np.abs(spectrum) ** 2).ravel()) / np.maximum(size, 1)
        height = np.fft.irfft2(spectrum * wanted / np.sqrt(np.maximum(ring_power, 1e-12))[ring])
        order = np.argsort(height, axis=None, kind="stable")
        picture = np.empty_like(height)
        picture.flat[order] = level
    share = (picture - level[0]) / (level[-1] - level[0])
    cast = (1 - share) * np.reshape(ice.dark, (3, 1, 1)) + share * np.reshape(ice.bright, (3, 1, 1))
    return np.round(np.clip(picture + cast, 0, 1) * 255).astype(np.float32) / 255


@lru_cache(maxsize=1)
def _full_size() -> Tensor:
    return torch.from_numpy(np.stack([_grow(ice, seed) for seed, ice in enumerate(_ICES)]))


@lru_cache(maxsize=8)
def frost_textures(*, scale: float, cover_px: int, device: torch.device) -> Tensor:
    """Return all textures, scaled, and larger than ``cover_px`` a side.

    Args:
        scale: of the textures' 510 px; more is used where the crop would not fit.
        cover_px: side of the square that must fit, with room to move.
        device: where the textures are kept.

    Returns: float32 6×3×S×S in [0, 1].
    """
    side_px = max(round(_SIDE_PX * scale), round(cover_px * 1.1) + 1)
    mode = "bilinear" if side_px < _SIDE_PX else "bicubic"
    scaled = functional.interpolate(_full_size(), size=(side_px, side_px), mode=mode, align_corners=False)
    return scaled.clamp_(0, 1).to(device)
