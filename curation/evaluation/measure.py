"""The predictions of a classifier for every image of P, as the table that the metrics use."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from torch import nn

from curation.evaluation.part import Part, Suite
from curation.models.detector import detector_of
from curation.models.prediction import predict
from curation.progress import Progress, Report, ignore
from curation.scores import LooksAttacked

VALUES_AT_ONCE = 1 << 24
"""Pixel values read and classified at a time: what bounds memory."""


def predictions_of(network: nn.Module, suite: Suite, *, device: str, report: Report = ignore) -> pd.DataFrame:
    """Return one row per image of P, in the order of its parts.

    Args: network: from float32 N×C×H×W in [0, 1] to logits N×K; left in the mode that it is in.
    Returns: part, kind (text), severity (int8), sample_id (int64), label, prediction (int32), true_probability
        (float32, the softmax at the label); of a network with a detector also looks_attacked (float32, its score).
    """
    done, total, detector = 0, len(suite), detector_of(network)
    tables = []
    report(Progress("measure", done, total))
    for part in suite.parts:
        for positions in _together(part, suite.shape):
            images = part.images(positions)
            rows = _rows(part, positions, predict(network, images, device=device))
            if detector is not None:
                rows[LooksAttacked.name] = LooksAttacked()(predict(detector, images, device=device)).numpy()
            tables.append(rows)
            done += len(positions)
            report(Progress("measure", done, total, note=part.kind))
    return pd.concat(tables, ignore_index=True)


def accuracies_of(network: nn.Module, part: Part, *, device: str) -> dict[str, float]:
    """Return ``test_accuracy`` and, where there are more than 5 classes, ``test_top5`` on a part, shares in [0, 1].

    Args: network: as ``predictions_of`` takes it. An image counts for top-5 where its label is among the 5 likeliest.
    """
    right, among = 0, 0
    for positions in _together(part, part.images(np.zeros(1, np.int64)).shape[1:]):
        logits = predict(network, part.images(positions), device=device)
        labels = torch.from_numpy(part.labels[positions])[:, None]
        right += int((logits.argmax(1, keepdim=True) == labels).sum())
        among += int((logits.topk(min(5, logits.shape[1])).indices == labels).sum())
    found = {"test_accuracy": right / len(part)}
    return found | ({"test_top5": among / len(part)} if logits.shape[1] > 5 else {})


def _together(part: Part, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Yield the positions of a part, so many at a time that memory stays bounded; shape: of an image."""
    together = max(1, VALUES_AT_ONCE // math.prod(shape))
    for start in range(0, len(part), together):
        yield np.arange(start, min(start + together, len(part)))


def _rows(part: Part, positions: np.ndarray, logits: torch.Tensor) -> pd.DataFrame:
    labels = part.labels[positions]
    chosen = torch.from_numpy(labels)[:, None]
    return pd.DataFrame(
        {
            "part": part.part,
            "kind": part.kind,
            "severity": np.int8(part.severity),
            "sample_id": part.sample_ids[positions],
            "label": labels.astype(np.int32),
            "prediction": logits.argmax(1).numpy().astype(np.int32),
            "true_probability": logits.double().softmax(1).gather(1, chosen)[:, 0].numpy().astype(np.float32),
        }
    )
