"""What a session keeps: every key of ``st.session_state`` that pages read or write, with its type, in one place.

An entry that is a widget's value too is drawn with ``key=ENTRY.key``. Keys that only tell widgets apart are not here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import streamlit as st

Value = TypeVar("Value")
Polygon = list[list[float]]
Undo = tuple[tuple[int, Mapping[str, Any]], ...]


@dataclass(frozen=True)
class Entry(Generic[Value]):
    """One value of the session: its key, and what it is until it is set. Read-only where it is a list or a dict."""

    key: str
    default: Value

    def get(self) -> Value:
        """Return the value, or the default."""
        return st.session_state.get(self.key, self.default)

    def set(self, value: Value) -> None:
        """Keep a value; one that is a widget's too must be set before the widget is drawn, or in a callback."""
        st.session_state[self.key] = value

    def pop(self) -> Value:
        """Forget the value and return it."""
        return st.session_state.pop(self.key, self.default)

    @property
    def known(self) -> bool:
        """Whether a value was set."""
        return self.key in st.session_state


# The workspace and the working recipe; see state.py.
WORKSPACE: Entry[str | None] = Entry("workspace", None)
REVISION: Entry[int] = Entry("revision", 0)
CHANGES: Entry[Mapping[str, Any]] = Entry("changes", {})
UNDO: Entry[Undo] = Entry("undo", ())
POLYGON: Entry[Polygon | None] = Entry("polygon", None)

# The sidebar, and the pages Workspace, Boundary and Mix.
SIDEBAR_WORKSPACE: Entry[str] = Entry("sidebar-workspace", "")
NEW_WORKSPACE: Entry[bool] = Entry("new-workspace", False)
NEW_SOURCE: Entry[Mapping[str, Any]] = Entry("new-source", {})
"""What the form of a new workspace said last: name, source, and how often it was asked to look."""
ASKED_STAGES: Entry[tuple[str, ...]] = Entry("asked-stages", ())
"""Stages that wait for an answer: whether to compute them with a doubtful goal model."""
ENGINE: Entry[str] = Entry("engine", "local")
RAY_ADDRESS: Entry[str] = Entry("ray-address", "")
RAY_GPUS: Entry[float] = Entry("ray-gpus", 1.0)
JOB_WATCHED: Entry[str] = Entry("job-watched", "")
OFFSET_UNIT: Entry[str] = Entry("offset-unit", "rank")
OPEN_REVISION: Entry[int] = Entry("load-revision", 0)
RECIPE_FILE_READ: Entry[str] = Entry("recipe-file-read", "")
"""Id of the uploaded recipe file that was read last: Streamlit hands it over on every rerun."""

# The query bar.
QUERY_TYPED: Entry[str] = Entry("query-typed", "")
QUERY_SORT: Entry[str] = Entry("query-sort", "")
QUERY_FALLING: Entry[bool] = Entry("query-falling", False)
VIEW_NAME: Entry[str] = Entry("view-name", "")

# The Map page and its views.
MAP: Entry[Mapping[str, Any]] = Entry("map", {})
"""State of the map component: polygon, color, picked, copy."""
MAP_VIEW: Entry[str] = Entry("map-view", "Map")
MAP_GO: Entry[str] = Entry("map-go", "")
"""The view that a callback goes to."""
MAP_LAYOUT: Entry[str] = Entry("map-layout", "umap")
MAP_OPEN: Entry[int] = Entry("map-open", -1)
"""Candidate id of the point that was clicked last."""
MAP_CHANGED: Entry[bool] = Entry("map-changed", False)
"""Whether the page has to follow what was done on the map."""
MAP_TYPED = ("nearest-", "doubles-", "similar-words-typed")
"""What the keys of the fields of the views begin with."""
CLUSTER_SHOW: Entry[Mapping[str, int]] = Entry("cluster-show", {})
SLICE_NAME: Entry[str] = Entry("slice-name", "")
SLICE_SHOW: Entry[Mapping[str, int]] = Entry("slice-show", {})
SLICE_DELETE: Entry[Mapping[str, int]] = Entry("slice-delete", {})
SIMILAR_SAMPLE: Entry[int] = Entry("similar-sample", 0)
SIMILAR_VARIANT: Entry[str] = Entry("similar-variant", "clean")
NEAREST_METRIC: Entry[str] = Entry("nearest-metric", "l2")
NEAREST_COUNT: Entry[int] = Entry("nearest-count", 24)
SIMILAR_WORDS: Entry[str] = Entry("similar-words-typed", "")
UPLOAD_NUMBER: Entry[int] = Entry("upload-number", 0)
"""Counts uploaded pictures that were removed: an upload field is emptied by another key."""
DOUBLES_SHOW: Entry[str] = Entry("doubles-show", "open")
DOUBLES_MIRRORED: Entry[bool] = Entry("doubles-mirrored", False)
DOUBLES_BY: Entry[str] = Entry("doubles-by", "pixels")
DOUBLES_SIMILARITY: Entry[float] = Entry("doubles-similarity", 0.97)


