"""What the goal model finds hard: from sure to undecided, and where images are chosen."""

from __future__ import annotations

import numpy as np

from curation.figures import story as figures
from curation.figures.curation import FAMILY_WORDS
from curation.pipeline.trust import reasons
from curation.presentation.step import Block, Chart, Mark, Missing, Numbers, Pictures, Told
from curation.presentation.subject import Subject, percent

STEPS_SHOWN = 12
_LADDER = "From sure to undecided: the uncertainty of each image, and its class."


def tell(it: Subject) -> Told | Missing:
    """Show how uncertain the goal model is, with pictures, and which part of the range is chosen from."""
    plan = it.pipeline.plan
    about = plan.workspace.model(plan.model_key).about_at(plan.epoch) or {}
    accuracy = about.get("test_accuracy")
    family = family_of(it)
    hard = it.ranked(family)
    offset, end = it.band(family)
    uncertain = hard.nats / np.log(len(it.classes))
    upper, lower = (float(uncertain[min(int(share * len(uncertain)), len(uncertain) - 1)]) for share in (offset, end))
    rows = _ladder(it, hard.pool_rows, uncertain)
    shown = it.pool.iloc[rows]
    labels, seen = it.plan_labels(it.pool, rows), shown["prediction"].to_numpy()
    marks: list[Mark] = ["right" if one == other else "wrong" for one, other in zip(labels, seen, strict=True)]
    captions = [
        (percent(share), it.classes[label] if label == said else f"{it.classes[label]}, taken for {it.classes[said]}")
        for share, label, said in zip(it.uncertainty(it.pool, rows), labels, seen, strict=True)
    ]
    words = FAMILY_WORDS[family].lower()
    doubts = [doubt.sentence.partition(" (by class")[0] for doubt in reasons(about, it.classes)]
    band = f"the most uncertain {words} images are taken"
    skipped = f"after the hardest {percent(offset, 1)} are skipped, because those are often mislabeled or unreadable"
    sentences = [
        "Images that it is sure of teach little that is new; undecided ones lie near the boundary.",
        f"For the set, {band}{f', {skipped}' if offset > 0 else ''}."
        if it.recipe.selection.strategy == "boundary"
        else "For the set, images are chosen within this range so that they also cover the others.",
        *(f"But {doubt}." for doubt in doubts),
    ]
    numbers = [] if accuracy is None else [(percent(accuracy, 1), "of test images it gets right")]
    sure = float((uncertain < 0.05).mean())
    numbers += [(percent(sure), f"of {words} images it is sure of"), (percent(1 - sure), "make it hesitate")]
    blocks: list[Block] = [
        Numbers(numbers),
        Pictures(it.pictures(it.pool, rows), captions, _LADDER, marks, size="strip"),
        Chart(
            "hardness",
            figures.hardness(uncertain, family=family, upper=upper, lower=lower),
            f"How uncertain the goal model is of {words} images. The axis of counts grows tenfold a step.",
        ),
    ]
    return Told(
        lead="What follows rests on a network that is hardly to be trusted."
        if doubts
        else "A trained network tells which images are hard: those between the classes.",
        sentences=sentences,
        blocks=blocks,
        terms=["Goal model", "Uncertainty", "Boundary", *(["Too hard"] if offset > 0 else [])],
    )


def family_of(it: Subject) -> str:
    """Return the family whose hardness is shown: clean images where there are any in the set."""
    wanted = [family for family in it.families if it.selected.quotas[family]]
    return wanted[0] if wanted else it.families[0]


def _ladder(it: Subject, pool_rows: np.ndarray, uncertain: np.ndarray) -> np.ndarray:
    """Return rows of the pool whose uncertainty rises in even steps, each another image."""
    keep = it.redaction.visible(it.plan_labels(it.pool, pool_rows))
    rows, values = pool_rows[keep][::-1], uncertain[keep][::-1]  # from sure to undecided
    if not len(rows):
        return rows
    targets = np.linspace(values[0], values[-1], STEPS_SHOWN)
    return rows[np.unique(np.searchsorted(values, targets).clip(max=len(rows) - 1))]
