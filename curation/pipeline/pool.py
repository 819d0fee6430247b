"""The table of all candidates of a plan, kept on disk once built, and the pixels of its rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from curation.pipeline.plan import Plan
from curation.selection.pool import Part, build_pool


def pool_of(plan: Plan) -> pd.DataFrame:
    """Return the table of all candidates (see ``selection.pool``). Raises: CurationError when a score is missing."""
    table = plan.workspace.pool(plan.candidates_key)
    if table.missing(verify=True):
        samples = plan.samples
        parts: dict[tuple[str, int], Part] = {}
        for images in plan.image_sets():
            scores, name = plan.scores(images).whole_table(), (images.kind, images.severity)
            if name in parts:
                before = parts[name]
                assert before.sample_rows is not None
                whole = before.scores.copy()
                whole.iloc[np.searchsorted(before.sample_rows, images.sample_rows)] = scores
                parts[name] = before._replace(scores=whole)
            else:
                parts[name] = Part(images.family, images.kind, images.severity, scores, images.sample_rows)
        table.write(0, build_pool(samples.sample_ids, samples.labels, parts.values(), same_as=plan.same_as))
    return table.table(0)


def pool_images(plan: Plan, pool: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
    """Return the pixels, uint8 M×H×W×C, of some rows of the pool."""
    picked = pool.iloc[rows]
    sample_rows = plan.samples.rows(picked["sample_id"].to_numpy())
    kinds, severities = picked["kind"].astype(str).to_numpy(), picked["severity"].to_numpy()
    out = np.empty((len(rows), *plan.samples.shape), dtype=np.uint8)
    for images in plan.image_sets():
        mine = np.flatnonzero((kinds == images.kind) & (severities == images.severity))
        if images.relabel:
            mine = mine[np.isin(sample_rows[mine], images.sample_rows)]
        if len(mine):
            out[mine] = images.frozen().gather(sample_rows[mine])
    return out


def several_times(plan: Plan) -> set[int]:
    """Return the ids of all samples that are one picture with others. Raises: CurationError: it was not looked for."""
    rows = np.unique(plan.repeats.table(0)[["row", "other"]].to_numpy())
    return set(plan.samples.sample_ids[rows].tolist())