# The Evaluate page and its views.
EVALUATE_VIEW: Entry[str] = Entry("look", "Leaderboard")
EVALUATE_GO: Entry[str] = Entry("evaluate-go", "")
EVALUATE_TYPED = ("begin-", "wrong-", "tune-", "noise-")
EVALUATION: Entry[str] = Entry("evaluation", "")
"""Name of the evaluation that is looked at."""
NEW_EVALUATION: Entry[bool] = Entry("begin", False)
"""Whether the form of a new one is drawn instead."""
NEW_EVALUATION_NAME: Entry[str] = Entry("begin-name", "")
TUNING: Entry[str] = Entry("tuning", "")
NEW_TUNING: Entry[bool] = Entry("tune-new", False)
NEW_TUNING_NAME: Entry[str] = Entry("tune-name", "")
ERRORS_SHOW: Entry[str] = Entry("wrong-show", "difference")
"""Difference or accuracy, where two sets are compared."""
ERRORS_ONLY: Entry[bool] = Entry("wrong-only", False)
"""Only images that the set compared with gets right."""
ERROR_OPEN: Entry[int | None] = Entry("image-open", None)
"""Row of the image of P that is open."""

# The Labels page and its views.
LABELS_VIEW: Entry[str] = Entry("look-at", "One by one")
LABELS_GO: Entry[str] = Entry("labels-go", "")
LABELS_TYPED = ("labels-first", "labels-confidence")
LABELS_AT: Entry[int | None] = Entry("labels-at", None)
"""Sample id of the suspect that is looked at."""
LABELS_JUMP: Entry[int] = Entry("labels-jump", 0)
"""Counts how often a callback went to a suspect: the component then follows."""
LABELS_GIVEN: Entry[str | None] = Entry("given", None)
LABELS_LOOKS: Entry[str | None] = Entry("looks", None)
LABELS_ASKED: Entry[str] = Entry("labels-asked", "")
"""Which suspects were asked for last, and below, which were decided then; see ``label_review.queue``."""
LABELS_BEFORE: Entry[list[int]] = Entry("labels-before", [])
LABELS_BULK: Entry[list[int]] = Entry("labels-bulk", [])
"""Sample ids that were relabeled in one go last."""

# The Variants page and its views.
VARIANTS_VIEW: Entry[str] = Entry("view", "One sample")
VARIANTS_GO: Entry[str] = Entry("variants-go", "")
VARIANTS_TYPED = ("database-", "live-", "across-", "effect-")
VARIANTS_BUTTONS = ("database-run", "database-adopt")
SAMPLE: Entry[int] = Entry("sample", 0)
VARIANT: Entry[tuple[str, int, str]] = Entry("variant-shown", ("", 0, ""))
"""Kind, severity and parameters of the variant that is looked at; it stays when the sample changes."""
MAGNIFY: Entry[int] = Entry("magnify", 8)
ATTACKED: Entry[frozenset[str]] = Entry("live-asked", frozenset())
"""Fingerprints of slow attacks that were asked for: they are not asked for again."""
ACROSS_VARIANT: Entry[tuple[str, int, str] | None] = Entry("across-kind", None)


