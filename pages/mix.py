"""The budget and the mix: how many images of each family, how hard, and what changes in the set."""

from functools import partial

import streamlit as st

from curation.analysis import bands
from curation.analysis.bands import Ranked
from curation.analysis.changes import in_words as changes_in_words
from curation.errors import UsageError
from curation.figures import curation as figures
from curation.figures.curation import FAMILY_WORDS
from curation.recipe import differences, in_words
from curation.selection import SELECTORS
from pages.ui import coverage, edits, ranking, session, state
from pages.ui.fields import bound, set_field
from pages.ui.opened import open_selection, warn_of_shortages

opened = open_selection()


PRESETS = {
    "9 : 6 : 10": (9, 6, 10, "Goal-oriented, the contest's winner"),
    "0 : 4 : 1": (0, 4, 1, "Random split of Zhong et al., clean : corrupted : adversarial"),
    "1 : 1 : 1": (1, 1, 1, "Equal parts"),
    "1 : 0 : 0": (1, 0, 0, "Clean images only, the baseline"),
}


def _preset(clean: int, corruption: int, adversarial: int) -> None:
    set_field("selection.mix", {"clean": clean, "corruption": corruption, "adversarial": adversarial})


selection, classes = opened.recipe.selection, opened.pipeline.samples.classes
families = list(FAMILY_WORDS)


def _shown(ranked: Ranked, value: float | None) -> float:
    return min(99.9, 100 * bands.share_of(ranked, selection, value))


def _written(ranked: Ranked, percent: float) -> float:
    return bands.value_of(ranked, selection, percent / 100)


controls, result = st.columns([2, 3], gap="large")
with controls:
    bound(st.number_input, "Budget, images", path="selection.budget", min_value=1, step=100)
    with st.container(horizontal=True, vertical_alignment="center"):
        for words, (clean, corruption, adversarial, say) in PRESETS.items():
            st.button(
                words,
                key=f"preset-{words}",
                help=say,
                on_click=_preset,
                args=(clean, corruption, adversarial),
            )
    for family in families:
        most = max(10.0, float(getattr(selection.mix, family)))
        bound(
            st.slider,
            FAMILY_WORDS[family],
            0.0,
            most,
            path=f"selection.mix.{family}",
            to=float,
            step=0.5,
            format="%g",
            help="This family's part of the ratio clean : corrupted : adversarial.",
        )
    st.subheader("Hardness offset")
    for family in families:
        if opened.selected.quotas[family]:
            ranked = ranking.ranked(opened, family)
            idle = coverage.no_band(selection, family)
            bound(
                st.slider,
                FAMILY_WORDS[family],
                0.0,
                99.9,
                path=f"selection.offset.{family}",
                to=partial(_shown, ranked),
                back=partial(_written, ranked),
                step=0.5,
                format="%.1f %%",
                disabled=bool(idle),
                help=idle or "Share of the family, the hardest candidates, that is skipped.",
            )
    said = [coverage.no_band(selection, family) for family in families if opened.selected.quotas[family]]
    for words in dict.fromkeys(filter(None, said)):
        st.caption(f":material/lock: {words}")
    with st.expander("How images are chosen", expanded=SELECTORS[selection.strategy].by_coverage, key="how-chosen"):
        coverage.strategy(opened)
        alone = coverage.alone(selection)
        bound(
            st.selectbox,
            "Variants of one sample",
            ["all", "one", "hardest"],
            path="selection.variants_per_sample",
            disabled=bool(alone),
            help=alone or None,
            format_func={
                "all": "Any number",
                "one": "At most one in the set",
                "hardest": "Only its hardest kind is a candidate",
            }.get,
        )
        bound(
            st.pills,
            "Balance the classes of",
            families,
            path="selection.class_balance",
            format_func=FAMILY_WORDS.__getitem__,
            selection_mode="multi",
            to=lambda value: [family for family in families if value[family]],
            back=lambda chosen: {family: family in chosen for family in families},
            disabled=bool(alone),
            help=alone or "Each class gets an equal part of the family's quota, and a ranking of its own.",
        )
        bound(
            st.selectbox,
            "The same picture more than once",
            ["once", "all"],
            path="selection.duplicates",
            format_func={"once": "Counts once", "all": "Counts each time"}.get,
            help="Samples whose originals are the same, exactly or nearly.",
        )
        bound(st.number_input, "Seed", path="seed", min_value=0, step=1)
        coverage.weights(selection)
        st.caption(f"Edits of single images: {edits.count_words(selection.edits)}")

