"""The compared scheme as a selector: it follows the order that the stage self_correction worked out."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from curation.errors import CurationError
from curation.selection.base import Group, Selector, Within


class SelfCorrected(Selector):
    """What self-correction chose first, first; score, offset and floor are ignored, what it left out is never taken.

    Source: Data Boosting, the self-correction scheme that Wang & Fang 2022 compare with.
    """

    name: ClassVar[str] = "self_correction"
    title: ClassVar[str] = "Self-correction: nearest to what a model still gets wrong"
    within: ClassVar[Within] = "family"
    follows: ClassVar[str | None] = "self_correction"

    def prefer(self, group: Group, need: int, *, seed: int) -> np.ndarray:
        """Return the order of choice."""
        order = group.family.given_order
        if order is None:
            raise CurationError(
                "the group was made without the order of self_correction; use `family_of(…, follows=…)`"
            )
        return order[group.positions]
