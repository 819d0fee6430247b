"""The images of P that targets misclassify: filters, a gallery, and one of them in detail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from curation.analysis import mistakes as analysis
from curation.engine import choose
from curation.evaluation.results import Results
from curation.evaluation.suite import Suite, find_suite
from curation.figures.evaluation import PART_WORDS
from curation.plugin import fingerprint, plain_name
from curation.storage.workspace import Workspace
from pages.ui import resources, session
from pages.ui.components import gallery
from pages.ui.evaluate import example
from pages.ui.evaluate.looked import Looked
from pages.ui.turn import PAGE, turn

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import pandas as pd

FAMILIES = {"held_out": "corruption"}


def draw(found: Workspace, it: Looked, classes: list[str]) -> None:
    """Draw the filters, the gallery and what is open."""
    trainings = len(it.tables)
    st.subheader("Misclassified images" + (f", in any of {trainings} trainings" if trainings > 1 else ""))
    suite = test_suite(found, it)
    if suite is None:
        st.info(
            "The images of P are no longer in this workspace; resume the evaluation to make them again.",
            icon=":material/image_not_supported:",
        )
        return
    table, others = _verdicts(it.key, it)
    rows, of = _filtered(table, others, it, classes)
    with st.container(key="browse-wrong"):
        left, right = st.columns([5, 3], gap="medium")
    with left:
        what = "images of P" if of == len(table) else "images of P that match"
        page = turn(len(rows), of, f"wrong-{it.set}", what=what)
        if not len(rows):
            st.info("No matches; clear a filter or choose another set.", icon=":material/search_off:")
        else:
            _grid(suite, table, rows[(page - 1) * PAGE : page * PAGE], it, classes)
    with right:
        row = _open()
        if row is not None and row < len(table):
            example.draw(found, it, suite, table, row, classes)
        elif len(rows):
            with st.container(border=True):
                st.caption("Click an image, or press Enter on it, to see its perturbation and the target's prediction.")


def test_suite(found: Workspace, it: Looked) -> Suite | None:
    """Return P with its images, where all of them are kept."""
    key = str(it.results.record["suite"])
    suite = _suite(fingerprint([str(found.root), key]), it.results.name, found)
    return suite if suite is not None and suite.key == key else None


@st.cache_resource(max_entries=2, show_spinner="Opening P …")
def _suite(key: str, name: str, _found: Workspace) -> Suite | None:
    results = Results(_found, name)
    recipe = next(iter(results.recipes.values()))
    return find_suite(results.evaluation.suite, recipe, _found, engine=choose())


@st.cache_resource(max_entries=16, show_spinner=False)
def _verdicts(key: str, _it: Looked) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Return what the trainings predict for each image of P, and what those of the set compared with do."""
    return analysis.verdicts(_it.tables), analysis.verdicts(_it.others) if _it.others else None


def _filtered(
    table: pd.DataFrame, others: pd.DataFrame | None, it: Looked, classes: list[str]
) -> tuple[np.ndarray, int]:
    """Draw the filters; return the rows that pass, the worst first, and of how many images of P they are."""
    names = dict(enumerate(classes))
    chosen: dict[str, Any] = {}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for column, label, words in (
            ("part", "Part", PART_WORDS.__getitem__),
            ("kind", "Kind", plain_name),
            ("severity", "Severity", str),
        ):
            options = analysis.offered(table, chosen.get("part"), chosen.get("kind"))[column]
            chosen[column] = _filter(label, options, column, words)
        chosen["label"] = _filter("Label", list(names), "label", names.__getitem__)
        chosen["prediction"] = _filter("Predicted as", list(names), "prediction", names.__getitem__)
        only = others is not None and st.toggle(
            f"Only images that {it.other} predicts correctly", key=session.ERRORS_ONLY.key
        )
        st.button("Clear", icon=":material/filter_alt_off:", on_click=_clear, key="clear-wrong", type="tertiary")
    return analysis.misclassified(table, chosen, others=others if only else None)


def _filter(label: str, options: list[Any], column: str, words: Callable[[Any], str]) -> Any:
    """Draw one filter and return its value."""
    entry = session.error_filter(column)
    if entry.get() not in options:
        entry.set(None)
    return st.selectbox(label, options, key=entry.key, format_func=words, placeholder="any", width=170)


def show(**filters: Any) -> None:
    """Set some filters, and no others: part, kind, severity, label and prediction; for callbacks."""
    for column in analysis.FILTERS:
        session.error_filter(column).set(filters.get(column))


def _clear() -> None:
    show()
    session.ERRORS_ONLY.set(False)


def _open() -> int | None:
    """Return the image that is open, from the session or the link."""
    return session.from_address(session.ERROR_OPEN, "image")


def _opening(row: int) -> None:
    session.ERROR_OPEN.set(row)
    st.query_params["image"] = str(row)


def _grid(suite: Suite, table: pd.DataFrame, rows: np.ndarray, it: Looked, classes: list[str]) -> None:
    picked = table.iloc[rows]
    gallery(
        resources.thumbnails(fingerprint(["P", suite.key, rows.tolist()]), lambda: analysis.pixels(suite, rows)),
        key="wrong",
        ids=rows,
        labels=picked["label"].to_numpy(),
        class_names=classes,
        predictions=picked["prediction"].to_numpy(),
        families=[FAMILIES.get(part, part) for part in picked["part"]],
        notes=_notes(picked, len(it.tables)),
        selected=_open(),
        editable=False,
        on_open=_opening,
    )
    several = len(it.tables)
    share = f" · 2/{several}: wrong in 2 of {several} trainings" if several > 1 else ""
    st.caption(f"Arrow keys move · Enter opens · label → most frequent wrong prediction, worst first{share}")


def _notes(picked: pd.DataFrame, trainings: int) -> list[str]:
    """Return kind and severity, and by how many of several trainings it is misclassified."""
    out = []
    for kind, severity, right in zip(picked["kind"], picked["severity"], picked["right"], strict=True):
        words = f"{kind.split('_')[0]}{f' {severity}' if severity else ''}"
        out.append(f"{round((1 - right) * trainings)}/{trainings} {words}" if trainings > 1 else words)
    return out
