"""The clusters in a table with their pictures, named by people; the samples of one of them."""

from __future__ import annotations

import streamlit as st

from curation.analysis.arrays import Table
from curation.analysis.clusters import chosen_share, positions, summary
from curation.analysis.pictures import side_by_side
from curation.embedding.clusters import cluster_table
from curation.plugin import fingerprint
from pages.ui import resources, session, state, thumbnails
from pages.ui.map import part
from pages.ui.map.drawn import Drawn, cluster_name, required, say_space
from pages.ui.prepared import Opened

STRIP = 6
GAP_PX = 2
LONGEST_NAME = 40
SHOW = ":material/visibility: Show"
SHARES = {
    "purity": ("Purity", "Share of the most common label."),
    "entropy": ("Mean entropy", "As a share of the maximum, ln K."),
    "chosen": ("Chosen", "Share of its clean images that are in the set."),
}


def draw(opened: Opened) -> None:
    """Draw the view."""
    say_space(opened)
    drawn = required(opened)
    table = found(drawn)
    _summary(drawn, table)
    _table(drawn, table)
    looked = _looked_at(drawn)
    if looked is None:
        st.caption("“Show” in a row lists that cluster's samples here; double-click a name to change it.")
        return
    at = positions(drawn.clusters, looked)
    st.subheader(cluster_name(opened, looked))
    where = "in no cluster" if looked < 0 else "in this cluster"
    part.head(drawn, at, key="cluster", where=where, more=lambda: _more(looked))
    part.gallery(drawn, at, key="cluster", where=where)


def rename(names: dict[int, str]) -> None:
    """Give clusters names, by their number; an empty one removes a name."""
    given = dict(state.recipe().map.names)
    for number, name in names.items():
        given.pop(number, None)
        name = name.strip()[:LONGEST_NAME]
        if number >= 0 and name not in ("", f"Cluster {number}"):
            given[number] = name
    state.change(**{"map.names": given})


def found(drawn: Drawn) -> Table:
    """Return one row a cluster: as ``cluster_table``, entropy as a share of ln K."""
    return _found(f"{drawn.key} {fingerprint(drawn.opened.recipe.selection.edits.relabel)}", drawn)


@st.cache_resource(max_entries=8, show_spinner="Describing the clusters …")
def _found(key: str, _drawn: Drawn) -> Table:
    seen = resources.features(_drawn.opened.pipeline)
    return cluster_table(
        _drawn.clusters, labels=_drawn.members.labels, entropy=_drawn.members.entropy, features=seen, shown=STRIP
    )


def _summary(drawn: Drawn, table: Table) -> None:
    it = summary(table, len(drawn))
    of = f" on the {drawn.layout.upper()} map" if drawn.opened.recipe.map.cluster_by == "hdbscan" else ""
    words = [f"**{it.clusters:,}** clusters{of}"]
    if it.agreeing is not None:
        words.append(f"**{it.agreeing:.0%}** of their samples have their cluster's most common label")
        words.append(f"**{it.pure:,}** clusters have one label only")
    if it.outside:
        words.append(f"**{it.outside:,}** samples in no cluster")
    st.markdown(" · ".join(words))


def _table(drawn: Drawn, table: Table) -> None:
    opened = drawn.opened
    numbers = table["cluster"].tolist()
    names = [cluster_name(opened, number) for number in numbers]
    edited = session.edited_table(f"clusters-{fingerprint([drawn.key, names])}")

    def renamed() -> None:
        rows = edited.get()["edited_rows"]
        rename({numbers[int(row)]: cells["name"] or "" for row, cells in rows.items() if "name" in cells})

    def clicked() -> None:
        state.set_linked("cluster", str(numbers[session.CLUSTER_SHOW.get()["row"]]))

    address = thumbnails.offer(f"clusters-{drawn.key}", _strips(drawn, table), number=len(table))
    classes = opened.pipeline.samples.classes
    shown = Table(
        {
            "show": SHOW,
            "pictures": [f"{address}/{row}" for row in range(len(table))],
            "name": names,
            "size": table["size"],
            "label": [classes[label] for label in table["label"]],
            "purity": 100 * table["purity"],
            "entropy": 100 * table["entropy"],
            "chosen": 100 * chosen_share(table, drawn.clusters, drawn.members.chosen),
        }
    )
    columns = st.column_config
    st.data_editor(
        shown,
        key=edited.key,
        on_change=renamed,
        hide_index=True,
        row_height=44,
        height=min(44 * len(shown) + 37, 477),
        disabled=list(shown.columns.drop("name").astype(str)),
        column_config={
            "show": columns.ButtonColumn("", type="tertiary", on_click=clicked, key=session.CLUSTER_SHOW.key, width=80),
            "pictures": columns.ImageColumn("Nearest to its center", width=250),
            "name": columns.TextColumn("Name", width=150, max_chars=LONGEST_NAME, help="Double-click to change it."),
            "size": columns.NumberColumn("Samples", format="localized", width=80),
            "label": columns.TextColumn("Most common label", width=140),
            **{
                name: columns.ProgressColumn(title, format="%.0f %%", max_value=100.0, help=said, width=115)
                for name, (title, said) in SHARES.items()
            },
        },
    )


def _strips(drawn: Drawn, table: Table) -> thumbnails.Picture:
    """Return what draws the pictures in the middle of each cluster side by side."""
    samples, rows = drawn.opened.pipeline.samples, table["rows"].tolist()

    return lambda index: side_by_side(samples.images(rows[index]), number=STRIP, gap_px=GAP_PX)


def _looked_at(drawn: Drawn) -> int | None:
    """Return the cluster whose samples are shown, if one is."""
    text = state.linked("cluster") or ""
    number = int(text) if text.lstrip("-").isdigit() else drawn.count
    return number if (drawn.clusters == number).any() else None


def _more(cluster: int) -> None:
    def only() -> None:
        state.set_polygon(None)
        state.set_linked("only", str(cluster))
        session.MAP_GO.set("Map")

    if cluster >= 0:
        st.button(
            "Show only this cluster on the map", icon=":material/scatter_plot:", on_click=only, key="cluster-only"
        )
