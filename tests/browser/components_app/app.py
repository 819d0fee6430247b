"""A page with each component once, on synthetic columns; driven by test_components_browser.py.

The query says what is shown: ``?show=map&points=50000``; without it, everything. Hovered pictures need the routes of
``launcher.py``.
"""

from __future__ import annotations

import numpy as np
import streamlit as st
from synthetic import CLASSES, make_columns, make_copies, make_pictures

from curation.analysis.map_columns import Column, Copies
from pages.ui import thumbnails
from pages.ui.components import Edit, embedding_map, gallery, hardness_band

PAGE = 60
STATES = {"include": "included", "exclude": "excluded", "relabel": "relabeled", "clear": ""}

st.set_page_config(layout="wide")
columns = st.cache_resource(make_columns)


def remember(edits: tuple[Edit, ...]) -> None:
    for edit in edits:
        st.session_state.setdefault("states", {})[edit.id] = STATES[edit.action]
        st.session_state.setdefault("heard", []).append(f"{edit.action}:{edit.id}:{edit.label}")


@st.fragment
def show_map(points: int, copies: int) -> None:
    pool = columns(points)
    threshold = st.slider("threshold", 0.0, 1.0, 0.3)
    events = embedding_map(
        pool["xy"],
        key="map",
        fingerprint=f"pool-{points}",
        columns=[
            Column("label", "Label", pool["labels"], "category", CLASSES),
            Column("prediction", "Prediction", pool["predictions"], "category", CLASSES),
            Column("score", "Entropy", pool["scores"], unit="%"),
            Column("margin", "Margin", pool["margins"], missing="not scored"),
            Column("cluster", "Cluster", pool["clusters"], "category"),
            Column("fine", "Fine cluster", pool["fine"], "category", missing="noise"),
            Column("wrong", "Wrong", pool["labels"] != pool["predictions"], "flag", ("right", "wrong")),
        ],
        color=st.session_state.get("color"),
        selected=pool["scores"] > threshold,
        marked=pool["marked"] if copies else None,
        copies=Copies(**make_copies(pool, copies)) if copies else None,
        thumbnails=thumbnails.offer("pictures", lambda index: make_pictures(np.array([index]))[0], number=points),
        polygon=st.session_state.get("polygon"),
    )
    st.session_state["polygon"] = events.polygon
    st.button("forget", on_click=lambda: st.session_state.update(polygon=None))
    corners = len(events.polygon or [])
    clicked = f"picked {events.picked} copy {events.copy}"
    st.text(f"inside {int(events.inside.sum())} corners {corners} {clicked} color {events.color}")
    count_runs()


def show_band(points: int) -> None:
    scores = columns(points)["scores"]
    band = hardness_band(
        {
            "clean": scores[::3] * np.log(10),
            "corruption": np.sqrt(scores) * np.log(10),
            "adversarial": scores**0.25 * np.log(10),
        },
        key="band",
        fingerprint=f"pool-{points}",
        family="corruption",
        class_count=10,
        quota=12_000,
        offset=st.session_state.get("offset", 0.05),
        floor=st.session_state.get("floor"),
        previews=make_pictures,
    )
    st.session_state.update(offset=band.offset, floor=band.floor)
    st.text(f"band {band.offset:.4f} {band.floor}")


def show_gallery() -> None:
    page = int(st.number_input("page", 0, 9, 0))
    ids = np.arange(page * PAGE, (page + 1) * PAGE)
    events = gallery(
        make_pictures(ids),
        key="gallery",
        ids=ids,
        labels=ids % 10,
        class_names=CLASSES,
        predictions=(ids + ids % 2) % 10,
        entropy_shares=1 - ids / 600,
        families=[("clean", "corruption", "adversarial")[i % 3] for i in ids],
        states=[st.session_state.get("states", {}).get(int(i), "") for i in ids],
        on_edit=remember,
    )
    st.session_state["edits"] = events.edits
    st.text(f"opened {events.opened}")
    st.text(f"heard {' '.join(st.session_state.get('heard', []))}")


def count_runs() -> None:
    st.session_state["runs"] = st.session_state.get("runs", 0) + 1
    st.text(f"run {st.session_state['runs']}")


asked = st.query_params.get("show", "")
number = int(st.query_params.get("points", "50000"))
if asked in ("", "map"):
    show_map(number, int(st.query_params.get("copies", "0")))
if asked in ("", "band"):
    show_band(number)
if asked in ("", "gallery"):
    show_gallery()
if asked != "map":
    count_runs()
