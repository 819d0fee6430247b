"""Is the set better: robustness with intervals against baselines, where targets err, what it costs on clean images."""

from __future__ import annotations

import numpy as np
import pandas as pd

from curation.analysis.leaderboard import measured
from curation.analysis.mistakes import error_tables, errs, pixels, verdicts, worst_first
from curation.analysis.variants import words
from curation.evaluation.baselines import BASELINES
from curation.evaluation.comparison import leader, over
from curation.evaluation.metrics import Interval, by_severity
from curation.evaluation.results import REFERENCE, Results
from curation.evaluation.suite import find_suite
from curation.figures import evaluation as charts
from curation.figures.evaluation import PART_SHORT, signed
from curation.figures.story import literal
from curation.presentation.step import Block, Chart, Mark, Missing, Numbers, Pictures, Points, Told
from curation.presentation.subject import Subject, listed, percent, plural

ERRORS, CLASSES, HARDEST = 6, 12, 3
TERMS = ("Target", "Baseline", "Robustness R", "95 % interval")


def tell(it: Subject) -> Told | Missing:
    """Say how the set's targets stand against those of the baselines, and where they err."""
    why = "Whether the set is better is not known: no targets were trained on it and on baselines yet."
    if it.evaluation is None:
        return Missing(why, it.command("evaluate"))
    results, title = it.evaluation
    board = results.leaderboard()
    board = board[(board["role"] != "recipe") | (board["set"] == title)].reset_index(drop=True)
    lead = leader(results, board)
    if lead is None:
        return Missing("The evaluation of this set has begun, and no target is measured yet.", it.command("evaluate"))
    row = board[board["set"] == title].iloc[0]
    pairs = {REFERENCE: lead.over_clean} | ({lead.rival: lead.over_rival} if lead.rival else {})
    compared = {name: found for name, found in pairs.items() if found}
    gain, cost = lead.over_clean, over(results, title, REFERENCE) if lead.over_clean else None
    numbers = [(percent(row["R"], 1), f"robustness R ({_between(row, 'R')})")]
    if gain:
        numbers.append((_gained(gain), f"R over clean images ({_points(gain)})"))
    if cost:
        numbers.append((_gained(cost["clean"]), f"accuracy on clean images ({_points(cost['clean'])})"))
    shown = board.assign(set=[literal(_called(name, title), most=40) for name in board["set"]])
    blocks: list[Block] = [Numbers(numbers)]
    if shown["gain"].notna().any():
        blocks.append(
            Chart("gains", charts.gains(shown), "Points of R over a set of clean images; bars: 95 % intervals.")
        )
    caption = (
        "R and the accuracies that it is the mean of, with 95 % intervals; the axis does not begin at 0. Held out: "
        "kinds of corruption that no set has. White box: attacks made against each target itself."
    )
    blocks += [Chart("parts", charts.parts(*measured(shown)), caption), *_errors(it, results, title)]
    return Told(
        lead=lead.verdict or f"Its targets reach a robustness R of {percent(row['R'], 1)}.",
        sentences=[
            *(_compared(name, found) for name, found in compared.items()),
            *([_cost(cost["clean"])] if cost else []),
            *_partial(board, lead.trainings),
        ],
        blocks=blocks,
        terms=TERMS,
    )


def _told(part: str, kind: str, severity: int) -> str:
    """Return how people call what was done to some test images."""
    attacks = {"adversarial": "attacks", "white_box": "attacks made against it"}
    return f"{attacks[part]} ({words(kind, 0)})" if part in attacks else words(kind, severity)


def _called(name: str, title: str) -> str:
    if name == title:
        return "This set"
    called = BASELINES[name].called if name in BASELINES else name
    return called[:1].upper() + called[1:]


def _points(found: Interval) -> str:
    return f"{signed(100 * found.low)} to {signed(100 * found.high)}"


def _between(row: pd.Series, name: str) -> str:
    return f"{100 * row[f'{name}_low']:.1f} to {100 * row[f'{name}_high']:.1f} %"


def _gained(found: Interval) -> str:
    """Return a difference in points; one whose interval holds 0 is none."""
    return f"{signed(100 * found.value)} points" if found.low > 0 or found.high < 0 else "unclear"


def _compared(name: str, found: Interval) -> str:
    other = f"targets of {BASELINES[name].called if name in BASELINES else name}"
    if found.low > 0 or found.high < 0:
        more = "more" if found.low > 0 else "less"
        return (
            f"Its targets are {abs(100 * found.value):.1f} points {more} robust than {other} "
            f"(95 % interval {_points(found)})."
        )
    return f"Compared with {other}, there is no clear difference: the 95 % interval, {_points(found)} points, holds 0."


def _cost(found: Interval) -> str:
    if found.high < 0:
        return f"That costs {abs(100 * found.value):.1f} points of accuracy on clean images ({_points(found)})."
    if found.low > 0:
        return f"On clean images accuracy rises by {100 * found.value:.1f} points as well ({_points(found)})."
    return f"On clean images there is no clear difference ({_points(found)} points)."


def _partial(board: pd.DataFrame, trainings: int) -> list[str]:
    done, of = int(board["trainings"].sum()), int(board["of"].sum())
    told = [f"This is partial: {done:,} of {of:,} trainings are measured."] if done < of else []
    return told + (["One training each: another one may differ by more than the interval says."] * (trainings == 1))


def _errors(it: Subject, results: Results, title: str) -> list[Block]:
    """Return where the targets of the set err: by class, by kind, and the worst pictures."""
    tables = results.predictions(title)
    found = error_tables(tables, it.labels)
    labels = np.argsort(found.classes.mean(axis=1).to_numpy(), kind="stable")[:CLASSES]
    worst = found.classes.iloc[labels]
    heat = charts.grid(
        worst.to_numpy(float),
        list(worst.index),
        [PART_SHORT[part] for part in worst.columns],
        found.class_images.iloc[labels].to_numpy(float),
    )
    kinds = by_severity(pd.concat(tables)).query("part != 'clean'").nsmallest(HARDEST, "accuracy")
    hardest = [
        f"{_told(part, kind, int(level))} ({percent(value)} right)"
        for part, kind, level, value in zip(
            *(kinds[name] for name in ("part", "kind", "severity", "accuracy")), strict=True
        )
    ]
    blocks: list[Block] = [Chart("classes", heat, "Accuracy in % of each class on each part, the lowest first.")]
    if hardest:
        blocks.append(Points([f"It errs most under {listed(hardest)}."]))
    suite = find_suite(
        results.evaluation.suite, next(iter(results.recipes.values())), results.workspace, engine=it.pipeline.engine
    )
    if suite is None or suite.key != results.record.get("suite"):
        return blocks
    table = verdicts(tables)
    rows = worst_first(table, np.flatnonzero(errs(table)))
    given, seen = table["label"].to_numpy(), table["prediction"].to_numpy()
    rows = rows[it.redaction.visible(given[rows]) & it.redaction.visible(seen[rows])]
    rows = rows[np.unique(table["sample_id"].to_numpy()[rows], return_index=True)[1]]  # an image once
    rows = worst_first(table, rows)[:ERRORS]
    captions = [
        (
            f"{it.classes[given[row]]}, taken for {it.classes[seen[row]]}",
            words(str(table["kind"][row]), int(table["severity"][row])),
        )
        for row in rows
    ]
    marks: list[Mark] = ["wrong"] * len(rows)
    caption = f"The worst of {plural(len(table), 'test image')}: what its targets take them for."
    return [*blocks, Pictures(pixels(suite, rows), captions, caption, marks)] if len(rows) else blocks
