"""One sample beside all its variants: a matrix of kinds and severities, the attacks as a strip, curves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from curation.analysis.inspection import Variants, enlarged, magnified, spectrum, variants_of
from curation.figures import curation as figures
from curation.plugin import fingerprint
from pages.ui.components import matrix
from pages.ui.opened import Prepared
from pages.ui.variants import subject

STRIP_PX = 150


def draw(prepared: Prepared) -> None:
    """Draw the view."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        sample_id = subject.choose(prepared)
        factor = st.slider("Magnify the change", 1, 30, 8, key="magnify", width=260)
    found = _variants(
        fingerprint(
            [
                prepared.pipeline.plan.model_digest,
                prepared.recipe.computed(),
                sample_id,
                prepared.workspace.kept("scores"),
            ]
        ),
        prepared,
        sample_id,
    )
    samples = prepared.pipeline.samples
    label = int(samples.labels[samples.rows(np.array([sample_id]))[0]])
    _large(prepared, found, label, factor)
    corrupted = np.flatnonzero(found.table["family"] == "corruption")
    if len(corrupted):
        st.subheader("Corruptions")
        st.caption("The frame of a cell shows its entropy; ✕ marks a wrong prediction. Click one to see it above.")
        kinds = list(dict.fromkeys(found.table["kind"].iloc[corrupted]))
        half = -(-len(kinds) // 2)
        left, right = st.columns(2, gap="medium")
        for column, some, key in ((left, kinds[:half], "matrix-1"), (right, kinds[half:], "matrix-2")):
            with column:
                _matrix(prepared, found, label, some, key)
    _attacks(prepared, found, label, factor)
    if len(corrupted):
        _curves(prepared, found.table.iloc[corrupted], _shown(found))


@st.cache_resource(max_entries=64, show_spinner="Making its variants …")
def _variants(key: str, _prepared: Prepared, sample_id: int) -> Variants:
    return variants_of(_prepared.pipeline, sample_id)


def _shown(found: Variants) -> int:
    """Return the row of the variant looked at, which stays when the sample changes."""
    table = found.table
    kind, severity, parameters = st.session_state.get("variant-shown", ("", 0, ""))
    same = (table["kind"] == kind) & (table["severity"] == severity) & (table["parameters"] == parameters)
    if same.any():
        return int(np.flatnonzero(same)[0])
    attacked = np.flatnonzero(found.table["family"] == "adversarial")
    return int(attacked[0]) if len(attacked) else len(found.table) - 1


def _look_at(found: Variants, index: int) -> None:
    row = found.table.iloc[index]
    st.session_state["variant-shown"] = (row["kind"], int(row["severity"]), row["parameters"])


def _large(prepared: Prepared, found: Variants, label: int, factor: int) -> None:
    shown = _shown(found)
    row, clean = found.table.iloc[shown], found.images[0]
    name = subject.words(row["kind"], row["severity"], row["parameters"])
    panels, said = st.columns([3, 2], gap="medium")
    factor = min(factor, max(1, int(127 / max(255 * row["linf"], 1))))
    triple = (clean, found.images[shown], magnified(clean, found.images[shown], factor=factor))
    panels.image(
        np.concatenate([enlarged(image, side_px=280) for image in triple], axis=1),
        caption=f"Original, {prepared.pipeline.samples.classes[label]} · {name} · the change × {factor} (gray: none)",
        width="stretch",
    )
    with said:
        st.markdown(f"**{name}** changes pixels by {row['linf'] * 255:.0f}/255 at most, L2 {row['l2']:.2f}.")
        subject.verdict(prepared, found.probabilities[shown], label, row["entropy"], found.table["entropy"].iloc[0])


def _attacks(prepared: Prepared, found: Variants, label: int, factor: int) -> None:
    rows = np.flatnonzero(found.table["family"] == "adversarial")
    st.subheader("Attacks")
    if not len(rows):
        st.caption("None is kept of this sample; compute some in the Database view, or try them in Live attack.")
        return
    st.caption(f"The image, its change × {factor}, and the power of the change by frequency (zero in the middle).")
    classes, clean = prepared.pipeline.samples.classes, found.images[0]
    columns = st.columns(max(2, min(3, len(rows))), gap="medium")
    for place, index in enumerate(rows):
        row, image = found.table.iloc[index], found.images[index]
        gray = spectrum(clean, image)[:, :, None]
        panels = (image, magnified(clean, image, factor=factor), np.repeat(gray, image.shape[2], axis=2))
        seen = classes[int(row["prediction"])]
        right = int(row["prediction"]) == label
        with columns[place % len(columns)]:
            st.image(np.concatenate([enlarged(panel, side_px=STRIP_PX) for panel in panels], axis=1), width="stretch")
            st.markdown(
                f"**{subject.words(row['kind'], 0)}** :gray[{row['parameters']}]  \n"
                f"seen as {seen} ({':green[right]' if right else ':red[wrong]'}), entropy {row['entropy']:.3f}, "
                f"L∞ {row['linf'] * 255:.0f}/255, L2 {row['l2']:.2f}"
            )
            st.button("Show large", key=f"show-{index}", on_click=_look_at, args=(found, index), type="tertiary")


def _matrix(prepared: Prepared, found: Variants, label: int, kinds: list[str], key: str) -> None:
    table, classes = found.table, prepared.pipeline.samples.classes
    rows = np.flatnonzero(table["kind"].isin(kinds))
    picked = table.iloc[rows]
    shares = (picked["entropy"] / np.log(len(classes))).to_numpy()
    captions = [
        f"{subject.words(kind, severity)} · seen as {classes[int(seen)]} · entropy {share:.0%} of the maximum"
        for kind, severity, seen, share in zip(
            picked["kind"], picked["severity"], picked["prediction"], shares, strict=True
        )
    ]

    shown = _shown(found)
    matrix(
        found.images[rows],
        key=key,
        ids=rows,
        rows=[kind.replace("_", " ") for kind in kinds],
        columns=[str(severity) for severity in range(1, 6)],
        shares=shares,
        wrong=(picked["prediction"] != label).to_numpy(),
        captions=captions,
        selected=shown if shown in rows else None,
        on_open=lambda index: _look_at(found, index),
    )


def _curves(prepared: Prepared, table: pd.DataFrame, shown: int) -> None:
    kind = table["kind"].get(shown)
    left, right = st.columns(2, gap="medium")
    most = float(np.log(len(prepared.pipeline.samples.classes)))
    with left:
        st.markdown("**Entropy by severity**, nats")
        st.plotly_chart(
            figures.severity_curves(table, "entropy", highlight=kind, top=most),
            config={"displayModeBar": False},
            key="entropy-by-severity",
        )
    with right:
        st.markdown("**Probability of the true class by severity**")
        st.plotly_chart(
            figures.severity_curves(table, "true_probability", highlight=kind, top=1),
            config={"displayModeBar": False},
            key="probability-by-severity",
        )
