"""Goal models of other strengths, written short: ``6``, ``adversarial:4/255``, ``resnet20:24 epochs:12``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from curation.errors import UsageError, unknown_name
from curation.models.architectures import ARCHITECTURES
from curation.recipe.recipe import Recipe
from curation.training.methods import METHODS
from curation.training.settings import PRESETS, Training

OWN = "recipe"
"""What a recipe's own goal model is called among others."""

FORM = (
    "an epoch at which its training is looked at (6), a radius of adversarial training (4/255), a training method, a "
    "preset, an architecture, a length (24 epochs), or several of them with colons (plain:6, resnet20:trades:8/255)"
)
"""What may be written."""

_LENGTH = re.compile(r"(\d+) ?epochs?")
_EPOCH = re.compile(r"\d+")
_RADIUS = re.compile(r"\d+/\d+|\d*\.\d+")
_KEPT_OF_PRESET = ("flip", "threads", "seed")


def guided(recipe: Recipe, words: str) -> Recipe:
    """Return a recipe guided by a goal model that is written short; what is not written is as in the recipe.

    Args: words: see ``FORM``. A radius alone is of adversarial training, by the recipe's own method where that is one;
        a preset replaces the schedule, but not flips, which are the data's; a new length is looked at after its last
        epoch, unless an epoch is written.
    Raises: UsageError: words that mean nothing, or a goal model that cannot be.
    """
    goal = recipe.goal_model
    if goal.checkpoint is not None:
        raise UsageError(
            "goal_model.checkpoint names somebody's weights, which have no training to vary; leave checkpoint out"
        )
    parts = _parts(words)
    train = goal.train.model_dump(mode="json")
    if "preset" in parts:
        kept = {name: train[name] for name in _KEPT_OF_PRESET}
        train = Training.model_validate({**kept, "preset": parts["preset"]}).model_dump(mode="json")
    method = parts.get("method", train["method"])
    if "epsilon" in parts:
        if not METHODS[method].perturbs and "method" in parts:
            raise UsageError(f"goal model {words!r}: method {method} takes no radius; leave {parts['epsilon']} out")
        method = method if METHODS[method].perturbs else "adversarial"
        train["epsilon"] = parts["epsilon"]
    if method != train["method"]:
        train = {name: value for name, value in train.items() if name in Training.model_fields} | {"method": method}
    if "epochs" in parts:
        train["epochs"] = parts["epochs"]
    anew = train["epochs"] != goal.train.epochs
    epoch = parts.get("epoch", None if anew else goal.epoch)
    changes: dict[str, Any] = {"train": train, "epoch": None if epoch == train["epochs"] else epoch}
    if "architecture" in parts:
        changes["architecture"] = parts["architecture"]
    try:
        return recipe.with_changes(**{f"goal_model.{name}": value for name, value in changes.items()})
    except UsageError as error:
        raise UsageError(f"goal model {words!r}: {error}") from None


def guides(recipe: Recipe, written: Iterable[str]) -> dict[str, Recipe]:
    """Return a recipe under ``OWN``, and as it is under other goal models by their words; each goal model once.

    Raises: UsageError as ``guided``.
    """
    found = {OWN: recipe}
    for words in written:
        one = guided(recipe, words)
        if one.goal_model not in [other.goal_model for other in found.values()]:
            found[words] = one
    return found


def _parts(words: str) -> dict[str, Any]:
    """Return what the words say: epoch, epsilon, method, preset, architecture, epochs. Raises: UsageError."""
    found: dict[str, Any] = {}
    for part in (part.strip() for part in words.split(":")):
        name, value = _part(part, words)
        if name in found:
            raise UsageError(f"goal model {words!r} gives {name} twice, as {found[name]} and {value}; give one")
        found[name] = value
    return found


def _part(part: str, words: str) -> tuple[str, Any]:
    if not part:
        raise UsageError(f"goal model {words!r} has an empty part; write {FORM}")
    if length := _LENGTH.fullmatch(part):
        return "epochs", int(length[1])
    if _EPOCH.fullmatch(part):
        return "epoch", int(part)
    if _RADIUS.fullmatch(part):
        return "epsilon", part
    if part in METHODS:
        return "method", part
    if part in PRESETS:
        return "preset", part
    if part in ARCHITECTURES or "/" in part:
        return "architecture", part
    known = [*METHODS.names, *PRESETS, *ARCHITECTURES]
    raise UsageError(f"goal model {words!r}: {unknown_name('method, preset or architecture', part, known)}")
