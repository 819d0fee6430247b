"""Where targets err: every image of P with what they say of it, its pixels, and the training images nearest to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from curation.embedding.neighbors import nearest_neighbors
from curation.errors import CurationError
from curation.evaluation.metrics import APART, PARTS, by_class, by_severity
from curation.evaluation.suite import Part, Suite
from curation.models.prediction import predict
from curation.pipeline import Pipeline
from curation.pipeline.answers import features

COLUMNS = ["part", "kind", "severity", "sample_id", "label"]


def verdicts(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return what T ≥ 1 trainings say of each image of P that is kept, in the order of P.

    Columns: part, kind, severity, sample_id, label; right, the share of the trainings that are; prediction, their
    commonest wrong answer, the label where none is wrong; true_probability, their mean.
    """
    first = tables[0]
    kept = (first["part"] != "white_box").to_numpy()  # attacked images differ by target and are not kept
    out = first.loc[kept, COLUMNS].reset_index(drop=True)
    said = np.stack([table["prediction"].to_numpy()[kept] for table in tables])
    labels = out["label"].to_numpy()
    wrong = said != labels
    votes = ((said[:, None] == said[None]) & wrong[None]).sum(1)
    prediction = np.take_along_axis(said, (votes * wrong).argmax(0)[None], axis=0)[0]
    out["prediction"] = np.where(wrong.any(0), prediction, labels)
    out["right"] = 1 - wrong.mean(0)
    out["true_probability"] = np.mean([table["true_probability"].to_numpy()[kept] for table in tables], axis=0)
    return out


def errs(table: pd.DataFrame) -> np.ndarray:
    """Return, bool N, which rows of ``verdicts`` any of the trainings gets wrong."""
    return table["right"].to_numpy() < 1


def worst_first(table: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
    """Return rows of ``verdicts``, those that most trainings get wrong first, then the least likely label first."""
    picked = table.iloc[rows]
    return rows[np.lexsort((picked["true_probability"].to_numpy(), picked["right"].to_numpy()))]


def severity_table(tables: Sequence[pd.DataFrame], *, values: str = "accuracy") -> pd.DataFrame:
    """Return accuracies, one row a (part, kind) in P's order and one column a severity, 0: has none; NaN: not in P.

    values: accuracy, over all trainings, or count, of their answers.
    """
    found = by_severity(pd.concat(tables))
    table = found.pivot_table(index=["part", "kind"], columns="severity", values=values, sort=False)
    order = {part: at for at, part in enumerate((*PARTS, *APART))}
    rows = sorted(table.index, key=lambda row: (order[row[0]], row[1]))
    return table.reindex(rows)[sorted(table.columns)]


def class_table(tables: Sequence[pd.DataFrame], classes: Sequence[str], *, values: str = "accuracy") -> pd.DataFrame:
    """Return accuracies, or with ``values`` as in ``severity_table`` counts, one row a class and one column a part."""
    found = by_class(pd.concat(tables))
    table = found.pivot_table(index="label", columns="part", values=values, sort=False)
    table = table.reindex(range(len(classes)))[[part for part in (*PARTS, *APART) if part in table]]
    return table.set_axis(list(classes), axis=0)


def part_and_position(suite: Suite, row: int) -> tuple[Part, int]:
    """Return the part of P in which a row of ``verdicts`` lies, and its position there."""
    starts = np.cumsum([0, *map(len, suite.parts)])
    if not 0 <= row < starts[-1]:
        raise CurationError(f"P has {starts[-1]:,} images, there is no image {row}")
    at = int(np.searchsorted(starts, row, side="right")) - 1
    return suite.parts[at], int(row - starts[at])


def pixels(suite: Suite, rows: np.ndarray) -> np.ndarray:
    """Return the images, uint8 M×H×W×C, of some rows of ``verdicts``."""
    out = np.empty((len(rows), *suite.shape), dtype=np.uint8)
    starts = np.cumsum([0, *map(len, suite.parts)])
    of = np.searchsorted(starts, rows, side="right") - 1
    for at in np.unique(of):
        mine = np.flatnonzero(of == at)
        out[mine] = suite.parts[at].images(np.asarray(rows)[mine] - starts[at])
    return out


def original(suite: Suite, row: int) -> np.ndarray | None:
    """Return the clean image, uint8 H×W×C, of which a row of ``verdicts`` is a copy; None where P has it not."""
    part, position = part_and_position(suite, row)
    for clean in suite.parts:
        found = np.flatnonzero(clean.sample_ids == part.sample_ids[position])
        if clean.part == "clean" and len(found):
            return clean.images(found[:1])[0]
    return None


def says(network: torch.nn.Module, image: np.ndarray, *, device: str) -> np.ndarray:
    """Return a network's probabilities, float32 K, for one image uint8 H×W×C."""
    return predict(network, image[None], device=device).softmax(1)[0].numpy()


def nearest_samples(pipeline: Pipeline, image: np.ndarray, *, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the training images that the goal model sees as most like one image.

    Args: image: uint8 H×W×C.
    Returns: rows of the samples, int64, the nearest first, at most ``count``; cosines of the features, float32.
    Raises: CurationError when the samples' features are not computed.
    """
    if not pipeline.plan.features().complete():
        raise CurationError("the features of the training images are not computed yet; run “Features and clusters”")
    seen = pipeline.plan.features().whole_array()
    own = features(image[None], pipeline.plan.model)
    near = nearest_neighbors(seen, queries=own, count=min(count, len(seen)), metric="cosine", device=pipeline.device)
    return near.index[0], 1 - near.distance[0]
