"""What is in the data, and what was wrong with it."""

from __future__ import annotations

import numpy as np

from curation.analysis.candidates import class_counts
from curation.analysis.conversions import conversions
from curation.analysis.suspects import Suspects
from curation.errors import CurationError
from curation.figures import curation as figures
from curation.presentation.step import Block, Chart, Missing, Numbers, Pictures, Table, Told
from curation.presentation.subject import Subject, percent, plural
from curation.sampling import subset

EXAMPLES, SUSPECTS, NAMED = 18, 6, 3
_UNSEEN = "not looked for"


def tell(it: Subject) -> Told | Missing:
    """Show counts and examples of the classes, and list what was found wrong and what was done about it."""
    samples = it.samples
    counts = class_counts(it.pipeline.plan.labels, len(it.classes))
    height, width, channels = samples.shape
    there = counts[counts > 0]
    even = there.max() <= 1.2 * there.min()
    few, many = it.classes[int(np.where(counts > 0, counts, counts.max() + 1).argmin())], it.classes[counts.argmax()]
    spread = (
        "The classes are about equally frequent."
        if even
        else f"The most frequent class is {many} ({counts.max():,}), the rarest {few} ({there.min():,})."
    )
    problems = _problems(it)
    numbers = [
        (f"{len(samples):,}", "images"),
        (f"{len(there):,}", "classes" if len(there) == len(counts) else f"of {len(counts):,} classes"),
        (f"{width} × {height}", "pixels, gray" if channels == 1 else "pixels, color"),
    ]
    shown = _examples(it)
    blocks: list[Block] = [
        Numbers(numbers),
        Pictures(
            samples.images(shown),
            [(it.classes[it.pipeline.plan.labels[row]],) for row in shown],
            "Some of the images, drawn at random from every class.",
        ),
        Chart("classes", figures.class_counts(counts, it.labels), "Images of each class."),
        Table(("What was looked for", "Found", "What was done"), problems, "What was wrong with the data."),
    ]
    suspects = _suspects(it)
    if suspects is not None:
        blocks.append(suspects)
    found = sum(row[1] not in ("none", _UNSEEN) for row in problems)
    return Told(
        lead=f"{plural(len(samples), 'image')} of {plural(len(there), 'class', 'classes')}; "
        + ("nothing wrong was found" if not found else f"{plural(found, 'kind')} of trouble found")
        + (", but wrong labels were not looked for." if problems[-1][1] == _UNSEEN else "."),
        sentences=[spread],
        blocks=blocks,
    )


def _examples(it: Subject) -> np.ndarray:
    """Return rows of samples to show, of every class in turn."""
    labels = it.pipeline.plan.labels
    rows = np.flatnonzero(it.redaction.visible(labels))
    some = rows[subset(it.samples.sample_ids[rows], EXAMPLES, labels=labels[rows], every_class=True)]
    return some[np.argsort(labels[some], kind="stable")]


def _problems(it: Subject) -> list[tuple[str, str, str]]:
    """Return what was looked for, how much of it was found, and what was done."""
    samples, edits = it.samples, it.recipe.selection.edits
    skipped = samples.positions[~samples.positions["read"]]
    names = "" if it.redaction.no_files else ", ".join(str(name) for name in skipped["name"].head(NAMED))
    more = f" and {len(skipped) - NAMED:,} more" if names and len(skipped) > NAMED else ""
    rows = [("Files that cannot be read", _count(len(skipped)), f"left out: {names}{more}" if names else "left out")]
    converted = conversions(samples.table["note"])
    if converted:
        told = "; ".join(converted)
        rows.append(("Images of another form", "some", "converted" if it.redaction.no_files else f"converted: {told}"))
    repeated = it.pipeline.plan.repeated
    once = it.recipe.selection.duplicates != "all"
    rows.append(
        ("Images that repeat another", _count(len(repeated.images)), "each counts once" if once else "all count")
    )
    rows.append(
        ("Pictures under several labels", _count(len(repeated.contradictory)), "left to a person, who may drop them")
    )
    decided = [
        (len(edits.relabel), "given another label"),
        (len(edits.dropped), "dropped"),
        (len(edits.confirmed), "found right"),
    ]
    done = ", ".join(f"{count:,} {words}" for count, words in decided if count)
    wrong = len(edits.relabel) + len(edits.dropped)
    looked = it.recipe.label_errors is not None or bool(done)
    rows.append(("Wrong labels", _count(wrong) if looked else _UNSEEN, f"by hand: {done}" if done else ""))
    return [(what, found, "" if found == "none" else then) for what, found, then in rows]


def _count(number: int) -> str:
    return f"{number:,}" if number else "none"


def _suspects(it: Subject) -> Pictures | None:
    """Return the labels most in doubt, where they were searched for."""
    check = it.recipe.label_errors
    if check is None:
        return None
    try:
        found = Suspects(it.pipeline, check)
    except CurationError:
        return None
    order = found.order(next(iter(found.scores)))
    rows = order[it.redaction.visible(found.given[order]) & it.redaction.visible(found.suggested[order])][:SUSPECTS]
    captions = [
        (f"labeled {it.classes[found.given[row]]}", f"looks like {it.classes[found.suggested[row]]}") for row in rows
    ]
    sure = percent(float(found.confidence[rows].mean())) if len(rows) else ""
    return Pictures(
        it.samples.images(rows), captions, f"The labels most in doubt (on average {sure} sure of the other class)."
    )
