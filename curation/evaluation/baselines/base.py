"""The contract of a baseline: from a recipe to another way to spend the same budget on the same candidates."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Literal, NamedTuple

from curation.plugin import Plugin
from curation.recipe import Recipe

PLAIN: dict[str, Any] = {
    "selection.within": None,
    "weights": {},
    "selection.offset_by": "rank",
    "selection.offset": 0,
    "selection.floor": None,
    "selection.variants_per_sample": "all",
}
"""What no baseline has of the recipe that it is derived from."""


class Decision(NamedTuple):
    """One of the decisions that lead from clean images to a recipe, and what is chosen then, in words."""

    decision: str
    takes: str


class Baseline(Plugin):
    """Another choice of the same budget. A member writes ``changes``; ``recipe`` applies them."""

    family = "baseline"
    called: ClassVar[str]
    """What a sentence calls it: "better than a random mix"."""
    source: ClassVar[str]
    """The publication that compares with it."""
    needs: ClassVar[tuple[Literal["corruption", "adversarial"], ...]] = ()
    """Families without whose copies it is left out."""
    usual: ClassVar[bool] = False
    """Whether an evaluation has it where nothing else is asked for."""
    decision: ClassVar[Decision | None] = None
    """Its step, where it is one of those from clean images to the recipe."""

    def recipe(self, of: Recipe) -> Recipe:
        """Return the recipe with the budget, candidates and labels of ``of``, chosen otherwise.

        Labels that a person gave or confirmed, and what was dropped or excluded, hold for every set. What was included
        by hand is not copied: a baseline is what a rule alone would choose.
        """
        edits = of.selection.edits.model_copy(update={"include": []})
        about = {"name": self.name, "note": self.title, "selection.edits": edits}
        return of.with_changes(**{**about, **PLAIN, **self.changes(of)})

    @abstractmethod
    def changes(self, of: Recipe) -> dict[str, Any]:
        """Return fields of the recipe by their paths ("selection.strategy"), each with its value."""

    def fits(self, of: Recipe) -> bool:
        """Whether a recipe has copies of every family that it needs."""
        made = {"corruption": of.variants.corruption is not None, "adversarial": bool(of.variants.adversarial)}
        return all(made[family] for family in self.needs)
