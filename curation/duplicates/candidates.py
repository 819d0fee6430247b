"""Which images may repeat which: all that are near enough on the grid, found by products of matrices or by a tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from curation.compilation import runs_compiled
from curation.duplicates import near
from curation.duplicates.near import Images, coarse

SIEVED = 10_000
"""Of more images those that may be near are found by a tree, on a CPU."""

_ASKED = 1 << 13
"""So many images are compared at once by the tree."""

_GROWN_THIN = 0.7
"""The tree is built again of what is left when this is a smaller share of it."""

_UNCLEAR = 0.01
"""Where a larger share of pairs passes the tree, as of noise, products of matrices are faster."""

Found = Iterator[tuple[int, bool, np.ndarray]]
"""A row, whether it is mirrored, and the rows, rising, that may be near it; by row, those not mirrored first."""

Find = Callable[[np.ndarray], tuple[int, Found]]
"""Given the rows that are left, rising, says of how many, the first ones, it found those that may be near them."""


def finder(images: Images, bound: float, *, mirrored: bool, device: str, told: Callable[[], object]) -> Find:
    """Return what finds images that are near enough on the grid, all of them and some more.

    Args: told: called while images are read; may raise to stop.
    """
    ways = {turn: coarse(images, mirror=turn, told=told) for turn in ((False, True) if mirrored else (False,))}
    if len(images) > SIEVED and runs_compiled(torch.device(device)):
        from curation.duplicates.sieve import Turn, unclear  # compiles

        turn_to = Turn.of(ways[False].numpy())
        points = {turn: turn_to(mine.numpy()) for turn, mine in ways.items()}
        if unclear(points[False], bound**2) < _UNCLEAR:
            return _by_sieve(points, bound)
        ways = {turn: torch.from_numpy(mine) for turn, mine in points.items()}
    ways = {turn: mine.to(device) for turn, mine in ways.items()}
    middle = ways[False].mean(0)
    return _by_products({turn: mine - middle for turn, mine in ways.items()}, bound)


def _by_products(ways: dict[bool, Tensor], bound: float) -> Find:
    """Compare each with all others by a product of matrices."""

    def find(left: np.ndarray) -> tuple[int, Found]:
        block = left[: max(1, near.VALUES // len(left))]
        may = {turn: _may_be_near(mine[block], ways[False][left], bound) for turn, mine in ways.items()}
        return len(block), (
            (int(row), turn, left[candidates[at]]) for at, row in enumerate(block) for turn, candidates in may.items()
        )

    return find


def _by_sieve(points: dict[bool, np.ndarray], bound: float) -> Find:
    """Compare each with those that a tree does not rule out: of many images far less work."""
    from curation.duplicates.sieve import Sieve  # compiles

    sieve: Sieve | None = None

    def find(left: np.ndarray) -> tuple[int, Found]:
        nonlocal sieve
        if sieve is None or len(left) < _GROWN_THIN * sieve.size:
            sieve = Sieve(points[False], left, bound**2 + near.ROUNDING)
        done, found = min(len(left), _ASKED), []
        for turn, mine in points.items():
            done, at, rows = sieve(mine[left[:done]], left[:done])
            found.append((turn, at, rows))
        return done, _in_order(left, done, found)

    return find


def _in_order(left: np.ndarray, done: int, found: list[tuple[bool, np.ndarray, np.ndarray]]) -> Found:
    starts = {turn: np.searchsorted(at, np.arange(done + 1)) for turn, at, _ in found}
    for at in np.unique(np.concatenate([at for _, at, _ in found])):
        if at < done:
            for turn, _, rows in found:
                yield int(left[at]), turn, rows[starts[turn][at] : starts[turn][at + 1]]


def _may_be_near(mine: Tensor, others: Tensor, bound: float) -> np.ndarray:
    """Return bool N×M: which may be near enough, by their distance on the grid."""
    squared = torch.addmm(others.square().sum(1), mine, others.T, alpha=-2) + mine.square().sum(1)[:, None]
    return (squared <= bound**2 + near.ROUNDING).cpu().numpy()
