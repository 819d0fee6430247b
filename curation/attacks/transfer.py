"""Adversarial examples that transfer: momentum, translation invariance, input diversity, ensembles of models."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import torch
import torch.nn.functional as F
from pydantic import Field, ValidationInfo, field_validator, model_validator
from torch import Tensor

from curation.attacks.ball import LEVELS, Norm, ascent, project, random_point, to_grid, unit_l1
from curation.attacks.base import MOST, Attack, in_range
from curation.attacks.classify import Classify
from curation.attacks.losses import LOSSES, LossName
from curation.attacks.surrogates import Surrogate
from curation.errors import CurationError, note_renamed
from curation.memory import out_of_memory
from curation.plugin import PixelFloat
from curation.randomness import SampleRandom


class Transfer(Attack):
    """Attacks that transfer to unseen models: MI-, TI- and DI-FGSM on the logits of several models.

    An L∞ and an L2 perturbation are found apart, each within its own epsilon, and added; either can be left out. The
    sum exceeds each bound unless ``joint``. The last point of the path is kept, not that of the highest loss on these
    models: going on is what makes it transfer.

    Of the published code two bugs are not repeated: labels overwritten after the first batch, so that later gradients
    were zero, and surrogates with 1,000 outputs for 10 classes. Each sample draws its own size and place (there: one a
    batch), and the canvas is the largest size as in the text (there: one pixel more). The published attack takes 300
    steps; 20 are the default, for CPUs.

    Text and code of the source differ, and ``rule`` says which is followed. ``paper``, its equation 6: each gradient is
    divided by its L1 norm and added to the momentum, and the momentum is smoothed for the step; it begins at a random
    point of the ball. ``code``: each gradient is smoothed, not divided, and added; it begins at the image, which is
    ``random_start: false``.

    Source: Zhong et al. 2022, "Exploiting the Potential of Datasets", and its released code; momentum and ensembles of
    logits: Dong et al. 2018, MI-FGSM; translation invariance: Dong et al. 2019, TI-FGSM; input diversity: Xie et al.
    2019, DI-FGSM.
    """

    name: ClassVar[str] = "transfer"
    title: ClassVar[str] = "Transfer (momentum, translation, diversity, ensemble)"
    version: ClassVar[int] = 3

    loss: LossName = Field("logit", description="loss to maximize; logit: minus the label's logit")
    steps: int = Field(20, ge=1, le=10_000, description="gradient steps for each norm; the published attack takes 300")
    linf_epsilon: PixelFloat | None = Field(
        8 / 255, gt=0, le=1, description="bound on each pixel value's change; None: no such perturbation"
    )
    linf_step: PixelFloat = Field(2 / 255, gt=0, le=1, description="step size of the L∞ perturbation")
    l2_epsilon: float | None = Field(
        1.0, gt=0, le=MOST["l2"], description="bound on the root of the sum of squares; None: no such perturbation"
    )
    l2_step: float = Field(0.025, gt=0, le=1000, description="step size of the L2 perturbation")
    joint: bool = Field(False, description="project the sum of both perturbations into both bounds")
    momentum: float = Field(1.0, ge=0, le=2, description="decay factor of the momentum; 0: no momentum")
    rule: Literal["paper", "code"] = Field(
        "paper",
        description="paper: equation 6, gradients over their L1 norm are added and the sum is smoothed; code: the "
        "authors' code, smoothed gradients are added as they are",
    )
    random_start: bool = Field(
        True,
        description="start at a random point of the ball, as in the paper; false: at the image, as in the code",
    )
    translation_kernel_px: int | None = Field(
        5,
        ge=0,
        le=99,
        description="side of the Gaussian kernel that smooths, odd; 0: no smoothing",
    )
    diversity: float = Field(0.7, ge=0, le=1, description="probability that an image is resized and shifted; 0: never")
    diversity_side: float = Field(
        40 / 32, ge=0.25, le=2, description="largest side drawn, as a ratio; below 1 the smallest, inside the image"
    )
    own_weight: float = Field(
        1.0, ge=0, description="weight of the logits of the model under attack; 0: surrogates only"
    )
    surrogates: tuple[Surrogate, ...] = Field((), description="further models, by architecture, checkpoint and weight")

    @model_validator(mode="before")
    @classmethod
    def _of_former_recipes(cls, value: Any) -> Any:
        former = [name for name in ("normalise", "normalize") if isinstance(value, Mapping) and name in value]
        if not former:
            return value
        present = {name: part for name, part in value.items() if name not in former}
        note_renamed("field", former[0], "rule")
        meant = {"rule": "paper"} if value[former[0]] else {"rule": "code", "random_start": False}
        return meant | present

    @field_validator("linf_epsilon", "l2_epsilon", mode="wrap")
    @classmethod
    def _in_its_range(cls, value: Any, check: Callable[[Any], float | None], info: ValidationInfo) -> float | None:
        if value is None:
            return None
        try:
            epsilon = check(value)
        except ValueError:
            epsilon = None
        return in_range(epsilon, value, "linf" if info.field_name == "linf_epsilon" else "l2")

    @field_validator("translation_kernel_px")
    @classmethod
    def _has_a_middle(cls, value: int | None) -> int | None:
        if value and value % 2 == 0:
            raise ValueError(f"must be odd, such as {value + 1}, or 0 for none")
        return value

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if self.linf_epsilon is None and self.l2_epsilon is None:
            raise ValueError("set linf_epsilon or l2_epsilon; without either, images are not changed")
        if not self.own_weight and not self.surrogates:
            raise ValueError("an own_weight of 0 needs at least one surrogate to attack")
        return self

    @property
    def untrained(self) -> tuple[Surrogate, ...]:
        """See ``Attack.untrained``."""
        return tuple(surrogate for surrogate in self.surrogates if surrogate.checkpoint is None)

    def with_weights(self, files: Sequence[str]) -> Self:
        """See ``Attack.with_weights``."""
        left = iter(files)
        return self.model_copy(
            update={
                "surrogates": tuple(
                    surrogate.model_copy(update={"checkpoint": next(left)})
                    if surrogate.checkpoint is None
                    else surrogate
                    for surrogate in self.surrogates
                )
            }
        )

    def identity(self) -> dict[str, Any]:
        """Return what determines the output; each surrogate by the contents of its file. Raises: UsageError."""
        return {**super().identity(), "surrogates": [surrogate.identity() for surrogate in self.surrogates]}

    @property
    def balls(self) -> list[tuple[Norm, float, float]]:
        """Norm, epsilon and step size of each perturbation."""
        linf = [("linf", self.linf_epsilon, self.linf_step)] if self.linf_epsilon is not None else []
        l2 = [("l2", self.l2_epsilon, self.l2_step)] if self.l2_epsilon is not None else []
        return linf + l2  # type: ignore[return-value]

    def perturb(self, classify: Classify, images: Tensor, labels: Tensor, random: SampleRandom) -> Tensor:
        """Return the images with the perturbations of every norm added. Raises: UsageError, CurationError."""
        models = self._models(classify, images)
        if self.diversity:
            self._check_canvas(models, images)
        change = torch.zeros_like(images)
        for norm, epsilon, step_size in self.balls:
            points, velocity = images, torch.zeros_like(images)
            if self.random_start:
                points = random_point(images, random, norm, epsilon)
            for _ in range(self.steps):
                gradients = self._gradients(models, points, labels, random)
                if self.rule == "paper":
                    velocity = self.momentum * velocity + unit_l1(gradients)
                    direction = self._smoothed(velocity)
                else:
                    direction = velocity = self.momentum * velocity + self._smoothed(gradients)
                points = project(points + step_size * ascent(direction, norm), images, norm, epsilon)
            change += points - images
        points = (images + change).clamp_(0, 1)
        if self.joint:
            for norm, epsilon, _ in self.balls:
                points = project(points, images, norm, epsilon)
        return points

    def settle(self, classify: Classify, points: Tensor, images: Tensor, labels: Tensor) -> Tensor:
        """Return the nearest grid points; with one norm, or ``joint``, those within every epsilon."""
        if len(self.balls) > 1 and not self.joint:
            return points.mul(LEVELS).round_().div_(LEVELS)
        # L2 first: bringing its grid points into the L∞ ball shortens them further.
        for norm, epsilon, _ in reversed(self.balls):
            points = to_grid(points, images, norm, epsilon)
        return points

    def most_passes(self, classes: int) -> int:
        """Return a forward and a backward pass through every model for each step and norm."""
        models = len(self.surrogates) + (self.own_weight > 0)
        return 3 * self.steps * len(self.balls) * models

    def _models(self, classify: Classify, images: Tensor) -> list[tuple[Classify, float]]:
        models = [(classify, self.own_weight)] if self.own_weight else []
        if self.surrogates:
            with torch.no_grad():
                classes = classify(images[:1]).shape[1]
            channels, height, width = images.shape[1:]
            for surrogate in self.surrogates:
                network = surrogate.load(classes=classes, shape=(height, width, channels), device=images.device)
                # The same checks and progress, another network.
                twin = copy.copy(classify)
                twin.model = network
                models.append((twin, surrogate.weight))
        return models

    def _check_canvas(self, models: list[tuple[Classify, float]], images: Tensor) -> None:
        """Models made for one image size do not take a larger canvas: find out before the search."""
        height, width = _canvas(images, self.diversity_side)
        if (height, width) == tuple(images.shape[2:]):
            return
        for model, _ in models:
            try:
                with torch.no_grad():
                    model.model(images.new_zeros(1, images.shape[1], height, width))
            except Exception as error:  # each model complains in its own way
                if out_of_memory(error):
                    raise
                raise CurationError(
                    f"{self.name} uses images of {width}×{height} px for input diversity, and a model does not accept "
                    "them; set diversity_side below 1 (smaller images on the same canvas) or diversity to 0"
                ) from None

    def _gradients(
        self, models: list[tuple[Classify, float]], points: Tensor, labels: Tensor, random: SampleRandom
    ) -> Tensor:
        """Return the gradient of the ensemble's loss."""
        points = points.detach().requires_grad_()
        logits = sum(weight * self._logits(model, points, random) for model, weight in models)
        assert isinstance(logits, Tensor)
        (gradients,) = torch.autograd.grad(LOSSES[self.loss](logits, labels).sum(), points)
        return gradients

    def _smoothed(self, gradients: Tensor) -> Tensor:
        return smoothed(gradients, self.translation_kernel_px) if self.translation_kernel_px else gradients

    def _logits(self, classify: Classify, points: Tensor, random: SampleRandom) -> Tensor:
        """Return one model's logits, for some samples of the image resized and shifted on a canvas."""
        if not self.diversity:
            return classify(points)
        draws = random.uniform(4)
        changed = draws[:, 0] < self.diversity
        count = int(changed.sum())  # the one question to the device
        if not count:
            return classify(points)
        order = (~changed).int().argsort(stable=True)
        shown, plain = order[:count], order[count:]
        logits = classify(diversified(points[shown], draws[shown, 1:], self.diversity_side))
        if not len(plain):
            return logits
        # index_select by a permutation: its gradient is a plain copy, to the bit.
        return torch.cat([logits, classify(points[plain])])[order.argsort()]


