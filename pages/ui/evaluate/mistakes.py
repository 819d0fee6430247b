"""Where targets err: by kind and severity, by class, which class for which, and the images themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from curation.figures import evaluation as figures
from curation.figures.evaluation import PART_SHORT, PART_WORDS
from curation.plugin import fingerprint
from curation.storage.workspace import Workspace
from pages.ui.evaluate import chosen, wrong
from pages.ui.fields import kept
from pages.ui.shell import Done

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from curation.evaluation.results import Results

NOTHING = "nothing"


@dataclass(frozen=True)
class Looked:
    """What is looked at: a set's trainings, and another's to compare with, or None.

    key: of all of it; tables: what the trainings say of P; trials: these trainings, in the same order.
    """

    key: str
    results: Results
    set: str
    tables: list[pd.DataFrame]
    trials: pd.DataFrame
    other: str | None
    others: list[pd.DataFrame]


def draw(found: Workspace) -> None:
    """Draw the view."""
    it = _look(found)
    classes = chosen_classes(it)
    at = looked_at(it)
    kinds, by_class, crossed = st.columns([4, 4, 5], gap="large")
    difference = bool(it.others) and st.session_state.get("wrong-show") == "difference"
    with kinds:
        st.subheader("By kind and severity")
        _kinds(it, difference)
    with by_class:
        st.subheader("By class")
        _classes(it, classes, difference)
    with crossed:
        st.subheader(f"Taken for, {_at_words(*at)}" if any(at) else "Taken for")
        _confusion(it, classes, *at)
        st.caption(
            f"Rows are the labels; counts over {_trainings_words(it)} on **{it.set}**"
            + (", not compared." if it.others else ".")
        )
    shown = (
        f"Accuracy on **{it.set}** less that on **{it.other}**, in points: green where **{it.set}** is better"
        if difference
        else f"Accuracy in %, of {_trainings_words(it)} on **{it.set}**"
    )
    point = "Point at a cell for its number of images, click it to see those that are wrong below."
    st.caption(f"{shown}. {point}  \n{chosen.suite_words(it.results)}")
    wrong.draw(found, it, classes)


def _look(found: Workspace) -> Looked:
    """Draw what to look at and return it. Raises: Done where nothing is measured."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        it = chosen.choose(found, by_target=False)
        trials = it.results.trials[it.results.trials["state"] == "measured"]
        sets = [title for title in it.results.sets if (trials["set"] == title).any()]
        if not sets:
            st.caption("No training of this evaluation is measured yet; see the Leaderboard view.")
            raise Done
        name = _of("Set", sets, "set")
        trainings = _trainings(trials[trials["set"] == name])
        training = _of("Trainings", list(trainings), "training", trainings.__getitem__)
        rivals = [NOTHING, *(title for title in sets if title != name)]
        other = _of("Compare with", rivals, "with")
        if other != NOTHING:
            offered = ["difference", "accuracy"]
            kept(st.segmented_control, "Show", offered, default="difference", key="wrong-show", required=True)
    mine, theirs = (_some(trials[trials["set"] == title], training) for title in (name, other))
    tables = [[it.results.table(str(key)) for key in some["predictions"]] for some in (mine, theirs)]
    key = fingerprint([it.key, name, other, training])
    return Looked(key, it.results, name, tables[0], mine, other if tables[1] else None, tables[1])


def _of(label: str, options: list[str], key: str, words: Callable[[Any], Any] = str) -> str:
    """Draw a choice that stays in the address and falls back where it is not offered any more."""
    if st.session_state.get(key) not in options:
        st.session_state.pop(key, None)
    return str(st.selectbox(label, options, key=key, bind="query-params", format_func=words, width=170))


def _trainings(trials: pd.DataFrame) -> dict[str, str]:
    """Return the choices of trainings, and the words for each: all, those of one target, single ones."""
    if len(trials) == 1:
        return {"all": f"the one of {trials['target'].iloc[0]}"}
    out = {"all": f"all {len(trials)}"}
    targets = list(dict.fromkeys(trials["target"]))
    if len(targets) > 1:
        out |= {target: f"{target}, all seeds" for target in targets}
    for target, number in zip(trials["target"], trials["number"], strict=True):
        out[f"{target}.{number}"] = f"{target}, training {number + 1}"
    return out


def _some(trials: pd.DataFrame, training: str) -> pd.DataFrame:
    if training == "all":
        return trials
    names = trials["target"] + "." + trials["number"].astype(str)
    return trials[(trials["target"] == training) | (names == training)]


def chosen_classes(it: Looked) -> list[str]:
    """Return the class names of an evaluation's source."""
    from pages.ui import resources

    recipe = next(iter(it.results.recipes.values()))
    return list(resources.pipeline_of(recipe).samples.classes)


