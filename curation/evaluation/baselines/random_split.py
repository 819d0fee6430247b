"""A random split after Zhong et al."""

from __future__ import annotations

from typing import Any

from curation.evaluation.baselines.base import Baseline
from curation.recipe import Recipe


class RandomSplit(Baseline):
    """Corrupted and adversarial copies 4 : 1 at random, no clean images, each sample once.

    After Zhong et al. 2022, whose best split is clean : adversarial : corrupted = 0 : 1 : 4. The split alone is theirs:
    copies are the recipe's, where theirs are of 14 corruptions and of a transfer attack, in their code on test images.
    """

    name = "random_split"
    title = "0 : 4 : 1 at random, each image once"
    called = "a random 0 : 4 : 1 split"
    source = "after Zhong et al. 2022 (the split alone)"
    needs = ("corruption", "adversarial")
    usual = True

    def changes(self, of: Recipe) -> dict[str, Any]:
        """Return: 0 : 4 : 1 at random, one variant a sample; see ``Baseline.changes``."""
        return {
            "selection.strategy": "random",
            "selection.mix": [0, 4, 1],
            "selection.variants_per_sample": "one",
        }
