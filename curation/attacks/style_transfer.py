"""Style transfer: the image moves toward another class's deep features and keeps its own shallow ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from curation.attacks.ball import round_to_levels
from curation.attacks.base import Attack
from curation.attacks.classify import Classify
from curation.errors import CurationError
from curation.plugin import PixelFloat
from curation.randomness import SampleRandom


class StyleTransfer(Attack):
    """SGD on the image toward the deepest features of an image of another class, keeping its own shallow features.

    Both are compared by their mean square difference. It is not style transfer in the usual sense, which compares Gram
    matrices of the features; the name is the source's. Which image of which other class is lent is drawn for each
    sample. The change is not bounded, nor does the attack look at whether the model is fooled.

    Source: Tan, Gao & Li 2022, "A Simple Structure for Building a Robust Model", neural style transfer attack: 10 steps
    of SGD, momentum 0.9, learning rate 0.1; shallow and deepest features as in its code.
    """

    name: ClassVar[str] = "style_transfer"
    version: ClassVar[int] = 2
    title: ClassVar[str] = "Neural style transfer (deep features)"
    donors_per_class: ClassVar[int] = 16

    steps: int = Field(10, ge=1, le=10_000, description="SGD steps; each costs one forward and one backward pass")
    step_size: PixelFloat = Field(0.1, gt=0, le=100, description="SGD's learning rate, pixels in [0, 1]")
    momentum: float = Field(0.9, ge=0, lt=1, description="momentum")
    style_weight: float = Field(1.0, ge=0, le=1e6, description="weight of keeping the image's own shallow features")
    content_weight: float = Field(
        1.0, gt=0, le=1e6, description="weight of the deepest features of the other class's image"
    )

    def perturb(self, classify: Classify, images: Tensor, labels: Tensor, random: SampleRandom) -> Tensor:
        """Return the images after the last step."""
        lent = self._lent(images, labels, random)
        with _features(classify) as features:
            with torch.no_grad():
                style, _ = features(images)
                _, content = features(lent)
            points, velocity = images.clone(), torch.zeros_like(images)
            for _ in range(self.steps):
                points.requires_grad_()
                shallow, deepest = features(points)
                apart = self.style_weight * _apart(shallow, style) + self.content_weight * _apart(deepest, content)
                (gradients,) = torch.autograd.grad(apart, points)
                velocity = self.momentum * velocity + gradients
                points = (points.detach() - self.step_size * velocity).clamp_(0, 1)
        return points

    def _lent(self, images: Tensor, labels: Tensor, random: SampleRandom) -> Tensor:
        """Return for each sample an image of another class, each of them equally likely."""
        if self._donors is None:
            raise CurationError(f"{self.name} needs images of other classes and has none; call with_donors first")
        donors, classes = (values.to(images.device) for values in self._donors)
        if donors.shape[1:] != images.shape[1:]:
            lent, own = ("×".join(map(str, values.shape[1:])) for values in (donors, images))
            raise CurationError(f"{self.name} needs images of other classes of the same size, got {lent} for {own}")
        fits = classes != labels[:, None]
        counts = fits.sum(1)
        if not counts.all():
            raise CurationError(
                f"{self.name} needs images of other classes and has only those of class {int(labels[counts == 0][0])}; "
                "give it images of two classes or more"
            )
        nth = (random.uniform(1)[:, 0] * counts).long().clamp_max(counts - 1)
        return donors[(fits & (fits.cumsum(1) == nth[:, None] + 1)).int().argmax(1)]

    def settle(self, classify: Classify, points: Tensor, images: Tensor, labels: Tensor) -> Tensor:
        """Return the nearest grid points."""
        return round_to_levels(points)

    def most_passes(self, classes: int) -> int:
        """Return a forward and a backward pass a step, and a look at the image and at the lent one."""
        return 3 * self.steps + 2


@contextmanager
def _features(classify: Classify) -> Iterator[Callable[[Tensor], tuple[Tensor, Tensor]]]:
    """Give the function from images to what the model's second convolution and its last linear layer are given.

    The former is what the first convolution's block puts out: behind its batch norm, so that folding changes nothing.
    """
    convolved: list[Tensor] = []
    linear: list[tuple[int, Tensor]] = []

    def see_convolution(layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        if len(convolved) < 2:
            convolved.append(inputs[0])

    def see_linear(layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        assert isinstance(layer, nn.Linear)
        linear[:] = [(layer.out_features, inputs[0])]

    def features(images: Tensor) -> tuple[Tensor, Tensor]:
        convolved.clear()
        linear.clear()
        logits = classify(images)
        if len(convolved) < 2 or not linear or linear[0][0] != logits.shape[1] or linear[0][1].ndim != 2:
            raise CurationError(
                "style_transfer compares the inputs of a model's second convolution and of its last linear layer, and "
                "this model has no two convolutions or does not end in a linear layer; choose another architecture"
            )
        return convolved[1][: len(images)], linear[0][1][: len(images)]

    hooks = []
    for layer in classify.model.modules():
        if isinstance(layer, nn.Conv2d):
            hooks.append(layer.register_forward_pre_hook(see_convolution))
        elif isinstance(layer, nn.Linear):
            hooks.append(layer.register_forward_pre_hook(see_linear))
    try:
        yield features
    finally:
        for hook in hooks:
            hook.remove()


def _apart(features: Tensor, others: Tensor) -> Tensor:
    """Return the mean square difference of each sample's features, summed over the samples."""
    return (features - others).square().flatten(1).mean(1).sum()
