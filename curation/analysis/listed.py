"""Candidates as a table to take away."""

from __future__ import annotations

import numpy as np
import pandas as pd

from curation.analysis.candidates import names
from curation.recipe import Recipe
from curation.storage.samples import Samples


def listed(
    pool: pd.DataFrame, rows: np.ndarray, samples: Samples, recipe: Recipe, *, chosen: np.ndarray
) -> pd.DataFrame:
    """Return a row for each of some rows of the pool, in their order: name, where it is from, classes in words, scores.

    Args: chosen: int64, the pool's rows that the recipe selects.
    """
    picked, classes = pool.iloc[rows], np.array(samples.classes, dtype=object)
    at = samples.rows(picked["sample_id"].to_numpy())
    labels = samples.labels_with(recipe.selection.edits.relabel)[at]
    table = pd.DataFrame(
        {
            "candidate": names(pool, rows),
            "source_name": samples.table["name"].to_numpy()[at],
            "label_name": classes[labels],
            "predicted_name": classes[picked["prediction"].to_numpy()],
            "chosen": np.isin(rows, chosen),
        }
    )
    own = picked.drop(columns=["candidate_id", "label"]).reset_index(drop=True)
    return pd.concat([table, own, pd.DataFrame(recipe.annotations.in_manifest(picked))], axis=1)


def as_csv(pool: pd.DataFrame, rows: np.ndarray, samples: Samples, recipe: Recipe, *, chosen: np.ndarray) -> bytes:
    """Return ``listed`` as CSV in UTF-8; tags are joined by semicolons.

    Words that a spreadsheet would take for a formula begin with an apostrophe (OWASP, "CSV Injection").
    """
    table = listed(pool, rows, samples, recipe, chosen=chosen)
    if "tags" in table:
        table["tags"] = [";".join(tags) for tags in table["tags"]]
    for name in ("source_name", "label_name", "predicted_name", "tags", "note"):
        if name in table:
            table[name] = [f"'{word}" if str(word)[:1] in "=+-@\t\r" and word else word for word in table[name]]
    return table.to_csv(index=False).encode()
