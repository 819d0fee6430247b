"""Every architecture by name, and ``build``, which makes a classifier of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import nn

from curation.errors import UsageError, unknown_name
from curation.models import libraries
from curation.models.cifar_resnet import CifarResNet
from curation.models.classifier import CIFAR10, CONTEST, IMAGENET, RAW, Classifier, DetectorForm, classifier
from curation.models.densenet import DenseNet
from curation.models.mobilenet import MobileNetV2
from curation.models.published import published as published_weights
from curation.models.resizing import Resize
from curation.models.resnet import Bottleneck, PreActResNet18, ResNet
from curation.models.resnet4b import ResNet4b
from curation.models.tiny_convnet import TinyConvNet
from curation.models.tiny_resnet import TinyResNet
from curation.models.vgg import Vgg16
from curation.models.wide_resnet import WideResNet
from curation.models.wide_resnet_silu import WideResNetSilu

MINIMUM_SIDE_PX = 16


def tiny_resnet(classes: int, channels: int) -> Classifier:
    """Tiny ResNet: learns and is attacked in seconds on a CPU."""
    return classifier(TinyResNet(classes=classes, channels=channels), CONTEST, channels=channels)


def tiny_convnet(classes: int, channels: int) -> Classifier:
    """Tiny convolutional network without shortcuts: as fast as Tiny ResNet, to transfer attacks to it or from it."""
    return classifier(TinyConvNet(classes=classes, channels=channels), CONTEST, channels=channels)


def resnet18(classes: int, channels: int) -> Classifier:
    """ResNet-18 for small images (3×3 stem, no max-pooling)."""
    return classifier(ResNet(classes=classes, channels=channels), CONTEST, channels=channels)


def resnet34(classes: int, channels: int) -> Classifier:
    """ResNet-34 for small images (3×3 stem, no max-pooling)."""
    return classifier(ResNet(classes=classes, channels=channels, blocks=(3, 4, 6, 3)), CONTEST, channels=channels)


def resnet50(classes: int, channels: int) -> Classifier:
    """ResNet-50 for small images (3×3 stem, no max-pooling), as in the contest's first stage."""
    network = ResNet(Bottleneck, classes=classes, channels=channels, blocks=(3, 4, 6, 3))
    return classifier(network, CONTEST, channels=channels)


def preact_resnet18(classes: int, channels: int) -> Classifier:
    """PreAct-ResNet-18 for small images, as in the contest's second stage."""
    return classifier(PreActResNet18(classes=classes, channels=channels), CONTEST, channels=channels)


def wide_resnet28_4(classes: int, channels: int) -> Classifier:
    """WideResNet-28-4, as in the contest's second stage."""
    return classifier(WideResNet(classes=classes, channels=channels, depth=28, width=4), CONTEST, channels=channels)


def wide_resnet28_10(classes: int, channels: int) -> Classifier:
    """WideResNet-28-10, pixels not normalized, as in the TRADES code."""
    return classifier(WideResNet(classes=classes, channels=channels, depth=28, width=10), RAW, channels=channels)


def wide_resnet34_10(classes: int, channels: int) -> Classifier:
    """WideResNet-34-10, pixels not normalized, as in the TRADES code."""
    return classifier(WideResNet(classes=classes, channels=channels, depth=34, width=10), RAW, channels=channels)


def wide_resnet28_10_silu(classes: int, channels: int) -> Classifier:
    """WideResNet-28-10 with SiLU (swish), as Rebuffi et al. train adversarially."""
    return classifier(
        WideResNetSilu(classes=classes, channels=channels, depth=28, width=10), CIFAR10, channels=channels
    )


def densenet121(classes: int, channels: int) -> Classifier:
    """DenseNet-121 of growth 12 for small images, as in the contest's first stage."""
    return classifier(DenseNet(classes=classes, channels=channels, growth=12), CONTEST, channels=channels)


def vgg16_bn(classes: int, channels: int) -> Classifier:
    """VGG-16 with batch normalization for small images (one linear layer)."""
    return classifier(Vgg16(classes=classes, channels=channels), CONTEST, channels=channels)


