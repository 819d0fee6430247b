"""The table of suspects: every label with its scores, and the class that the sample looks like."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from curation.label_errors import LABEL_SCORES
from curation.label_errors.agreement import blocks, votes
from curation.label_errors.base import Evidence


def suspects(evidence: Evidence) -> pd.DataFrame:
    """Return one row a sample, the most suspicious first.

    Columns: row (its position in the evidence), given (its label), suggested (the class that out-of-sample
    probabilities and, where there are any, neighbors' votes speak for, half and half; may be the given one),
    confidence (their mean for that class, in [0, 1]), every score of ``LABEL_SCORES`` that the evidence can tell
    (large is suspicious), and rank (by combined, 1 first; ties by row).
    """
    suggested, confidence = (np.concatenate(parts) for parts in zip(*_opinions(evidence), strict=True))
    scores = {score.name: score()(evidence) for score in LABEL_SCORES if score.told_by(evidence)}
    table = pd.DataFrame(
        {
            "row": np.arange(len(evidence.labels)),
            "given": evidence.labels,
            "suggested": suggested,
            "confidence": confidence,
            **scores,
        }
    )
    table = table.iloc[np.argsort(-table["combined"].to_numpy(), kind="stable")].reset_index(drop=True)
    table["rank"] = np.arange(1, len(table) + 1)
    return table


def _opinions(evidence: Evidence) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield, part by part, the class that is spoken for, int64, and how strongly, float32."""
    for rows in blocks(evidence):
        opinion = evidence.probabilities[rows]
        if evidence.neighbors is not None:
            opinion = (opinion + votes(evidence, rows)) / 2
        yield opinion.argmax(1), opinion.max(1)
