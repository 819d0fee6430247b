"""Architectures of torchvision and timm, with fresh weights."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any, cast

import torch

from curation.errors import CurationError, UsageError
from curation.models.classifier import IMAGENET, Classifier, classifier


def torchvision(member: str, classes: int, shape: tuple[int, int, int]) -> Classifier:
    """Return a torchvision model; a gray image is shown to it three times. Raises: UsageError, as ``build`` does."""
    from torchvision import models

    names = models.list_models(module=models)
    if member not in names:
        raise UsageError(_unknown("torchvision", member, names))
    sized = {"image_size": shape[0]} if member.startswith("vit_") else {}
    plain = {"init_weights": True} if member in ("googlenet", "inception_v3") else {}
    return _checked(
        f"torchvision/{member}",
        lambda: Classifier(
            models.get_model(member, weights=None, num_classes=classes, **sized, **plain),
            mean=IMAGENET[0],
            std=IMAGENET[1],
            copies=3 if shape[2] == 1 else 1,
        ),
        classes,
        shape,
    )


def timm(member: str, classes: int, shape: tuple[int, int, int]) -> Classifier:
    """Return a timm model with its own normalization. Raises: UsageError, as ``build`` does, or timm is absent."""
    try:
        import timm
    except ImportError:
        raise UsageError(f'timm/{member} needs the package timm: pip install "curation[timm]"') from None

    if not timm.is_model(member.partition(".")[0]):
        raise UsageError(_unknown("timm", member, timm.list_models()))

    def make() -> Classifier:
        network = timm.create_model(member, pretrained=False, num_classes=classes, in_chans=shape[2])
        about = cast(dict[str, Any], network.default_cfg)
        return classifier(network, (tuple(about["mean"]), tuple(about["std"])), channels=shape[2])

    return _checked(f"timm/{member}", make, classes, shape)


MAKERS: Mapping[str, Callable[[str, int, tuple[int, int, int]], Classifier]] = {
    "torchvision": torchvision,
    "timm": timm,
}
"""Library → maker(name in it, classes, shape)."""


def _unknown(library: str, member: str, names: list[str]) -> str:
    """A library has hundreds of names: only the nearest are of use."""
    nearest = difflib.get_close_matches(member, names, n=5, cutoff=0.5)
    hint = f"; nearest: {', '.join(nearest)}" if nearest else "; look the name up in the library's documentation"
    return f"unknown {library} model {member!r}{hint}"


def _checked(name: str, make: Callable[[], Classifier], classes: int, shape: tuple[int, int, int]) -> Classifier:
    """Libraries' models often demand one image size: find out now, not in the middle of a training run."""
    height, width, channels = shape
    try:
        model = make().eval()
        with torch.no_grad():
            logits = model(torch.zeros(1, channels, height, width))
    except Exception as error:  # each library's model complains in its own way
        first = str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
        raise UsageError(
            f"{name} does not take images of {width}×{height} with {channels} channels: {first}; "
            "choose an architecture for small images, such as resnet18"
        ) from None
    if tuple(logits.shape) != (1, classes):
        raise CurationError(f"{name} is no classifier of {classes} classes: it returns {tuple(logits.shape)} an image")
    return model.train()
