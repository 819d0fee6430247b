"""The contract of a corruption: a pure, batched function of images, typed parameters and one seed per sample."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from pydantic import Field, field_validator
from torch import Tensor

from curation.corruptions.levels import to_floats, to_levels
from curation.errors import CurationError
from curation.memory import Fitting, enough_memory
from curation.plugin import Plugin
from curation.randomness import SampleRandom

Constants = Literal["cifar", "imagenet", "imgaug"]

_VALUES_AT_ONCE = {"cpu": 2**18, "other": 2**24}
"""Pixel values worked on together: what stays in a core's cache, or what an accelerator begins with."""


class Table(NamedTuple):
    """A kind's published constants of severities 1 to 5: one set for small images, one for large, one of imgaug's."""

    cifar: tuple[Any, ...]
    imagenet: tuple[Any, ...]
    imgaug: tuple[Any, ...] | None = None
    """None for the kinds that are not among the 14 of transferable-example curation."""

    @classmethod
    def of_package(cls, cifar: tuple[Any, ...], imagenet: tuple[Any, ...]) -> Table:
        """Return the table of a kind that imgaug takes as it is from the package with ImageNet's constants."""
        return cls(cifar, imagenet, imgaug=imagenet)


class Corruption(Plugin):
    """One kind of common corruption at one severity. A member writes ``corrupt``; what is public checks around it."""

    family = "corruption"
    group: ClassVar[Literal["noise", "blur", "weather", "digital"]]
    minimum_side_px: ClassVar[int] = 16
    held_out: ClassVar[bool] = False
    """True for the kinds kept for testing: never among ``kinds: all`` of a training set."""
    needs_color: ClassVar[bool] = False
    """True for the kinds that leave gray images as they are: a test suite of gray images goes without them."""
    table: ClassVar[Table] = Table(cifar=(1, 2, 3, 4, 5), imagenet=(1, 2, 3, 4, 5))
    """Where nothing is published, a kind's strength is its severity."""

    severity: int = Field(3, ge=1, le=5, description="strength, from 1 (mild) to 5 (severe)")
    constants: Constants = Field(
        "cifar",
        description="cifar: tuned for 32×32; imagenet: for 224×224 and more; imgaug: those of that package, for 32×32",
    )

    @field_validator("constants")
    @classmethod
    def _published(cls, constants: Constants) -> Constants:
        known = [name for name, rows in cls.table._asdict().items() if rows is not None]
        if constants not in known:
            raise ValueError(f"{cls.name} has no such constants; choose {' or '.join(known)}, got {constants}")
        return constants

    @property
    def strength(self) -> Any:
        """The published constants at this severity."""
        return getattr(self.table, self.constants)[self.severity - 1]

    @torch.no_grad()
    def __call__(self, images: Tensor, *, seeds: Tensor) -> Tensor:
        """Corrupt a batch.

        Args:
            images: float32 N×C×H×W in [0, 1], C = 1 or 3; left as they are.
            seeds: int64 N, one a sample (``curation.randomness.stream_seeds``); nothing else is random.

        Returns: float32, same shape and device, in [0, 1].
        Raises: CurationError for images of another dtype, range or shape, or smaller than the kind can take, and when
            not even one image at a time fits into memory (fewer at a time are tried before).
        """
        if images.dtype != torch.float32 or images.ndim != 4 or images.shape[1] not in (1, 3):
            raise CurationError(
                f"{self.name} takes float32 images N×C×H×W with C = 1 or 3, got {images.dtype} {_shape(images)}"
            )
        self._check(seeds, *images.shape[:1], *images.shape[2:])
        if not len(images):
            return images.clone()
        low, high = torch.aminmax(images)
        if not ((low >= 0) & (high <= 1)):  # one question: an accelerator stops for each
            raise CurationError(f"{self.name} takes pixels in [0, 1], got {low:.3g} … {high:.3g}; divide uint8 by 255")
        images = images.contiguous()
        corrupted = torch.empty_like(images)

        def make(part: slice, random: SampleRandom) -> None:
            torch.clamp(self.corrupt(images[part], random), 0.0, 1.0, out=corrupted[part])

        self._in_parts(make, images, seeds, f"{images.shape[3]}×{images.shape[2]}")
        return corrupted

    @torch.no_grad()
    def levels(self, pixels: Tensor, *, seeds: Tensor) -> Tensor:
        """Corrupt a batch of 8-bit pixels: what ``__call__`` makes of them, to the nearest level, to the bit.

        Args: pixels: uint8 N×H×W×C, C = 1 or 3; left as they are; seeds: as of ``__call__``.
        Returns: uint8, same shape and device.
        Raises: CurationError as ``__call__``.
        """
        if pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.shape[3] not in (1, 3):
            raise CurationError(
                f"{self.name} takes uint8 pixels N×H×W×C with C = 1 or 3, got {pixels.dtype} {_shape(pixels)}"
            )
        self._check(seeds, *pixels.shape[:3])
        pixels = pixels.contiguous()
        corrupted = torch.empty_like(pixels)

        def make(part: slice, random: SampleRandom) -> None:
            corrupted[part] = self.corrupt_levels(pixels[part], random)

        self._in_parts(make, pixels, seeds, f"{pixels.shape[2]}×{pixels.shape[1]}")
        return corrupted

    def _check(self, seeds: Tensor, number: int, height: int, width: int) -> None:
        if len(seeds) != number:
            raise CurationError(f"{self.name} needs one seed per sample, got {len(seeds)} for {number} images")
        if number and min(height, width) < self.minimum_side_px:
            raise CurationError(
                f"{self.name} needs images of at least {self.minimum_side_px} px a side, got {width}×{height}; "
                "choose a larger side_px in the reader or leave this kind out"
            )

    def _in_parts(
        self, make: Callable[[slice, SampleRandom], None], batch: Tensor, seeds: Tensor, size_px: str
    ) -> None:
        """Make a batch part by part, of as many images as there is room for."""
        start, device, random = 0, batch.device, SampleRandom(seeds, device=batch.device)
        together = _VALUES_AT_ONCE["cpu" if device.type == "cpu" else "other"] // max(batch[:1].numel(), 1)
        fitting = Fitting(max(1, together), device=device, grows=True)
        sentence = (
            f"{self.name} ran out of memory on {device} with a single image of {size_px} px; close other programs or "
            "choose a smaller side_px"
        )
        with enough_memory(sentence):
            while start < len(batch):
                part = slice(start, start + fitting.size)
                with fitting.attempt(len(batch) - start):
                    make(part, random.rows(part))
                    start = part.stop

    @abstractmethod
    def corrupt(self, images: Tensor, random: SampleRandom) -> Tensor:
        """Return the corrupted images; ``images`` is left as it is, values outside [0, 1] are clipped by the caller.

        A sample's result may depend on its own pixels and draws alone, to the last bit: elementwise steps in a fixed
        order, no reduction or library convolution whose order of summation follows the batch's size.
        """

    def corrupt_levels(self, pixels: Tensor, random: SampleRandom) -> Tensor:
        """Return ``corrupt``'s result for uint8 N×H×W×C, likewise; a kind of whole levels needs no floats."""
        return to_levels(self.corrupt(to_floats(pixels), random))


def _shape(images: Tensor) -> str:
    return "×".join(map(str, images.shape))
