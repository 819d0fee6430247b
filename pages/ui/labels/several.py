"""The same picture under several labels: which one is right is asked, for no label of theirs can be trusted."""

from __future__ import annotations

import streamlit as st

from curation.analysis.duplicates import Group, contradictory
from curation.errors import CurationError
from curation.plugin import fingerprint
from pages.ui import edits, resources
from pages.ui.components import gallery
from pages.ui.labels import one_by_one
from pages.ui.prepared import Prepared

MOST, MOST_IMAGES = 6, 12


def draw(prepared: Prepared) -> None:
    """Draw the first of such pictures, with a button for each of their labels; nothing where there is none."""
    try:
        groups = contradictory(prepared.pipeline.plan)
    except CurationError:  # not looked for yet: a stage of the Workspace page
        return
    if not groups:
        return
    are = "pictures are" if len(groups) > 1 else "picture is"
    with st.expander(
        f"{len(groups):,} {are} there under several labels", icon=":material/warning:", expanded=True, key="several"
    ):
        st.caption("The images of a row are the same, exactly or nearly. Which label is right?")
        for group in groups[:MOST]:
            _group(prepared, group)
        if len(groups) > MOST:
            st.caption(f"{len(groups) - MOST:,} more come when these are decided.")


def _group(prepared: Prepared, group: Group) -> None:
    samples, labels = prepared.pipeline.samples, prepared.pipeline.plan.labels
    ids, shown = samples.sample_ids[group.rows], group.rows[:MOST_IMAGES]
    key = f"several-{ids[0]}"
    gallery(
        resources.thumbnails(fingerprint([samples.key, shown.tolist()]), lambda: samples.images(shown)),
        key=f"{key}-grid",
        ids=samples.sample_ids[shown],
        labels=labels[shown],
        class_names=samples.classes,
        editable=False,
        on_open=one_by_one.show,
    )
    counts = {label: int((labels[group.rows] == label).sum()) for label in sorted(set(labels[group.rows].tolist()))}
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, count in counts.items():
            st.button(
                f"All are {samples.classes[label]} ({count:,} of {len(ids):,})",
                key=f"{key}-{label}",
                on_click=_all_are,
                args=(ids.tolist(), samples.labels[group.rows].tolist(), label),
            )
        st.button("Drop all", icon=":material/delete:", key=f"{key}-drop", on_click=_drop, args=(ids.tolist(),))


def _all_are(sample_ids: list[int], labels: list[int], label: int) -> None:
    # The source's labels: one that a person gave before stays written as given.
    edits.decide_labels(
        (one, "confirmed" if given == label else label) for one, given in zip(sample_ids, labels, strict=True)
    )


def _drop(sample_ids: list[int]) -> None:
    edits.decide_labels((one, "dropped") for one in sample_ids)
