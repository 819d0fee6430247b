"""What is compared with the samples: a picture from outside, words, and how far is unusually far."""

from __future__ import annotations

import io
import warnings

import numpy as np
import torch
from PIL import Image, ImageOps

from curation.embedding.neighbors import Metric, nearest_neighbors
from curation.errors import UsageError
from curation.pipeline.plan import Plan
from curation.pipeline.space import NO_READER
from curation.pipeline.stages.embed import backbone_of
from curation.readers.pixels import decode
from curation.sampling import subset

PROBES = 500
USUAL = 0.99


def fitted(
    content: bytes, shape: tuple[int, int, int], *, white_level: float | None = None
) -> tuple[np.ndarray, list[str]]:
    """Return a picture file in the shape of a set, uint8 H×W×C, and what was changed.

    Args: white_level: the pixel value that is white in the set, where it is not 255 in bytes or 1 in floats; a picture
        of more bits than the set is scaled by its own brightest pixel, as a set of it alone would be.
    Raises: Unreadable.
    """
    height, width, channels = shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        image, notes = decode(
            content,
            side_px=height if height == width else None,
            channels=channels,
            whites=whites_like(white_level),
        )
    if image.shape[:2] != (height, width):
        picture = Image.fromarray(image[..., 0] if channels == 1 else image)
        image = np.asarray(ImageOps.fit(picture, (width, height), method=Image.Resampling.BICUBIC))
    with Image.open(io.BytesIO(content)) as original:
        if original.size != (width, height):
            notes.insert(0, f"from {original.width}×{original.height} to {width}×{height}")
    return image.reshape(shape), notes


def whites_like(white_level: float | None) -> dict[str, float | None]:
    """Return what is white by kind of pixels, as in a set; without the kinds of which the set tells nothing."""
    if white_level is None:
        return {}
    return {"bytes": white_level} if white_level < 255 else {"integers": white_level, "floats": white_level}


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Return the softmax of K logits, float32 K."""
    return torch.from_numpy(logits).softmax(0).numpy()


def usual_distance(features: np.ndarray, sample_ids: np.ndarray, *, metric: Metric, device: str) -> float:
    """Return the distance within which 99 % of the samples have another one, by 500 of them.

    Args: features: float32 N×D; sample_ids: int64 N.
    """
    ids = np.array(sample_ids)  # a copy that torch may share
    some = subset(ids, PROBES)
    found = nearest_neighbors(
        features,
        queries=features[some],
        count=1,
        metric=metric,
        owners=ids,
        query_owners=ids[some],
        device=device,
    )
    return float(np.quantile(found.distance, USUAL))


def by_words(plan: Plan, text: str) -> np.ndarray:
    """Return where a text lies in the recipe's space, float32 D, to be compared with the samples by cosine.

    Raises: UsageError: the space has no backbone that reads, or its package is absent. CurationError: its weights
        cannot be had, or have not what reads.
    """
    network = backbone_of(plan)
    if network is None:
        raise UsageError(NO_READER)
    return network.read(text)


def label_counts(labels: np.ndarray) -> list[tuple[int, int]]:
    """Return the classes of some samples and how many have each, the most common first; equal ones by class."""
    counts = np.bincount(labels)
    return [(int(one), int(counts[one])) for one in np.argsort(-counts, kind="stable") if counts[one]]


def nearest_ids(sample_ids: np.ndarray, wanted: int) -> list[int]:
    """Return the one or two ids, of rising int64 N, between which an id that is not among them lies."""
    at = int(np.searchsorted(sample_ids, wanted).clip(max=len(sample_ids) - 1))
    return [int(one) for one in sample_ids[max(at - 1, 0) : at + 1]]
