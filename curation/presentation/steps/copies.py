"""One image, and what corruption and attack do to it."""

from __future__ import annotations

import numpy as np

from curation.analysis.candidates import rows_of_sample
from curation.analysis.inspection import largest_change, magnified, visible_factor
from curation.analysis.variants import words
from curation.presentation.step import Block, Mark, Missing, Numbers, Pictures, Told
from curation.presentation.subject import Subject, listed, percent, plural

KINDS, ATTACKS, MAGNIFIED = 5, 2, 20
_WORDS = {"clean": "clean images", "corruption": "corrupted copies", "adversarial": "adversarial copies"}


def tell(it: Subject) -> Told | Missing:
    """Show one image, its corrupted and attacked copies, and how often the goal model gets such copies right."""
    families = [family for family in it.families if family != "clean"]
    if not families:
        return Missing("The recipe makes no copies of its images.", it.command("variants"))
    pool = it.pool
    right = pool["prediction"].to_numpy() == it.plan_labels(pool, np.arange(len(pool)))
    rates = {family: float(right[(pool["family"] == family).to_numpy()].mean()) for family in it.families}
    numbers = Numbers([(percent(rate), f"of {_WORDS[family]} it gets right") for family, rate in rates.items()])
    sample = _sample(it, right)
    blocks: list[Block] = [numbers]
    fooled = ""
    if sample is not None:
        pictures, fooled = _one(it, sample, right)
        blocks += pictures
    kinds = sorted({str(kind) for kind in pool.loc[pool["family"] == "corruption", "kind"].unique()})
    made = [
        f"Corrupted copies come in {plural(len(kinds), 'kind')}, such as "
        f"{listed([words(kind, 0) for kind in kinds[:3]])}."
        if "corruption" in families
        else "",
        "Adversarial copies were changed so that this goal model errs: the worst for it, not for every network."
        if "adversarial" in families
        else "",
    ]
    return Told(
        lead=fooled or "The same picture, but not the same answer.",
        sentences=["People see the same thing in every copy; networks do not.", *(line for line in made if line)],
        blocks=blocks,
        terms=["Goal model", "Corrupted copy", "Adversarial copy"],
    )


def _sample(it: Subject, right: np.ndarray) -> int | None:
    """Return the id of an image that the goal model knows surely while it errs about as many copies as possible."""
    pool = it.pool
    clean = (pool["family"] == "clean").to_numpy()
    sure = np.flatnonzero(clean & right & (it.uncertainty(pool, np.arange(len(pool))) < 0.1))
    sure = it.shown(pool, sure)
    if not len(sure):
        sure = it.shown(pool, np.flatnonzero(clean))
    if not len(sure):
        return None
    weight = np.where(pool["family"] == "adversarial", 100.0, 1.0)
    wrong = np.zeros(int(pool["sample_id"].max()) + 1)
    np.add.at(wrong, pool["sample_id"].to_numpy(), weight * ~right)
    ids = pool["sample_id"].to_numpy()[sure]
    # Where all copies mislead, little is left of the picture itself: half of the corruptions is enough.
    most = np.bincount(pool["sample_id"].to_numpy()[(pool["family"] == "corruption").to_numpy()], minlength=len(wrong))
    aim = np.minimum(wrong[ids] // 100 * 1000 - np.abs(wrong[ids] % 100 - most[ids] / 3), 1e9)
    return int(ids[aim.argmax()])


def _one(it: Subject, sample_id: int, right: np.ndarray) -> tuple[list[Block], str]:
    """Return the pictures of one image and its copies, and what happened in a sentence."""
    pool, rows = it.pool, rows_of_sample(it.pool, sample_id)
    family = pool["family"].astype(str).to_numpy()[rows]
    clean = int(rows[family == "clean"][0])
    corrupted = _strongest(it, rows[family == "corruption"], right)
    attacked = rows[family == "adversarial"][:ATTACKS]
    shown = np.array([clean, *corrupted, *attacked], np.int64)
    images, label = it.pictures(pool, shown), it.classes[int(it.plan_labels(pool, shown[:1])[0])]
    seen = [it.classes[said] for said in pool["prediction"].to_numpy()[shown]]
    names = ["as it came", *(_called(it, int(row)) for row in shown[1:])]
    marks: list[Mark] = ["right" if right[row] else "wrong" for row in shown]
    captions = [(name, f"taken for {one}") for name, one in zip(names, seen, strict=True)]
    blocks: list[Block] = [
        Pictures(
            images[: 1 + len(corrupted)],
            captions[: 1 + len(corrupted)],
            f"One {label}, and what corruption does to it.",
            marks[: 1 + len(corrupted)],
        )
    ]
    lead = ""
    if len(attacked):
        at = 1 + len(corrupted)
        change = largest_change(images[0], images[at])
        factor = visible_factor(change, most=MAGNIFIED)
        trio = np.stack([images[0], magnified(images[0], images[at], factor=factor), images[at]])
        said = [captions[0], ("what was added", f"shown {factor} times as strong"), (names[at], captions[at][1])]
        blocks.append(
            Pictures(
                trio,
                said,
                f"What an attack does: no pixel changes by more than {percent(change, 1)} of its range.",
                (marks[0], "", marks[at]),
                size="large",
            )
        )
        if marks[at] == "wrong":
            lead = f"{percent(change)} of a pixel's range is enough, and “{label}” is taken for “{seen[at]}”."
    return blocks, lead


def _strongest(it: Subject, rows: np.ndarray, right: np.ndarray) -> list[int]:
    """Return the rows of the strongest copy of each of some kinds: a few that do no harm, then those that mislead."""
    table = it.pool.iloc[rows].assign(row=rows, right=right[rows]).sort_values("severity", kind="stable")
    each = table.astype({"kind": str}).groupby("kind", sort=True).tail(1).sort_values(["right", "kind"], kind="stable")
    wrong, others = ([int(row) for row in each["row"][each["right"] == is_right]] for is_right in (False, True))
    kept = wrong[: max(KINDS - 2, KINDS - len(others))]
    return [*others[: KINDS - len(kept)], *kept]


def _called(it: Subject, row: int) -> str:
    one = it.pool.iloc[row]
    return words(str(one["kind"]), int(one["severity"])) if one["family"] == "corruption" else "attacked"
