"""The test suite P: clean, corrupted and adversarial copies of held-out images, made once, identified by contents."""

from __future__ import annotations

from collections.abc import Sequence

from curation.engine import Engine
from curation.errors import CurationError, UsageError
from curation.evaluation.built_suite import BuiltSuite
from curation.evaluation.own_suite import OwnSuite
from curation.evaluation.part import Part, Suite
from curation.evaluation.settings import SuiteSettings
from curation.progress import Report, ignore
from curation.recipe import Recipe
from curation.storage.workspace import Workspace

__all__ = ["Part", "Suite", "check_surrogates", "find_suite", "make_suite"]


def check_surrogates(settings: SuiteSettings, goal_architecture: str, targets: Sequence[str]) -> None:
    """Refuse surrogates that are not held out; your own P has none.

    Raises: UsageError where one is also the goal model's or a target's architecture, or is listed twice.
    """
    if settings.path is not None:
        return
    for index, name in enumerate(settings.surrogates):
        if name in settings.surrogates[:index]:
            raise UsageError(f"suite.surrogates lists {name} twice; list it once")
        whose = "the goal model" if name == goal_architecture else "a target" if name in targets else None
        if whose:
            raise UsageError(
                f"the surrogate {name} is also the architecture of {whose}, so attacks on it would not be held out; "
                "choose another one in suite.surrogates"
            )


def make_suite(
    settings: SuiteSettings, recipe: Recipe, workspace: Workspace, *, engine: Engine, report: Report = ignore
) -> Suite:
    """Return P, made where it is missing; what is finished is kept, shard by shard, so that a killed run goes on.

    Test images that are, exactly or nearly, among the training samples of the source are left out (``about`` names
    them), so that one P serves every set made of these samples. Surrogates are trained on the clean training samples.

    Args: settings: how it is built, or where yours is; recipe: its source, seed and goal model count, nothing else.
    Raises: CurationError: one sentence; Cancelled.
    """
    check_surrogates(settings, recipe.goal_model.architecture, ())
    suite = _suite(settings, recipe, workspace, engine).make(report)
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
