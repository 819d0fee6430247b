"""How noisy images are: the deviation of Gaussian noise in each, by finest details or self-supervision."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from curation.analysis.variants import title
from curation.pipeline.plan import Plan
from curation.sampling import subset

SMOOTH = 0.25
"""Share of the places of an image that are looked at: those with the smallest gradient."""

FEWEST = 16
"""Residuals without which nothing is said about an image."""

MOST_CLEAN, MOST_COPIES = 2000, 100
"""Images that are looked at, of all classes together and of each set of copies."""

_LINE, _SLOPE, _BLUR = np.array([[1, -2, 1], [-1, 0, 1], [1, 2, 1]], np.int32)
_AT_ONCE = 2**22


def noise_levels(images: np.ndarray) -> np.ndarray:
    """Return the standard deviation of white noise in each image, float64 N in [0, 1]; NaN: cannot be told.

    Immerkær's mask, the difference of two Laplacians, is blind to planes and has deviation 6 σ under white noise σ; its
    median absolute value over .6745 is σ (Donoho). Looked at are the smoothest places by Sobel's gradient, of which the
    mask is independent under such noise, and none that touches 0 or 255, where noise is cut off. The finest texture
    still counts as noise, so small levels come out too large; noise that neighbors share, as after a blur or JPEG,
    comes out too small.

    Args: images: uint8 N×H×W×C, H and W at least 3; channels count as more places.
    Source: Donoho & Johnstone 1994, "Ideal spatial adaptation by wavelet shrinkage", section 4.2; Immerkær 1996, "Fast
    noise variance estimation"; Tai & Yang 2008, "A fast method for image noise estimation using Laplacian operator and
    adaptive edge detection".
    """
    out = np.empty(len(images))
    block = max(1, _AT_ONCE // int(np.prod(images.shape[1:])))
    for start in range(0, len(images), block):
        out[start : start + block] = _levels(images[start : start + block])
    return out


def self_supervised_levels(images: np.ndarray) -> np.ndarray:
    """Return the standard deviation of white noise in each image, float64 N in [0, 1]; NaN: cannot be told.

    A pixel is predicted from its neighbors but not from itself (a donut), linearly: by the mean of the four at its
    sides and that of the four at its corners, weighted so that the noisy images themselves are predicted best. White
    noise at a pixel says nothing of its neighbors', so the mean squared error is σ² plus that of the prediction. Of the
    latter, what the weights pass on of the neighbors' noise is known and taken off; what they cannot predict of the
    picture counts as noise, so that levels come out too large. Left out are places where one of the nine is 0 or 255.

    Args: images: uint8 N×H×W×C, H and W at least 3; the weights are learned of all of them together.
    Source: Batson & Royer 2019, "Noise2Self", proposition 1 and section 3; the donut is that of its code.
    """
    block = max(1, _AT_ONCE // int(np.prod(images.shape[1:])))
    parts = [_products(images[start : start + block]) for start in range(0, len(images), block)]
    products, counts = (np.concatenate(part) for part in zip(*parts, strict=True))
    whole = products.sum(0)
    weights = np.linalg.lstsq(whole[1:, 1:], whole[1:, 0])[0]
    residual = np.array([1, *-weights])
    told = counts >= FEWEST
    squares = np.einsum("a,nab,b->n", residual, products[told], residual) / counts[told]
    out = np.full(len(images), np.nan)
    out[told] = np.sqrt(np.maximum(squares, 0) / (1 + (weights**2).sum() / 4)) / 255
    return out


def by_set(plan: Plan) -> pd.DataFrame:
    """Return how noisy clean samples, each class of them and each kind of corrupted copies are, a row each.

    Copies that are not there, and cannot be made where they are read, are left out.

    Columns: name, median, low and high (the 10 and 90 %
    quantiles), self_supervised (the median), in 255ths, NaN: none can be told; images (looked at), told (those whose
    noise can be told).
    """
    samples, labels = plan.samples, plan.labels
    rows = subset(samples.sample_ids, MOST_CLEAN, labels=labels, every_class=True)
    clean = _Levels.of(samples.images(rows))
    found = [("all clean samples", clean)]
    found += [(f"class {name}", clean.some(labels[rows] == at)) for at, name in enumerate(samples.classes)]
    for copies in plan.corrupted():
        if copies.ready():
            some = copies.sample_rows[subset(samples.sample_ids[copies.sample_rows], MOST_COPIES)]
            found.append((title(copies), _Levels.of(copies.gather(some))))
    return pd.DataFrame([{"name": name, **levels.summary()} for name, levels in found if len(levels.robust)])


class _Levels(NamedTuple):
    """Of each image, float64 N."""

    robust: np.ndarray
    self_supervised: np.ndarray

    @classmethod
    def of(cls, images: np.ndarray) -> _Levels:
        return cls(noise_levels(images), self_supervised_levels(images))

    def some(self, kept: np.ndarray) -> _Levels:
        return _Levels(self.robust[kept], self.self_supervised[kept])

    def summary(self) -> dict[str, float]:
        robust, other = (255 * levels[~np.isnan(levels)] for levels in self)
        low, median, high = np.quantile(robust, [0.1, 0.5, 0.9]) if len(robust) else [np.nan] * 3
        upper = np.median(other) if len(other) else np.nan
        about = {"median": median, "low": low, "high": high, "self_supervised": upper}
        return {**about, "images": len(self.robust), "told": len(robust)}


def _products(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each image's sums of products of pixel, mean of sides and of corners, N×3×3, and how many, int64 N."""
    windows = sliding_window_view(images, (3, 3), axis=(1, 2))
    kept = ~((windows == 0) | (windows == 255)).any(axis=(-1, -2))
    pixels = images.astype(np.float64)
    center = pixels[:, 1:-1, 1:-1]
    sides = (pixels[:, :-2, 1:-1] + pixels[:, 2:, 1:-1] + pixels[:, 1:-1, :-2] + pixels[:, 1:-1, 2:]) / 4
    corners = (pixels[:, :-2, :-2] + pixels[:, :-2, 2:] + pixels[:, 2:, :-2] + pixels[:, 2:, 2:]) / 4
    values = np.stack([center, sides, corners], 1) * kept[:, None]
    rows = values.reshape(len(images), 3, -1)
    return rows @ rows.swapaxes(1, 2), kept.reshape(len(images), -1).sum(1)


