"""The Compare page: what differs between two recipes of a workspace, and what is taken over."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.analysis.compared import overlap, overlap_of_manifests
from curation.pipeline import Pipeline
from tests.pages.opened import open_page, recipe_of, use_cache, words


@pytest.fixture
def cache(computed: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Path:
    return use_cache(monkeypatch, Path(computed.workspace.root).parent)


def test_a_recipe_beside_itself_is_the_same(cache: Path, computed: Pipeline) -> None:
    at = open_page("compare", w="small")
    assert "The two recipes say the same." in words(at)
    budget = computed.recipe.selection.budget
    assert f"**{budget:,}** images are in both sets, **0** only in A, **0** only in B; they share 100%" in words(at)


def test_what_differs_is_told_and_taken_over_with_one_click(cache: Path, computed: Pipeline) -> None:
    budget = computed.recipe.selection.budget
    at = open_page("compare", w="small", d=f'{{"selection.budget":{budget // 2}}}')
    assert "1 setting differs" in words(at)
    assert any(f"selection.budget: {budget} → {budget // 2}" in element.value for element in at.text)
    assert "**0** only in B" in words(at)
    at.button(key="take-A-selection.budget").click().run()
    assert not at.exception
    assert recipe_of(at, cache).selection.budget == budget
    assert "The two recipes say the same." in words(at)


def test_a_set_that_is_not_computed_is_said_and_the_settings_are_compared(cache: Path) -> None:
    at = open_page("compare", w="small", d='{"selection.strategy":"k_center"}')
    assert "The set of B is not known" in words(at)
    assert any("selection.strategy: boundary → k_center" in element.value for element in at.text)


COUNT = st.integers(0, 50)


@given(st.dictionaries(st.sampled_from(["clean", "corruption", "adversarial"]), st.tuples(COUNT, COUNT, COUNT)))
def test_an_overlap_turned_around_is_the_same_with_sides_exchanged(families: dict[str, tuple[int, int, int]]) -> None:
    there = overlap(families)
    back = overlap({name: (b, both, a) for name, (a, both, b) in families.items()})
    assert there["only_a"].tolist() == back["only_b"].tolist()
    assert there["shared"].tolist() == back["shared"].tolist()
    assert there.iloc[-1][["only_a", "both", "only_b"]].tolist() == [
        sum(counts[at] for counts in families.values()) for at in range(3)
    ]


def test_exports_share_what_is_the_same_copy_of_the_same_sample() -> None:
    rows = [(1, "clean", "clean", 0), (1, "corruption", "fog", 3), (2, "corruption", "fog", 3)]
    a = pd.DataFrame(rows, columns=["sample_id", "family", "kind", "severity"])
    b = a.assign(severity=[0, 3, 2])
    found = overlap_of_manifests(a, b).set_index("family")
    assert found.loc["clean", "both"] == 1
    assert found.loc["corruption", ["only_a", "both", "only_b"]].tolist() == [1, 1, 1]
    assert found.loc["all", "shared"] == pytest.approx(0.5)
    assert overlap_of_manifests(a, a)["shared"].tolist() == [1.0, 1.0, 1.0]
