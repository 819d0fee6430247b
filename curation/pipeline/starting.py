"""What a goal model's network is before it is trained: somebody's weights or fresh ones, and the size it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from curation.errors import CurationError, UsageError
from curation.models.fine_tuning import rates
from curation.models.loading import OtherClasses, load_body, load_weights
from curation.models.published import published_file, require_published
from curation.recipe import GoalModel, StartFrom
from curation.storage.files import digest


class Started(NamedTuple):
    """Of a network that starts from somebody's weights: each parameter's ``rates`` (see ``train``), and remarks."""

    rates: dict[str, float]
    remarks: list[str]


def digest_of(file: str, *, field: str, instead: str) -> str:
    """Return the hash of a file of weights. Raises: UsageError: the field of the goal model names no readable file."""
    try:
        return digest(Path(file).read_bytes())
    except OSError:
        raise UsageError(
            f"goal_model.{field}: there is no readable file {file}; give a safetensors file or a state dict, or "
            f"{instead}"
        ) from None


def identity(goal: GoalModel) -> list[Any]:
    """Return what keys of a goal model have beside its architecture: nothing, where it is as the images are.

    Raises: UsageError as the form.
    """
    form = goal.form
    plain = form.input_px is None and not form.published
    return [] if plain else [["form", form.side_px, form.published]]


def start_identity(start: StartFrom | None, architecture: str) -> list[Any]:
    """Return what keys of a training have for the weights that it starts from. Raises: UsageError: there are none."""
    if start is None:
        return []
    if start.file is None:
        weights = require_published(architecture).name
    else:
        instead = "pretrained for those that torchvision or timm publishes"
        weights = digest_of(start.weights, field="start_from.weights", instead=instead)
    return [["from", weights, start.model_dump(mode="json", exclude={"weights"})]]


def loaded(network: nn.Module, checkpoint: str) -> list[str]:
    """Fill a network with a goal model's checkpoint, and return remarks.

    Raises: CurationError as ``load_weights``; where the head alone is of other classes, how to fine-tune it.
    """
    try:
        return load_weights(network, Path(checkpoint))
    except OtherClasses as error:
        raise OtherClasses(
            f"{error}; or fine-tune it, with a new head: instead of goal_model.checkpoint write "
            f"goal_model.start_from: {{weights: {checkpoint}}}"
        ) from None


def started(network: nn.Module, goal: GoalModel) -> Started:
    """Fill a network with the weights that its training starts from, where it starts from some.

    Raises: CurationError: they cannot be had, or do not fit. UsageError: no such layer to freeze.
    """
    start = goal.start_from
    if start is None:
        return Started({}, [])
    file = start.file or published_file(goal.architecture)
    if start.head == "new":
        remarks, new = load_body(network, file)
    else:
        remarks, new = _whole(network, file), []
    try:
        shares = rates(network, body_rate=start.body_rate, freeze=start.freeze, new=new)
    except UsageError as error:
        raise UsageError(f"goal_model.start_from.{error}") from None
    head = "a new head" if start.head == "new" else "their head"
    frozen = f", frozen: {', '.join(start.freeze)}" if start.freeze else ""
    said = f"fine-tuned from {file.name} of {goal.architecture}, with {head}{frozen}"
    return Started(shares, [said, *remarks])


def _whole(network: nn.Module, file: Path) -> list[str]:
    try:
        return load_weights(network, file)
    except OtherClasses as error:
        raise CurationError(f"{error}, or goal_model.start_from.head: new") from None


def size_remark(goal: GoalModel, shape: tuple[int, int, int]) -> list[str]:
    """Return a sentence where images are resized inside the network."""
    side_px, (height, width, _) = goal.form.side_px, shape
    if side_px in (None, height) and side_px in (None, width):
        return []
    why = "" if goal.input_px else f", which the published weights of {goal.architecture} were trained for"
    return [
        f"images of {width}×{height} px are resized to {side_px}×{side_px} inside the goal model{why}; "
        "goal_model.input_px sets another size"
    ]
