"""Parts of the samples, such as those inside a polygon on a map: what is in each, how much of the set comes from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curation.analysis.candidates import labels_of
from curation.recipe import Slice
from curation.storage.samples import Samples

Corners = list[list[float]]
"""A polygon [[x, y], …] in a map's coordinates, closed implicitly."""


@dataclass(frozen=True)
class Members:
    """What is known of every sample.

    labels: int64 N; entropy: float32 N, share of ln K; chosen: bool N, whether the clean image is; images: int64 N, how
    many images of the set, clean ones and copies, are of it.
    """

    labels: np.ndarray
    entropy: np.ndarray
    chosen: np.ndarray
    images: np.ndarray


@dataclass(frozen=True)
class Facts:
    """What is in a part: samples; chosen, clean images of the set; images of the set, with copies; mean entropy as a
    share of ln K; label, the most common; purity, its share. The last three are None in an empty part."""

    samples: int
    chosen: int
    images: int
    entropy: float | None
    label: int | None
    purity: float | None


def facts(members: Members, at: np.ndarray) -> Facts:
    """Return what is in the part of the samples at some positions, int64."""
    chosen, images = int(members.chosen[at].sum()), int(members.images[at].sum())
    if not len(at):
        return Facts(0, chosen, images, None, None, None)
    counts = np.bincount(members.labels[at])
    purity = float(counts.max() / len(at))
    return Facts(len(at), chosen, images, float(members.entropy[at].mean()), int(counts.argmax()), purity)


def composition(
    members: Members, parts: Mapping[str, NDArray[np.bool_] | None], classes: Sequence[str]
) -> pd.DataFrame:
    """Return one row a part: name, samples, chosen, images, label, share (of the set), entropy, purity; see ``Facts``.

    Args: parts: bool N, which samples are in it, by name; None: it was drawn on a map that is not computed, and has no
        numbers.
    """
    rows: list[dict[str, Any]] = []
    total = max(int(members.images.sum()), 1)
    for name, inside in parts.items():
        row: dict[str, Any] = {"name": name}
        if inside is not None:
            it = facts(members, np.flatnonzero(inside))
            row |= {"samples": it.samples, "chosen": it.chosen, "images": it.images, "share": it.images / total}
            if it.label is not None:
                row |= {"entropy": it.entropy, "label": classes[it.label], "purity": it.purity}
        rows.append(row)
    return pd.DataFrame(rows, columns=["name", "samples", "chosen", "images", "label", "share", "entropy", "purity"])


def corners(one: Slice) -> Corners:
    """Return the polygon of a slice."""
    return [list(corner) for corner in one.polygon]


def slice_at(slices: Mapping[str, Slice], layout: str, polygon: Corners | None) -> str | None:
    """Return the name of the slice that a polygon on a map is, if it is one."""
    return next((name for name, one in slices.items() if one.layout == layout and corners(one) == polygon), None)


def points_in_polygon(xy: NDArray[Any], polygon: Sequence[Sequence[float]] | None) -> NDArray[np.bool_]:
    """Return which points lie inside a polygon, by the even-odd rule (milliseconds for 50,000 points).

    Args:
        xy: N×2.
        polygon: corners [[x, y], …]; None or fewer than three contain no point.

    Returns:
        bool, N.
    """
    xy = np.asarray(xy, np.float64)
    inside = np.zeros(len(xy), bool)
    if polygon is None or len(polygon) < 3 or not len(xy):
        return inside
    ends = np.asarray(polygon, np.float64)
    boxed = np.flatnonzero(((xy >= ends.min(0)) & (xy <= ends.max(0))).all(1))
    boxed = boxed[np.argsort(xy[boxed, 1], kind="stable")]
    x, y = xy[boxed].T
    odd = np.zeros(len(boxed), bool)
    for (x1, y1), (x2, y2) in zip(ends, np.roll(ends, -1, axis=0), strict=True):
        # Points are sorted by y, so that an edge looks only at those between its ends.
        first, last = np.searchsorted(y, (min(y1, y2), max(y1, y2)))
        if last > first:
            odd[first:last] ^= x[first:last] < x1 + (y[first:last] - y1) * ((x2 - x1) / (y2 - y1))
    inside[boxed] = odd
    return inside


def members(
    samples: Samples, pool: pd.DataFrame, *, clean: np.ndarray, selected: np.ndarray, relabel: Mapping[int, int]
) -> Members:
    """Return what is known of every sample.

    Args:
        clean: int64 N, the pool's rows of the clean candidates, in the samples' order.
        selected: int64, the pool's rows of the set.
        relabel: new classes by sample id.
    """
    mask = np.zeros(len(pool), bool)
    mask[selected] = True
    of = samples.rows(pool["sample_id"].to_numpy()[selected])
    entropy = pool["entropy"].to_numpy()[clean] / np.float32(np.log(len(samples.classes)))
    return Members(labels_of(samples, relabel), entropy, mask[clean], np.bincount(of, minlength=len(clean)))
