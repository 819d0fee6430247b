"""Style transfer: the image moves toward the shallow and the deep features of an image of another class."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from curation.attacks.ball import round_to_levels
from curation.attacks.base import Attack
from curation.attacks.classify import Classify
from curation.errors import CurationError
from curation.models.ensemble import Ensemble
from curation.plugin import PixelFloat
from curation.randomness import SampleRandom


class StyleTransfer(Attack):
    """SGD on the image toward the shallow (style) and the deepest (content) features of an image of another class.

    Both are feature maps, compared by their mean square difference: the last one before the maps get smaller for the
    first time, and the last one of all. It is not style transfer in the usual sense, which compares Gram matrices; the
    name is the source's. Which image of which other class is lent is drawn for each sample. The change is not bounded,
    nor does the attack look at whether the model is fooled. Of an ensemble every member's features are compared.

    Source: Tan, Gao & Li 2022, "A Simple Structure for Building a Robust Model", neural style transfer attack and its
    code: 10 steps of SGD, momentum 0.9, learning rate 0.1; the weight decay is that of its trainings.
    """

    name: ClassVar[str] = "style_transfer"
    title: ClassVar[str] = "Neural style transfer (shallow and deep features)"
    version: ClassVar[int] = 3
    donors_per_class: ClassVar[int] = 16

    steps: int = Field(10, ge=1, le=10_000, description="SGD steps; each costs one forward and one backward pass")
    step_size: PixelFloat = Field(0.1, gt=0, le=100, description="SGD's learning rate, pixels in [0, 1]")
    momentum: float = Field(0.9, ge=0, lt=1, description="momentum")
    weight_decay: float = Field(5e-4, ge=0, le=1, description="SGD's weight decay of the pixels: it darkens a little")
    style_weight: float = Field(1.0, ge=0, le=1e6, description="weight of the lent image's shallow features")
    content_weight: float = Field(1.0, ge=0, le=1e6, description="weight of the lent image's deepest features")

    @model_validator(mode="after")
    def _nears_something(self) -> Self:
        if not self.style_weight and not self.content_weight:
            raise ValueError("set style_weight or content_weight above 0; without both nothing is neared")
        return self

    def perturb(self, classify: Classify, images: Tensor, labels: Tensor, random: SampleRandom) -> Tensor:
        """Return the images after the last step."""
        lent = self._lent(images, labels, random)
        with _features(classify) as features:
            with torch.no_grad():
                targets = features(lent)
            points, velocity = images.clone(), torch.zeros_like(images)
            for _ in range(self.steps):
                points.requires_grad_()
                pairs = list(zip(features(points), targets, strict=True))
                style = sum(_apart(mine.shallow, theirs.shallow) for mine, theirs in pairs)
                content = sum(_apart(mine.deepest, theirs.deepest) for mine, theirs in pairs)
                apart = self.style_weight * style + self.content_weight * content
                assert isinstance(apart, Tensor)
                (gradients,) = torch.autograd.grad(apart, points)
                velocity = self.momentum * velocity + gradients + self.weight_decay * points.detach()
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
        """Return a forward and a backward pass a step, and a look at the lent image."""
        return 3 * self.steps + 1


class _Seen(NamedTuple):
    """Two feature maps of one network, float32 N×C×H×W."""

    shallow: Tensor
    deepest: Tensor


class _LastMap(TorchFunctionMode):
    """Keeps the last feature map of more than one pixel that any function of torch returned."""

    def __init__(self) -> None:
        super().__init__()
        self.map: Tensor | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if isinstance(out, Tensor) and out.ndim == 4 and out.shape[2:].numel() > 1:
            self.map = out
        return out


class _Watch:
    """What one network computes on the way: the maps that its convolutions are given, and the last map of all."""

    def __init__(self, network: nn.Module, last: _LastMap) -> None:
        self._given: list[tuple[Tensor, int]] = []
        self._deepest: Tensor | None = None
        self._last = last
        convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
        self.hooks = [layer.register_forward_hook(self._see_convolution) for layer in convolutions]
        self.hooks.append(network.register_forward_hook(self._see_end))

    def clear(self) -> None:
        self._given, self._deepest = [], None

    def _see_convolution(self, layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        self._given.append((inputs[0], output.shape[2]))

    def _see_end(self, layer: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        self._deepest = self._last.map

    def seen(self, rows: int) -> _Seen | None:
        """Return the two maps of the first rows, or None where there are no two convolutions.

        The shallow one is what the first convolution is given whose output is smaller than the first map of all.
        """
        if len(self._given) < 2 or self._deepest is None:
            return None
        maps = self._given[1:]
        side = maps[0][0].shape[2]
        shallow = next((given for given, after in maps if after < side), maps[0][0])
        return _Seen(shallow[:rows], self._deepest[:rows])


@contextmanager
def _features(classify: Classify) -> Iterator[Callable[[Tensor], list[_Seen]]]:
    """Give the function from images to the two feature maps of each network that answers."""
    model, last = classify.model, _LastMap()
    watches = [_Watch(network, last) for network in (model.members if isinstance(model, Ensemble) else [model])]

    def features(images: Tensor) -> list[_Seen]:
        for watch in watches:
            watch.clear()
        with last:
            classify(images)
        found = [seen for watch in watches if (seen := watch.seen(len(images))) is not None]
        if len(found) < len(watches):
            raise CurationError(
                "style_transfer compares a shallow and a deep feature map, and this model has no two convolutions; "
                "choose another architecture"
            )
        return found

    try:
        yield features
    finally:
        last.map = None
        for watch in watches:
            for hook in watch.hooks:
                hook.remove()


def _apart(features: Tensor, others: Tensor) -> Tensor:
    """Return the mean square difference of each sample's features, summed over the samples."""
    return (features - others).square().flatten(1).mean(1).sum()
