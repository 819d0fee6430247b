"""Metrics of predictions on P: R, its parts, their confidence intervals, and where the errors are.

A table has one row per image of P: part, kind, severity, sample_id, label, prediction, true_probability; the rows of an
attack on the model itself have the part ``white_box``. All figures are shares in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr, stdtrit

from curation.errors import CurationError

PARTS = ("clean", "adversarial", "corruption")
"""The parts of P that R weighs equally."""

APART = ("held_out", "white_box")
"""Parts that are reported beside R."""

FIGURES = ("R", "micro", *PARTS, *APART)
"""Every figure of a table: R, the share of all images of its parts that are right, and the accuracy on each part."""

_WEIGHTS_AT_ONCE = 4_000_000


class Interval(NamedTuple):
    """A figure and the bounds between which it lies at the level asked for; NaN where the part is absent."""

    value: float
    low: float
    high: float


def robustness(predictions: pd.DataFrame) -> dict[str, float]:
    """Return every figure of ``FIGURES``, NaN where a part is absent.

    R is the mean over ``PARTS`` of the accuracy on the part, however many images each has; ``micro`` counts every image
    of these parts once.
    Source: Zhong et al. 2022, "Exploiting the Potential of Datasets", equation 7.
    """
    tally = _tally([predictions])
    return dict(zip(FIGURES, _figures(tally.right[0].sum(0), tally.count.sum(0)).tolist(), strict=True))


def intervals(
    tables: Sequence[pd.DataFrame], *, level: float = 0.95, draws: int = 1000, seed: int = 0
) -> dict[str, Interval]:
    """Return every figure's mean over trainings, with what other test images and other trainings would do to it.

    Test images: the expanded percentile bootstrap draws images, not rows (the copies of one image are right or wrong
    together).
    Trainings: of T ≥ 2, Student's t with T − 1 degrees of freedom on the deviation between them. The two are
    independent, so their squared distances from the mean add up, on each side. Of one training the bounds speak of test
    images alone: what another would give is not known.
    ``python -m benchmarks.intervals`` simulates how often the bounds hold the truth.

    Args: tables: T ≥ 1 predictions on the same images; level: share of repetitions in which the bounds hold the figure
        that all test images and all trainings would have; draws: of the bootstrap.
    Raises: CurationError when the tables are of different images.
    Source: Hesterberg 2015, "What Teachers Should Know About the Bootstrap", section 4.1 (expanded percentiles); Zou &
        Donner 2008, "Construction of confidence limits about effect measures: a general approach" (adding distances);
        Owen 2007, "The pigeonhole bootstrap" (two crossed factors).
    """
    tally = _tally(tables)
    return _bounded(lambda images: _figures_of(tally, images), tally, level, draws, seed, within=(0.0, 1.0))


def gain(
    tables: Sequence[pd.DataFrame],
    baseline: Sequence[pd.DataFrame],
    *,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Interval]:
    """Return what the trainings gain on the baseline's, figure by figure: the difference of the means.

    Paired: each draw of test images serves both, so that what is hard for both cancels; and trainings are compared one
    by one, the nth of one being the counterpart (the same target and seed) of the nth of the other.
    Arguments as ``intervals``; as many trainings of both.
    """
    mine, theirs = _tally(tables), _tally(baseline)
    _same(mine, theirs)
    if len(tables) != len(baseline):
        raise CurationError(f"a gain is paired: {len(tables)} trainings cannot be compared with {len(baseline)}")

    def difference(images: np.ndarray) -> np.ndarray:
        return _figures_of(mine, images) - _figures_of(theirs, images)

    return _bounded(difference, mine, level, draws, seed, within=(-1.0, 1.0))


def spread(tables: Sequence[pd.DataFrame]) -> dict[str, float]:
    """Return the standard deviation (n − 1) of every figure over trainings; NaN of a single one."""
    figures = pd.DataFrame([robustness(table) for table in tables])
    return {str(name): float(value) for name, value in figures.std(ddof=1).items()}


def accuracy_by(predictions: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return one row for each combination of columns that occurs: these, accuracy, count; sorted by them."""
    right = predictions["prediction"].to_numpy() == predictions["label"].to_numpy()
    groups = predictions[list(columns)].assign(right=right).groupby(list(columns), observed=True)["right"]
    return groups.agg(accuracy="mean", count="size").reset_index()


