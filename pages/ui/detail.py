"""One candidate, large: its label, what the goal model says, its variants, and what to do with it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import streamlit as st

from curation.analysis.inspection import enlarged
from curation.models.prediction import predict
from curation.plugin import fingerprint
from pages.ui import edits, resources, session
from pages.ui.components import gallery
from pages.ui.opened import Opened

TOP = 5
SIDE_PX = 320


def candidate(opened: Opened, row: int, *, key: str) -> None:
    """Draw the candidate in one row of the pool."""
    pool, samples = opened.pool, opened.pipeline.samples
    it, classes = pool.iloc[row], samples.classes
    sample_id = int(it["sample_id"])
    name = edits.names(pool, np.array([row]))[0]
    source_name = samples.table["name"].iloc[samples.rows(np.array([sample_id]))[0]]
    relabel = {int(s): label for s, label in opened.recipe.selection.edits.relabel.items()}
    label = relabel.get(sample_id, int(it["label"]))
    chosen = bool(np.isin(row, opened.selected.rows))
    with st.container(border=True):
        image = resources.thumbnails(
            fingerprint([opened.pool_key, row]), lambda: opened.pipeline.images(opened.pool, np.array([row]))
        )
        left, right = st.columns([1, 1], vertical_alignment="top")
        left.image(enlarged(image[0], side_px=SIDE_PX), width="stretch")
        with right:
            st.markdown(f"**{name}**  \n:gray[{source_name}]")
            verdict = ":green[as labeled]" if int(it["prediction"]) == label else ":red[not as labeled]"
            st.markdown(
                f"Label **{classes[label]}**  \n"
                f"Predicted **{classes[int(it['prediction'])]}**, {verdict}  \n"
                f"Entropy **{it['entropy']:.3f}** nats ({it['entropy'] / np.log(len(classes)):.0%} of ln K)  \n"
                f"{':green-badge[in the set]' if chosen else ':gray-badge[not in the set]'}"
            )
        _probabilities(opened, image, row)
        with st.container(horizontal=True):
            for action, icon in (
                ("include", ":material/add:"),
                ("exclude", ":material/remove:"),
                ("clear", ":material/backspace:"),
            ):
                st.button(
                    {"include": "Include", "exclude": "Exclude", "clear": "Clear"}[action],
                    icon=icon,
                    key=f"{key}-{action}",
                    on_click=edits.decide,
                    args=(pool, np.array([row]), action),
                )

        relabeling = session.relabel(key)

        def relabeled() -> None:
            edits.decide(pool, np.array([row]), "relabel", classes.index(relabeling.get()))

        relabeling.set(classes[label])
        st.selectbox("Relabel the sample", classes, key=relabeling.key, on_change=relabeled)
        _similar(name)
    _relatives(opened, sample_id, row, key=key)


def _probabilities(opened: Opened, image: np.ndarray, row: int) -> None:
    @st.cache_resource(max_entries=256, show_spinner=False)
    def probabilities(key: str) -> np.ndarray:
        network = opened.pipeline.plan.model.load()
        return predict(network, image, device=opened.pipeline.device).softmax(1)[0].numpy()

    found = probabilities(fingerprint([opened.pool_key, row]))
    classes = opened.pipeline.samples.classes
    for index in np.argsort(-found)[:TOP]:
        st.progress(float(found[index]), text=f"{classes[index]} · {found[index]:.1%}")


def _relatives(opened: Opened, sample_id: int, row: int, *, key: str) -> None:
    """Draw the other candidates of the same sample, the most uncertain first."""
    pool = opened.pool
    rows = np.flatnonzero(pool["sample_id"].to_numpy() == sample_id)
    rows = rows[rows != row]
    if not len(rows):
        return
    rows = rows[np.argsort(-pool["entropy"].to_numpy()[rows], kind="stable")][:30]
    picked, samples = pool.iloc[rows], opened.pipeline.samples
    st.caption(f"Other candidates of sample {sample_id}, the most uncertain first")

    gallery(
        resources.thumbnails(fingerprint([opened.pool_key, rows.tolist()]), lambda: opened.pipeline.images(pool, rows)),
        key=f"{key}-relatives",
        ids=picked["candidate_id"].to_numpy(),
        labels=picked["label"].to_numpy(),
        class_names=samples.classes,
        predictions=picked["prediction"].to_numpy(),
        entropy_shares=picked["entropy"].to_numpy() / np.log(len(samples.classes)),
        families=[str(family) for family in picked["family"]],
        notes=notes(picked["kind"].astype(str), picked["severity"]),
        names=edits.names(pool, rows),
        editable=False,
    )
    st.page_link(
        "variants.py",
        label="All its corruptions and attacks",
        icon=":material/grid_view:",
        query_params={"sample": str(sample_id)},
    )


def _similar(name: str) -> None:
    sample, *variant = name.split("/", 1)
    st.page_link(
        "map.py",
        label="What is similar",
        icon=":material/bubble_chart:",
        query_params={"map-view": "Similar", "sample": sample, "variant": (variant or ["clean"])[0]},
    )


def notes(kinds: Iterable[str], severities: Iterable[int]) -> list[str]:
    """Return kind (its first word, which tells them apart) and severity; nothing for clean images."""
    return [
        "" if kind == "clean" else f"{kind.split('_')[0]}{f' {severity}' if severity else ''}"
        for kind, severity in zip(kinds, severities, strict=True)
    ]
