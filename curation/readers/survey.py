"""What a whole set of encoded images is: sizes, colors, and which value is white; and what is said of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from curation.errors import CurationError
from curation.readers.pixels import Looked, dtype_of
from curation.readers.white_level import DARK, UnclearWhite, white_of

_KINDS = {"bytes": "8-bit images", "integers": "16- or 32-bit images", "floats": "images of floats"}
_ENOUGH = {"bytes": DARK, "integers": 2**15, "floats": float("inf")}
"""Pixels as bright as this leave no doubt of what is white, so no other image of the kind must be decoded for it."""


@dataclass
class Survey:
    """What was seen, image after image.

    sizes: width and height, as stored, with how often; color: images in color; kinds: images with each kind of pixels;
    brightest: pixel of each kind; problem: why an image could not be read, an example.
    """

    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    color: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    brightest: dict[str, float] = field(default_factory=dict)
    problem: str = "it is empty"

    @property
    def images(self) -> int:
        """How many could be read."""
        return self.sizes.total()

    @property
    def open_kinds(self) -> frozenset[str]:
        """Kinds of pixels of which it is still in doubt what is white."""
        return frozenset(kind for kind, enough in _ENOUGH.items() if self.brightest.get(kind, 0) < enough)

    def add(self, looked: Looked) -> None:
        """Count an image."""
        self.sizes[looked.size] += 1
        self.color += looked.color
        self.kinds[looked.kind] += 1
        if looked.brightest is not None:
            self.brightest[looked.kind] = max(self.brightest.get(looked.kind, 0), looked.brightest)

    @property
    def usual_side(self) -> int:
        """The median of the shorter sides."""
        sides: Counter[int] = Counter()
        for size, count in self.sizes.items():
            sides[min(size)] += count
        left = (self.images - 1) // 2
        for side in sorted(sides):
            left -= sides[side]
            if left < 0:
                return side
        raise ValueError("no image was seen")

    def whites(self, asked: float | None, *, where: str) -> tuple[dict[str, float | None], list[str]]:
        """Return what is white among pixels of each kind, None where it is unknown, and what is said of it.

        Raises: CurationError: it is unknown for most images.
        """
        found: dict[str, float | None] = {}
        remarks = []
        for kind in _KINDS:
            count = self.kinds[kind]
            if not count:  # of no image here, but perhaps of another split's
                if asked is not None:
                    found[kind] = white_of(0, dtype_of(kind), what="", asked=asked).level
                continue
            what = f"{count:,} {_KINDS[kind]}"
            try:
                white = white_of(self.brightest.get(kind, 0), dtype_of(kind), what=what, asked=asked)
            except UnclearWhite as error:
                if count > self.images / 2:
                    raise CurationError(f"{where}: {error}") from None
                found[kind] = None
                remarks.append(f"{error}; until then they are left out")
                continue
            found[kind] = white.level
            if white.remark:
                remarks.append(white.remark)
        return found, remarks

    def remarks(self, side: int, *, rgb: bool) -> Iterator[str]:
        """Yield what is said of sizes and colors. Args: side: in pixels; rgb: else gray."""
        smallest, largest = min(self.sizes, key=_area), max(self.sizes, key=_area)
        if len(self.sizes) > 1:
            yield (
                f"images have {len(self.sizes):,} sizes, from {_spelled(smallest)} to {_spelled(largest)}; each is "
                f"cropped to its centered square and brought to {side}×{side} (set side_px for another size)"
            )
        elif largest != (side, side):
            crop = "" if largest[0] == largest[1] else "cropped to their centered square and "
            yield f"all images are {_spelled(largest)}; they are {crop}brought to {side}×{side}"
        gray = self.images - self.color
        if rgb and self.color and gray:
            yield f"{gray:,} of {self.images:,} images are gray, {self.color:,} in color; all are read in color"
        if not rgb and self.color:
            yield f"{self.color:,} of {self.images:,} images are in color; all are read in gray"


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _spelled(size: tuple[int, int]) -> str:
    return f"{size[0]:,}×{size[1]:,}"
