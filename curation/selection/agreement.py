"""How much selections of one recipe agree that differ in the training of their goal model alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from curation.selection.selected import Selected


@dataclass(frozen=True)
class Agreement:
    """Of the selections of two trainings. chosen: images in a set (or in a family of it); again: how many of them both
    trainings choose, the mean over all pairs of trainings; by_chance: how many two random selections of that size would
    share."""

    chosen: int
    again: float
    by_chance: float

    @property
    def share(self) -> float:
        """Of the chosen, in [0, 1]: how many another training chooses again."""
        return self.again / max(self.chosen, 1)


@dataclass(frozen=True)
class Stability:
    """trainings: how many were compared; families: by name, those that have images in the set."""

    trainings: int
    families: Mapping[str, Agreement]

    @property
    def whole(self) -> Agreement:
        """All families together."""
        every = self.families.values()
        return Agreement(
            sum(part.chosen for part in every), sum(part.again for part in every), sum(part.by_chance for part in every)
        )

    @property
    def sentence(self) -> str:
        """The result, for people."""
        whole = self.whole
        return (
            f"Of the {whole.chosen:,} chosen images, about {whole.again:,.0f} ({whole.share:.0%}) would be chosen "
            f"again by another training of the same goal model ({self.trainings} trainings compared); a random "
            f"selection would share {whole.by_chance:,.0f} ({whole.by_chance / max(whole.chosen, 1):.0%})."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain data; ``from_dict`` gives the same back."""
        families = {name: {**asdict(part), "share": part.share} for name, part in self.families.items()}
        return {"trainings": self.trainings, **asdict(self.whole), "share": self.whole.share, "families": families}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Stability:
        """Return what ``to_dict`` gave. Raises: KeyError, TypeError: it is something else."""
        families = {
            name: Agreement(part["chosen"], part["again"], part["by_chance"])
            for name, part in value["families"].items()
        }
        return cls(value["trainings"], families)


def agreement(found: Sequence[Selected]) -> dict[str, Agreement]:
    """Return how much every two of some selections of one recipe agree, by family. Args: found: 2 or more."""
    agreed: dict[str, Agreement] = {}
    families = found[0].families
    ids = [dict(zip(families, _parts(selected), strict=True)) for selected in found]
    for name, family in families.items():
        if family.chosen:
            both = [len(np.intersect1d(one[name], other[name])) for one, other in combinations(ids, 2)]
            chance = family.chosen**2 / max(family.candidates, family.chosen)
            agreed[name] = Agreement(family.chosen, float(np.mean(both)), chance)
    return agreed


def _parts(selected: Selected) -> list[np.ndarray]:
    """Return the candidate ids of each family."""
    return np.split(selected.candidate_ids, np.cumsum([family.chosen for family in selected.families.values()])[:-1])
