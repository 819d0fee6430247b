"""The query bar of the Boundary page: what is looked at, decided of all, tagged, and looked at again."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from curation.analysis.listed import as_csv
from curation.pipeline import Pipeline
from tests.pages.opened import changes, open_page, recipe_of, use_cache, words


@pytest.fixture
def cache(computed: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Path:
    return use_cache(monkeypatch, Path(computed.workspace.root).parent)


def open_all(**query: str) -> AppTest:
    """Open the page on all candidates of the clean family."""
    at = open_page("boundary", **query)
    at.session_state["show"] = "all"
    at.run()
    assert not at.exception
    return at


def matching(computed: Pipeline, class_name: str) -> int:
    pool, label = computed.pool(), computed.samples.classes.index(class_name)
    return int(((pool["family"] == "clean") & (pool["label"] == label)).sum())


def test_a_link_holds_query_and_order_and_a_filter_can_be_taken_away(cache: Path, computed: Pipeline) -> None:
    clean = len(computed.samples)
    at = open_all(q='label == "3" and entropy >= 0', sort="-margin")
    count = matching(computed, "3")
    assert f"of {count:,}** clean candidates that match, of {clean:,}, by margin" in words(at)
    assert "highest first" in words(at)
    at.button(key='query-chip-0-label == "3"').click().run()
    assert not at.exception
    assert f"of {clean:,}** clean candidates that match, of {clean:,}" in words(at)
    assert at.query_params["q"] in ("entropy >= 0", ["entropy >= 0"])
    at.button(key="query-chip-0-entropy >= 0").click().run()
    assert f"of {clean:,}** clean candidates, by margin" in words(at)


def test_a_filter_is_made_without_typing(cache: Path, computed: Pipeline) -> None:
    at = open_all()
    at.selectbox(key="query-column").set_value("label").run()
    assert at.button(key="query-add").disabled
    at.multiselect(key="query-label").set_value(["3", "5"]).run()
    at.button(key="query-add").click().run()
    assert not at.exception
    assert at.text_input(key="query-typed").value == 'label in ["3", "5"]'
    count = matching(computed, "3") + matching(computed, "5")
    assert f"of {count:,}** clean candidates that match" in words(at)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("entropi > 1", "did you mean 'entropy'"),
        ("__import__('os')", "A query cannot hold"),
        ("entropy >", "cannot be"),
    ],
)
def test_what_is_no_query_is_said_and_shows_nothing(cache: Path, query: str, says: str) -> None:
    at = open_page("boundary", q=query)
    assert says in at.error[0].value
    assert "clean candidates" not in words(at)


def test_all_that_match_are_decided_at_once_and_undone_at_once(cache: Path, computed: Pipeline) -> None:
    count = matching(computed, "3")
    at = open_all(q='label == "3"')
    at.button(key="bulk-clean-all-exclude").click().run()
    assert not at.exception
    edits = recipe_of(at, cache).selection.edits
    assert len(edits.exclude) == count
    at.button(key="sidebar-undo").click().run()
    assert not recipe_of(at, cache).selection.edits.exclude


def test_more_than_a_quota_cannot_be_forced_in(cache: Path) -> None:
    at = open_all()
    at.button(key="bulk-clean-all-include").click().run()
    assert "more than their quota of" in words(at)
    assert not changes(at)


def test_tags_and_views_are_kept_in_the_recipe(cache: Path, computed: Pipeline) -> None:
    at = open_all(q='label == "3"')
    at.text_input(key="bulk-clean-all-bulk-tag").set_value("curly").run()
    at.button(key="bulk-clean-all-tag").click().run()
    assert not at.exception
    tagged = recipe_of(at, cache).annotations.tags["curly"]
    assert len(tagged) == matching(computed, "3")
    at.text_input(key="query-typed").set_value('"curly" in tags').run()
    assert f"of {len(tagged):,}** clean candidates that match" in words(at)
    at.text_input(key="view-name").set_value("Curly *ones*").run()
    at.button(key="view-save").click().run()
    assert not at.exception
    recipe = recipe_of(at, cache)
    assert recipe.views["Curly *ones*"].query == '"curly" in tags'
    assert recipe.fingerprint() == computed.recipe.fingerprint()
    at.button(key='query-chip-0-"curly" in tags').click().run()
    at.button(key="view-open-0").click().run()
    assert at.text_input(key="query-typed").value == '"curly" in tags'


def test_the_list_as_csv_says_where_each_is_from(computed: Pipeline) -> None:
    pool, sample = computed.pool(), int(computed.samples.sample_ids[3])
    noted = {"tags": {"=odd": [str(sample)]}, "notes": {str(sample): "@here"}}
    recipe = computed.recipe.with_changes(annotations=noted)
    rows = np.flatnonzero((pool["sample_id"] == sample).to_numpy())
    read = list(csv.DictReader(io.StringIO(as_csv(pool, rows, computed.samples, recipe, chosen=rows[:1]).decode())))
    assert read[0]["candidate"] == str(sample)
    assert [row["chosen"] for row in read] == ["True"] + ["False"] * (len(rows) - 1)
    assert {row["tags"] for row in read} == {"'=odd"}
    assert read[0]["note"] == "'@here"
    assert {row["label_name"] for row in read} == {computed.samples.classes[computed.samples.label_of(sample)]}


def test_the_map_rings_what_matches_and_lists_it(cache: Path, computed: Pipeline) -> None:
    count, whole = matching(computed, "3"), len(computed.samples)
    at = open_page("map", layout="pca", q='label == "3"', sort="entropy")
    assert f"**{count:,} of {whole:,}** samples of the map that match" in words(at)
    assert f"of {count:,}** samples of the map that match, by entropy" in words(at)
    at.button(key="map-exclude-all").click().run()
    assert len(recipe_of(at, cache).selection.edits.exclude) == count
