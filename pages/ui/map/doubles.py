"""Duplicates: groups of images that are the same, exactly or nearly, or alike in a space; which of them to keep."""

from __future__ import annotations

from collections.abc import Collection

import streamlit as st

from curation import embedding
from curation.analysis.arrays import Array, Table
from curation.analysis.duplicates import Group, described_groups, to_drop
from curation.duplicates import near_duplicates
from curation.errors import CurationError
from curation.plugin import fingerprint
from curation.progress import Meter, Progress
from curation.recipe import space_in_words
from pages.ui import edits, panel, resources, session
from pages.ui.components import gallery
from pages.ui.fields import kept
from pages.ui.map import query
from pages.ui.map.drawn import clean_rows, labels_of, missing
from pages.ui.prepared import Opened
from pages.ui.turn import turn

AT_ONCE = 10_000
"""So many samples are compared without being asked: about a second of one core."""

PAGE, MOST_SHOWN = 12, 24
WAYS = {"pixels": "Same picture", "space": "Alike"}
SHOWN = {"open": "Open", "disagree": "Labels disagree", "all": "All"}


def draw(opened: Opened) -> None:
    """Draw the view."""
    mirrored, similarity = _way(opened)
    if similarity is not None and not opened.pipeline.plan.features().complete():
        missing(opened, "The embedding is not computed yet.", stages=("embed",), words="Compute")
        return
    try:
        pairs = _pairs(opened, mirrored, similarity)
    except CurationError as error:
        st.error(f"Not compared: {error}.", icon=":material/error:")
        return
    if pairs is None:
        return
    samples, dropped = opened.pipeline.samples, opened.recipe.selection.edits.dropped
    every = described_groups(pairs, labels_of(opened), dropped=samples.known(dropped)[0])
    ids = samples.sample_ids
    if not every:
        none = "No duplicates" if similarity is None else f"No two with a cosine similarity of {similarity:g}"
        more = "exact or near (also brighter or darker)" if similarity is None else "lower it to find some"
        st.success(f"{none} among the {len(ids):,} samples; {more}.", icon=":material/check_circle:")
        if similarity is None:
            _tested(opened)
        return
    split = [group.split(ids, dropped) for group in every]
    left = [mine for mine, _ in split]
    is_open = [len(rows) > 1 for rows in left]
    images = sum(len(group.rows) for group in every)
    differ = sum(group.disagree for group in every)
    st.markdown(
        f"**{images:,}** of {len(ids):,} samples are in **{len(every):,}** groups {_of(opened, similarity)}; "
        f"**{differ:,}** of these with more than one label, **{is_open.count(True):,}** open"
    )
    if similarity is None:
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
        st.info(
            "All groups are decided." if show == "open" else "No matches; show another selection.",
            icon=":material/check_circle:",
        )
        return
    page = turn(len(wanted), len(every), f"doubles-{show}", what="groups", size=PAGE)
    columns = st.columns(2, gap="medium")
    for place, index in enumerate(wanted[(page - 1) * PAGE : page * PAGE]):
        with columns[place % 2]:
            _group(opened, every[index], *split[index], key=f"double-{index}", alike=similarity is not None)


def _of(opened: Opened, similarity: float | None) -> str:
    if similarity is None:
        return "of duplicates, exact or near"
    return f"that are alike: a cosine similarity of {similarity:g} or more in {space_in_words(opened.recipe.space)}"


