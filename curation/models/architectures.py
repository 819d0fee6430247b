"""Every architecture by name, and ``build``, which makes a classifier of one."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from torch import nn

from curation.errors import CurationError, UsageError, unknown_name
from curation.models.cifar_resnet import CifarResNet
from curation.models.classifier import Classifier
from curation.models.resnet import PreActResNet18, ResNet18
from curation.models.tiny_resnet import TinyResNet

CONTEST = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
"""Mean and std of the CIFAR-10 contest's fixed training."""

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and std of ImageNet, which most published weights expect."""

Statistics = tuple[tuple[float, ...], tuple[float, ...]]
MINIMUM_SIDE_PX = 16


def tiny_resnet(classes: int, channels: int) -> Classifier:
    """Tiny ResNet: learns and is attacked in seconds on a CPU."""
    return _classifier(TinyResNet(classes=classes, channels=channels), CONTEST, channels)


def resnet18(classes: int, channels: int) -> Classifier:
    """ResNet-18 for small images (3×3 stem, no max-pooling)."""
    return _classifier(ResNet18(classes=classes, channels=channels), CONTEST, channels)


def preact_resnet18(classes: int, channels: int) -> Classifier:
    """PreAct-ResNet-18 for small images, as in the contest's second stage."""
    return _classifier(PreActResNet18(classes=classes, channels=channels), CONTEST, channels)


def resnet20(classes: int, channels: int) -> Classifier:
    """ResNet-20 of the CIFAR family (16, 32, 64 channels)."""
    return _classifier(CifarResNet(classes=classes, channels=channels, depth=20), IMAGENET, channels)


def resnet32(classes: int, channels: int) -> Classifier:
    """ResNet-32 of the CIFAR family (16, 32, 64 channels)."""
    return _classifier(CifarResNet(classes=classes, channels=channels, depth=32), IMAGENET, channels)


def resnet56(classes: int, channels: int) -> Classifier:
    """ResNet-56 of the CIFAR family (16, 32, 64 channels)."""
    return _classifier(CifarResNet(classes=classes, channels=channels, depth=56), IMAGENET, channels)


ARCHITECTURES: Mapping[str, Callable[[int, int], Classifier]] = {
    make.__name__: make for make in (tiny_resnet, resnet18, preact_resnet18, resnet20, resnet32, resnet56)
}
"""Name → maker(classes, channels). ``build`` also takes ``torchvision/<name>`` and ``timm/<name>``."""


def build(name: str, *, classes: int, shape: tuple[int, int, int], seed: int = 0) -> nn.Module:
    """Return a classifier with fresh weights, on the CPU, in training mode.

    Args:
        name: one of ``ARCHITECTURES``, or ``torchvision/<name>``, or ``timm/<name>`` where timm is installed.
        classes: K ≥ 2.
        shape: (height, width, channels) of the images; at least 16 pixels a side; 1 or 3 channels.
        seed: of the weights. The global random state is left as it was.

    Returns: a module from float32 N×C×H×W in [0, 1] to logits float32 N×K.
    Raises: UsageError: an unknown name (with the nearest right one), or images that the architecture cannot take.
    """
    height, width, channels = shape
    if classes < 2:
        raise UsageError(f"a classifier needs at least 2 classes, got {classes}")
    if channels not in (1, 3) or min(height, width) < MINIMUM_SIDE_PX:
        raise UsageError(
            f"a classifier takes images of 1 or 3 channels and at least {MINIMUM_SIDE_PX} px a side, "
            f"got {width}×{height} with {channels} channels"
        )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = _make(name, classes, shape)
    # Channels-last weights make every convolution run channels-last, somewhat faster on a CPU.
    return model.to(memory_format=torch.channels_last)


def _make(name: str, classes: int, shape: tuple[int, int, int]) -> Classifier:
    library, _, member = name.rpartition("/")
    if library == "torchvision":
        return _torchvision(member, classes, shape)
    if library == "timm":
        return _timm(member, classes, shape)
    if name not in ARCHITECTURES:
        known = unknown_name("architecture", name, ARCHITECTURES)
        raise UsageError(f"{known}; or torchvision/<name>, or timm/<name> where timm is installed")
    return ARCHITECTURES[name](classes, shape[2])


def _classifier(network: nn.Module, statistics: Statistics, channels: int) -> Classifier:
    """Grey images are normalised with the mean over the colours."""
    mean, std = statistics
    if channels == 1:
        mean, std = (sum(mean) / len(mean),), (sum(std) / len(std),)
    return Classifier(network, mean=mean, std=std)


def _torchvision(member: str, classes: int, shape: tuple[int, int, int]) -> Classifier:
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


def _timm(member: str, classes: int, shape: tuple[int, int, int]) -> Classifier:
    try:
        import timm
    except ImportError:
        raise UsageError(f'timm/{member} needs the package timm: pip install "curation[timm]"') from None

    if not timm.is_model(member.partition(".")[0]):
        raise UsageError(_unknown("timm", member, timm.list_models()))

    def make() -> Classifier:
        network = timm.create_model(member, pretrained=False, num_classes=classes, in_chans=shape[2])
        about = cast(dict[str, Any], network.default_cfg)
        return _classifier(network, (tuple(about["mean"]), tuple(about["std"])), shape[2])

    return _checked(f"timm/{member}", make, classes, shape)


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
        first = str(error).strip().split("\n")[0] or type(error).__name__
        raise UsageError(f"{name} does not take images of {width}×{height} with {channels} channels: {first}") from None
    if tuple(logits.shape) != (1, classes):
        raise CurationError(f"{name} is no classifier of {classes} classes: it returns {tuple(logits.shape)} an image")
    return model.train()
