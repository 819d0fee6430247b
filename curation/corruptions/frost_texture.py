"""Frost textures of our own: procedural ferns and crystals of ice, made at first use and kept in memory.

No photograph is used or stored. What is taken from the six photographs of ImageNet-C is a few numbers each: quantiles
of the brightness, the color cast, how much thicker the frost is at the border, and the power spectrum in octaves. They
are fitted by least squares to statistics of the photographs, scaled and cut as the published code does: crops of 32 px
at both scales, and of 224 px.
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
_HOAR = 0.2
"""Amplitude of a haze without shapes, as a share of the crystals': alone, they leave bare glass between them."""


class _Habit(NamedTuple):
    """How the crystals of one texture grow; lengths in px."""

    crystals: int
    shortest: float
    longest: float
    slimness: float
    """Half the width as a share of the length."""
    fern: bool
    """Feathered leaves, else clusters of blades."""
    spread: float = 0.0
    """Standard deviation of the leaves' directions, in rad; blades grow every way."""


class _Ice(NamedTuple):
    """The measured look of one texture."""

    habit: _Habit
    gray: tuple[float, ...]
    """Brightness at ``_QUANTILES``."""
    power: tuple[float, ...]
    """log₂ of the spectral power at 2⁻⁹ … 2⁻¹ cycles a pixel, up to a constant."""
    dark: tuple[float, float, float]
    """Red, green and blue less gray, of the darkest pixels."""
    bright: tuple[float, float, float]
    """The same of the brightest."""
    rim: float
    """How much thicker the frost is at the border than in the middle, in standard deviations."""


_BLADES = _Habit(260, 40, 150, 0.12, fern=False)
_WHITE = ((-0.006, -0.009, 0.015), (-0.029, -0.005, 0.034))

_ICES = (
    _Ice(
        _Habit(520, 40, 120, 0.28, fern=True, spread=1.2),
        (0.344, 0.396, 0.421, 0.468, 0.508, 0.554, 0.629, 0.678, 0.845),
        (4.00, -0.78, -1.51, -5.15, -8.08, -10.12, -10.87, -11.45, -14.64),
        (-0.278, 0.090, 0.188),
        (-0.074, 0.035, 0.039),
        rim=0.48,
    ),
    _Ice(
        _BLADES,
        (0.320, 0.600, 0.685, 0.782, 0.834, 0.874, 0.921, 0.951, 0.980),
        (4.00, 1.28, -5.62, -2.74, -5.18, -6.12, -8.63, -9.69, -13.65),
        *_WHITE,
        rim=0.45,
    ),
    _Ice(
        _BLADES,
        (0.324, 0.601, 0.684, 0.780, 0.831, 0.871, 0.918, 0.947, 0.975),
        (4.00, 2.98, -7.40, -2.82, -4.96, -6.11, -8.19, -9.67, -13.38),
        *_WHITE,
        rim=0.32,
    ),
    _Ice(
        _Habit(430, 18, 60, 0.17, fern=False),
        (0.144, 0.348, 0.425, 0.532, 0.596, 0.657, 0.760, 0.880, 0.965),
        (4.00, -0.90, -6.71, -4.56, -6.23, -6.56, -8.98, -9.05, -13.35),
        (-0.048, 0.011, 0.037),
        (-0.062, -0.002, 0.065),
        rim=-0.16,
    ),
    _Ice(
        _Habit(560, 25, 80, 0.26, fern=True, spread=1.2),
        (0.083, 0.205, 0.258, 0.372, 0.470, 0.578, 0.763, 0.887, 0.951),
        (4.00, -5.18, -3.75, -2.83, -4.36, -6.55, -8.34, -10.77, -12.60),
        (-0.057, -0.002, 0.060),
        (-0.028, 0.001, 0.026),
        rim=0.45,
    ),
    _Ice(
        _Habit(190, 80, 200, 0.26, fern=True, spread=0.9),
        (0.008, 0.070, 0.117, 0.226, 0.344, 0.467, 0.614, 0.710, 0.957),
        (3.49, 4.00, 2.87, -0.31, -2.78, -4.12, -6.19, -7.39, -10.89),
        (-0.016, 0.008, 0.008),
        (-0.178, 0.039, 0.139),
        rim=0.43,
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
            angles = np.array([flow + rng.normal(0, habit.spread)])
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
    wave = np.cos(2 * np.pi * np.arange(_SIDE_PX) / _SIDE_PX)
    bowl = wave[:, None] + wave
    picture = _crystals(np.random.default_rng(seed), ice.habit)
    hoar = np.fft.rfft2(np.random.default_rng([seed, 1]).normal(0, _HOAR / _SIDE_PX, picture.shape))
    for _ in range(2):
        spectrum = np.fft.rfft2(picture - picture.mean())
        ring_power = np.bincount(ring.ravel(), (np.abs(spectrum) ** 2).ravel()) / np.maximum(size, 1)
        height = np.fft.irfft2((spectrum / np.sqrt(np.maximum(ring_power, 1e-12))[ring] + hoar) * wanted)
        height += ice.rim * height.std() * bowl
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
