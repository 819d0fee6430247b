"""The images of P that targets get wrong: filters, a gallery, and one of them in detail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from curation.engine import choose
from curation.figures.evaluation import PART_WORDS
from curation.plugin import fingerprint
from curation.storage.workspace import Workspace
from pages.ui import resources
from pages.ui.components import gallery
from pages.ui.evaluate import example
from pages.ui.turn import PAGE, turn

if TYPE_CHECKING:
    import pandas as pd

    from curation.evaluation.suite import Suite
    from pages.ui.evaluate.mistakes import Looked

FAMILIES = {"held_out": "corruption"}


def draw(found: Workspace, it: Looked, classes: list[str]) -> None:
    """Draw the filters, the gallery and what is open."""
    trainings = len(it.tables)
    st.subheader("Images that it gets wrong" + (f" in any of {trainings} trainings" if trainings > 1 else ""))
    suite = test_suite(found, it)
    if suite is None:
        st.info(
            "The images of P are not in this workspace any more; resume the evaluation to make them again.",
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
            st.info("None: take a filter back, or choose another set.", icon=":material/search_off:")
        else:
            _grid(suite, table, rows[(page - 1) * PAGE : page * PAGE], it, classes)
    with right:
        row = _open()
        if row is not None and row < len(table):
            example.draw(found, it, suite, table, row, classes)
        elif len(rows):
            with st.container(border=True):
                st.caption("Click an image, or press Enter on it, to see what was done to it and what the target says.")


def test_suite(found: Workspace, it: Looked) -> Suite | None:
    """Return P with its images, where all of them are kept."""
    key = str(it.results.record["suite"])
    suite = _suite(fingerprint([str(found.root), key]), it.results.name, found)
    return suite if suite is not None and suite.key == key else None


@st.cache_resource(max_entries=2, show_spinner="Opening P …")
def _suite(key: str, name: str, _found: Workspace) -> Suite | None:
    from curation.evaluation.results import Results
    from curation.evaluation.suite import find_suite

    results = Results(_found, name)
    recipe = next(iter(results.recipes.values()))
    return find_suite(results.evaluation.suite, recipe, _found, engine=choose())


@st.cache_resource(max_entries=16, show_spinner=False)
def _verdicts(key: str, _it: Looked) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Return what the trainings say of each image of P, and what those of the set compared with say."""
    from curation.evaluation.mistakes import verdicts

    return verdicts(_it.tables), verdicts(_it.others) if _it.others else None


def _filtered(
    table: pd.DataFrame, others: pd.DataFrame | None, it: Looked, classes: list[str]
) -> tuple[np.ndarray, int]:
    """Draw the filters; return the rows that pass, the worst first, and of how many images of P they are.

    The latter are those of the part, kind, severity and label, right or wrong.
    """
    from curation.evaluation.mistakes import errs, worst_first

    kept, of = errs(table), np.ones(len(table), bool)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        of &= _filter("Part", list(dict.fromkeys(table["part"])), table["part"], "part", PART_WORDS.__getitem__)
        kinds = sorted(set(table.loc[kept & of, "kind"]) - {"clean"})
        of &= _filter("Kind", kinds, table["kind"], "kind", lambda kind: kind.replace("_", " "))
        severities = sorted({int(severity) for severity in table.loc[kept & of, "severity"]} - {0})
        of &= _filter("Severity", severities, table["severity"], "severity", str)
        names = np.array(classes)
        of &= _filter("Label", classes, names[table["label"].to_numpy()], "label", str)
        kept &= of & _filter("Taken for", classes, names[table["prediction"].to_numpy()], "said", str)
        if others is not None:
            only = st.toggle(f"Only those that {it.other} gets right", key="wrong-only")
            if only:
                kept &= ~errs(others)
        st.button("Clear", icon=":material/filter_alt_off:", on_click=_clear, key="clear-wrong", type="tertiary")
    return worst_first(table, np.flatnonzero(kept)), int(of.sum())


def _filter(label: str, options: list[Any], column: Any, key: str, words: Any) -> np.ndarray:
    """Draw one filter and return which rows pass it."""
    key = f"wrong-{key}"
    if st.session_state.get(key) not in options:
        st.session_state[key] = None
    value = st.selectbox(label, options, key=key, format_func=words, placeholder="any", width=170)
    return np.ones(len(column), bool) if value is None else np.asarray(column) == value


def show(**filters: Any) -> None:
    """Set some filters, and no others: part, kind, severity, label and said; for callbacks."""
    for key in ("part", "kind", "severity", "label", "said"):
        st.session_state[f"wrong-{key}"] = filters.get(key)


def _clear() -> None:
    show()
    st.session_state["wrong-only"] = False


def _open() -> int | None:
    """Return the image that is open, from the session or the link."""
    if "image-open" not in st.session_state:
        text = st.query_params.get("image", "")
        st.session_state["image-open"] = int(text) if text.isdigit() else None
    return st.session_state["image-open"]


def _opening(row: int) -> None:
    st.session_state["image-open"] = row
    st.query_params["image"] = str(row)


def _grid(suite: Suite, table: pd.DataFrame, rows: np.ndarray, it: Looked, classes: list[str]) -> None:
    from curation.evaluation.mistakes import pixels

    picked = table.iloc[rows]
    gallery(
        resources.thumbnails(fingerprint(["P", suite.key, rows.tolist()]), lambda: pixels(suite, rows)),
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
    st.caption(f"Arrows move · Enter opens · label → what it is mostly taken for, worst first{share}")


def _notes(picked: pd.DataFrame, trainings: int) -> list[str]:
    """Return kind and severity, and by how many of several trainings it is got wrong."""
    out = []
    for kind, severity, right in zip(picked["kind"], picked["severity"], picked["right"], strict=True):
        words = f"{kind.split('_')[0]}{f' {severity}' if severity else ''}"
        out.append(f"{round((1 - right) * trainings)}/{trainings} {words}" if trainings > 1 else words)
    return out
