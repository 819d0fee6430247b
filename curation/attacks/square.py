"""The Square attack: random search that uses only the model's logits."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from curation.attacks.base import BallAttack
from curation.attacks.classify import Classify
from curation.attacks.losses import cw
from curation.attacks.search import Search, StopEarly
from curation.copying import sent
from curation.randomness import SampleRandom

HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""After so many of 10,000 steps, the share of the image that a square covers is halved."""


class Square(BallAttack):
    """Squares of random position and sign, kept if the margin rises; uses no gradient, so gradient masking has no
    effect.

    Source: Andriushchenko et al. 2020, "Square Attack: a query-efficient black-box adversarial attack via random
    search", algorithms 1–3, with the schedule of squares scaled to the number of steps.
    """

    name: ClassVar[str] = "square"
    title: ClassVar[str] = "Square (black box)"

    steps: int = Field(500, ge=1, le=10_000, description="number of squares tried; each costs one forward pass")
    first_share: float = Field(0.8, gt=0, le=1, description="fraction of the image that the first squares cover")
    stop_early: StopEarly = True

    def perturb(self, classify: Classify, images: Tensor, labels: Tensor, random: SampleRandom) -> Tensor:
        """Return the point of the largest margin found for each sample."""
        search = Search(classify, images, labels, random, stop_early=self.settle if self.stop_early else None)
        start, move = (_stripes, _square) if self.norm == "linf" else (_tiles, _moved_mass)
        with torch.no_grad():
            points = start(search, self.epsilon)
            for step in range(self.steps + 1):
                margins = cw(classify(points), search.labels)
                search.offer(points, margins, margins > 0)
                if step == self.steps or not len(search):
                    break
                points = move(search, self.epsilon, self._share(step))
        return search.best

    def _share(self, step: int) -> float:
        at = int(step / self.steps * 10_000)
        return self.first_share / 2 ** sum(at > halving for halving in HALVINGS)

    def most_passes(self, classes: int) -> int:
        """Return a forward pass for the start and each square; each is made sure of to stop early."""
        return (self.steps + 1) * (1 + self.stop_early)


def _stripes(search: Search, epsilon: float) -> Tensor:
    """Return the images plus vertical stripes of ± epsilon."""
    channels, _, width = search.images.shape[1:]
    return (search.images + epsilon * _signs(search.random.uniform(channels, 1, width))).clamp_(0, 1)


def _square(search: Search, epsilon: float, share: float) -> Tensor:
    """Return the best points, with one square at ± epsilon from the images, its sign drawn for each channel."""
    images = search.images
    side = _side(images, share, least=1)
    draws = search.random.uniform(2 + images.shape[1])
    covered = _window(images, _places(draws[:, :2], images, side), side)
    square = (images + epsilon * _signs(draws[:, 2:, None, None])).clamp_(0, 1)
    return torch.where(covered, square, search.points)


