"""Two recipes of this workspace side by side: settings, images that only one of them has, and how hard these are."""

import streamlit as st

from curation.analysis.candidates import hardest_first
from curation.analysis.changes import Chosen
from curation.analysis.changes import in_words as changes_in_words
from curation.analysis.compared import evaluated, histogram, overlap_of_sets
from curation.errors import CurationError
from curation.figures import curation as figures
from curation.figures.curation import FAMILY_WORDS
from curation.recipe import Recipe, recipe_differences, value_in_words
from pages.ui import ranking, session, state
from pages.ui.browse import browse
from pages.ui.opened import open_selection
from pages.ui.prepared import Opened
from pages.ui.shell import Done

WORKING = "working"

working = open_selection()
found, numbers = working.workspace, working.workspace.revisions()


def recipe_of(which: str) -> Recipe:
    """Return the working recipe or a saved revision."""
    return working.recipe if which == WORKING else state.revision(int(which))


def title_of(which: str) -> str:
    """Return what one of those that can be chosen is called."""
    if which == WORKING:
        return f"{working.recipe.name}, as it is now"
    try:
        return f"revision {which}: {recipe_of(which).name}"
    except CurationError:
        return f"revision {which}: it cannot be read any more"


titles = {which: title_of(which) for which in (WORKING, *map(str, numbers[::-1]))}


def choice(label: str, name: str, first: str) -> str:
    """Draw which recipe is one of the two, kept in the address."""
    entry, wanted = session.compared(name), state.linked(name)
    entry.set(wanted if wanted in titles else first)
    return str(
        st.selectbox(
            label,
            list(titles),
            key=entry.key,
            format_func=titles.__getitem__,
            on_change=lambda: state.set_linked(name, entry.get()),
        )
    )


left, right = st.columns(2, gap="large")
with left:
    a = choice("A", "a", str(numbers[-1]) if numbers else WORKING)
with right:
    b = choice("B", "b", WORKING)


def opened_of(which: str) -> Opened | str:
    """Return what one of the two selects, or why that is not known."""
    if which == WORKING:
        return "it is not computed for these settings yet" if working.provisional else working
    return ranking.opened_as(recipe_of(which), found)


def take(**parts: object) -> None:
    """Write a value of one of the two into the working recipe."""
    state.change(**parts)


differing = recipe_differences(recipe_of(a), recipe_of(b))
with st.container(border=True):
    st.markdown(
        f"**{len(differing)} setting{'s' * (len(differing) != 1)} differ{'s' * (len(differing) == 1)}**, A then B"
    )
    if not differing:
        st.caption("The two recipes say the same.")
    for path, (mine, theirs) in differing.items():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(f"{path}: {value_in_words(mine)} → {value_in_words(theirs)}")
            st.space("stretch")
            for letter, value in (("A", mine), ("B", theirs)):
                st.button(
                    f"Take {letter}'s",
                    key=f"take-{letter}-{path}",
                    on_click=take,
                    kwargs={path: value},
                    type="tertiary",
                    help="Write this value into the working recipe.",
                )

sides = [opened_of(which) for which in (a, b)]
for letter, side in zip("AB", sides, strict=True):
    if isinstance(side, str):
        st.info(
            f"The set of {letter} is not known: {side}. Its settings are compared above.", icon=":material/pending:"
        )
if any(isinstance(side, str) for side in sides):
    raise Done
one, other = (side for side in sides if not isinstance(side, str))
try:
    changed = ranking.between(one, other)
except CurationError as error:
    st.info(f"The sets cannot be compared: {error}.")
    raise Done from None


before, after = (Chosen(it.pipeline, it.pool, it.selected) for it in (one, other))
table = overlap_of_sets(before, after, changed)
whole = table.iloc[-1]
st.markdown(
    f"**{whole['both']:,}** images are in both sets, **{whole['only_a']:,}** only in A, **{whole['only_b']:,}** only "
    f"in B; they share {whole['shared']:.0%} of what either has."
)
for sentence in changes_in_words(changed):
    st.markdown(f":orange[:material/edit:] {sentence}")
for sentence in evaluated(found, one.recipe, other.recipe):
    st.markdown(f":material/leaderboard: {sentence}")
left, right = st.columns([2, 3], gap="large")
with left:
    table["family"] = [FAMILY_WORDS.get(name, "All") for name in table["family"]]
    st.dataframe(
        table.rename(
            columns={"family": "Family", "only_a": "Only A", "both": "Both", "only_b": "Only B", "shared": "Shared"}
        ),
        hide_index=True,
        column_config={"Shared": st.column_config.NumberColumn(format="percent")},
    )
with right:
    classes = len(other.pipeline.samples.classes)
    mine, theirs = (histogram(it.pool, it.selected.pool_rows, classes) for it in (one, other))
    st.plotly_chart(
        figures.two_histograms(mine, theirs, names=("A", "B")), config={"displayModeBar": False}, key="compared-entropy"
    )
for column, it, letter in zip(st.columns(2, gap="large"), (one, other), "AB", strict=True):
    with column:
        st.caption(f"Images of {letter} per class")
        counts = {family: part["class_counts"] for family, part in it.selected.summary().items() if part["chosen"]}
        st.plotly_chart(
            figures.composition(counts, it.pipeline.samples.classes, height_px=220),
            config={"displayModeBar": False},
            key=f"compared-{letter}",
        )
if len(changed.leave) or len(changed.enter):
    view = st.segmented_control(
        "Show", ["Only in A", "Only in B"], default="Only in B", key="compared-show", bind="query-params", required=True
    )
    side, rows = (one, changed.leave) if view == "Only in A" else (other, changed.enter)
    rows = hardest_first(side.pool["entropy"].to_numpy(), rows)
    browse(
        side,
        rows,
        key=f"compared-{view}",
        what=f"images {'only in A' if view == 'Only in A' else 'only in B'}, hardest first",
    )
st.page_link(
    "evaluate.py",
    label="Which of them gives the more robust classifier? Evaluate them together",
    icon=":material/leaderboard:",
)
