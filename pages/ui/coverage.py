"""The coverage strategies: settings, what is not computed yet, and how well the chosen images cover the others."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from curation.analysis import coverage_groups
from curation.analysis.expected import size
from curation.figures import curation as figures
from curation.figures.curation import FAMILY_WORDS
from curation.pipeline import FOR_SELECTION
from curation.pipeline.stages.coverage import Cover, coverage_of
from curation.progress import duration
from curation.recipe import space_in_words
from curation.selection import SELECTORS
from curation.selection.settings import Selection
from pages.ui import panel, resources, state
from pages.ui.fields import bound, set_field
from pages.ui.prepared import Opened

SPACES = {
    "features": "Features (input of the last layer)",
    "softmax_gradient": "Softmax gradient (p − y)",
    "last_layer_gradient": "Last layer's gradient",
}
WEIGHTS = {
    "none": "All equal",
    "cluster_size": "Size of the cluster",
    "within_radius": "Candidates within the radius",
    "label_agreement": "Share of the cluster with the same label",
}


def strategy(opened: Opened) -> None:
    """Draw the choice of a strategy and its settings."""
    selection = opened.recipe.selection
    bound(
        st.selectbox,
        "Strategy",
        SELECTORS.names,
        path="selection.strategy",
        back=_choose,
        format_func=lambda name: SELECTORS[name].title,
    )
    selector = SELECTORS[selection.strategy]
    if selector.by_coverage or selection.strategy == "random":
        own = {"boundary": "the hardness band", "family": "the whole family"}
        bound(
            st.segmented_control,
            "Choose from",
            list(own),
            path="selection.within",
            to=lambda within: within or selector.within,
            format_func=own.__getitem__,
            required=True,
            help="The band lies between the offset and, where set, the floor.",
        )
    if selection.strategy == "stratified":
        bound(
            st.number_input,
            "Strata",
            path="selection.strata",
            min_value=1,
            help="Parts of equal width of the range of hardness below the offset; each gives as many images, as far "
            "as it has them.",
        )
    if selector.by_coverage:
        _settings(selection.strategy)


def no_band(selection: Selection, family: str) -> str:
    """Return why offset and floor do nothing for a family, or nothing where they do something."""
    if selection.within_of(family) == "boundary":
        return ""
    title = SELECTORS[selection.strategy].title
    way = "" if selection.strategy == "self_correction" else "; on the Mix page, choose from the hardness band"
    return f"The strategy “{title}” chooses from the whole family, so offset and floor do nothing{way}."


def alone(selection: Selection) -> str:
    """Return why balance, variants of a sample and weights are off, or nothing where the strategy takes them."""
    if selection.strategy != "self_correction":
        return ""
    title = SELECTORS[selection.strategy].title
    return f"The strategy “{title}” chooses without regard to classes and samples, and has no weights."


def _choose(name: str) -> str:
    # What one strategy may choose from, another may not.
    state.change(**{"selection.within": None, "selection.strategy": name})
    return name


def _settings(name: str) -> None:
    bound(
        st.pills,
        "For",
        list(FAMILY_WORDS),
        path="selection.coverage.families",
        format_func=FAMILY_WORDS.__getitem__,
        selection_mode="multi",
        back=lambda families: families or list(FAMILY_WORDS),
        help="The other families are chosen by the boundary strategy.",
    )
    left, right = st.columns(2)
    with left:
        bound(st.selectbox, "Space", list(SPACES), path="selection.coverage.space", format_func=_space_title)
    with right:
        bound(
            st.selectbox,
            "Distance",
            ["l2", "cosine"],
            path="selection.coverage.metric",
            format_func={"l2": "Euclidean", "cosine": "Cosine"}.get,
        )
    if name == "set_cover":
        bound(
            st.number_input,
            "Radius",
            path="selection.coverage.radius",
            min_value=0.0,
            back=lambda value: value or None,
            placeholder="automatic",
            help="Radius of the balls, in units of the space; empty: a radius at which the quota covers most "
            "candidates.",
        )
    if name == "facility_location":
        bound(
            st.selectbox,
            "Greedy",
            ["lazy", "stochastic"],
            path="selection.coverage.greedy",
            format_func={"lazy": "Exact (lazy)", "stochastic": "Faster (stochastic)"}.get,
        )
    bound(st.toggle, "Each class separately", path="selection.coverage.classwise")


def _space_title(name: str) -> str:
    space = state.recipe().space
    return f"Of the map: {space_in_words(space)}" if space and name == "features" else SPACES[name]


def weights(selection: Selection) -> None:
    """Draw the choice of how much each image counts in training."""
    why = alone(selection)
    bound(
        st.selectbox,
        "Weights",
        list(WEIGHTS),
        path="weights.by",
        back=_weigh,
        format_func=WEIGHTS.__getitem__,
        disabled=bool(why),
        help=why or None,
    )
    bound(
        st.number_input,
        "Radius of clusters",
        path="weights.radius",
        min_value=0.0,
        back=lambda value: value or None,
        placeholder="none: the images nearest to each chosen one",
        disabled=bool(why),
        help=why or "Balls of this radius become clusters, exported for cluster sampling (one of each, each epoch).",
    )


def _weigh(by: str) -> str:
    if by == "within_radius" and state.recipe().weights.radius is None:
        st.toast("Set a radius first: the weight is how many candidates lie within it.", icon=":material/straighten:")
        return state.recipe().weights.by
    return by


def _keep_radius(radius: float) -> None:
    set_field("selection.coverage.radius", float(f"{radius:.4g}"))


def unfinished(opened: Opened) -> None:
    """Say what of the strategy is not computed for these settings, and offer to compute it."""
    recipe, pipeline = opened.recipe, opened.pipeline
    if not opened.provisional and not (Cover().asked(recipe) and not Cover().order(pipeline.plan).complete()):
        return
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            title = SELECTORS[recipe.selection.strategy].title
            st.markdown(
                f":orange[:material/pending:] **{title}** is not computed for these settings yet; the selection "
                f"shown is that of the boundary strategy.{_expense(opened)}"
                if opened.provisional
                else ":orange[:material/pending:] The weights are not computed for these settings yet."
            )
            panel.offer(
                opened.workspace,
                FOR_SELECTION,
                "Compute",
                key="work-out",
                help="the embedding is computed once for all settings",
            )
        panel.job_strip(opened.workspace, done=False)


def _expense(opened: Opened) -> str:
    """Return in words what choosing takes, apart from the embedding; nothing where the strategy needs little."""
    if not SELECTORS[opened.recipe.selection.strategy].by_coverage:
        return ""
    cost = resources.choice_of(opened.recipe, opened.pipeline, opened.pool, opened.pool_key)
    return f" Choosing takes about {duration(cost.seconds)} and {size(cost.memory_bytes)} of memory."


def result(opened: Opened) -> None:
    """Draw how well the chosen cover the others: value, guarantee, seconds, and the curve beside that of chance."""
    if opened.provisional or not SELECTORS[opened.recipe.selection.strategy].by_coverage:
        return
    groups = coverage_of(opened.pipeline.plan)
    if not groups:
        return
    st.markdown("**How well the chosen images cover the candidates**")
    st.plotly_chart(figures.coverage_curves(groups), config={"displayModeBar": False}, key="coverage-curves")
    for family in dict.fromkeys(group["family"] for group in groups):
        st.markdown(_covers([group for group in groups if group["family"] == family]))
    radius = opened.recipe.selection.coverage.radius
    st.caption(
        f"Guarantee: {groups[0]['guarantee']}. Dashed: as many images drawn at random. The radius is "
        + (
            f"{radius:g}, as set in the recipe."
            if radius
            else "chosen automatically, so that the quota covers most candidates of a group."
        )
    )
    classes = opened.pipeline.samples.classes
    table = coverage_groups.table(groups, families=FAMILY_WORDS, classes=classes)
    share = partial(st.column_config.NumberColumn, format="percent")
    with st.expander(f"Value and coverage by family and class ({table['Seconds'].sum():.1f} s to choose)"):
        st.dataframe(
            table,
            hide_index=True,
            column_config={
                "Value reached": share(help="As a share of the value that all candidates together would reach."),
                "Covered": share(help="Candidates within the radius of a chosen image."),
                "At random": share(help="The same for as many images drawn at random."),
            },
        )
    if opened.recipe.selection.strategy == "set_cover":
        st.button(
            "Keep this radius",
            on_click=_keep_radius,
            args=(groups[0]["radius"],),
            key="keep-radius",
            disabled=opened.recipe.selection.coverage.radius is not None,
        )


def _covers(groups: list[dict[str, Any]]) -> str:
    """Return in words how well a family is covered; its groups count by their candidates."""
    it = coverage_groups.means(groups)
    parts = [
        f"**{it.covered:.0%}** of the candidates within the radius of a chosen image",
        f"{it.by_chance:.0%} with as many images at random",
        f"**{it.value:.1%}** of the value of all candidates",
    ]
    return f"{FAMILY_WORDS[groups[0]['family']]}: {' · '.join(parts)}"
