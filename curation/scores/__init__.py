"""Scores: how uncertain the goal model is about a sample."""

from curation.plugin import Registry
from curation.scores.base import Score
from curation.scores.entropy import Entropy
from curation.scores.gini import Gini
from curation.scores.margin import Margin
from curation.scores.mc_entropy import McEntropy
from curation.scores.mutual_information import MutualInformation
from curation.scores.variation_ratio import VariationRatio

SCORES = Registry[Score]("score", (Entropy, Gini, Margin, McEntropy, MutualInformation, VariationRatio))


def scores_of(*, passes: bool) -> list[type[Score]]:
    """Return the scores that can be computed: all with Monte Carlo passes, else those of a single forward pass."""
    return [score for score in SCORES if passes or score.uses == "logits"]


__all__ = ["SCORES", "Entropy", "Gini", "Margin", "McEntropy", "MutualInformation", "VariationRatio", "scores_of"]