# The Present page and its views.
PRESENT_VIEW: Entry[str] = Entry("present", "Present")
PRESENT_GO: Entry[str] = Entry("present-go", "")


def arranged(what: str) -> Entry[Any]:
    """A field of the presentation that is arranged: its name, or what of which step."""
    return Entry(f"arrange-{what}", None)


def new_evaluation_recipes(workspace: str) -> Entry[list[str]]:
    """The recipes picked for a new evaluation."""
    return Entry(f"begin-recipes-{workspace}", [])


def error_filter(column: str) -> Entry[Any]:
    """The filter of misclassified images by part, kind, severity, label or prediction."""
    return Entry(f"wrong-{column}", None)


def selection(chart: str) -> Entry[Mapping[str, Any]]:
    """What is selected in a chart."""
    return Entry(chart, {"selection": {"points": []}})


def picked(chart: str) -> tuple[str, str] | None:
    """Return x and y of the cell of a matrix that was clicked."""
    points = selection(chart).get()["selection"]["points"]
    return (str(points[0]["x"]), str(points[0]["y"])) if points else None


def from_address(entry: Entry[int | None], name: str) -> int | None:
    """Return a number of the session or, at first, of the address under ``name``."""
    if not entry.known:
        text = st.query_params.get(name, "")
        entry.set(int(text) if text.isdigit() else None)
    return entry.get()


def offered(key: str, options: Collection[Any]) -> None:
    """Forget the value of a choice that is not among its options any more; before it is drawn."""
    if key in st.session_state and st.session_state[key] not in options:
        del st.session_state[key]


def field(path: str) -> Entry[Any]:
    """The widget bound to a field of the recipe."""
    return Entry(f"field-{path}", None)


def linked(name: str) -> Entry[str | None]:
    """What of a view is also in the address, under ``name``."""
    return Entry(f"linked-{name}", None)


def gallery_page(gallery: str) -> Entry[int]:
    """Which page of a gallery is shown, from 0."""
    return Entry(f"{gallery}-page", 0)


def gallery_open(gallery: str) -> Entry[int | None]:
    """Candidate id of the image of a gallery that is open beside it."""
    return Entry(f"{gallery}-open", None)


def relabel(detail: str) -> Entry[str]:
    """The class that is picked for the sample of a detail view."""
    return Entry(f"{detail}-label", "")


def compared(side: str) -> Entry[str]:
    """Which recipe is one side of the comparison: ``working`` or a revision's number."""
    return Entry(f"compare-{side}", "")


def bulk_tag(where: str) -> Entry[str]:
    """The tag that is typed for many candidates at once."""
    return Entry(f"{where}-bulk-tag", "")


def tags_of(candidate: str) -> Entry[list[str]]:
    """The tags that are picked for a candidate."""
    return Entry(f"{candidate}-tags", [])


def note_of(candidate: str) -> Entry[str]:
    """The note that is typed on a candidate."""
    return Entry(f"{candidate}-note", "")


def edited_table(table: str) -> Entry[Mapping[str, Any]]:
    """State of a table whose cells can be edited."""
    return Entry(table, {"edited_rows": {}})


def destination(export: str) -> Entry[str]:
    """The folder that was typed for an export."""
    return Entry(f"destination-{export}", "")


def forget_view() -> None:
    """Forget what was looked at, which is another workspace's."""
    for key in [str(key) for key in st.session_state]:
        if key == POLYGON.key or key.startswith(linked("").key):
            del st.session_state[key]


def keep_typed(prefixes: tuple[str, ...], *, but: Collection[str] = ()) -> None:
    """Keep what was typed in fields that are not drawn in this run, which Streamlit would forget.

    Args: prefixes: of the fields' keys; but: keys that begin so too but are of buttons, which hold nothing.
    """
    for key in [str(key) for key in st.session_state]:
        if key.startswith(prefixes) and key not in but:
            st.session_state[key] = st.session_state[key]
