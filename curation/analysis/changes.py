"""In what two curated sets differ: images that enter and leave, and those that stay with another label or weight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from curation.pipeline import Pipeline
from curation.pipeline.curated import weights_of
from curation.pipeline.plan import Plan
from curation.plugin import fingerprint
from curation.selection.select import Selected
from curation.storage.image_set import ImageSet

TOGETHER = 4096
"""Images that are compared at once."""


@dataclass(frozen=True)
class Chosen:
    """The set of a recipe: its pipeline, the table of its candidates and what it selects from them."""

    pipeline: Pipeline
    pool: pd.DataFrame
    selected: Selected


@dataclass(frozen=True)
class Changes:
    """enter: int64, rows of the later set's pool; leave: int64, rows of the earlier one's; relabeled, reweighted: how
    many images stay with another label, or another weight; written: how the labels are written, when that changes."""

    enter: np.ndarray
    leave: np.ndarray
    relabeled: int
    reweighted: int
    written: str

    def __bool__(self) -> bool:
        return bool(len(self.enter) or len(self.leave) or self.relabeled or self.reweighted or self.written)


def changes(before: Chosen, after: Chosen) -> Changes:
    """Return in what two sets differ.

    An image is the same where it is the same copy of the same sample, with the same pixels.
    Raises: CurationError: weights are not computed, or images are missing.
    """
    old, new = _table(before), _table(after)
    both = old.merge(new, on="candidate_id", suffixes=("_old", "_new"))
    both = both[_alike(before, after, both)]
    stay = [np.isin(one["row"], both[name]) for one, name in ((old, "row_old"), (new, "row_new"))]
    return Changes(
        enter=new["row"].to_numpy()[~stay[1]],
        leave=old["row"].to_numpy()[~stay[0]],
        relabeled=int(
            ((both["label_old"] != both["label_new"]) | (both["overruled_old"] != both["overruled_new"])).sum()
        ),
        reweighted=int((both["weight_old"] != both["weight_new"]).sum()),
        written=_written(before.pipeline, after.pipeline),
    )


def _alike(before: Chosen, after: Chosen, both: pd.DataFrame) -> np.ndarray:
    """Return bool M: which candidates have the same pixels in two sets; those made alike are not read."""
    alike = (both["made_old"] == both["made_new"]).to_numpy(copy=True)
    unsure = np.flatnonzero(~alike)
    for at in range(0, len(unsure), TOGETHER):
        some = unsure[at : at + TOGETHER]
        mine, theirs = (
            one.pipeline.images(one.pool, both[name].to_numpy()[some])
            for one, name in ((before, "row_old"), (after, "row_new"))
        )
        if mine.shape == theirs.shape:
            alike[some] = (mine == theirs).all(axis=(1, 2, 3))
    return alike


def in_words(found: Changes) -> list[str]:
    """Return what changes beside the images that enter and leave, a sentence each."""
    lines = []
    for count, what in ((found.relabeled, "label"), (found.reweighted, "weight")):
        if count:
            lines.append(f"{count:,} image{'s stay' if count > 1 else ' stays'} with another {what}.")
    return [*lines, *([found.written] if found.written else [])]


def _table(it: Chosen) -> pd.DataFrame:
    """Return row, candidate_id, made (what made its pixels), label, overruled and weight of each image of a set."""
    plan, pool = it.pipeline.plan, it.pool.iloc[it.selected.pool_rows]
    return pd.DataFrame(
        {
            "row": it.selected.pool_rows,
            "candidate_id": it.selected.candidate_ids,
            "made": _made(plan, pool),
            "label": it.selected.labels,
            "overruled": _overruled(plan, plan.samples.rows(pool["sample_id"].to_numpy())),
            "weight": weights_of(plan, it.selected),
        }
    )


def _made(plan: Plan, pool: pd.DataFrame) -> np.ndarray:
    """Return for each of some rows of the pool a number, int64, that is the same where its pixels were made alike."""
    kinds, codes = {kind: code for code, kind in enumerate(pool["kind"].cat.categories)}, pool["kind"].cat.codes
    severities, rows = pool["severity"].to_numpy(), plan.samples.rows(pool["sample_id"].to_numpy())
    made = np.zeros(len(pool), dtype=np.int64)
    for images in plan.image_sets():
        mine = np.flatnonzero((codes.to_numpy() == kinds.get(images.kind, -1)) & (severities == images.severity))
        if not len(mine):
            continue
        maker = _maker(plan, images)
        if images.family == "adversarial":
            away_from = np.array([_number([maker, label]) for label in range(len(plan.samples.classes))])
            made[mine] = away_from[plan.labels[rows[mine]]]
        else:
            made[mine] = _number(maker)
    return made


def _number(document: object) -> int:
    return int(fingerprint(document)[:15], 16)


def _overruled(plan: Plan, rows: np.ndarray) -> np.ndarray:
    """Return which samples, by rows, have the label that a person decided on where the goal model writes the others."""
    if plan.recipe.labels.mode != "goal_model":
        return np.zeros(len(rows), bool)
    edits = plan.recipe.selection.edits
    decided, _ = plan.samples.known([*edits.relabel, *edits.confirmed])
    said = plan.scores(plan.clean).whole_table()["prediction"].to_numpy()
    found: np.ndarray = np.isin(rows, decided) & (said[rows] != plan.labels[rows])
    return found


def _maker(plan: Plan, images: ImageSet) -> str:
    source = plan.recipe.source.reader.identity()
    if images.family == "clean":
        return fingerprint([source])
    if images.family == "corruption":
        return fingerprint([source, images.plugin.identity(), plan.recipe.seed])
    about = [source, plan.equipped(images.plugin).identity(), plan.recipe.seed, plan.model_digest]
    return fingerprint([*about, [column.tolist() for column in plan.donors(images.plugin)]])


def _written(before: Pipeline, after: Pipeline) -> str:
    """Return a sentence where labels are written otherwise, or by another goal model; else nothing."""
    old, new = before.recipe.labels, after.recipe.labels
    if old.mode != new.mode:
        tempered = "" if new.temperature == 1 else f" (temperature {new.temperature:g})"
        return f"All labels are written otherwise: {new.mode}{tempered} instead of {old.mode}."
    if new.mode == "smoothed" and old.smoothing != new.smoothing:
        return f"All labels are written otherwise: smoothing {new.smoothing:g} instead of {old.smoothing:g}."
    if old.temperature != new.temperature:
        return f"All labels are written otherwise: temperature {new.temperature:g} instead of {old.temperature:g}."
    if new.mode == "goal_model" and before.plan.model_digest != after.plan.model_digest:
        return "All labels are written otherwise: they are another goal model's."
    return ""
