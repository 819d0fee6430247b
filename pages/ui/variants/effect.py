"""Which variants this goal model misclassifies most, and in which classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from curation.analysis import effects
from curation.analysis.variants import outdated
from curation.figures import curation as figures
from curation.figures.curation import FAMILY_WORDS
from curation.plugin import fingerprint
from curation.scores.entropy import Entropy
from curation.storage.image_set import ImageSet
from pages.ui.opened import empty
from pages.ui.prepared import Prepared
from pages.ui.variants import subject

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["variant", "success", "accuracy", "seen_as", "entropy", "true_probability", "linf", "l2", "images"]


def draw(prepared: Prepared) -> None:
    """Draw the view."""
    pipeline = prepared.pipeline
    if not pipeline.plan.scores(pipeline.plan.clean).complete():
        empty("Not scored yet", "Run the stage “Score candidates”, or compute variants in the Database view.")
    relabel, samples = prepared.recipe.selection.edits.relabel, pipeline.samples.digest
    about = [pipeline.plan.model_digest, samples, prepared.recipe.seed, sorted(relabel.items())]
    key = fingerprint([*about, prepared.workspace.kept("scores")])
    table, sets = _effects(key, prepared)
    if not len(table):
        empty("No variants yet", "The recipe has none; compute some in the Database view.")
    subject.left_out(sum(int(outdated(pipeline.plan, images).sum()) for images in sets))
    st.caption(
        f"Clean accuracy of the goal model: {effects.clean_accuracy(pipeline.plan):.1%}. Success rate: the share of "
        "these correctly classified images that a variant makes misclassified. Click a column header to sort; select a "
        "row to see it by class."
    )
    family = st.pills(
        "Family", ["corruption", "adversarial"], format_func=FAMILY_WORDS.__getitem__, key="effect-family"
    )
    table, sets = effects.of_family(table, sets, family)
    if not len(table):
        st.info("No matches; clear a filter.", icon=":material/search_off:")
        return
    most = Entropy.hardest(len(pipeline.samples.classes))
    shown = st.dataframe(
        table[COLUMNS],
        key="effect",
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        height=420,
        column_config={
            "variant": "Variant",
            "seen_as": st.column_config.TextColumn("Mostly predicted as", help="The most frequent wrong class."),
            "success": st.column_config.ProgressColumn("Success rate", format="percent", min_value=0, max_value=1),
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
    st.markdown(f"**Success rate by class: {table['variant'].iloc[index]}**")
    st.plotly_chart(
        figures.class_rates(
            effects.success_by_class(pipeline.plan, sets[index]),
            pipeline.samples.classes,
            family=table["family"].iloc[index],
        ),
        config={"displayModeBar": False},
        key="class-rates",
    )


@st.cache_resource(max_entries=8, show_spinner="Reading the scores …")
def _effects(key: str, _prepared: Prepared) -> tuple[pd.DataFrame, list[ImageSet]]:
    """Return the summary of every finished set, the most harmful first, and the sets in the same order."""
    return effects.effects(_prepared.pipeline.plan)
