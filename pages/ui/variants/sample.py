"""One sample beside all its variants: a matrix of kinds and severities, the attacks as a strip, curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from curation.analysis.inspection import SampleVariants, magnified, spectrum, variants_of, visible_factor
from curation.analysis.variants import words
from curation.figures import curation as figures
from curation.plugin import fingerprint, plain_name
from curation.scores.entropy import Entropy
from pages.ui import session
from pages.ui.components import matrix
from pages.ui.prepared import Prepared
from pages.ui.variants import subject

if TYPE_CHECKING:
    import pandas as pd

STRIP_PX = 150


def draw(prepared: Prepared) -> None:
    """Draw the view."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        sample_id = subject.choose(prepared)
        factor = st.slider("Magnify perturbation", 1, 30, session.MAGNIFY.default, key=session.MAGNIFY.key, width=260)
    found = _variants(
        fingerprint(
            [
                prepared.pipeline.plan.model_digest,
                prepared.pipeline.samples.digest,
                prepared.recipe.computed(),
                sorted(prepared.recipe.selection.edits.relabel.items()),
                sample_id,
                prepared.workspace.kept("scores"),
            ]
        ),
        prepared,
        sample_id,
    )
    given = prepared.recipe.selection.edits.relabel
    label = given.get(sample_id, prepared.pipeline.samples.label_of(sample_id))
    _large(prepared, found, label, factor)
    corrupted = found.of_family("corruption")
    if corrupted:
        st.subheader("Corruptions")
        st.caption("A cell's frame shows its entropy; ✕ marks a wrong prediction. Click a cell to enlarge it.")
        kinds = list(dict.fromkeys(found.table["kind"].iloc[corrupted]))
        half = -(-len(kinds) // 2)
        left, right = st.columns(2, gap="medium")
        for column, some, key in ((left, kinds[:half], "matrix-1"), (right, kinds[half:], "matrix-2")):
            with column:
                _matrix(prepared, found, label, some, key)
    _attacks(prepared, found, label, factor)
    if corrupted:
        _curves(prepared, found.table.iloc[corrupted], _shown(found))


@st.cache_resource(max_entries=64, show_spinner="Making its variants …")
def _variants(key: str, _prepared: Prepared, sample_id: int) -> SampleVariants:
    return variants_of(_prepared.pipeline, sample_id)


def _shown(found: SampleVariants) -> int:
    """Return the row of the variant looked at, which stays when the sample changes."""
    return found.find(*session.VARIANT.get())


def _look_at(found: SampleVariants, index: int) -> None:
    row = found.table.iloc[index]
    session.VARIANT.set((row["kind"], int(row["severity"]), row["parameters"]))


def _large(prepared: Prepared, found: SampleVariants, label: int, factor: int) -> None:
    shown = _shown(found)
    row, clean = found.table.iloc[shown], found.images[0]
    name = words(row["kind"], row["severity"], row["parameters"])
    panels, said = st.columns([3, 2], gap="medium")
    factor = visible_factor(row["linf"], most=factor)
    subject.compared(
        (clean, found.images[shown], magnified(clean, found.images[shown], factor=factor)),
        side_px=280,
        caption=f"Original, {prepared.pipeline.samples.classes[label]} · {name} · perturbation × {factor} (gray: none)",
        where=panels,
    )
    with said:
        st.markdown(f"**{name}** changes pixels by {row['linf'] * 255:.0f}/255 at most, L2 {row['l2']:.2f}.")
        if row["former"] >= 0:
            st.markdown(_outdated(prepared, row["former"]))
        subject.verdict(prepared, found.probabilities[shown], label, row["entropy"], found.table["entropy"].iloc[0])


def _attacks(prepared: Prepared, found: SampleVariants, label: int, factor: int) -> None:
    rows = found.of_family("adversarial")
    st.subheader("Attacks")
    if not rows:
        st.caption(
            "No attack of this sample is computed yet; compute some in the Database view, or try one in Live attack."
        )
        return
    st.caption(
        f"The image, its perturbation × {factor}, and the perturbation's power spectrum (zero frequency in the middle)."
    )
    classes, clean = prepared.pipeline.samples.classes, found.images[0]
    columns = st.columns(max(2, min(3, len(rows))), gap="medium")
    for place, index in enumerate(rows):
        row, image = found.table.iloc[index], found.images[index]
        panels = (image, magnified(clean, image, factor=factor), spectrum(clean, image))
        seen = classes[int(row["prediction"])]
        right = int(row["prediction"]) == label
        with columns[place % len(columns)]:
            subject.compared(panels, side_px=STRIP_PX)
            st.markdown(
                f"**{words(row['kind'], 0)}** :gray[{row['parameters']}]  \n"
                f"predicted as {seen} ({':green[correct]' if right else ':red[wrong]'}), entropy {row['entropy']:.3f}, "
                f"L∞ {row['linf'] * 255:.0f}/255, L2 {row['l2']:.2f}"
                + (f"  \n{_outdated(prepared, row['former'])}" if row["former"] >= 0 else "")
            )
            st.button("Enlarge", key=f"show-{index}", on_click=_look_at, args=(found, index), type="tertiary")


def _outdated(prepared: Prepared, former: int) -> str:
    """Return the sentence of a copy that was made for another label."""
    classes = prepared.pipeline.samples.classes
    return (
        f":orange[:material/history:] Made to move away from {classes[int(former)]}, the label before you changed it; "
        "run the stage “Adversarial copies” to make it again."
    )


def _matrix(prepared: Prepared, found: SampleVariants, label: int, kinds: list[str], key: str) -> None:
    table, classes = found.table, prepared.pipeline.samples.classes
    rows = found.of_kinds(kinds)
    picked = table.iloc[rows]
    shares = (picked["entropy"] / Entropy.hardest(len(classes))).to_numpy()
    captions = [
        f"{words(kind, severity)} · predicted as {classes[int(seen)]} · entropy {share:.0%} of the maximum"
        for kind, severity, seen, share in zip(
            picked["kind"], picked["severity"], picked["prediction"], shares, strict=True
        )
    ]

    shown = _shown(found)
    matrix(
        found.images[rows],
        key=key,
        ids=rows,
        rows=[plain_name(kind) for kind in kinds],
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
    most = Entropy.hardest(len(prepared.pipeline.samples.classes))
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
