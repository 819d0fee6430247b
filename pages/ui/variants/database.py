"""The variant database: what is kept, and a job that adds to it, with its cost before it starts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_args

import streamlit as st

from curation import jobs
from curation.analysis import variants
from curation.analysis.expected import size
from curation.attacks import ATTACKS
from curation.corruptions import CORRUPTIONS, Constants
from curation.errors import CurationError, UsageError
from curation.plugin import fingerprint
from curation.progress import duration
from curation.recipe import Recipe
from curation.storage.image_set import ImageSet
from pages.ui import panel, state
from pages.ui.fields import bound, kept
from pages.ui.forms import settings_form
from pages.ui.prepared import Prepared
from pages.ui.variants.surrogates import surrogates_editor

if TYPE_CHECKING:
    import pandas as pd

STAGES = ("surrogates", "corruption", "adversarial", "score")


def draw(prepared: Prepared) -> None:
    """Draw the view."""
    sets = variants.described(prepared.pipeline.plan)
    asking, computed = st.columns([3, 2], gap="large")
    with asking:
        st.subheader("Compute more")
        panel.job_strip(prepared.workspace)
        _ask(prepared, sets)
    with computed:
        st.subheader("Computed")
        _kept(prepared, sets)


def _ask(prepared: Prepared, sets: list[ImageSet]) -> None:
    kinds = st.multiselect(
        "Corruptions",
        CORRUPTIONS.names,
        format_func=lambda name: CORRUPTIONS[name].title + (", held out" if CORRUPTIONS[name].held_out else ""),
        key="database-kinds",
    )
    left, right = st.columns(2)
    severities = kept(
        left.pills, "Severities", [1, 2, 3, 4, 5], default=[1, 3, 5], selection_mode="multi", key="database-severities"
    )
    asked = prepared.recipe.variants.corruption
    known = get_args(Constants)
    constants = right.selectbox(
        "Constants",
        known,
        index=known.index(asked.constants if asked else "cifar"),
        key="database-constants",
        help="cifar: tuned for 32×32; imagenet: for 224×224 and more; imgaug: the 14 of Zhong et al.",
    )
    names = st.multiselect(
        "Attacks", ATTACKS.names, format_func=lambda name: ATTACKS[name].title, key="database-attacks"
    )
    attacks: list[dict[str, Any]] = []
    for name in names:
        with st.expander(f"{ATTACKS[name].title}: parameters"):
            attack = {"attack": name, **settings_form(ATTACKS[name], {}, key=f"database-{name}")}
            if "surrogates" in ATTACKS[name].model_fields:
                attack["surrogates"] = surrogates_editor(key=f"database-{name}-surrogates")
            attacks.append(attack)
    total = len(prepared.pipeline.samples)
    samples = st.number_input(
        "Samples", 1, total, total, step=100, key="database-samples", help="Evenly spaced over all samples.", width=200
    )
    if not (kinds and severities) and not attacks:
        st.caption("Choose corruptions and severities, or attacks.")
        return
    try:
        recipe = variants.asked(
            prepared.recipe,
            kinds=kinds,
            severities=severities,
            constants=constants,
            attacks=attacks,
            samples=None if samples == total else samples,
        )
        scores = [prepared.pipeline.plan.scores(images).missing() for images in sets if images.ready()]
        found = prepared.workspace.kept("images"), [images.pixels.missing() for images in sets], scores
        key = fingerprint([recipe.computed(), prepared.pipeline.plan.model_digest, prepared.pipeline.device, found])
        cost = _estimate(key, prepared, recipe)
    except (UsageError, CurationError) as error:
        st.error(re.sub(r"^recipe: variants\.\w+(\.\d+)?: ", "", str(error)))
        return
    _start(prepared, recipe, cost)


@st.cache_resource(max_entries=64, show_spinner="Timing a few images …")
def _estimate(key: str, _prepared: Prepared, _recipe: Recipe) -> pd.DataFrame:
    return variants.estimate(_prepared.pipeline.plan.of(_recipe))


def _start(prepared: Prepared, recipe: Recipe, cost: pd.DataFrame) -> None:
    with st.container(border=True):
        left, middle, right = st.columns(3)
        left.metric("Variants to compute", f"{cost['missing'].sum():,}")
        middle.metric("On disk", size(1e6 * cost["megabytes"].sum()))
        seconds = cost["seconds"].sum()
        words = "under 15 s" if seconds < 15 else duration(seconds)
        right.metric(f"Estimated time on {prepared.pipeline.device}, at most", words)
        job = panel.active_job(prepared.workspace)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Compute",
                type="primary",
                icon=":material/play_arrow:",
                disabled=job is not None or not cost["missing"].sum(),
                on_click=_submit,
                args=(prepared, recipe),
                key="database-run",
                help="Runs in the background, also after you close this page; finished variants are reused.",
            )
            st.button(
                "Add to the recipe",
                icon=":material/playlist_add:",
                on_click=_adopt,
                args=(prepared.recipe, recipe),
                key="database-adopt",
                help="The recipe then also selects from these variants of all its samples. Undo reverts it.",
            )
        with st.expander("Details"):
            st.dataframe(
                cost[["kind", "severity", "parameters", "images", "missing", "megabytes", "seconds"]],
                hide_index=True,
                column_config={
                    "megabytes": st.column_config.NumberColumn("MB", format="%.1f"),
                    "seconds": st.column_config.NumberColumn("Seconds", format="%.0f"),
                },
            )


def _submit(prepared: Prepared, recipe: Recipe) -> None:
    jobs.submit(prepared.workspace, recipe, STAGES)


def _adopt(recipe: Recipe, asked: Recipe) -> None:
    try:
        both = recipe.variants.plus(asked.variants)
    except UsageError as error:
        st.toast(str(error), icon=":material/error:")
        return
    if state.change(variants=both):
        st.toast("Added to the recipe; compute what is missing on the Workspace page.", icon=":material/playlist_add:")


def _kept(prepared: Prepared, sets: list[ImageSet]) -> None:
    if prepared.recipe.variants.corruption is not None:
        bound(
            st.toggle,
            "Keep corrupted copies as files",
            path="variants.corruption.keep",
            to=lambda keep: keep == "all",
            back=lambda kept: "all" if kept else "none",
            help="Off: a copy takes no disk and is made again where it is looked at or exported, the same to the bit.",
        )
    if not sets:
        st.caption("Nothing stored yet for this goal model and seed.")
        return
    table = variants.kept(prepared.pipeline.plan, sets)
    st.caption(f"{table['Images'].sum():,} images, {table['MB'].sum():,.1f} MB, for this goal model and seed.")
    st.dataframe(
        table, hide_index=True, height=420, column_config={"MB": st.column_config.NumberColumn("MB", format="%.1f")}
    )
