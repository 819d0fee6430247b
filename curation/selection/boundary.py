"""Boundary samples: the hardest candidates below the offset."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from curation.selection.base import Group, Selector
from curation.selection.random import uniform


class Boundary(Selector):
    """The hardest candidates below the offset until the quota is full; with a floor, uniformly at random inside the
    band.

    Source: Wang & Fang 2022, "Goal-Oriented Data-Centric Robust Learning".
    """

    name: ClassVar[str] = "boundary"
    title: ClassVar[str] = "Boundary samples below the offset"
    takes_hardest: ClassVar[bool] = True

    def prefer(self, group: Group, need: int, *, seed: int) -> np.ndarray:
        """Return the order of hardness, or a random one when the band has a floor."""
        return uniform(group, seed=seed) if group.bounded else group.order
