"""The ball around an image: steps, random points, and projection."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from curation.randomness import SampleRandom

Norm = Literal["linf", "l2"]

LEVELS = 255
SLACK = 1e-4
"""Levels by which float32 arithmetic may miss a grid point: 255 values' worth of three roundings is 5e-5."""

HALVINGS = 14
"""Bisection steps for how much of an L2 perturbation survives rounding: to 1/16,000 of its length."""


def ascent(gradients: Tensor, norm: Norm) -> Tensor:
    """Return the direction of steepest ascent, of length 1 in the norm (0 where the gradient is 0)."""
    if norm == "linf":
        return gradients.sign()
    # Scaling by the largest element first keeps the squares of very small and very large gradients in range.
    flat = gradients.flatten(1)
    scaled = flat / flat.abs().amax(1, keepdim=True).clamp_min(torch.finfo(flat.dtype).tiny)
    return (scaled / scaled.norm(dim=1, keepdim=True).clamp_min(1e-12)).reshape(gradients.shape)


def unit_l1(gradients: Tensor) -> Tensor:
    """Return the gradients N×C×H×W divided by their L1 norms, to the bit the same in any batch (0 where they are 0)."""
    # Axis by axis: a single long sum is split among threads when it is the only one.
    sums = gradients.abs().contiguous().sum(3).sum(2).sum(1)
    return gradients / sums.clamp_min(torch.finfo(gradients.dtype).tiny)[:, None, None, None]


def project(points: Tensor, images: Tensor, norm: Norm, epsilon: float) -> Tensor:
    """Return the nearest points that are within epsilon of the images, then clipped to [0, 1]."""
    change = points - images
    if norm == "linf":
        change = change.clamp(-epsilon, epsilon)
    else:
        change = change * (epsilon / _length(change).clamp_min(epsilon))[:, None, None, None]
    return (images + change).clamp_(0, 1)


def random_point(images: Tensor, random: SampleRandom, norm: Norm, epsilon: float) -> Tensor:
    """Return one point a sample, uniform in the ball, clipped to [0, 1]."""
    shape = images.shape[1:]
    if norm == "linf":
        change = random.uniform(*shape, low=-epsilon, high=epsilon)
    else:
        direction = random.normal(*shape)
        # A power of a few numbers is rounded otherwise than one of many; logarithm and exponential are not.
        radius = (random.uniform(1, 1, 1).log() / shape.numel()).exp() * epsilon
        change = direction * radius / _length(direction)[:, None, None, None]
    return (images + change).clamp_(0, 1)


def random_far_point(images: Tensor, random: SampleRandom, norm: Norm, epsilon: float) -> Tensor:
    """Return one point a sample on the surface of the ball, clipped to [0, 1].

    Source: Croce & Hein 2020: a uniform (L∞) or normal (L2) draw, divided by its length in the norm.
    """
    shape = images.shape[1:]
    if norm == "linf":
        change = random.uniform(*shape, low=-1, high=1)
        lengths = change.flatten(1).abs().amax(1)
    else:
        change = random.normal(*shape)
        lengths = _length(change)
    return (images + epsilon * change / lengths.clamp_min(1e-12)[:, None, None, None]).clamp_(0, 1)


def to_grid(points: Tensor, images: Tensor, norm: Norm, epsilon: float) -> Tensor:
    """Return points k/255 in [0, 1], near the given ones and still within epsilon of the images.

    L∞: the nearest grid points of the ball. L2: the nearest grid points; where that led out of the ball, those of the
    longest part of the perturbation that stays in it.
    """
    points = project(points, images, norm, epsilon)
    if norm == "linf":
        low = ((images - epsilon) * LEVELS - SLACK).ceil()
        high = ((images + epsilon) * LEVELS + SLACK).floor()
        return points.mul(LEVELS).round_().clamp_(low, high).clamp_(0, LEVELS).div_(LEVELS)
    return _rounded_inside(points, images, epsilon)


def _rounded_inside(points: Tensor, images: Tensor, epsilon: float) -> Tensor:
    """Round, after shrinking each perturbation by as little as keeps the rounded one within epsilon in L2."""
    change = points - images
    best = round_to_levels(images)
    kept = torch.zeros(len(points), 1, 1, 1, device=points.device)
    for halving in range(HALVINGS):
        tried_share = (kept + 0.5**halving).clamp_max(1)
        tried = round_to_levels(images + change * tried_share)
        inside = (_length(tried - images) <= epsilon)[:, None, None, None]
        kept = torch.where(inside, tried_share, kept)
        best = torch.where(inside, tried, best)
    return best


def round_to_levels(points: Tensor) -> Tensor:
    """Return the nearest points k/255."""
    return points.mul(LEVELS).round_().div_(LEVELS)


def _length(change: Tensor) -> Tensor:
    return change.flatten(1).norm(dim=1)