def smoothed(gradients: Tensor, side_px: int) -> Tensor:
    """Return gradients N×C×H×W convolved with a Gaussian of side_px × side_px, zero beyond the border.

    Its weights are the outer product of the normal density at linspace(−3, 3, side_px), of sum 1.
    Source: Dong et al. 2019, "Evading Defenses to Transferable Adversarial Examples", the released code's kernel.
    """
    density = torch.exp(-0.5 * torch.linspace(-3, 3, side_px, dtype=torch.float64) ** 2) if side_px > 1 else [1.0]
    weights, reach = torch.as_tensor(density), side_px // 2
    # One axis after the other, by shifted sums: the same bits for a sample in any batch, unlike a convolution's.
    for axis, padding in ((2, (0, 0, reach, reach)), (3, (reach, reach, 0, 0))):
        padded, out = F.pad(gradients, padding), torch.zeros_like(gradients)
        for shift, weight in enumerate((weights / weights.sum()).tolist()):
            out += weight * padded.narrow(axis, shift, gradients.shape[axis])
        gradients = out
    return gradients


def diversified(images: Tensor, draws: Tensor, side: float) -> Tensor:
    """Return images resized (nearest) and placed at random on black canvases; differentiable.

    Args:
        images: float32 N×C×H×W.
        draws: float32 N×3 in [0, 1): for the size, the place from the top and from the left.
        side: above 1: heights are uniform on H … side · H, the canvas is side · H high; below 1: on side · H … H, and
            the canvas is as large as the image.

    Returns: float32 N×C×canvas; the width follows the height.
    Source: Xie et al. 2019, "Improving Transferability of Adversarial Examples with Input Diversity".
    """
    canvas, before = _canvas(images, side), images.shape[2:]
    low, high = sorted((round(before[0] * side), before[0]))
    height = (low + (draws[:, 0] * (high - low + 1)).long()).clamp_max(high)
    width = (height * before[1] / before[0]).round().long().clamp(1, canvas[1])
    # Choosing pixels by products with matrices of zeros and ones: exact, batched over sizes, and its gradient too.
    rows = _choice(height, draws[:, 1], before[0], canvas[0])
    columns = _choice(width, draws[:, 2], before[1], canvas[1])
    return rows[:, None] @ images @ columns[:, None].mT


def _canvas(images: Tensor, side: float) -> tuple[int, int]:
    height, width = images.shape[2:]
    return round(height * max(side, 1)), round(width * max(side, 1))


def _choice(size: Tensor, place: Tensor, before: int, canvas: int) -> Tensor:
    """Return float32 N×canvas×before: which of the pixels along one axis each pixel of the canvas shows, if any."""
    start = (place * (canvas - size + 1)).long().clamp_max(canvas - 1)
    at = torch.arange(canvas, device=size.device) - start[:, None]
    source = torch.where((at >= 0) & (at < size[:, None]), at * before // size[:, None], -1)
    return (source[:, :, None] == torch.arange(before, device=size.device)).to(torch.float32)