with result:
    warn_of_shortages(opened)
    summary = opened.selected.summary()
    for column, family in zip(st.columns(3), families, strict=True):
        part = summary[family]
        column.metric(
            FAMILY_WORDS[family],
            f"{part['chosen']:,}",
            help=f"Quota {part['quota']:,} of {part['candidates']:,} candidates.",
        )
    counts = {family: summary[family]["class_counts"] for family in families if summary[family]["chosen"]}
    st.plotly_chart(figures.composition(counts, classes), config={"displayModeBar": False}, key="composition")
    coverage.result(opened)
    with st.container(border=True):
        st.markdown("**Compared with the last saved recipe**")
        compared = ranking.compared(opened)
        changed = compared.changes
        if changed is None:
            st.markdown(f":orange[:material/help:] {compared.why}")
        else:
            if len(changed.enter) or len(changed.leave):
                st.markdown(
                    f":green[:material/login:] **{len(changed.enter):,}** images enter, "
                    f":red[:material/logout:] **{len(changed.leave):,}** leave"
                )
            else:
                st.caption("The same images are chosen.")
            for words in changes_in_words(changed):
                st.markdown(f":orange[:material/edit:] {words}")
        for words in in_words(differences(state.base_recipe().to_dict(), opened.recipe.to_dict())):
            st.caption(words)
    names, chosen, offered = bands.by_kind(opened.pool, opened.selected.pool_rows)
    if len(names):
        with st.expander("Which corruptions were chosen"):
            st.plotly_chart(figures.kinds(names, chosen, offered), config={"displayModeBar": False}, key="kinds")

st.subheader("Recipe")
for note in state.former_names():
    st.caption(f":material/info: {note}")
left, middle, right = st.columns(3, gap="large")
with left, st.form("save", border=False):
    name = st.text_input("Name", value=opened.recipe.name)
    if st.form_submit_button("Save as a new revision", icon=":material/save:", type="primary"):
        number = state.save(name)
        st.toast(f"Saved as revision {number}.", icon=":material/check:")
        st.rerun()
with middle:
    found = opened.workspace
    numbers = found.revisions()
    if numbers:

        def load() -> None:
            """Open the chosen revision as the working recipe."""
            number = session.OPEN_REVISION.get()
            opened_recipe, notes = state.read(found.revision(number), where=f"revision {number}")
            state.replace(opened_recipe)
            for note in notes:
                st.toast(note, icon=":material/info:")

        st.selectbox(
            "Open a revision",
            numbers[::-1],
            index=None,
            key=session.OPEN_REVISION.key,
            on_change=load,
            placeholder="revision …",
            format_func=lambda number: f"revision {number}",
        )
with right:
    uploaded = st.file_uploader("Open a recipe file", type=["yaml", "yml"], key="recipe-file")
    if uploaded is not None and session.RECIPE_FILE_READ.get() != uploaded.file_id:
        session.RECIPE_FILE_READ.set(uploaded.file_id)
        try:
            opened_recipe, notes = state.read(uploaded.getvalue().decode("utf-8"), where=uploaded.name)
        except (UsageError, UnicodeDecodeError) as error:
            st.error(str(error) if isinstance(error, UsageError) else f"{uploaded.name} is not a text file")
        else:
            state.replace(opened_recipe)
            for note in notes:
                st.toast(note, icon=":material/info:")
            st.rerun()
with st.container(horizontal=True):
    st.download_button(
        "Download the recipe",
        opened.recipe.to_yaml(),
        file_name=f"{opened.recipe.name}.yaml",
        icon=":material/description:",
        on_click="ignore",
    )
    st.button(
        "Undo the last change",
        icon=":material/undo:",
        on_click=state.undo,
        disabled=not session.UNDO.get(),
        key="mix-undo",
    )
with st.expander("The recipe as a file"):
    st.code(opened.recipe.to_yaml(), language="yaml")
