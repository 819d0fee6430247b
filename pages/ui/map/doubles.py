"""What the set holds twice: groups of images that are the same, exactly or nearly, and which of them to keep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from curation.analysis.duplicates import groups, near_duplicates
from curation.plugin import fingerprint
from curation.progress import Meter, Progress
from pages.ui import edits, panel, resources, session
from pages.ui.components import gallery
from pages.ui.fields import kept
from pages.ui.map import query
from pages.ui.map.drawn import clean_rows, labels_of
from pages.ui.opened import Opened
from pages.ui.turn import turn

AT_ONCE = 10_000
"""So many samples are compared without being asked: about a second of one core."""

PAGE, MOST_SHOWN = 12, 24
SHOWN = {"open": "Open", "disagree": "Labels disagree", "all": "All"}


@dataclass(frozen=True)
class Group:
    """Images that hang together; rows: int64, of the samples, rising; farthest: of its pairs, pixels in [0, 1]."""

    rows: np.ndarray
    farthest: float
    mirrored: bool
    disagree: bool


def draw(opened: Opened) -> None:
    """Draw the view."""
    pairs = _pairs(opened)
    if pairs is None:
        return
    every, ids = _groups(opened, pairs), opened.pipeline.samples.sample_ids
    if not every:
        st.success(
            f"Of the {len(ids):,} samples no two are the same, exactly or nearly (also mirrored or brighter).",
            icon=":material/check_circle:",
        )
        _tested(opened)
        return
    dropped = set(opened.recipe.selection.edits.drop)
    left = [np.array([row for row in group.rows if int(ids[row]) not in dropped], np.int64) for group in every]
    is_open = [len(rows) > 1 for rows in left]
    images = sum(len(group.rows) for group in every)
    differ = sum(group.disagree for group in every)
    st.markdown(
        f"**{images:,}** of {len(ids):,} samples are in **{len(every):,}** groups of one image, exactly or nearly; "
        f"**{differ:,}** of these with more than one label, **{is_open.count(True):,}** open"
    )
    _tested(opened)
    _at_once(opened, every, left)
    show = kept(
        st.segmented_control, "Show", list(SHOWN), key=session.DOUBLES_SHOW.key,
        default=session.DOUBLES_SHOW.default, format_func=SHOWN.__getitem__,
        required=True, label_visibility="collapsed",
    )  # fmt: skip
    wanted = [
        index
        for index, group in enumerate(every)
        if show == "all" or (group.disagree if show == "disagree" else is_open[index])
    ]
    if not wanted:
        st.info("None: every group is decided." if show == "open" else "None.", icon=":material/check_circle:")
        return
    page = turn(len(wanted), len(every), f"doubles-{show}", what="groups", size=PAGE)
    columns = st.columns(2, gap="medium")
    for place, index in enumerate(wanted[(page - 1) * PAGE : page * PAGE]):
        with columns[place % 2]:
            _group(opened, every[index], left[index], key=f"double-{index}")


def _pairs(opened: Opened) -> pd.DataFrame | None:
    """Return the pairs; while there are none, compare, where that takes long only once asked to."""
    pipeline, samples = opened.pipeline, opened.pipeline.samples
    found = _compared(samples.digest)
    if "pairs" not in found:
        if len(samples) > AT_ONCE and not st.button(
            f"Compare {len(samples):,} images", type="primary", icon=":material/play_arrow:", key="double-compare",
            help="Each with each other, here and now; kept while the server runs.",
        ):  # fmt: skip
            st.caption("Looks for images that the set holds twice: copies, mirrored or brighter ones, saved anew.")
            return None
        bar, meter = st.progress(0.0), Meter()

        def on_progress(done: int, total: int) -> None:
            words = panel.progress_text(meter(Progress("duplicates", done, total, "images, as they are and mirrored")))
            bar.progress(done / max(total, 1), text=f"{words}; any other click stops it")

        found["pairs"] = near_duplicates(samples.array(), device=pipeline.device, on_progress=on_progress)
        bar.empty()
    return found["pairs"]


@st.cache_resource(max_entries=4, show_spinner=False)
def _compared(key: str) -> dict[str, pd.DataFrame]:
    """Return where the pairs of a set are put once they are there."""
    return {}


def _groups(opened: Opened, pairs: pd.DataFrame) -> list[Group]:
    """Return the groups: those that disagree about the label first, then the largest."""
    samples = opened.pipeline.samples
    labels = labels_of(opened)
    found = groups(pairs, len(samples))
    of = np.full(len(samples), -1)
    for number, rows in enumerate(found):
        of[rows] = number
    number_of = of[pairs["row"]]
    farthest = pairs["distance"].groupby(number_of).max()
    mirrored = pairs["mirrored"].groupby(number_of).any()
    made = [
        Group(rows, float(farthest[number]), bool(mirrored[number]), len(set(labels[rows].tolist())) > 1)
        for number, rows in enumerate(found)
    ]
    return sorted(made, key=lambda group: not group.disagree)


def _at_once(opened: Opened, every: list[Group], left: list[np.ndarray]) -> None:
    """Draw what decides about all groups: where labels agree one is kept, where they do not none can be trusted."""
    ids = opened.pipeline.samples.sample_ids
    agreeing = [rows[1:] for group, rows in zip(every, left, strict=True) if not group.disagree]
    differing = [rows for group, rows in zip(every, left, strict=True) if group.disagree]
    doubles, doubtful = (ids[np.concatenate([np.empty(0, np.int64), *rows])] for rows in (agreeing, differing))
    with st.container(horizontal=True):
        for key, words, icon, which, said in (
            ("keep-one", "Keep one of each", ":material/filter_1:", doubles,
             "Where the labels agree: the first stays, the others are dropped with all their copies."),
            ("drop-doubtful", "Drop all that disagree", ":material/delete_sweep:", doubtful,
             "All images of groups with more than one label, with all their copies."),
        ):  # fmt: skip
            st.button(
                f"{words} ({len(which):,} dropped)",
                icon=icon,
                on_click=_drop,
                args=(which,),
                disabled=not len(which),
                key=f"double-{key}",
                help=said,
            )


def _drop(sample_ids: np.ndarray) -> None:
    edits.decide_labels((int(one), "dropped") for one in sample_ids)


def _take_back(sample_ids: np.ndarray) -> None:
    edits.decide_labels((int(one), None) for one in sample_ids)


def _group(opened: Opened, group: Group, left: np.ndarray, *, key: str) -> None:
    samples, pool = opened.pipeline.samples, opened.pool
    gone = group.rows[~np.isin(group.rows, left)]
    shown = group.rows[:MOST_SHOWN]
    rows = clean_rows(opened)[shown]
    exact = "exact copies" if not group.farthest else f"up to {255 * group.farthest:.1f}/255 apart"
    words = [f"**{len(group.rows):,}** images", f"mirrored, {exact}" if group.mirrored else exact]
    if len(group.rows) > len(shown):
        words.append(f"the first {len(shown)} are shown")
    if group.disagree:
        words.append(":red-badge[labels disagree]")
    if len(gone):
        words.append(f":gray-badge[{len(gone):,} dropped]")
    with st.container(border=True):
        st.markdown(" · ".join(words))
        gallery(
            resources.thumbnails(fingerprint([samples.key, shown.tolist()]), lambda: samples.images(shown)),
            key=f"{key}-grid",
            ids=samples.sample_ids[shown],
            labels=labels_of(opened)[shown],
            class_names=samples.classes,
            predictions=pool["prediction"].to_numpy()[rows],
            states=["excluded" if row in gone else "" for row in shown],
            names=edits.names(pool, rows),
            editable=False,
            on_open=_look_at,
        )
        ids = samples.sample_ids
        with st.container(horizontal=True):
            if len(left) > 1:
                st.button("Keep the first", icon=":material/filter_1:", on_click=_drop, args=(ids[left[1:]],),
                          key=f"{key}-keep")  # fmt: skip
                st.button("Drop all", icon=":material/delete:", on_click=_drop, args=(ids[left],), key=f"{key}-drop")
            if len(gone):
                st.button("Take back", icon=":material/undo:", on_click=_take_back, args=(ids[gone],),
                          key=f"{key}-back")  # fmt: skip


def _look_at(sample_id: int) -> None:
    query.look_at(sample_id, query.CLEAN)
    session.MAP_GO.set("Similar")


def _tested(opened: Opened) -> None:
    """Say which samples are also test images of the newest evaluation, which leaves those out of its P."""
    names = opened.workspace.evaluations()
    about = (opened.workspace.evaluation(names[-1]) or {}).get("about_suite", {}) if names else {}
    both = sorted({int(entry["training"]) for entry in about.get("left_out", [])})
    if both:
        listed = ", ".join(map(str, both[:10])) + (" …" if len(both) > 10 else "")
        are = "samples are" if len(both) > 1 else "sample is"
        st.caption(
            f":material/compare: **{len(both):,}** {are} also among the test images of the evaluation “{names[-1]}”, "
            f"which leaves these out of P: {listed}."
        )
    elif names:
        st.caption(f":material/compare: No sample is among the test images of the evaluation “{names[-1]}”.")
    else:
        st.caption(":material/compare: Test images are compared with these samples once an evaluation is started.")