def mobilenet_v2(classes: int, channels: int) -> Classifier:
    """MobileNetV2 for small images (the first two strides are 1)."""
    return classifier(MobileNetV2(classes=classes, channels=channels), CONTEST, channels=channels)


def resnet20(classes: int, channels: int) -> Classifier:
    """ResNet-20 of the CIFAR family (16, 32, 64 channels)."""
    return classifier(CifarResNet(classes=classes, channels=channels, depth=20), IMAGENET, channels=channels)


def resnet32(classes: int, channels: int) -> Classifier:
    """ResNet-32 of the CIFAR family (16, 32, 64 channels)."""
    return classifier(CifarResNet(classes=classes, channels=channels, depth=32), IMAGENET, channels=channels)


def resnet56(classes: int, channels: int) -> Classifier:
    """ResNet-56 of the CIFAR family (16, 32, 64 channels)."""
    return classifier(CifarResNet(classes=classes, channels=channels, depth=56), IMAGENET, channels=channels)


def resnet4b(classes: int, channels: int) -> Classifier:
    """ResNet-4b: small and without batch normalization, as networks with certified robustness are."""
    return classifier(ResNet4b(classes=classes, channels=channels), CIFAR10, channels=channels)


ARCHITECTURES: Mapping[str, Callable[[int, int], Classifier]] = {
    make.__name__: make
    for make in (
        tiny_resnet,
        tiny_convnet,
        resnet18,
        resnet34,
        resnet50,
        preact_resnet18,
        wide_resnet28_4,
        wide_resnet28_10,
        wide_resnet34_10,
        wide_resnet28_10_silu,
        densenet121,
        vgg16_bn,
        mobilenet_v2,
        resnet20,
        resnet32,
        resnet56,
        resnet4b,
    )
}
"""Name → maker(classes, channels). ``build`` also takes names of libraries: ``torchvision/<name>``, …"""


class Form(NamedTuple):
    """What a network is before it has weights; see ``build``, and for a detector ``detector.add_detector``."""

    architecture: str
    input_px: int | None = None
    published: bool = False
    detector: DetectorForm | None = None

    @property
    def side_px(self) -> int | None:
        """The side in pixels that images are resized to, None where they are not. Raises: UsageError: see ``build``."""
        weights = published_weights(self.architecture) if self.published and self.input_px is None else None
        return weights.side_px if weights else self.input_px


def build(
    name: str,
    *,
    classes: int,
    shape: tuple[int, int, int],
    seed: int = 0,
    input_px: int | None = None,
    published: bool = False,
) -> nn.Module:
    """Return a classifier with fresh weights, on the CPU, in training mode.

    Args:
        name: one of ``ARCHITECTURES``, or ``torchvision/<name>``, or ``timm/<name>`` or ``open_clip/<name>`` where
            these are installed.
        classes: K ≥ 2.
        shape: (height, width, channels) of the images; at least 16 pixels a side; 1 or 3 channels.
        seed: of the weights. The global random state is left as it was.
        input_px: images are resized to this side inside the module; None: they are not, or as ``published`` says.
        published: in the form of the weights that a library publishes: their normalization, their input size unless
            ``input_px`` says another, and gray images shown as three equal colors. Other architectures have one form.

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
        model = _make(name, classes, shape, input_px=input_px, published=published)
    # Channels-last weights make every convolution run channels-last, somewhat faster on a CPU.
    return model.to(memory_format=torch.channels_last)


def _make(name: str, classes: int, shape: tuple[int, int, int], *, input_px: int | None, published: bool) -> Classifier:
    height, width, channels = shape
    library, _, member = name.rpartition("/")
    side_px = Form(name, input_px, published).side_px
    taken = shape if side_px is None else (side_px, side_px, channels)
    if library in libraries.MAKERS:
        model = libraries.MAKERS[library](member, classes, taken, published)
    elif name in ARCHITECTURES:
        model = ARCHITECTURES[name](classes, channels)
    else:
        known = unknown_name("architecture", name, ARCHITECTURES)
        raise UsageError(f"{known}; or torchvision/<name>, or timm/<name> or open_clip/<name> where installed")
    model.name = name
    if side_px is not None and taken != shape:
        model.resize = Resize(height=height, width=width, side_px=side_px)
    return model
