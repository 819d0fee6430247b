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
        parts = [
            Part(images.family, images.kind, images.severity, plan.scores(images).whole_table(), images.sample_rows)
            for images in plan.image_sets()
        ]
        table.write(0, build_pool(samples.sample_ids, samples.labels, parts))
    return table.table(0)


def pool_images(plan: Plan, pool: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
    """Return the pixels, uint8 M×H×W×C, of some rows of the pool."""
    picked = pool.iloc[rows]
    sample_rows = plan.samples.rows(picked["sample_id"].to_numpy())
    kinds, severities = picked["kind"].astype(str).to_numpy(), picked["severity"].to_numpy()
    out = np.empty((len(rows), *plan.samples.shape), dtype=np.uint8)
    for images in plan.image_sets():
        mine = np.flatnonzero((kinds == images.kind) & (severities == images.severity))
        if len(mine):
            out[mine] = images.frozen().gather(sample_rows[mine])
    return out
