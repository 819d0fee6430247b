"""What targets misclassify: by kind and severity, by class, as a confusion matrix, and the images themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from curation.analysis.mistakes import (
    FILTERS,
    ErrorTables,
    confusion_matrix,
    error_tables,
    in_table,
    of_training,
    trainings,
)
from curation.evaluation.metrics import detection
from curation.figures import evaluation as figures
from curation.figures.evaluation import PART_SHORT, PART_WORDS
from curation.plugin import fingerprint, plain_name
from curation.storage.workspace import Workspace
from pages.ui import resources, session
from pages.ui.evaluate import chosen, wrong
from pages.ui.evaluate.looked import Looked
from pages.ui.fields import kept
from pages.ui.shell import Done

if TYPE_CHECKING:
    from collections.abc import Callable


NOTHING = "nothing"


def draw(found: Workspace) -> None:
    """Draw the view."""
    it = _look(found)
    classes = chosen_classes(it)
    at = in_table(it.tables[0], *(session.error_filter(name).get() for name in FILTERS[:3]))
    kinds, by_class, crossed = st.columns([4, 4, 5], gap="large")
    difference = bool(it.others) and session.ERRORS_SHOW.get() == "difference"
    with kinds:
        st.subheader("By kind and severity")
        _kinds(it, difference)
    with by_class:
        st.subheader("By class")
        _classes(it, classes, difference)
    with crossed:
        st.subheader(f"Confusion matrix, {_at_words(*at)}" if any(at) else "Confusion matrix")
        _confusion(it, classes, *at)
        st.caption(
            f"Rows are labels, columns predictions; counts over {_trainings_words(it)} on **{it.set}**"
            + (", not compared." if it.others else ".")
        )
    shown = (
        f"Accuracy on **{it.set}** minus that on **{it.other}**, in points; green: **{it.set}** is better"
        if difference
        else f"Accuracy in %, of {_trainings_words(it)} on **{it.set}**"
    )
    _detection(it)
    point = "Hover over a cell for its number of images; click it to list the misclassified ones below."
    st.caption(f"{shown}. {point}  \n{chosen.suite_words(it.results)}")
    wrong.draw(found, it, classes)


def _look(found: Workspace) -> Looked:
    """Draw what to look at and return it. Raises: Done where nothing is measured."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        it = chosen.choose(found, by_target=False)
        trials = it.results.trials[it.results.trials["state"] == "measured"]
        sets = [title for title in it.results.sets if (trials["set"] == title).any()]
        if not sets:
            st.caption("No results yet; see the Leaderboard view.")
            raise Done
        name = _of("Set", sets, "set")
        choices = trainings(trials[trials["set"] == name])
        training = _of("Trainings", list(choices), "training", choices.__getitem__)
        rivals = [NOTHING, *(title for title in sets if title != name)]
        other = _of("Compare with", rivals, "with")
        if other != NOTHING:
            kept(
                st.segmented_control,
                "Show",
                ["difference", "accuracy"],
                default=session.ERRORS_SHOW.default,
                key=session.ERRORS_SHOW.key,
                required=True,
            )
    mine, theirs = (of_training(trials[trials["set"] == title], training) for title in (name, other))
    tables = [[it.results.table(str(key)) for key in some["predictions"]] for some in (mine, theirs)]
    key = fingerprint([it.key, name, other, training])
    return Looked(key, it.results, name, tables[0], mine, other if tables[1] else None, tables[1])


def _of(label: str, options: list[str], key: str, words: Callable[[Any], Any] = str) -> str:
    """Draw a choice that stays in the address and falls back where it is not offered any more."""
    session.offered(key, options)
    return str(st.selectbox(label, options, key=key, bind="query-params", format_func=words, width=170))


def chosen_classes(it: Looked) -> list[str]:
    """Return the class names of an evaluation's source."""
    recipe = next(iter(it.results.recipes.values()))
    return list(resources.pipeline_of(recipe).samples.classes)


@st.cache_resource(max_entries=32, show_spinner=False)
def _tables(key: str, classes: tuple[str, ...], _it: Looked) -> ErrorTables:
    return error_tables(_it.tables, classes, _it.others)


def kind_words(part: str, kind: str) -> str:
    """Return the displayed name of a kind of P."""
    words = {"clean": "clean", "white_box": "white box"}.get(part, plain_name(kind))
    return f"{words} (held out)" if part == "held_out" else words


def _kinds(it: Looked, difference: bool) -> None:
    tables = _tables(it.key, tuple(chosen_classes(it)), it)
    gains = tables.kind_gains if difference else None
    table, counts = tables.kinds if gains is None else gains, tables.kind_images.to_numpy(float)
    names = [kind_words(part, kind) for part, kind in table.index]
    columns = [str(severity) if severity else "–" for severity in table.columns]

    def picked() -> None:
        x, y = session.picked("heat-kinds") or ("", "")
        if y in names and x in columns:
            part, kind = table.index[names.index(y)]
            severity = int(table.columns[columns.index(x)])
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
    gains = tables.class_gains if difference else None
    table, counts = tables.classes if gains is None else gains, tables.class_images.to_numpy(float)
    words = [PART_SHORT[part] for part in table.columns]

    def picked() -> None:
        x, y = session.picked("heat-classes") or ("", "")
        if y in classes and x in words:
            part = table.columns[words.index(x)]
            if part != "white_box":
                wrong.show(part=part, label=classes.index(y))

    st.plotly_chart(
        figures.grid(table.to_numpy(float), list(table.index), words, counts, difference=difference, ink=chosen.ink()),
        config={"displayModeBar": False},
        key="heat-classes",
        on_select=picked,
        selection_mode="points",
    )


def _detection(it: Looked) -> None:
    """Draw what the detectors tell apart, where these trainings have one."""
    found = detection(it.tables)
    if found is None:
        return
    st.subheader(f"Detector: {found.accuracy:.1%} right", help="Mean of clean and of altered images.")
    left, right = st.columns([4, 9], gap="large")
    with left:
        st.plotly_chart(
            figures.confusion(found.confusion, ["clean", "attacked"], ink=chosen.ink()),
            config={"displayModeBar": False},
            key="heat-detector",
        )
    with right:
        kinds = found.kinds
        st.dataframe(
            {
                "Kind": [kind_words(part, kind) for part, kind in zip(kinds["part"], kinds["kind"], strict=True)],
                "Looks attacked": 100 * kinds["flagged"].to_numpy(),
                "Images": kinds["count"],
            },
            hide_index=True,
            column_config={"Looks attacked": st.column_config.ProgressColumn(format="%.1f %%", max_value=100)},
        )


def _at_words(part: str | None, kind: str | None, severity: int | None) -> str:
    """Return what the filters choose, in words."""
    first = plain_name(kind) if kind else PART_WORDS[part].lower() if part else "severity"
    return f"{first} {severity}" if severity else first


def _trainings_words(it: Looked) -> str:
    return "one training" if len(it.tables) == 1 else f"{len(it.tables)} trainings"


def _confusion(it: Looked, classes: list[str], part: str | None, kind: str | None, severity: int | None) -> None:
    def picked() -> None:
        x, y = session.picked("heat-confusion") or ("", "")
        if y in classes and x in classes and x != y:
            label, prediction = classes.index(y), classes.index(x)
            wrong.show(part=part, kind=kind, severity=severity, label=label, prediction=prediction)

    st.plotly_chart(
        figures.confusion(confusion_matrix(it.tables, len(classes), part, kind, severity), classes, ink=chosen.ink()),
        config={"displayModeBar": False},
        key="heat-confusion",
        on_select=picked,
        selection_mode="points",
    )
