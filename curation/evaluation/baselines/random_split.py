"""The random split of Zhong et al."""

from __future__ import annotations

from typing import Any

from curation.evaluation.baselines.base import Baseline
from curation.recipe import Recipe


class RandomSplit(Baseline):
    """Corrupted and adversarial copies 4 : 1 at random, no clean images, each sample once.

    Source: Zhong et al. 2022, table 3 (0 : 1 : 4 clean : adversarial : corruption).
    """

    name = "random_split"
    title = "0 : 4 : 1 at random, each image once"
    called = "a random 0 : 4 : 1 split"
    source = "Zhong et al. 2022, table 3"
    needs = ("corruption", "adversarial")
    usual = True

    def changes(self, of: Recipe) -> dict[str, Any]:
        """Return: 0 : 4 : 1 at random, one variant a sample; see ``Baseline.changes``."""
        return {
            "selection.strategy": "random",
            "selection.mix": [0, 4, 1],
            "selection.variants_per_sample": "one",
        }
