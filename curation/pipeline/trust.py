"""What people should know of a goal model before they trust what it guides: doubts, and how its file was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from curation.errors import CurationError, note_weights, warn_of_goal_model
from curation.models.chance import Doubt, doubts
from curation.pipeline.plan import Plan


def tell(plan: Plan) -> None:
    """Warn of what people should know of a plan's goal model, if it is there."""
    for sentence in remarks_of(plan):
        note_weights(sentence)
    for doubt in doubts_of(plan):
        warn_of_goal_model(doubt.sentence)


def doubts_of(plan: Plan) -> list[Doubt]:
    """Return the reasons to doubt a plan's goal model; none where there is no model yet."""
    try:
        about = plan.workspace.model(plan.model_key).about_at(plan.epoch)
        return reasons(about or {}, plan.samples.classes)
    except CurationError:  # the samples are not read, or the weights' file is gone
        return []


def require_trust(plan: Plan) -> None:
    """Raises: CurationError: the goal model is no better than guessing, and nobody has accepted that."""
    for doubt in doubts_of(plan):
        if doubt.grave:
            raise CurationError(f"stopped before more is computed: {doubt.sentence}. Start again to go on all the same")


def remarks_of(plan: Plan) -> list[str]:
    """Return a sentence for each choice that was made when its weights were read from a file."""
    try:
        about = plan.workspace.model(plan.model_key).about
    except CurationError:
        return []
    return list((about or {}).get("remarks", []))


def reasons(about: Mapping[str, Any], classes: Sequence[str]) -> list[Doubt]:
    """Return the doubts in a kept model's description: those on the test split, else those on the samples.

    A split too small to tell anything says nothing against a model that is right on the samples.
    """
    tallies = about.get("answers") or {}
    surrogate = about.get("role") == "surrogate"
    who = f"the surrogate {about['architecture']}" if surrogate else "the goal model"
    found = doubts(tallies["samples"], classes, where="the samples", who=who) if tallies.get("samples") else []
    test = tallies.get("test")
    if test and sum(test["of"]) >= 5 * len(classes):
        found = doubts(test, classes, where="the test split", who=who) or found
    return found
