"""The question and the budget."""

from __future__ import annotations

from contextlib import suppress

from curation.errors import CurationError
from curation.figures.curation import FAMILY_COLORS
from curation.presentation.step import Missing, Numbers, Shares, Told
from curation.presentation.subject import Subject, percent, plural
from curation.selection.mix import quotas

_WORDS = {"clean": "clean images", "corruption": "corrupted copies", "adversarial": "adversarial copies"}
_TERMS = {"clean": "Clean image", "corruption": "Corrupted copy", "adversarial": "Adversarial copy"}


def tell(it: Subject) -> Told | Missing:
    """Say what is asked, how many images there are, and how many may be chosen."""
    selection = it.recipe.selection
    wanted = {family: count for family, count in quotas(selection.mix, selection.budget).items() if count}
    numbers = [(f"{len(it.samples):,}", "images"), (f"{len(it.classes):,}", "classes")]
    with suppress(CurationError):  # how many there will be is not known yet
        numbers.append((f"{len(it.pool):,}", "candidates"))
    numbers.append((f"{selection.budget:,}", "may be chosen"))
    aims = ["clean images", "images spoiled by weather or a bad camera", "images that somebody changed to mislead it"]
    needed = [aim for aim, family in zip(aims, _WORDS, strict=True) if family in wanted or family == "clean"]
    right = f"{', '.join(needed[:-1])} and {needed[-1]}" if len(needed) > 1 else needed[0]
    parts = [
        (f"{_WORDS[family]} {percent(count / selection.budget)}", float(count), FAMILY_COLORS[family])
        for family, count in wanted.items()
    ]
    return Told(
        lead=f"Which {plural(selection.budget, 'image')} should a network learn from?",
        sentences=[
            f"A network that learns from them should be right about {right}.",
            "Not every image teaches it the same. This is how the set was chosen, what is in it, and whether it helps.",
        ],
        blocks=[Numbers(numbers), Shares(parts, "What the set is made of.")],
        terms=["Budget", "Candidate", *(_TERMS[family] for family in wanted)],
    )
