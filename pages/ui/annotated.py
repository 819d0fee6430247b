"""Tags and notes as the working recipe has them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from curation.analysis.arrays import Array, Table
from curation.analysis.candidates import names
from curation.recipe.annotations import LONGEST_NOTE as LONGEST_NOTE
from curation.recipe.annotations import LONGEST_TAG as LONGEST_TAG
from pages.ui import session, state


def tag(pool: Table, rows: Array, name: str) -> None:
    """Give some rows of the pool a tag; an original's goes for its copies."""
    name = name.strip()
    if name:
        tags = dict(state.recipe().annotations.tags)
        _keep(tags={**tags, name: list(dict.fromkeys([*tags.get(name, []), *names(pool, rows)]))})


def untag(pool: Table, rows: Array, name: str) -> None:
    """Take a tag from some rows of the pool."""
    tags, gone = dict(state.recipe().annotations.tags), set(names(pool, rows))
    if name.strip() in tags:
        _keep(tags={**tags, name.strip(): [one for one in tags[name.strip()] if one not in gone]})


def fields(candidate: str, *, key: str) -> None:
    """Draw the tags and the note of one candidate, named as in recipes. Args: key: unique on the page."""
    kept = state.recipe().annotations
    original = candidate.partition("/")[0]
    mine = [name for name, of in kept.tags.items() if candidate in of]
    inherited = [name for name, of in kept.tags.items() if original in of and name not in mine]
    tagged, noted = session.tags_of(f"{key}-{candidate}"), session.note_of(f"{key}-{candidate}")

    def retagged() -> None:
        wanted: Sequence[str] = [name.strip()[:LONGEST_TAG] for name in tagged.get()]
        tags = {name: [one for one in of if one != candidate] for name, of in state.recipe().annotations.tags.items()}
        for name in wanted:
            tags[name] = [*tags.get(name, []), candidate]
        _keep(tags=tags)

    def renoted() -> None:
        _keep(notes={**state.recipe().annotations.notes, candidate: noted.get()})

    tagged.set(mine)
    st.multiselect(
        "Tags",
        [*kept.tags],
        key=tagged.key,
        accept_new_options=True,
        placeholder="Add a tag",
        on_change=retagged,
        help=f"Its original is tagged, too: {', '.join(inherited)}." if inherited else None,
    )
    noted.set(kept.note_on(candidate))
    st.text_input(
        "Note", key=noted.key, max_chars=LONGEST_NOTE, placeholder="What is to be said of it", on_change=renoted
    )


def _keep(**parts: object) -> None:
    state.change(annotations={**state.recipe().annotations.model_dump(mode="json"), **parts})
