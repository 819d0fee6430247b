"""Doubt from how trainings took a label: whether other samples spoke against it, and how often it was lost again."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from curation.label_errors.base import Evidence, LabelScore


class AreaUnderMargin(LabelScore):
    """The negative of the mean margin during training, in logits.

    Source: Pleiss et al. 2020, "Identifying Mislabeled Data using the Area Under the Margin Ranking", section 3.
    """

    name: ClassVar[str] = "area_under_margin"
    title: ClassVar[str] = "Area under the margin"
    uses: ClassVar[tuple[str, ...]] = ("area_under_margin",)

    def measure(self, evidence: Evidence) -> np.ndarray:
        """Return the negative area."""
        assert evidence.area_under_margin is not None
        return -evidence.area_under_margin


class Forgetting(LabelScore):
    """How often training went from right to wrong on the label; one that was never learned counts every epoch.

    Source: Toneva et al. 2019, "An Empirical Study of Example Forgetting", section 3.
    """

    name: ClassVar[str] = "forgetting"
    title: ClassVar[str] = "Forgetting events"
    uses: ClassVar[tuple[str, ...]] = ("forgetting",)

    def measure(self, evidence: Evidence) -> np.ndarray:
        """Return the number of events."""
        assert evidence.forgetting is not None
        return evidence.forgetting