def _tiles(search: Search, epsilon: float) -> Tensor:
    """Return the images plus a grid of bumps, five along the shorter side, of length epsilon in all."""
    images, random = search.images, search.random
    count, channels, height, width = images.shape
    side = max(min(height, width) // 5, 1)
    down, across = height // side, width // side
    shapes = _either_way(_bump(side, images.device), random.uniform(down, across))
    bumps = shapes[:, None] * _signs(random.uniform(channels, down, across))[..., None, None]
    grid = bumps.permute(0, 1, 2, 4, 3, 5).reshape(count, channels, down * side, across * side)
    top, start = (height - down * side) // 2, (width - across * side) // 2
    change = torch.zeros_like(images)
    change[:, :, top : top + down * side, start : start + across * side] = grid
    return _of_length(images, change, epsilon)


def _moved_mass(search: Search, epsilon: float, share: float) -> Tensor:
    """Return the best points, with the change of one window added to another, in a new shape."""
    images, points = search.images, search.points
    count, channels, height, width = images.shape
    side = _side(images, share, least=3)
    side = min(side + 1 - side % 2, height, width)
    draws = search.random.uniform(5 + channels)
    to, source = _places(draws[:, :2], images, side), _places(draws[:, 2:4], images, side)
    change = points - images
    length = _norm(change.flatten(1))[:, None, None, None]
    into, out = _window(images, to, side), _window(images, source, side)
    windows = _norm((change * (into | out)).flatten(2))[..., None, None]

    rows = to[:, 0, None] + torch.arange(side, device=images.device)
    columns = to[:, 1, None] + torch.arange(side, device=images.device)
    at = (torch.arange(count, device=images.device)[:, None, None], rows[:, :, None], columns[:, None, :])
    change = change.permute(0, 2, 3, 1).contiguous()
    there = change[at].permute(0, 3, 1, 2)
    shape = _either_way(_bump(side, images.device), draws[:, 4])[:, None] * _signs(draws[:, 5:, None, None])
    shape = shape + there / (_norm(there.flatten(2))[..., None, None] + 1e-12)
    free = (epsilon**2 - length.square()).clamp_min(0) / channels + windows.square()
    shape = shape / (_norm(shape.flatten(2))[..., None, None] + 1e-12) * free.sqrt()
    change = torch.where(out.permute(0, 2, 3, 1), 0, change)
    change[at] = shape.permute(0, 2, 3, 1)
    return _of_length(images, change.permute(0, 3, 1, 2), epsilon)


def _side(images: Tensor, share: float, *, least: int) -> int:
    height, width = images.shape[2:]
    return min(max(round(math.sqrt(share * height * width)), least), height, width)


def _places(unit: Tensor, images: Tensor, side: int) -> Tensor:
    """Return where the windows begin, int64 N×2 (row, column), for draws N×2 in [0, 1)."""
    height, width = images.shape[2:]
    return torch.stack([unit[:, 0] * (height - side + 1), unit[:, 1] * (width - side + 1)], dim=1).long()


def _window(images: Tensor, places: Tensor, side: int) -> Tensor:
    """Return bool N×1×H×W: what the windows cover."""
    inside = []
    for axis, size in enumerate(images.shape[2:]):
        beyond = torch.arange(size, device=images.device) - places[:, axis, None]
        inside.append((beyond >= 0) & (beyond < side))
    return inside[0][:, None, :, None] & inside[1][:, None, None, :]


def _signs(unit: Tensor) -> Tensor:
    return torch.where(unit < 0.5, -1.0, 1.0)


def _bump(side: int, device: torch.device) -> Tensor:
    """Return two opposite bumps, one above the other, float32 side×side of length 1."""
    half = side // 2
    bump = torch.cat([_mound(half, side), -_mound(side - half, side)])
    return sent(bump / bump.norm(), device)


def _mound(height: int, width: int) -> Tensor:
    """Return rectangles in each other, each smaller and 1/k² higher, float32 height×width of length 1."""
    mound = torch.zeros(height, width)
    row, column = height // 2, width // 2
    for ring in range(max(height // 2, width // 2) + 1):
        rows = slice(max(row - ring, 0), row + ring + 1)
        mound[rows, max(column - ring, 0) : column + ring + 1] += 1 / (ring + 1) ** 2
    return mound / mound.norm().clamp_min(1e-12)


def _either_way(bump: Tensor, unit: Tensor) -> Tensor:
    """Return the bump or its mirror image at the diagonal, for draws of any shape in [0, 1)."""
    return torch.where((unit < 0.5)[..., None, None], bump, bump.T)


def _norm(values: Tensor) -> Tensor:
    return torch.linalg.vector_norm(values, dim=-1)


def _of_length(images: Tensor, change: Tensor, epsilon: float) -> Tensor:
    length = _norm(change.flatten(1))[:, None, None, None]
    return (images + change * (epsilon / (length + 1e-12))).clamp_(0, 1)
