"""Scores: how uncertain the goal model is about a sample."""

from curation.plugin import Registry
from curation.scores.base import Score
from curation.scores.el2n import El2n
from curation.scores.entropy import Entropy
from curation.scores.gini import Gini
from curation.scores.looks_attacked import LooksAttacked
from curation.scores.margin import Margin
from curation.scores.mc_entropy import McEntropy
from curation.scores.mutual_information import MutualInformation
from curation.scores.variation_ratio import VariationRatio

SCORES = Registry[Score](
    "score", (Entropy, Gini, Margin, McEntropy, MutualInformation, VariationRatio, El2n, LooksAttacked)
)


def scores_of(*, passes: bool, errors: bool = False, detector: bool = False) -> list[type[Score]]:
    """Return the scores that can be computed: of one forward pass; of what else is there, see ``Score.uses``."""
    there = {"logits": True, "passes": passes, "errors": errors, "detector": detector}
    return [score for score in SCORES if there[score.uses]]


__all__ = [
    "SCORES",
    "El2n",
    "Entropy",
    "Gini",
    "LooksAttacked",
    "Margin",
    "McEntropy",
    "MutualInformation",
    "VariationRatio",
    "scores_of",
]
