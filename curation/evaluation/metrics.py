"""What tables of predictions on P come to: R, its parts, how sure they are, and where the errors lie.

A table has one row an image of P: part, kind, severity, sample_id, label, prediction, true_probability; the rows of an
attack on the model itself have the part ``white_box``. All figures are shares in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

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

    The percentile bootstrap draws test images, not rows (the copies of one image are right or wrong together), and, of
    T ≥ 2 trainings, T − 1 with replacement, which gives their mean its unbiased variance. Of one training the bounds
    speak of test images alone: what another would give is not known.

    Args: tables: T ≥ 1 predictions on the same images; level: share of the draws between the bounds.
    Raises: CurationError when the tables are of different images.
    Source: the bootstrap of two crossed factors, Owen 2007, "The pigeonhole bootstrap"; T − 1: Rao & Wu 1988.
    """
    tally = _tally(tables)
    even = np.full((1, len(tables)), 1 / len(tables))
    value = _mean_figures(tally, np.ones((1, len(tally.ids))), even)[0]
    drawn = np.concatenate(
        [_mean_figures(tally, images, trainings) for images, trainings in _draws(tally, draws, seed)]
    )
    return _bounded(value, drawn, level)


def gain(
    tables: Sequence[pd.DataFrame],
    baseline: Sequence[pd.DataFrame],
    *,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Interval]:
    """Return what the trainings gain on the baseline's, figure by figure: the difference of the means.

    Paired: each draw of test images serves both, so that what is hard for both cancels; and so does each draw of
    trainings, the nth of one being the counterpart (the same target and seed) of the nth of the other.
    Arguments as ``intervals``; as many trainings of both.
    """
    mine, theirs = _tally(tables), _tally(baseline)
    _same(mine, theirs)
    if len(tables) != len(baseline):
        raise CurationError(f"a gain is paired: {len(tables)} trainings cannot be compared with {len(baseline)}")

    def difference(images: np.ndarray, trainings: np.ndarray) -> np.ndarray:
        return _mean_figures(mine, images, trainings) - _mean_figures(theirs, images, trainings)

    value = difference(np.ones((1, len(mine.ids))), np.full((1, len(tables)), 1 / len(tables)))[0]
    drawn = np.concatenate([difference(images, trainings) for images, trainings in _draws(mine, draws, seed)])
    return _bounded(value, drawn, level)


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


def by_severity(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy on each kind at each severity: part, kind, severity, accuracy, count."""
    return accuracy_by(predictions, ["part", "kind", "severity"])


def by_class(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy on each class in each part: part, label, accuracy, count."""
    return accuracy_by(predictions, ["part", "label"])


def confusion(predictions: pd.DataFrame, classes: int, part: str | None = None, kind: str | None = None) -> np.ndarray:
    """Return how often label i was taken for class j, int64 K×K; of one part or kind, or (None) of all."""
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
        raise CurationError("the two tables have different corruptions or severities; compare models on one P")
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
        raise CurationError("there are no predictions to evaluate; measure a model on P first")
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
        raise CurationError("the tables are of different test images; compare trainings on one P")


def _figures(right: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return …×7, as in ``FIGURES``, from sums …×5; an absent part is NaN, and so is R without it."""
    with np.errstate(invalid="ignore", divide="ignore"):
        accuracy = right / count
        micro = right[..., : len(PARTS)].sum(-1) / count[..., : len(PARTS)].sum(-1)
    macro = accuracy[..., : len(PARTS)].mean(-1)
    return np.concatenate([macro[..., None], micro[..., None], accuracy], axis=-1)


def _mean_figures(tally: _Tally, images: np.ndarray, trainings: np.ndarray) -> np.ndarray:
    """Return B×7 for weights of test images B×S and of trainings B×T, rows of the latter summing to 1."""
    right = sum(share[:, None] * (images @ one) for share, one in zip(trainings.T, tally.right, strict=True))
    return _figures(np.asarray(right), images @ tally.count)


def _draws(tally: _Tally, draws: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return weights for blocks of draws: of test images, float64 B×S, and of trainings, float64 B×T."""
    random = np.random.default_rng(seed)
    samples, trainings = len(tally.ids), len(tally.right)
    fewer = max(1, trainings - 1)
    size = max(1, _WEIGHTS_AT_ONCE // samples)
    found = []
    for at in range(0, draws, size):
        block = min(size, draws - at)
        shares = random.multinomial(fewer, np.full(trainings, 1 / trainings), size=block) / fewer
        found.append((_block(random, block, samples), shares))
    return found


def _block(random: np.random.Generator, draws: int, samples: int) -> np.ndarray:
    picked = random.integers(samples, size=(draws, samples)) + np.arange(draws)[:, None] * samples
    return np.bincount(picked.ravel(), minlength=draws * samples).reshape(draws, samples).astype(np.float64)


def _bounded(value: np.ndarray, drawn: np.ndarray, level: float) -> dict[str, Interval]:
    """The bounds take in the value itself, which a few very uneven images can leave outside the draws."""
    tail = (1 - level) / 2
    with np.errstate(invalid="ignore"):
        low, high = np.array([_quantiles(column, tail) for column in drawn.T]).T
    low, high = np.fmin(low, value), np.fmax(high, value)
    return {name: Interval(float(value[at]), float(low[at]), float(high[at])) for at, name in enumerate(FIGURES)}


def _quantiles(column: np.ndarray, tail: float) -> tuple[float, float]:
    """A draw may hold no image of a part that few images have."""
    known = column[~np.isnan(column)]
    return tuple(np.quantile(known, [tail, 1 - tail])) if len(known) else (np.nan, np.nan)