def _levels(images: np.ndarray) -> np.ndarray:
    pixels = images.astype(np.int32)
    residuals = np.abs(_filtered(pixels, _LINE, _LINE))
    gradients = _filtered(pixels, _SLOPE, _BLUR) ** 2 + _filtered(pixels, _BLUR, _SLOPE) ** 2
    cut = (images == 0) | (images == 255)
    whole = np.logical_not(sliding_window_view(cut, (3, 3), axis=(1, 2)).any(axis=(-1, -2)))
    out = np.full(len(images), np.nan)
    for index in range(len(images)):
        kept = whole[index]
        of, steep = residuals[index][kept], gradients[index][kept]
        count = int(SMOOTH * len(of))
        if count >= FEWEST:
            smoothest = np.argpartition(steep, count - 1)[:count]
            out[index] = np.median(of[smoothest]) / (6 * 0.6745 * 255)
    return out


def _filtered(pixels: np.ndarray, down: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Return the correlation with a separable 3×3 mask at every place that has all neighbors, N×(H−2)×(W−2)×C."""
    rows = down[0] * pixels[:, :-2] + down[1] * pixels[:, 1:-1] + down[2] * pixels[:, 2:]
    return np.asarray(across[0] * rows[:, :, :-2] + across[1] * rows[:, :, 1:-1] + across[2] * rows[:, :, 2:])
