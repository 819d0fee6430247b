"""The boundary samples of one family: the hardness band, which can be dragged, and the images by uncertainty."""

import streamlit as st

from curation.figures.curation import FAMILY_WORDS
from curation.pipeline import stability_of
from curation.scores import SCORES
from pages.ui import coverage, query, ranking, session, state
from pages.ui.browse import browse
from pages.ui.components import Band, hardness_band
from pages.ui.fields import bound
from pages.ui.opened import open_selection, warn_of_shortages

opened = open_selection()


families = [family for family in FAMILY_WORDS if (opened.pool["family"] == family).any()]
selection = opened.recipe.selection
with st.container(horizontal=True, vertical_alignment="bottom"):
    family = st.segmented_control(
        "Family",
        families,
        format_func=FAMILY_WORDS.__getitem__,
        default=families[0],
        key="family",
        bind="query-params",
        required=True,
    )
    bound(
        st.segmented_control,
        "Uncertainty",
        [name for name in SCORES.names if name in opened.pool],
        path="selection.score",
        required=True,
        format_func=lambda name: SCORES[name].title,
        help="Scores of Monte Carlo dropout need goal_model.dropout.passes of 2 or more in the recipe, EL2N needs "
        "goal_model.early_epochs.",
    )
    session.OFFSET_UNIT.set(selection.offset_by)
    unused = all(coverage.no_band(selection, name) for name in families)
    st.segmented_control(
        "Offset by",
        ["rank", "score"],
        format_func=str.capitalize,
        key=session.OFFSET_UNIT.key,
        required=True,
        on_change=lambda: ranking.switch_unit(opened, session.OFFSET_UNIT.get()),
        disabled=unused,
        help=coverage.no_band(selection, families[0])
        if unused
        else "Rank: a share of the family; score: a fixed value of the uncertainty.",
    )

warn_of_shortages(opened)
ranked = ranking.ranked(opened, family)
band = ranking.band_shares(ranked, selection, family)
idle = coverage.no_band(selection, family)


def moved(changed: Band) -> None:
    """Write the band that was dragged into the recipe."""
    ranking.write_band(ranked, selection, family, changed)


hardness_band(
    {name: ranking.ranked(opened, name).nats for name in families},
    key=f"band-{family}",
    fingerprint=ranking.key_of(opened, family),
    family=family,
    class_count=len(opened.pipeline.samples.classes),
    quota=opened.selected.quotas[family],
    offset=band.offset,
    floor=band.floor,
    previews=lambda positions: opened.pipeline.images(opened.pool, ranked.pool_rows[positions]),
    score="" if selection.score == "entropy" else f"Hardness by {SCORES[selection.score].title.lower()}",
    locked=bool(idle),
    on_change=moved,
)
if idle:
    st.caption(f":material/lock: {idle}")

summary = opened.selected.summary()[family]
left, middle, right = st.columns(3)
left.metric(
    "Chosen", f"{summary['chosen']:,} of {summary['quota']:,}", help="Images chosen, out of this family's quota."
)
middle.metric("Candidates", f"{summary['candidates']:,}")
compared = ranking.compared(opened)
right.metric("Enter / leave", compared.counts(opened, family), help=compared.words)

stable = None if opened.provisional else stability_of(opened.pipeline.plan)
if stable:
    st.caption(stable.sentence)
elif opened.recipe.goal_model.checkpoint is None:
    st.caption(
        "How many of the chosen images would another training of the goal model choose again? Not measured for this "
        "selection yet: download the recipe on the Mix page and run `curation stability recipe.yaml --workspace "
        f"{state.typed(opened.workspace.root)}`."
    )

views = {
    "chosen": "Chosen",
    "passed over": "Too hard",
    "all": "All candidates",
    "entering": "Entering",
    "leaving": "Leaving",
}
row = st.container(horizontal=True, vertical_alignment="bottom")
view = row.segmented_control(
    "Show", list(views), format_func=views.__getitem__, default="chosen", key="show", bind="query-params", required=True
)
if view == "entering":
    rows = compared.entering(opened, ranked, family)
elif view == "leaving":
    opened, rows = compared.leaving(opened, family)
else:
    rows = ranking.rows_to_show(opened, ranked, band, family, view)
found = query.bar(opened, compared.before)
shown = found.rows(rows)
with row:
    st.space("stretch")
    query.bulk(opened, shown, key=f"bulk-{family}-{view}")
what = f"{FAMILY_WORDS[family].lower()} candidates" + (f" that match, of {len(rows):,}" if found.filters else "")
browse(opened, shown, key=f"boundary-{family}-{view}", what=f"{what}, {found.words}")
