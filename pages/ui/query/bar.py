"""The bar itself: an expression, the same as filters that can be taken away one by one, an order, and saved views."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from curation.analysis.query import Field, Looked, any_of, between, both, look, quoted
from curation.errors import UsageError
from curation.recipe import View
from pages.ui import session, state
from pages.ui.prepared import Opened
from pages.ui.query.known import fields_of
from pages.ui.shell import Done

EXAMPLE = 'label == "cat" and entropy > 1 and not chosen'


def bar(opened: Opened, before: Opened | None) -> Looked:
    """Draw the bar and return what it says; a query that cannot be read is told, and ends the page.

    Args: before: the last saved recipe's set, where it is known.
    Raises: Done.
    """
    fields = fields_of(opened, before)
    session.QUERY_TYPED.set(state.linked("q") or "")
    with st.container(key="query-bar", horizontal=True, vertical_alignment="center"):
        st.text_input(
            "Query",
            key=session.QUERY_TYPED.key,
            placeholder=f"Filter, for example {EXAMPLE}",
            label_visibility="collapsed",
            icon=":material/search:",
            on_change=lambda: _ask(session.QUERY_TYPED.get()),
        )
        try:
            found, wrong = look(fields, state.linked("q") or "", state.linked("sort") or "", len(opened.pool)), ""
        except UsageError as error:
            found, wrong = look(fields, "", "", len(opened.pool)), str(error)
        with st.popover("Add a filter", icon=":material/filter_list:"):
            _add(found)
        with st.popover("Sort", icon=":material/swap_vert:"):
            _sort(found)
        with st.popover("Views", icon=":material/bookmark:"):
            _views(opened)
    if wrong:
        st.error(f"{wrong[:1].upper()}{wrong[1:]}.", icon=":material/filter_alt_off:")
        raise Done
    _chips(found)
    return found


def _ask(text: str) -> None:
    state.set_linked("q", text.strip() or None)


def _chips(found: Looked) -> None:
    clauses = found.query.clauses
    if not clauses:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="query-chips"):
        for at, clause in enumerate(clauses):
            rest = both([*clauses[:at], *clauses[at + 1 :]])
            st.button(
                _plain(clause),
                icon=":material/close:",
                key=f"query-chip-{at}-{clause}",
                on_click=_ask,
                args=(rest,),
                help="Take this filter away.",
            )
        if len(clauses) > 1:
            st.button("Clear all", key="query-clear", on_click=_ask, args=("",), type="tertiary")


def _plain(text: str) -> str:
    """Return a text that Streamlit shows as it is, not as Markdown."""
    return "".join(f"\\{letter}" if letter in r"\`*_{}[]()<>#+-.!|~$:" else letter for letter in text)


def _add(found: Looked) -> None:
    names = [name for name, field in found.fields.items() if field.kind != "tags" or field.names]
    name = st.selectbox("Column", names, format_func=lambda name: found.fields[name].title, key="query-column")
    clause = _clause(found.fields[name])
    st.button(
        "Add",
        type="primary",
        disabled=not clause,
        key="query-add",
        on_click=_ask,
        args=(both([*found.query.clauses, clause]),),
    )
    st.caption(f"As text: `{clause or found.fields[name].name}`")


def _clause(field: Field) -> str:
    """Draw what a filter on a field asks, and return it as a clause; nothing: nothing is asked yet."""
    if field.kind in ("category", "tags"):
        return (
            any_of(field, picked)
            if (picked := st.multiselect("Any of", field.names, key=f"query-{field.name}"))
            else ""
        )
    if field.kind == "flag":
        wanted = st.segmented_control("Is", ["yes", "no"], default="yes", required=True, key=f"query-{field.name}")
        return field.name if wanted == "yes" else f"not {field.name}"
    if field.kind == "text":
        part = st.text_input("Contains", key=f"query-{field.name}")
        return f"{quoted(part)} in {field.name}" if part else ""
    known = field.values[field.known]
    if not len(known):
        st.caption("No candidate has a value.")
        return ""
    low, high = float(known.min()), float(known.max())
    if low == high:
        st.caption(f"It is {low:g} for all.")
        return ""
    whole = known.dtype.kind in "iu"
    left, right = st.columns(2)
    step = 1.0 if whole else (high - low) / 100
    least = left.number_input("From", value=low, step=step, format="%g", key=f"query-{field.name}-low")
    most = right.number_input("To", value=high, step=step, format="%g", key=f"query-{field.name}-high")
    return between(field, least if least > low else None, most if most < high else None)


def _sort(found: Looked) -> None:
    names = ["", *(name for name, field in found.fields.items() if field.kind != "tags")]
    current = found.sort.removeprefix("-")

    def changed() -> None:
        name, falling = session.QUERY_SORT.get(), session.QUERY_FALLING.get()
        state.set_linked("sort", f"{'-' if falling else ''}{name}" if name else None)

    session.QUERY_SORT.set(current if current in names else "")
    session.QUERY_FALLING.set(found.sort.startswith("-"))
    st.selectbox(
        "By",
        names,
        key=session.QUERY_SORT.key,
        format_func=lambda name: found.fields[name].title if name else "Hardest first",
        on_change=changed,
    )
    st.toggle("Highest first", key=session.QUERY_FALLING.key, on_change=changed, disabled=not session.QUERY_SORT.get())


def _views(opened: Opened) -> None:
    views = opened.recipe.views
    if not views:
        st.caption("Give this filter and order a name to look at it again; it is kept in the recipe.")
    for number, (name, view) in enumerate(views.items()):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                _plain(name),
                key=f"view-open-{number}",
                on_click=_open,
                args=(view,),
                type="tertiary",
                help=_plain(view.query),
            )
            st.space("stretch")
            rest = {other: kept.model_dump() for other, kept in views.items() if other != name}
            st.button(
                "",
                icon=":material/delete:",
                key=f"view-delete-{number}",
                on_click=_keep_views,
                args=(rest,),
                type="tertiary",
                help="Delete this view.",
            )

    def keep() -> None:
        name = session.VIEW_NAME.get().strip()
        if name:
            view = View(query=state.linked("q") or "", sort=state.linked("sort") or "")
            _keep_views({**{key: kept.model_dump() for key, kept in views.items()}, name: view.model_dump()})
            session.VIEW_NAME.set("")

    st.text_input("Name", key=session.VIEW_NAME.key, max_chars=60, placeholder="unsure cats")
    st.button("Save this view", key="view-save", on_click=keep, icon=":material/bookmark_add:")


def _keep_views(views: Mapping[str, Mapping[str, str]]) -> None:
    state.change(views=dict(views))


def _open(view: View) -> None:
    _ask(view.query)
    state.set_linked("sort", view.sort or None)
