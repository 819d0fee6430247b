"""How well the chosen cover the candidates: means of a family over its groups, and a table of all groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

Group = Mapping[str, Any]
"""One entry of ``Pipeline.coverage()``: a family, or one class of it."""


@dataclass(frozen=True)
class Means:
    """Of a family, its groups weighted by their candidates, all in [0, 1].

    covered: candidates within the radius of a chosen one; by_chance: the same for as many drawn at random; value: of
    what choosing every candidate would reach.
    """

    covered: float
    by_chance: float
    value: float


def means(groups: Sequence[Group]) -> Means:
    """Return the means of at least one group."""
    offered = [group["offered"] for group in groups]
    told = ([g["curve"][-1] for g in groups], [g["by_chance"][-1] for g in groups], [g["share"] for g in groups])
    return Means(*(float(np.average(values, weights=offered)) for values in told))


def table(groups: Sequence[Group], *, families: Mapping[str, str], classes: Sequence[str]) -> pd.DataFrame:
    """Return one row a group, with columns named for people. Args: families: what people call each; classes: names."""
    return pd.DataFrame(
        {
            "Family": [families[group["family"]] for group in groups],
            "Class": ["all" if group["label"] is None else classes[group["label"]] for group in groups],
            "Chosen": [group["chosen"] for group in groups],
            "Of": [group["offered"] for group in groups],
            "Value reached": [group["share"] for group in groups],
            "Covered": [group["curve"][-1] for group in groups],
            "At random": [group["by_chance"][-1] for group in groups],
            "Radius": [group["radius"] for group in groups],
            "Farthest": [group["farthest"] for group in groups],
            "Seconds": [group["seconds"] for group in groups],
        }
    )
