"""The contract of an attack: from images to adversarial images on the 8-bit grid."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Self

import torch
from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator
from torch import Tensor, nn

from curation.attacks.ball import LEVELS, Norm, to_grid
from curation.attacks.classify import MULTIPLE, Classify, untouched
from curation.attacks.surrogates import Surrogate
from curation.copying import sent
from curation.errors import CurationError
from curation.memory import Fitting, enough_memory
from curation.plugin import PixelFloat, Plugin
from curation.randomness import SampleRandom

OnStep = Callable[[int, int], None]
"""Called after every pass through the model with (images finished, images in all); may raise to stop the work."""


MOST: Mapping[Norm, float] = {"linf": 1.0, "l2": 100.0}
"""The largest epsilon in each norm."""

USUAL_L2 = 0.5
"""Epsilon in L2 where none is given."""

LEAST = 1 / LEVELS
"""The smallest epsilon: below one 8-bit level no pixel can change, in any norm."""


def in_range(epsilon: float | None, written: Any, norm: Norm) -> float:
    """Return an epsilon that can change an image of 8 bits; written: as in the recipe, for the sentence.

    Raises: ValueError: it is out of the norm's range, or no number (None).
    """
    if epsilon is not None and LEAST * (1 - 1e-6) <= epsilon <= MOST[norm]:
        return epsilon
    if epsilon is not None and 0 < epsilon < LEAST:
        raise ValueError(
            f"{written} is {epsilon * LEVELS:.2g} of an 8-bit level; in 8 bits nothing changes below 1/255 = 0.0039, "
            f"use {'8/255' if norm == 'linf' else USUAL_L2}, say"
        )
    if norm == "linf":
        too_large = isinstance(written, int | float) and written > 1
        hint = f"pixel values are in [0, 1], use {written}/255" if too_large else "write it as 8/255 or 0.03"
        raise ValueError(f"must be in [1/255, 1] in linf; {hint}")
    raise ValueError(
        f"must be in [1/255, {MOST[norm]:g}] in l2, the root of the squared changes of all pixels; use 0.5"
    )


class Attack(Plugin):
    """One way to find adversarial images. A member writes ``perturb`` and ``settle``; ``__call__`` checks around them.

    Its two kinds are ``BallAttack`` (the worst image within epsilon) and ``MinimalAttack`` (the nearest wrong one).
    """

    family = "attack"
    donors_per_class: ClassVar[int] = 0
    """How many images of each class the attack borrows from; see ``with_donors``."""

    _donors: tuple[Tensor, Tensor] | None = PrivateAttr(None)

    def __call__(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        *,
        seeds: Tensor,
        batch_size: int = 128,
        quantize: bool = True,
        multiple: int = MULTIPLE,
        on_step: OnStep | None = None,
    ) -> Tensor:
        """Attack a batch.

        Args:
            model: from float32 images in [0, 1] to logits N×K, on the images' device; it is run in evaluation mode, and
                its mode, parameters and gradients are left as they were. One with its batch norms folded
                (``curation.models.folding``) is faster.
            images: float32 N×C×H×W in [0, 1]; left as they are.
            labels: int64 N in [0, K): the classes to lead away from.
            seeds: int64 N, one a sample (``curation.randomness.stream_seeds``); nothing else is random.
            batch_size: images worked on at a time, at first, rounded up to a multiple of 8. It does not change the
                result; neither do order and number of the images (on a CPU, to the bit). By itself it is halved where
                memory runs out, and doubled where an accelerator has room (``curation.memory.Fitting``).
            quantize: bring the result onto the 8-bit grid; without, it is what the search found, to be compared with
                other libraries.
            multiple: passes are padded to a multiple of so many images. 1 is fastest for a single image, and its last
                bits may then differ from the same image's in a batch.
            on_step: see ``OnStep``.

        Returns: float32, same shape and device, in [0, 1]; values k/255 where ``quantize``.
        Raises: CurationError for images, labels or seeds that do not fit, a model that returns something else than
            finite logits, or memory too small for 8 images.
        """
        largest_label = _check(self.name, images, labels, seeds)
        images, labels, seeds = images.detach(), sent(labels, images.device), sent(seeds, images.device)
        total, done = len(images), 0
        size = -(-max(batch_size, 1) // MULTIPLE) * MULTIPLE
        fitting = Fitting(size, device=images.device, smallest=MULTIPLE, multiple=MULTIPLE, grows=True)
        sentence = (
            f"memory ran out while {self.name} worked on {MULTIPLE} images; close other programs, or use smaller "
            "images or a smaller model"
        )
        # Gradients are needed even where the caller runs in inference mode.
        with enough_memory(sentence), torch.inference_mode(False), torch.enable_grad(), untouched(model):
            out = torch.empty_like(images)
            while done < total:
                # Copies: a view of a tensor made in inference mode would be one too, and unfit for gradients.
                part = slice(done, done + fitting.size)
                some, theirs = images[part].clone(), labels[part].clone()
                random = SampleRandom(seeds[part])
                classify = Classify(
                    model,
                    attack=self.name,
                    largest_label=largest_label,
                    multiple=multiple,
                    on_pass=partial(on_step, done, total) if on_step else None,
                )
                with fitting.attempt(total - done):
                    found = self.perturb(classify, some, theirs, random).detach()
                    if quantize:
                        found = self.settle(classify, found, some, theirs)
                    classify.check()
                    out[part] = found.detach()
                    done += len(found)
        if on_step and total:
            on_step(total, total)
        return out

    @abstractmethod
    def perturb(self, classify: Classify, images: Tensor, labels: Tensor, random: SampleRandom) -> Tensor:
        """Return the adversarial images found, in [0, 1], one for each image.

        Args: as for ``__call__``, for one sub-batch; gradients with respect to the images are available. Samples that
            are done may be left out of further passes: ``classify`` takes any number of images.
        """

    @abstractmethod
    def settle(self, classify: Classify, points: Tensor, images: Tensor, labels: Tensor) -> Tensor:
        """Return the points on the 8-bit grid, so that they still are what the attack promises."""

    @abstractmethod
    def most_passes(self, classes: int) -> int:
        """Return what a sample costs at most, in forward passes (a backward pass counts as two); for K classes."""

    @property
    def untrained(self) -> tuple[Surrogate, ...]:
        """The further networks that it uses and that have no weights yet; see ``with_weights``."""
        return ()

    def with_weights(self, files: Sequence[str]) -> Self:
        """Return the attack with a file of weights for each of ``untrained``."""
        return self

    def with_donors(self, images: Tensor, labels: Tensor) -> Self:
        """Return the same attack with other samples to borrow from: float32 M×C×H×W in [0, 1] and int64 M.

        Only an attack with ``donors_per_class`` above 0 looks at them.
        """
        bound = self.model_copy()
        bound._donors = (images, labels)
        return bound


class BallAttack(Attack):
    """An attack that looks for the worst image within epsilon."""

    norm: Norm = Field(
        "linf", description="norm of the perturbation: linf bounds each pixel value, l2 the root of the sum of squares"
    )
    epsilon: PixelFloat = Field(
        8 / 255,
        gt=0,
        le=MOST["l2"],
        description="bound on the perturbation, pixels in [0, 1]; linf: 1/255 … 1, usually 8/255; l2: up to 100, "
        "usually 0.5 (the default there) at 32×32 px, 3 at 224×224",
    )

    @model_validator(mode="before")
    @classmethod
    def _usual_in_its_norm(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and value.get("norm") == "l2" and "epsilon" not in value:
            return {**value, "epsilon": USUAL_L2}
        return value

    @field_validator("epsilon", mode="wrap")
    @classmethod
    def _in_its_range(cls, value: Any, check: Callable[[Any], float], info: ValidationInfo) -> float:
        norm = info.data.get("norm", "linf")
        try:
            epsilon = check(value)
        except ValueError:
            epsilon = None
        return in_range(epsilon, value, norm)

    def settle(self, classify: Classify, points: Tensor, images: Tensor, labels: Tensor) -> Tensor:
        """Return grid points within epsilon of the images (see ``ball.to_grid``).

        L∞: epsilon is in effect rounded down to whole levels, k/255. L2: what rounding adds is taken from the length of
        the perturbation first. An image off the grid with no grid point so near becomes its nearest one.
        """
        return to_grid(points, images, self.norm, self.epsilon)


def _check(name: str, images: Tensor, labels: Tensor, seeds: Tensor) -> int:
    """Return the largest label. Raises: CurationError: what does not fit."""
    if images.dtype != torch.float32 or images.ndim != 4:
        shape = "×".join(map(str, images.shape))
        raise CurationError(f"{name} takes float32 images N×C×H×W in [0, 1], got {images.dtype} {shape}")
    if labels.dtype != torch.int64 or labels.shape != (len(images),):
        raise CurationError(f"{name} needs one int64 label per image, got {labels.dtype} {tuple(labels.shape)}")
    if seeds.shape != (len(images),):
        raise CurationError(f"{name} needs one seed per image, got {tuple(seeds.shape)} for {len(images)} images")
    if not len(images):
        return 0
    low, high = torch.aminmax(images)
    if not ((low >= 0) & (high <= 1)):
        raise CurationError(f"{name} takes pixels in [0, 1], got {low:.3g} … {high:.3g}; divide uint8 by 255")
    if not (labels >= 0).all():
        raise CurationError(f"{name} takes labels in 0 … K − 1, got {int(labels.min())}")
    return int(labels.max())
