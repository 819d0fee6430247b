"""Copies of some samples, taken from a finished set of all of them instead of made again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from curation.pipeline.plan import Plan
from curation.storage.image_set import ImageSet


def taken(plan: Plan, images: ImageSet) -> Callable[[Sequence[int]], int] | None:
    """Return the task that takes a set from the one of all samples, where that is finished."""
    whole = plan.whole(images)
    if whole is None or not whole.pixels.complete():
        return None
    return partial(copy_shards, whole.frozen(), images)


def copy_shards(whole: ImageSet, out: ImageSet, indices: Sequence[int]) -> int:
    """Take the copies of some samples from a finished set of more of them."""
    for index in indices:
        out.pixels.write(index, whole.gather(out.rows_of(index)))
    return int(out.sizes[list(indices)].sum())
