"""Architectures of libraries, with fresh weights: as small images need them, or as published weights do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch

from curation.errors import CurationError, UsageError
from curation.models import image_text
from curation.models.classifier import IMAGENET, Classifier, classifier
from curation.models.members import known_member
from curation.models.published import published

RESIDUAL = ("layer1", "layer2", "layer3", "layer4")
"""Feature taps of the residual networks of torchvision and timm; their other networks have none here."""


def torchvision(member: str, classes: int, shape: tuple[int, int, int], as_published: bool) -> Classifier:
    """Return a torchvision model; a gray image is shown to it three times. Raises: UsageError, as ``build`` does."""
    from torchvision import models

    known_member("torchvision", member)
    weights = published(f"torchvision/{member}") if as_published else None
    mean, std = weights.statistics if weights else IMAGENET
    sized = {"image_size": shape[0]} if member.startswith("vit_") else {}
    plain = {"init_weights": True} if member in ("googlenet", "inception_v3") else {}
    return _checked(
        f"torchvision/{member}",
        lambda: Classifier(
            models.get_model(member, weights=None, num_classes=classes, **sized, **plain),
            mean=mean,
            std=std,
            copies=3 if shape[2] == 1 else 1,
        ),
        classes,
        shape,
    )


def timm(member: str, classes: int, shape: tuple[int, int, int], as_published: bool) -> Classifier:
    """Return a timm model with its own normalization. Raises: UsageError, as ``build`` does, or timm is absent."""
    known_member("timm", member)
    import timm

    def make() -> Classifier:
        channels = 3 if as_published else shape[2]
        network = timm.create_model(member, pretrained=False, num_classes=classes, in_chans=channels)
        about = cast(dict[str, Any], network.default_cfg)
        mean, std = tuple(about["mean"]), tuple(about["std"])
        if as_published and shape[2] == 1:
            return Classifier(network, mean=mean, std=std, copies=3)
        return classifier(network, (mean, std), channels=shape[2])

    return _checked(f"timm/{member}", make, classes, shape)


def open_clip(member: str, classes: int, shape: tuple[int, int, int], as_published: bool) -> Classifier:
    """Return the half of an open_clip model that sees images, under a head. Raises: UsageError, as ``build`` does."""
    known_member(image_text.LIBRARY, member)
    weights = published(f"{image_text.LIBRARY}/{member}")
    assert weights is not None
    mean, std = weights.statistics
    return _checked(
        f"{image_text.LIBRARY}/{member}",
        lambda: Classifier(image_text.Tower(member, classes), mean=mean, std=std, copies=3 if shape[2] == 1 else 1),
        classes,
        shape,
    )


MAKERS: Mapping[str, Callable[[str, int, tuple[int, int, int], bool], Classifier]] = {
    "torchvision": torchvision,
    "timm": timm,
    image_text.LIBRARY: open_clip,
}
"""Library → maker(name in it, classes, shape of what the network takes, whether in the form of published weights)."""


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
    if all(hasattr(model.network, name) for name in RESIDUAL):
        model.taps = RESIDUAL
    return model.train()
