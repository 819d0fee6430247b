"""What targets misclassify: every image of P with what they predict, tables of it, and the nearest training images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike

from curation.embedding.neighbors import nearest_neighbors
from curation.errors import CurationError
from curation.evaluation.metrics import APART, PARTS, by_class, by_severity, confusion
from curation.evaluation.suite import Part, Suite
from curation.models.prediction import predict
from curation.pipeline import Pipeline
from curation.pipeline.stages.embed import embed

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


@dataclass(frozen=True)
class ErrorTables:
    """Accuracies of some trainings by kind and severity and by class, as the functions above return them.

    kind_images, class_images: of how many images each cell is; kind_gains, class_gains: what is above the accuracies of
    other trainings, in [−1, 1]; None: there are none to compare with.
    """

    kinds: pd.DataFrame
    classes: pd.DataFrame
    kind_images: pd.DataFrame
    class_images: pd.DataFrame
    kind_gains: pd.DataFrame | None = None
    class_gains: pd.DataFrame | None = None


def error_tables(
    tables: Sequence[pd.DataFrame], classes: Sequence[str], others: Sequence[pd.DataFrame] = ()
) -> ErrorTables:
    """Return the accuracies of T ≥ 1 trainings on P, and what they gain over others."""
    kinds, by_label = severity_table(tables), class_table(tables, classes)
    images = (
        severity_table(tables, values="count") / len(tables),
        class_table(tables, classes, values="count") / len(tables),
    )
    if not others:
        return ErrorTables(kinds, by_label, *images)
    gains = (
        kinds - severity_table(others).reindex_like(kinds),
        by_label - class_table(others, classes).reindex_like(by_label),
    )
    return ErrorTables(kinds, by_label, *images, *gains)


def confusion_matrix(
    tables: Sequence[pd.DataFrame], classes: int, part: str | None, kind: str | None, severity: int | None
) -> np.ndarray:
    """Return how often label i is predicted as class j over some trainings, int64 K×K; None: of all."""
    some = [table if severity is None else table[table["severity"] == severity] for table in tables]
    return np.asarray(sum(confusion(table, classes, part, kind) for table in some))


FILTERS = ("part", "kind", "severity", "label", "prediction")
"""Columns of ``verdicts`` by which images are filtered."""


def in_table(table: pd.DataFrame, part: Any, kind: Any, severity: Any) -> tuple[Any, Any, Any]:
    """Return part, kind and severity, each None where no image has it with those before."""
    found: list[Any] = []
    for column, value in zip(FILTERS, (part, kind, severity), strict=False):
        mine = table[column] == value
        found.append(value if value is not None and mine.any() else None)
        table = table[mine] if found[-1] is not None else table
    return found[0], found[1], found[2]


def offered(table: pd.DataFrame, part: str | None, kind: str | None) -> dict[str, list[Any]]:
    """Return which parts, kinds and severities misclassified images have; the latter two among those chosen before."""
    wrong = table[errs(table)]
    wrong = wrong if part is None else wrong[wrong["part"] == part]
    kinds = sorted(set(wrong["kind"]) - {"clean"})
    wrong = wrong if kind not in kinds else wrong[wrong["kind"] == kind]
    severities = sorted({int(severity) for severity in wrong["severity"]} - {0})
    return {"part": list(dict.fromkeys(table["part"])), "kind": kinds, "severity": severities}


def misclassified(
    table: pd.DataFrame, filters: Mapping[str, Any], *, others: pd.DataFrame | None = None
) -> tuple[np.ndarray, int]:
    """Return the rows of ``verdicts`` that are misclassified and pass filters, int64, the worst first.

    Args: filters: column → value, None: any; others: verdicts of trainings that get the images right.
    Returns: the rows, and how many images, right or wrong, pass the filters but that by prediction.
    """
    of = np.ones(len(table), bool)
    for column in FILTERS[:-1]:
        if filters.get(column) is not None:
            of &= (table[column] == filters[column]).to_numpy()
    kept = errs(table) & of
    if filters.get("prediction") is not None:
        kept &= (table["prediction"] == filters["prediction"]).to_numpy()
    if others is not None:
        kept &= ~errs(others)
    return worst_first(table, np.flatnonzero(kept)), int(of.sum())


def trainings(trials: pd.DataFrame) -> dict[str, str]:
    """Return the choices of a set's trainings, and the words for each: all, those of one target, single ones."""
    if len(trials) == 1:
        return {"all": f"the one of {trials['target'].iloc[0]}"}
    out = {"all": f"all {len(trials)}"}
    targets = list(dict.fromkeys(trials["target"]))
    if len(targets) > 1:
        out |= {target: f"{target}, all seeds" for target in targets}
    for target, number in zip(trials["target"], trials["number"], strict=True):
        out[f"{target}.{number}"] = f"{target}, training {number + 1}"
    return out


def of_training(trials: pd.DataFrame, training: str) -> pd.DataFrame:
    """Return the trials of one choice of ``trainings``."""
    if training == "all":
        return trials
    names = trials["target"] + "." + trials["number"].astype(str)
    return trials[(trials["target"] == training) | (names == training)]


def part_and_position(suite: Suite, row: int) -> tuple[Part, int]:
    """Return the part of P in which a row of ``verdicts`` lies, and its position there."""
    starts = np.cumsum([0, *map(len, suite.parts)])
    if not 0 <= row < starts[-1]:
        raise CurationError(f"P has {starts[-1]:,} images, there is no image {row}")
    at = int(np.searchsorted(starts, row, side="right")) - 1
    return suite.parts[at], int(row - starts[at])


def pixels(suite: Suite, rows: ArrayLike) -> np.ndarray:
    """Return the images, uint8 M×H×W×C, of some rows of ``verdicts``."""
    rows = np.asarray(rows, np.int64)
    out = np.empty((len(rows), *suite.shape), dtype=np.uint8)
    starts = np.cumsum([0, *map(len, suite.parts)])
    of = np.searchsorted(starts, rows, side="right") - 1
    for at in np.unique(of):
        mine = np.flatnonzero(of == at)
        out[mine] = suite.parts[at].images(rows[mine] - starts[at])
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
    """Return the training images that are most like one image in the recipe's space.

    Args: image: uint8 H×W×C.
    Returns: rows of the samples, int64, the nearest first, at most ``count``; cosines of the features, float32.
    Raises: CurationError when the samples' features are not computed, or the space has none of other images.
    """
    if not pipeline.plan.features().complete():
        raise CurationError("the features of the training images are not computed yet; run “Features and clusters”")
    seen = pipeline.plan.features().whole_array()
    own = embed(pipeline.plan, image[None])
    near = nearest_neighbors(seen, queries=own, count=min(count, len(seen)), metric="cosine", device=pipeline.device)
    return near.index[0], 1 - near.distance[0]
