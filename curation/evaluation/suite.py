"""The test suite P: clean, corrupted and adversarial copies of held-out images, made once, identified by contents."""

from __future__ import annotations

import re
from collections.abc import Sequence

from curation.attacks.base import Attack
from curation.engine import Engine
from curation.errors import CurationError, UsageError
from curation.evaluation.built_suite import BuiltSuite
from curation.evaluation.own_suite import OwnSuite
from curation.evaluation.part import Part, Suite
from curation.evaluation.settings import SuiteSettings
from curation.progress import Report, ignore
from curation.recipe import Recipe
from curation.storage.workspace import Workspace

__all__ = ["Part", "Suite", "check_held_out", "check_own", "check_surrogates", "find_suite", "make_suite"]


def check_surrogates(settings: SuiteSettings, goal_architecture: str, targets: Sequence[str]) -> None:
    """Refuse surrogates that are not held out; your own P has none.

    Raises: UsageError where one is also the goal model's or a target's architecture, or is listed twice.
    """
    if settings.path is not None:
        return
    for index, name in enumerate([*settings.surrogates, *dict.fromkeys(_borrowed(settings.adversarial))]):
        if index < len(settings.surrogates) and name in settings.surrogates[:index]:
            raise UsageError(f"suite.surrogates lists {name} twice; list it once")
        whose = "the goal model" if name == goal_architecture else "a target" if name in targets else None
        if whose:
            raise UsageError(
                f"the surrogate {name} is also the architecture of {whose}, so attacks on it would not be held out; "
                "choose another one in suite.surrogates"
            )


def check_held_out(settings: SuiteSettings, recipe: Recipe) -> None:
    """Refuse what would be called held out and is trained on; of your own P that is known once it is read.

    Raises: UsageError where a corruption is held out and among the recipe's own, or where an attack of the recipe
        borrows from a network of an architecture that P attacks.
    """
    if settings.path is not None:
        return
    both = [kind for kind in settings.held_out if kind in _trained_on(recipe)]
    if both:
        others = [kind for kind in settings.held_out if kind not in both]
        raise UsageError(
            f"the recipe {recipe.name} has copies with {', '.join(both)}, which the test suite calls held out: "
            f"hold out other kinds with --held-out {','.join(others) or 'none'} (suite.held_out), or take "
            f"{'it' if len(both) == 1 else 'them'} out of the recipe's variants.corruption.kinds"
        )
    attacked = {*settings.surrogates, *_borrowed(settings.adversarial)}
    name = next((name for name in _borrowed(recipe.variants.adversarial) if name in attacked), None)
    if name:
        raise UsageError(
            f"an attack of the recipe {recipe.name} uses a surrogate {name}, as the test suite does, whose attacks "
            "would then not be held out: choose another one in suite.surrogates, or in the recipe's "
            "variants.adversarial.surrogates"
        )


def check_own(suite: Suite, recipe: Recipe) -> None:
    """Refuse a P whose part held_out has a kind of which the recipe has copies.

    Raises: UsageError; kinds are told by their folders' names.
    """
    kinds = dict.fromkeys(part.kind for part in suite.parts if part.part == "held_out")
    both = [kind for kind in kinds if re.sub(r"[\s-]+", "_", kind.lower()) in _trained_on(recipe)]
    if both:
        raise UsageError(
            f"the recipe {recipe.name} has copies with {', '.join(both)}, which the part held_out of your test suite "
            "holds: move it to the part corruption there, or take it out of the recipe's variants.corruption.kinds"
        )


def _trained_on(recipe: Recipe) -> set[str]:
    """Return the names of the recipe's corruptions."""
    corruption = recipe.variants.corruption
    return {member.name for member in corruption.members()} if corruption else set()


def _borrowed(attacks: Sequence[Attack]) -> list[str]:
    """Return the architectures of the further networks that attacks use."""
    return [surrogate.architecture for attack in attacks for surrogate in getattr(attack, "surrogates", ())]


def make_suite(
    settings: SuiteSettings, recipe: Recipe, workspace: Workspace, *, engine: Engine, report: Report = ignore
) -> Suite:
    """Return P, made where it is missing; what is finished is kept, shard by shard, so that a killed run goes on.

    Test images that are, exactly or nearly, among the training samples of the source are left out (``about`` names
    them), so that one P serves every set made of these samples. Surrogates are trained on the clean training samples.

    Args: settings: how it is built, or where yours is; recipe: its source, seed and goal model make P; nothing
        of it may be called held out there.
    Raises: CurationError: one sentence; Cancelled.
    """
    check_surrogates(settings, recipe.goal_model.architecture, ())
    check_held_out(settings, recipe)
    suite = _suite(settings, recipe, workspace, engine).make(report)
    check_own(suite, recipe)
    workspace.write_suite(suite.key, suite.about)
    return suite


def find_suite(settings: SuiteSettings, recipe: Recipe, workspace: Workspace, *, engine: Engine) -> Suite | None:
    """Return P where all of it is there, else None; nothing is computed. ``make_suite`` says what is wrong."""
    try:
        return _suite(settings, recipe, workspace, engine).find()
    except CurationError:
        return None


def _suite(settings: SuiteSettings, recipe: Recipe, workspace: Workspace, engine: Engine) -> BuiltSuite | OwnSuite:
    kind = BuiltSuite if settings.path is None else OwnSuite
    return kind(settings, recipe, workspace, engine=engine)
