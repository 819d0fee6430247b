"""Who enters and who leaves, compared with another set of the same budget."""

from __future__ import annotations

import numpy as np

from curation.analysis.candidates import notes
from curation.analysis.changes import Chosen, changes, in_words
from curation.errors import CurationError
from curation.evaluation.baselines import BASELINES
from curation.figures import curation as charts
from curation.figures import story as figures
from curation.figures.curation import ACCENT, FAMILY_WORDS
from curation.figures.evaluation import GRAY
from curation.presentation.step import Block, Chart, Missing, Pictures, Table, Told
from curation.presentation.subject import Subject, percent, plural
from curation.recipe import Recipe
from curation.sampling import subset
from curation.selection.pool import FAMILIES

PICTURES = 12
_CALLED = {"random_mix": "the same mix drawn at random", "clean": "clean images alone"}


def tell(it: Subject) -> Told | Missing:
    """Show which images the recipe takes that another set does not, and the reverse."""
    other, called = _other(it)
    pipeline = it.pipeline.of(other)
    pool = pipeline.pool()
    before, after = Chosen(pipeline, pool, pipeline.select(pool)), Chosen(it.pipeline, it.pool, it.selected)
    found = changes(before, after)
    if not found:
        return Told(
            lead=f"The set is the same as {called}.", sentences=["No image enters and none leaves."], terms=["Baseline"]
        )
    stay = len(it.selected.pool_rows) - len(found.enter)
    sets = {
        "This set": it.uncertainty(it.pool, it.selected.pool_rows),
        f"{called[:1].upper()}{called[1:]}": it.uncertainty(pool, before.selected.pool_rows),
    }
    means = [float(values.mean()) if len(values) else 0.0 for values in sets.values()]
    there, short = len(before.selected.pool_rows), bool(before.selected.shortages)
    rows = []
    for family in FAMILIES:
        enter, leave = (
            int((one["family"].astype(str).to_numpy()[which] == family).sum())
            for one, which in ((it.pool, found.enter), (pool, found.leave))
        )
        now = it.selected.families[family].chosen
        if enter or leave or now:
            rows.append((FAMILY_WORDS[family], f"+{enter:,}", f"−{leave:,}", f"{now:,}"))
    counts = {
        family: np.bincount(it.selected.labels[of], minlength=len(it.classes))
        for family in FAMILIES
        if (of := (it.pool["family"].astype(str).to_numpy()[it.selected.pool_rows] == family)).any()
    }
    blocks: list[Block] = [
        _some(it, after, found.enter, "Some that enter."),
        _some(it, before, found.leave, "Some that leave."),
        Table(("Family", "Enter", "Leave", "In the set"), rows, f"Compared with {called}."),
        Chart(
            "uncertainty",
            figures.overlaid(sets, dict(zip(sets, (ACCENT, GRAY), strict=True))),
            "How uncertain the goal model is of the images of both sets.",
        ),
        Chart("composition", charts.composition(counts, it.labels), "What is in the set, class by class."),
    ]
    return Told(
        lead=f"{plural(len(found.enter), 'image')} enter and {len(found.leave):,} leave, compared with {called}; "
        f"{stay:,} are in both.",
        sentences=[
            f"The goal model is {percent(means[0])} uncertain of an image of this set on average, and "
            f"{percent(means[1])} of one of {called}.",
            *in_words(found),
            *([f"There are only {there:,} of the latter, fewer than the budget."] if short else []),
        ],
        blocks=[block for block in blocks if not (isinstance(block, Pictures) and not len(block.images))],
        terms=["Baseline", "Uncertainty"],
    )


def _other(it: Subject) -> tuple[Recipe, str]:
    """Return the recipe to compare with, and what its set is called. Raises: CurationError: there is none."""
    against = it.settings.against
    if isinstance(against, int):
        if against not in it.pipeline.workspace.revisions():
            raise CurationError(f"there is no revision {against} to compare with; choose another one under Arrange")
        return Recipe.from_yaml(it.pipeline.workspace.revision(against)), f"the set of revision {against}"
    return BASELINES.build(against).recipe(it.recipe), _CALLED[against]


def _some(it: Subject, of: Chosen, rows: np.ndarray, caption: str) -> Pictures:
    """Return some of the images that enter or leave, drawn by family, the most uncertain last."""
    rows = it.shown(of.pool, rows)
    picked = of.pool.iloc[rows]
    drawn = subset(picked["candidate_id"].to_numpy(), PICTURES, labels=picked["family"].cat.codes.to_numpy())
    rows = rows[drawn]
    shares = it.uncertainty(of.pool, rows)
    order = np.argsort(shares, kind="stable")
    rows, shares = rows[order], shares[order]
    picked = of.pool.iloc[rows]
    called = zip(notes(picked["kind"].astype(str), picked["severity"]), picked["family"], strict=True)
    kinds = ["attacked" if family == "adversarial" else kind or "clean" for kind, family in called]
    captions = [
        (f"{it.classes[label]}, {kind}", f"{percent(share)} uncertain")
        for label, kind, share in zip(it.plan_labels(of.pool, rows), kinds, shares, strict=True)
    ]
    return Pictures(it.pictures(of.pool, rows, of.pipeline), captions, caption)
