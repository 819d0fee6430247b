"""Frost textures of our own: procedural ice crystals, made at first use and kept in memory.

No photograph is used or stored. What is taken from the six photographs of ImageNet-C is a few measured numbers each:
quantiles of the brightness, the color cast, and the power spectrum in octaves, tuned until random 32 px crops have the
photographs' contrast and spectrum at both scales in use.
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
_DIRECTIONS = 5
_QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
_OCTAVES = np.arange(-9.0, 0.0)


class _Ice(NamedTuple):
    """The measured look of one texture."""

    gray: tuple[float, ...]
    """Brightness at ``_QUANTILES``."""
    power: tuple[float, ...]
    """log₂ of the spectral power at 2⁻⁹ … 2⁻¹ cycles a pixel."""
    dark: tuple[float, float, float]
    """Red, green and blue less gray, of the darkest pixels."""
    bright: tuple[float, float, float]
    """The same of the brightest."""


_WHITE_GRAY = (0.304, 0.568, 0.658, 0.768, 0.822, 0.862, 0.909, 0.934, 0.975)
_WHITE_POWER = (4.2, 4.1, -0.2, -2.0, -3.0, -4.6, -6.8, -8.2, -11.9)
_WHITE_CAST = (-0.022, -0.006, 0.028)

_ICES = (
    _Ice(
        (0.290, 0.354, 0.383, 0.438, 0.484, 0.541, 0.640, 0.705, 0.886),
        (6.1, 4.1, 0.5, -4.6, -7.3, -7.8, -8.4, -8.6, -12.0),
        (-0.230, 0.076, 0.154),
        (-0.146, 0.054, 0.092),
    ),
    _Ice(_WHITE_GRAY, _WHITE_POWER, _WHITE_CAST, _WHITE_CAST),
    _Ice(_WHITE_GRAY, _WHITE_POWER, _WHITE_CAST, _WHITE_CAST),
    _Ice(
        (0.118, 0.310, 0.415, 0.537, 0.603, 0.664, 0.759, 0.848, 0.975),
        (5.0, 3.8, -0.8, -2.0, -2.4, -3.6, -5.1, -6.5, -10.0),
        (-0.051, 0.006, 0.045),
        (-0.059, 0.001, 0.058),
    ),
    _Ice(
        (0.083, 0.163, 0.213, 0.323, 0.419, 0.526, 0.697, 0.826, 0.997),
        (5.7, 2.8, 1.5, 0.4, -0.8, -2.7, -4.4, -6.6, -8.5),
        (-0.046, -0.001, 0.047),
        (-0.029, 0.000, 0.029),
    ),
    _Ice(
        (0.000, 0.054, 0.103, 0.193, 0.309, 0.435, 0.600, 0.707, 0.931),
        (6.6, 5.9, 3.7, -0.3, -2.2, -3.6, -4.9, -6.5, -9.8),
        (-0.022, 0.013, 0.009),
        (-0.107, 0.030, 0.077),
    ),
)


def _needles(rng: np.random.Generator, down: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Return float64 side×side: patches of needles, each patch with a direction of its own."""
    frequency, direction = np.hypot(down, across), np.arctan2(down, across)

    first, second = np.fft.rfft2(rng.standard_normal((2, _SIDE_PX, _SIDE_PX)))

    # Two smooth fields make an angle; its sector tells in which direction the needles of a patch point.
    smooth = np.exp(-((frequency * 48) ** 2))
    turn = np.arctan2(np.fft.irfft2(first * smooth), np.fft.irfft2(second * smooth)) / np.pi + 1
    patch = (turn * _DIRECTIONS).astype(int) % _DIRECTIONS
    needles = np.zeros((_SIDE_PX, _SIDE_PX))
    for number, angle in enumerate((np.arange(_DIRECTIONS) + rng.random()) * np.pi / _DIRECTIONS):
        aside = (direction - angle + np.pi / 2) % np.pi - np.pi / 2
        narrow = np.exp(-((aside / 0.22) ** 2)) * np.minimum(frequency * 24, 1) / (frequency + 0.02)
        streaks = np.fft.irfft2(first * narrow)
        needles = np.where(patch == number, np.abs(streaks) / streaks.std(), needles)
    return needles


def _grow(ice: _Ice, seed: int) -> np.ndarray:
    """Return float32 3×side×side in [0, 1], on 8-bit levels: needles with the brightness and the spectrum of the ice.

    Source of the last step: amplitude-adjusted surrogates (Schreiber & Schmitz 1996), here of needles, not of noise.
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

    picture = _needles(np.random.default_rng(seed), down, across)
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