@st.cache_resource(max_entries=32, show_spinner=False)
def _tables(key: str, classes: tuple[str, ...], _it: Looked) -> tuple[pd.DataFrame, ...]:
    """Return accuracies by kind and by class, of how many images each is, and the differences to the set compared with.

    The last two only where there is one.
    """
    from curation.evaluation.mistakes import class_table, severity_table

    counts = (
        severity_table(_it.tables, values="count") / len(_it.tables),
        class_table(_it.tables, classes, values="count") / len(_it.tables),
    )
    mine = severity_table(_it.tables), class_table(_it.tables, classes), *counts
    if not _it.others:
        return mine
    theirs = severity_table(_it.others), class_table(_it.others, classes)
    return *mine, mine[0] - theirs[0].reindex_like(mine[0]), mine[1] - theirs[1].reindex_like(mine[1])


def kind_words(part: str, kind: str) -> str:
    """Return how people call a kind of P."""
    words = {"clean": "clean", "white_box": "white box"}.get(part, kind.replace("_", " "))
    return f"{words} (held out)" if part == "held_out" else words


def _kinds(it: Looked, difference: bool) -> None:
    tables = _tables(it.key, tuple(chosen_classes(it)), it)
    table, counts = tables[4 if difference else 0], tables[2].to_numpy(float)
    names = [kind_words(part, kind) for part, kind in table.index]
    columns = [str(severity) if severity else "–" for severity in table.columns]

    def picked() -> None:
        point = _point("heat-kinds")
        if point and point["y"] in names and point["x"] in columns:
            part, kind = table.index[names.index(point["y"])]
            severity = int(table.columns[columns.index(point["x"])])
            if part != "white_box":
                wrong.show(part=part, kind=kind, severity=severity or None)

    st.plotly_chart(
        figures.grid(table.to_numpy(float), names, columns, counts, difference=difference, ink=chosen.ink()),
        config={"displayModeBar": False},
        key="heat-kinds",
        on_select=picked,
        selection_mode="points",
    )


def _classes(it: Looked, classes: list[str], difference: bool) -> None:
    tables = _tables(it.key, tuple(classes), it)
    table, counts = tables[5 if difference else 1], tables[3].to_numpy(float)
    words = [PART_SHORT[part] for part in table.columns]

    def picked() -> None:
        point = _point("heat-classes")
        if point and point["y"] in classes and point["x"] in words:
            part = table.columns[words.index(point["x"])]
            if part != "white_box":
                wrong.show(part=part, label=point["y"])

    st.plotly_chart(
        figures.grid(table.to_numpy(float), list(table.index), words, counts, difference=difference, ink=chosen.ink()),
        config={"displayModeBar": False},
        key="heat-classes",
        on_select=picked,
        selection_mode="points",
    )


def looked_at(it: Looked) -> tuple[str | None, str | None, int | None]:
    """Return the part, the kind and the severity that the filters choose, each as far as P has it with those before."""
    table = it.tables[0]
    found: list[Any] = []
    for column in ("part", "kind", "severity"):
        value = st.session_state.get(f"wrong-{column}")
        mine = table[column] == value
        found.append(value if value is not None and mine.any() else None)
        table = table[mine] if found[-1] is not None else table
    return found[0], found[1], found[2]


def _at_words(part: str | None, kind: str | None, severity: int | None) -> str:
    """Return what the filters choose, in words."""
    first = kind.replace("_", " ") if kind else PART_WORDS[part].lower() if part else "severity"
    return f"{first} {severity}" if severity else first


def _trainings_words(it: Looked) -> str:
    return "one training" if len(it.tables) == 1 else f"{len(it.tables)} trainings"


def _confusion(it: Looked, classes: list[str], part: str | None, kind: str | None, severity: int | None) -> None:
    from curation.evaluation.metrics import confusion

    tables = [table if severity is None else table[table["severity"] == severity] for table in it.tables]
    counts = sum(confusion(table, len(classes), part, kind) for table in tables)

    def picked() -> None:
        point = _point("heat-confusion")
        if point and point["y"] in classes and point["x"] in classes and point["x"] != point["y"]:
            wrong.show(part=part, kind=kind, severity=severity, label=point["y"], said=point["x"])

    st.plotly_chart(
        figures.confusion(np.asarray(counts), classes, ink=chosen.ink()),
        config={"displayModeBar": False},
        key="heat-confusion",
        on_select=picked,
        selection_mode="points",
    )


def _point(key: str) -> dict[str, Any] | None:
    """Return the cell that was clicked in a heat table."""
    points = st.session_state[key]["selection"]["points"]
    return {"x": str(points[0]["x"]), "y": str(points[0]["y"])} if points else None