def _way(opened: Opened) -> tuple[bool, float | None]:
    """Draw how images are compared; return whether mirrored too, and from what similarity in a space (None: pixels)."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        by = kept(
            st.segmented_control, "Compare", list(WAYS), key=session.DOUBLES_BY.key,
            default=session.DOUBLES_BY.default, format_func=WAYS.__getitem__, required=True,
            help="Same picture: by pixels, exactly or nearly. Alike: by the direction of their vectors in "
            f"{space_in_words(opened.recipe.space)}; not the same picture, but what a model sees as such.",
        )  # fmt: skip
        if by == "space":
            similarity = kept(
                st.number_input, "Cosine similarity from", key=session.DOUBLES_SIMILARITY.key,
                default=session.DOUBLES_SIMILARITY.default, min_value=0.5, max_value=0.9999, step=0.005,
                format="%.4g", width=190,
            )  # fmt: skip
            return False, float(similarity)
        mirrored = kept(
            st.toggle, "Mirrored too", key=session.DOUBLES_MIRRORED.key, default=session.DOUBLES_MIRRORED.default,
            help="Counts an image and its mirror image as the same: right for photographs, wrong for digits and "
            "letters.",
        )  # fmt: skip
    return mirrored, None


def _pairs(opened: Opened, mirrored: bool, similarity: float | None) -> Table | None:
    """Return the pairs; while there are none, compare, where that takes long only once asked to.

    Raises: CurationError: too many are alike.
    """
    pipeline, samples = opened.pipeline, opened.pipeline.samples
    way = mirrored if similarity is None else f"{pipeline.plan.features().folder.name} {similarity}"
    found = _compared(f"{samples.digest} {way}")
    if "pairs" not in found:
        if len(samples) > AT_ONCE and not st.button(
            f"Compare {len(samples):,} images", type="primary", icon=":material/play_arrow:", key="double-compare",
            help="Compares every pair now; the result is kept while the server runs.",
        ):  # fmt: skip
            st.caption("Finds duplicates: exact copies, brighter and re-encoded ones.")
            return None
        bar, meter = st.progress(0.0), Meter()

        def on_progress(done: int, total: int) -> None:
            words = panel.progress_text(meter(Progress("duplicates", done, total)))
            bar.progress(done / max(total, 1), text=f"{words}; any other click cancels")

        device = pipeline.device
        if similarity is None:
            pairs = near_duplicates(samples.array(), mirrored=mirrored, device=device, on_progress=on_progress)
        else:
            points = resources.features(pipeline)
            pairs = embedding.alike(points, similarity=similarity, device=device, on_progress=on_progress)
        found["pairs"] = pairs
        bar.empty()
    return found["pairs"]


@st.cache_resource(max_entries=4, show_spinner=False)
def _compared(key: str) -> dict[str, Table]:
    """Return where the pairs of a set are put once they are there."""
    return {}


def _at_once(opened: Opened, every: list[Group], left: list[Array]) -> None:
    """Draw what decides about all groups: where labels agree one is kept, where they do not none can be trusted."""
    ids = opened.pipeline.samples.sample_ids
    doubles, doubtful = (ids[to_drop(every, left, disagree=disagree)] for disagree in (False, True))
    with st.container(horizontal=True):
        for key, words, icon, which, said in (
            ("keep-one", "Keep one of each", ":material/filter_1:", doubles,
             "Where the labels agree: keep the first image and drop the others with all their copies."),
            ("drop-doubtful", "Drop all that disagree", ":material/delete_sweep:", doubtful,
             "Drop all images of groups with more than one label, with all their copies."),
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


def _drop(sample_ids: Array) -> None:
    edits.decide_labels((int(one), "dropped") for one in sample_ids)


def _take_back(sample_ids: Collection[int]) -> None:
    edits.decide_labels((one, None) for one in sample_ids)


def _group(opened: Opened, group: Group, left: Array, gone: Array, *, key: str, alike: bool) -> None:
    samples, pool = opened.pipeline.samples, opened.pool
    shown = group.rows[:MOST_SHOWN]
    rows = clean_rows(opened)[shown]
    exact = "exact copies" if not group.farthest else f"up to {255 * group.farthest:.1f}/255 from the first"
    if alike:
        exact = f"cosine {1 - group.farthest:.3f} or more with the first"
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
            back = set(ids[gone].tolist()).intersection(opened.recipe.selection.edits.drop)
            if back:
                st.button("Undo", icon=":material/undo:", on_click=_take_back, args=(back,),
                          key=f"{key}-back")  # fmt: skip


def _look_at(sample_id: int) -> None:
    query.look_at(sample_id, query.CLEAN)
    session.MAP_GO.set("Similar")


def _tested(opened: Opened) -> None:
    """Say which samples are also test images of the newest evaluation, which excludes them from its test suite."""
    names = opened.workspace.evaluations()
    about = (opened.workspace.evaluation(names[-1]) or {}).get("about_suite", {}) if names else {}
    both = sorted({int(entry["training"]) for entry in about.get("left_out", [])})
    if both:
        listed = ", ".join(map(str, both[:10])) + (" …" if len(both) > 10 else "")
        are = "samples are" if len(both) > 1 else "sample is"
        st.caption(
            f":material/compare: **{len(both):,}** {are} also among the test images of the evaluation “{names[-1]}”, "
            f"which excludes them from its test suite: {listed}."
        )
    elif names:
        st.caption(f":material/compare: No sample is among the test images of the evaluation “{names[-1]}”.")
    else:
        st.caption(":material/compare: Test images are compared with these samples when an evaluation starts.")
