"""Which variants hurt this goal model most, and in which classes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from curation.analysis import variants
from curation.figures import curation as figures
from curation.figures.curation import FAMILY_WORDS
from curation.plugin import fingerprint
from curation.storage.image_set import ImageSet
from pages.ui.opened import Prepared, empty
from pages.ui.variants import subject

COLUMNS = ["variant", "success", "accuracy", "seen_as", "entropy", "true_probability", "linf", "l2", "images"]


def draw(prepared: Prepared) -> None:
    """Draw the view."""
    pipeline = prepared.pipeline
    clean = pipeline.plan.scores(pipeline.plan.clean)
    if not clean.complete():
        empty("Not scored yet", "Run the stage “Score candidates”, or compute variants in the Database view.")
    key = fingerprint([pipeline.plan.model_digest, prepared.recipe.seed, prepared.workspace.kept("scores")])
    table, sets = _summary(key, prepared)
    if not len(table):
        empty("No variants yet", "The recipe asks for none; compute some in the Database view.")
    right = (clean.whole_table()["prediction"].to_numpy() == pipeline.samples.labels).mean()
    st.caption(
        f"The goal model is right on {right:.1%} of the clean images; “made wrong”: the share of those that a variant "
        "turns. Click a column's name to sort by it; tick a row to see its classes."
    )
    family = st.pills(
        "Family", ["corruption", "adversarial"], format_func=FAMILY_WORDS.__getitem__, key="effect-family"
    )
    if family:
        shown_rows = np.flatnonzero((table["family"] == family).to_numpy())
        table, sets = table.iloc[shown_rows].reset_index(drop=True), [sets[i] for i in shown_rows]
    if not len(table):
        st.caption("None of this family is kept.")
        return
    most = float(np.log(len(pipeline.samples.classes)))
    shown = st.dataframe(
        table[COLUMNS],
        key="effect",
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        height=420,
        column_config={
            "variant": "Variant",
            "seen_as": st.column_config.TextColumn("Mostly seen as", help="The class that wrong ones are taken for."),
            "success": st.column_config.ProgressColumn("Made wrong", format="percent", min_value=0, max_value=1),
            "accuracy": st.column_config.NumberColumn("Accuracy", format="percent"),
            "entropy": st.column_config.ProgressColumn("Entropy, nats", format="%.3f", min_value=0, max_value=most),
            "true_probability": st.column_config.NumberColumn("P(true class)", format="percent"),
            "linf": st.column_config.NumberColumn("Mean L∞", format="%.3f"),
            "l2": st.column_config.NumberColumn("Mean L2", format="%.2f"),
            "images": st.column_config.NumberColumn("Images", format="localized"),
        },
    )
    picked = shown["selection"]["rows"]
    index = picked[0] if picked else 0
    st.markdown(f"**Made wrong by class: {table['variant'].iloc[index]}**")
    st.plotly_chart(
        figures.class_rates(
            variants.success_by_class(pipeline.plan, sets[index]),
            pipeline.samples.classes,
            family=table["family"].iloc[index],
        ),
        config={"displayModeBar": False},
        key="class-rates",
    )


@st.cache_resource(max_entries=8, show_spinner="Reading the scores …")
def _summary(key: str, _prepared: Prepared) -> tuple[pd.DataFrame, list[ImageSet]]:
    """Return the summary of every finished set, the most harmful first, and the sets in the same order."""
    pipeline = _prepared.pipeline
    sets = variants.largest(pipeline.plan)
    table = variants.summary(pipeline.plan, sets)
    if not len(table):
        return table, []
    order = np.argsort(-table["success"].fillna(0).to_numpy(), kind="stable")
    table = table.iloc[order].reset_index(drop=True)
    attack = (table["family"] == "adversarial").to_numpy()
    table.insert(
        0,
        "variant",
        [
            subject.words(kind, 0 if attacked else severity, parameters if attacked else "")
            for kind, severity, parameters, attacked in zip(
                table["kind"], table["severity"], table["parameters"], attack, strict=True
            )
        ],
    )
    return table, [sets[i] for i in order]