def by_kind(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy on each kind of each part: part, kind, accuracy, count."""
    return accuracy_by(predictions, ["part", "kind"])


class Detection(NamedTuple):
    """What detectors say of P.

    kinds: one row for each kind of each part: part, kind, flagged (share of its images that look attacked), count;
    confusion: int64 2×2, rows clean and altered images, columns those that look clean and attacked; accuracy: the mean
    of the two rows' shares that are right, in [0, 1], however many images each has.
    """

    kinds: pd.DataFrame
    confusion: np.ndarray
    accuracy: float


def detection(tables: Sequence[pd.DataFrame]) -> Detection | None:
    """Return what the detectors of T ≥ 1 trainings say of the images of P; None: not all have one.

    Images look attacked from a probability of ½ on. Those of the white box were not shown to it.
    """
    if not tables or any("looks_attacked" not in table for table in tables):
        return None
    seen = pd.concat(tables)
    seen = seen[seen["part"] != "white_box"]
    flagged, altered = seen["looks_attacked"].to_numpy() >= 0.5, (seen["part"] != "clean").to_numpy()
    groups = seen[["part", "kind"]].assign(flagged=flagged).groupby(["part", "kind"], observed=True)["flagged"]
    crossed = np.bincount(2 * altered + flagged, minlength=4).reshape(2, 2)
    with np.errstate(invalid="ignore"):
        accuracy = float(np.nanmean(crossed.diagonal() / crossed.sum(1)))
    return Detection(groups.agg(flagged="mean", count="size").reset_index(), crossed, accuracy)


def by_severity(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy on each kind at each severity: part, kind, severity, accuracy, count."""
    return accuracy_by(predictions, ["part", "kind", "severity"])


def by_class(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy on each class in each part: part, label, accuracy, count."""
    return accuracy_by(predictions, ["part", "label"])


def confusion(predictions: pd.DataFrame, classes: int, part: str | None = None, kind: str | None = None) -> np.ndarray:
    """Return how often label i was predicted as class j, int64 K×K; of one part or kind, or (None) of all."""
    chosen = np.ones(len(predictions), dtype=bool)
    for column, wanted in (("part", part), ("kind", kind)):
        if wanted is not None:
            chosen &= (predictions[column] == wanted).to_numpy()
    labels, said = (predictions[name].to_numpy(np.int64)[chosen] for name in ("label", "prediction"))
    return np.bincount(labels * classes + said, minlength=classes * classes).reshape(classes, classes)


def mean_corruption_error(predictions: pd.DataFrame, reference: pd.DataFrame) -> float:
    """Return the mean over corruptions of Σ errors / Σ errors of a reference model, both summed over severities.

    Kinds on which the reference never errs cannot be compared and are left out; ``flawless`` names them.

    Args: predictions, reference: two models' tables on the same P.
    Returns: 1 where a model is as good as the reference, less where it is better; NaN where nothing can be compared.
    Raises: CurationError when the two are of different kinds or severities.
    Source: Hendrycks & Dietterich 2019, "Benchmarking Neural Network Robustness to Common Corruptions", equation 1.
    """
    errors, theirs = (_corruption_errors(table) for table in (predictions, reference))
    if not errors.index.equals(theirs.index):
        raise CurationError(
            "the two tables have different corruptions or severities; compare models on the same test suite"
        )
    sums, reference_sums = (table.groupby(level="kind").sum() for table in (errors, theirs))
    compared = reference_sums > 0
    return float((sums[compared] / reference_sums[compared]).mean())


def flawless(predictions: pd.DataFrame) -> list[str]:
    """Return the corruptions on which a model never errs, at no severity."""
    sums = _corruption_errors(predictions).groupby(level="kind").sum()
    return [str(kind) for kind in sums.index[sums == 0]]


def _corruption_errors(predictions: pd.DataFrame) -> pd.Series:
    table = accuracy_by(predictions[predictions["part"] == "corruption"], ["kind", "severity"])
    return 1 - table.set_index(["kind", "severity"])["accuracy"]


@dataclass(frozen=True)
class _Tally:
    """By test image, in the order of their ids: ids int64 S; how many rows of each part it has, float64 S×5, in the
    order of PARTS and APART; how many of them each training has right, float64 T×S×5."""

    ids: np.ndarray
    count: np.ndarray
    right: np.ndarray


def _tally(tables: Sequence[pd.DataFrame]) -> _Tally:
    if not tables or any(table.empty for table in tables):
        raise CurationError("there are no predictions to evaluate; measure a model on the test suite first")
    first, *others = (_tally_one(table) for table in tables)
    for other in others:
        _same(first, other)
    return _Tally(first.ids, first.count, np.concatenate([first.right, *(other.right for other in others)]))


def _tally_one(table: pd.DataFrame) -> _Tally:
    names = (*PARTS, *APART)
    part = pd.Index(names).get_indexer(pd.Index(table["part"]))
    if (part < 0).any():
        unknown = table["part"].iloc[int((part < 0).argmax())]
        raise CurationError(f"the predictions have a part {unknown!r}; known: {', '.join(names)}")
    ids, row = np.unique(table["sample_id"].to_numpy(np.int64), return_inverse=True)
    cell, cells = row * len(names) + part, len(ids) * len(names)
    right = table["prediction"].to_numpy() == table["label"].to_numpy()
    count = np.bincount(cell, minlength=cells).reshape(-1, len(names)).astype(np.float64)
    hits = np.bincount(cell, weights=right, minlength=cells).reshape(-1, len(names))
    return _Tally(ids, count, hits[None])


def _same(one: _Tally, other: _Tally) -> None:
    if not (np.array_equal(one.ids, other.ids) and np.array_equal(one.count, other.count)):
        raise CurationError("the tables are of different test images; compare trainings on the same test suite")


def _figures(right: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return …×7, as in ``FIGURES``, from sums …×5; an absent part is NaN, and so is R without it."""
    with np.errstate(invalid="ignore", divide="ignore"):
        accuracy = right / count
        micro = right[..., : len(PARTS)].sum(-1) / count[..., : len(PARTS)].sum(-1)
    macro = accuracy[..., : len(PARTS)].mean(-1)
    return np.concatenate([macro[..., None], micro[..., None], accuracy], axis=-1)


def _figures_of(tally: _Tally, images: np.ndarray) -> np.ndarray:
    """Return the figures T×B×7 of each training, for weights of test images B×S."""
    return np.stack([_figures(images @ one, images @ tally.count) for one in tally.right])


def _bounded(
    figures_of: Callable[[np.ndarray], np.ndarray],
    tally: _Tally,
    level: float,
    draws: int,
    seed: int,
    *,
    within: tuple[float, float],
) -> dict[str, Interval]:
    """Return mean and bounds of every figure; ``figures_of`` gives T×B×7 for weights of test images B×S."""
    each = figures_of(np.ones((1, len(tally.ids))))[:, 0]
    drawn = np.concatenate([figures_of(images) for images in _draws(len(tally.ids), draws, seed)], axis=1)
    found = {}
    for at, name in enumerate(FIGURES):
        value = float(each[:, at].mean())
        below, above = _distances(each[:, at], drawn[:, :, at], len(tally.ids), level)
        low, high = np.clip([value - below, value + above], *within)
        found[name] = Interval(value, float(low), float(high))
    return found


def _distances(each: np.ndarray, drawn: np.ndarray, images: int, level: float) -> tuple[float, float]:
    """Return how far the bounds lie below and above the mean of a figure of T trainings, drawn T×B times."""
    drawn = drawn[:, ~np.isnan(drawn).any(0)]  # a draw may hold no image of a part that few images have
    if not drawn.size:
        return np.nan, np.nan
    value, means, trainings = each.mean(), drawn.mean(0), len(each)
    # The value itself lies inside: a few very uneven images can leave it outside the draws.
    tail = _expanded_tail((1 - level) / 2, images)
    low, high = np.quantile(means, [tail, 1 - tail])
    of_images = np.array([max(0.0, value - low), max(0.0, high - value)])
    if trainings == 1:
        return float(of_images[0]), float(of_images[1])
    of_trainings = stdtrit(trainings - 1, (1 + level) / 2) * each.std(ddof=1) / np.sqrt(trainings)
    below, above = np.hypot(of_images, of_trainings)
    return float(below), float(above)


def _expanded_tail(tail: float, images: int) -> float:
    """Return the share to cut off a bootstrap of so few images that it covers as a t interval would."""
    if images < 2:
        return tail
    return float(ndtr(np.sqrt(images / (images - 1)) * stdtrit(images - 1, tail)))


def _draws(samples: int, draws: int, seed: int) -> Iterator[np.ndarray]:
    """Yield weights of test images for blocks of draws, float64 B×S."""
    random = np.random.default_rng(seed)
    size = max(1, _WEIGHTS_AT_ONCE // samples)
    for at in range(0, draws, size):
        block = min(size, draws - at)
        picked = random.integers(samples, size=(block, samples)) + np.arange(block)[:, None] * samples
        yield np.bincount(picked.ravel(), minlength=block * samples).reshape(block, samples).astype(np.float64)
