"""Scores: how uncertain the goal model is about a sample."""

from curation.plugin import Registry
from curation.scores.entropy import Entropy
from curation.scores.gini import Gini
from curation.scores.margin import Margin

SCORES = Registry("score", (Entropy, Gini, Margin))

__all__ = ["SCORES", "Entropy", "Gini", "Margin"]
