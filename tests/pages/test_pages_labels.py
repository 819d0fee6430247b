"""The Labels page without a browser: it says what to do first, ranks, takes decisions, and each can be undone."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from curation.pipeline import Pipeline
from curation.pipeline.stages.labels import folds_table, suspects_table
from curation.recipe import Recipe
from curation.selection.pool import parse_candidate
from curation.storage.workspace import Workspace
from pages.ui.components.review import BLOCK, around
from tests.pages.opened import open_page, use_cache, words

VIEWS = ["One by one", "Overview", "Many at once"]
open_labels = partial(open_page, "labels")
NOISY: dict[str, Any] = {
    "name": "noisy",
    "source": {"reader": "digits", "split": "train", "limit": 300, "noise": {"share": 0.15}},
    "goal_model": {"architecture": "tiny_resnet", "train": {"epochs": 2, "batch_size": 32}},
    "variants": {"corruption": None, "adversarial": []},
    "selection": {"budget": 100, "mix": {"clean": 1}},
    "map": {"clusters": 5},
    "label_errors": {"folds": 2, "train": {"epochs": 2, "batch_size": 32}},
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """300 digits, some of whose labels are wrong, and the finished search for them."""
    pipeline = Pipeline(Recipe.parse(NOISY), Workspace(tmp_path_factory.mktemp("cache") / "noisy"), device="cpu")
    pipeline.run(("ingest", "duplicates", "goal_model", "score", "embed", "labels"))
    pipeline.workspace.save_revision(pipeline.recipe.to_yaml())
    return pipeline


@pytest.fixture
def cache(found: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy, since a long list of decisions is saved as a revision."""
    shutil.copytree(found.workspace.root, tmp_path / "noisy")
    return use_cache(monkeypatch, tmp_path)


@pytest.fixture
def shown(cache: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the page last gave to the component."""
    from pages.ui.labels import one_by_one

    kept: dict[str, Any] = {}
    draw = one_by_one.review

    def review(*sheets: Any, **parameters: Any) -> None:
        kept.update(parameters, blocks=sorted(sheets[1]))
        draw(*sheets, **parameters)

    monkeypatch.setattr(one_by_one, "review", review)
    return kept


def decide(at: AppTest, *decisions: tuple[int, str, int | None], queue: str = "", place: int = 0) -> AppTest:
    """Do what the component does once keys were pressed."""
    entries = [
        {"number": number, "id": sample_id, "action": action, "label": label}
        for number, (sample_id, action, label) in enumerate(decisions, 1)
    ]
    at.session_state["labels-review"] = {"journal": {"entries": entries, "queue": queue, "at": place}}
    at.run()
    assert not at.exception
    return at


def edits(at: AppTest) -> dict[str, Any]:
    block: dict[str, Any] = at.session_state["changes"].get("selection.edits", {})
    return {name: block.get(name) for name in ("confirmed", "relabel", "drop") if block.get(name)}


def suspects(found: Pipeline, score: str = "combined") -> Any:
    check = found.recipe.label_errors
    assert check is not None
    table = suspects_table(found.plan, check).table(0)
    return table.sort_values([score, "rank"], ascending=[False, True], ignore_index=True)


# Before there are suspects


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr("curation.jobs.submit", lambda *given, **_: asked.append(given))
    return asked


def test_before_the_search_it_says_what_it_does_and_costs(cache: Path, submitted: list[tuple[Any, ...]]) -> None:
    at = open_labels(w="noisy", d='{"label_errors":null}')
    assert "Find suspicious labels" in words(at)
    assert "checked before" in words(at)
    at.number_input(key="labels-folds").set_value(3)
    at.number_input(key="labels-epochs").set_value(5).run()
    assert [metric.value for metric in at.metric[:2]] == ["3", "3,000"], "300 samples, 5 epochs, each learned by 2 of 3"
    assert at.metric[2].value != "not measured yet", "the goal model's training was timed"
    at.button(key="labels-find").click().run()
    assert not at.exception
    (_, recipe, stages), *more = submitted
    assert not more
    assert stages == ("embed", "labels")
    assert (recipe.label_errors.folds, recipe.label_errors.train.epochs) == (3, 5)


def test_what_cannot_be_checked_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = np.array([1] * 299 + [0])
    monkeypatch.setattr("curation.storage.samples.Samples.labels", property(lambda _: few))
    at = open_labels(w="noisy", d='{"label_errors":null}')
    assert "Class 0 has one sample, whose label cannot be checked" in words(at)
    assert not at.button(key="labels-find").disabled
    few = np.array([0, 0, *range(1, 299)])
    monkeypatch.setattr("curation.storage.samples.Samples.classes", property(lambda _: [str(i) for i in few]))
    at.number_input(key="labels-folds").set_value(3).run()
    assert "2 samples are of a class with others, too few for 3 folds; use fewer folds" in words(at)
    assert at.button(key="labels-find").disabled


def test_a_failed_search_says_why(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from curation.jobs import JobStatus

    failed = JobStatus("a", "failed", stages=["embed", "labels"], error="class 3 has 1 of the samples, too few")
    monkeypatch.setattr("curation.jobs.jobs", lambda _: [failed])
    at = open_labels(w="noisy", d='{"label_errors":{"folds":5}}')
    assert "The last job failed: class 3 has 1 of the samples, too few" in words(at)
    assert at.button(key="labels-find").label == "Find suspicious labels"


def test_other_settings_make_the_results_stale_and_undo_brings_them_back(cache: Path) -> None:
    at = open_labels(w="noisy", d='{"label_errors":{"folds":5}}')
    assert "but with another source, goal model, seed or other settings" in words(at)
    at = open_labels(w="noisy")
    assert "decided" in words(at)


def test_what_is_kept_of_a_broken_search_is_resumed(cache: Path, found: Pipeline) -> None:
    check = found.recipe.label_errors
    assert check is not None
    workspace = Workspace(cache / "noisy")
    pipeline = Pipeline(found.recipe, workspace, device="cpu")
    first = next(Path(str(folds_table(pipeline.plan, check).folder)).glob("shard-00000-*"))
    first.unlink()
    at = open_labels(w="noisy")
    assert at.button(key="labels-find").label == "Resume"
    assert "1 of 2 folds are done" in words(at)


# The suspects


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("which", ["open", "decided", "all"])
def test_every_view_draws(cache: Path, view: str, which: str) -> None:
    at = open_labels(**{"look-at": view, "which": which})
    assert not at.error
    assert at.segmented_control(key="look-at").value == view
    assert "0** of 300 decided" in words(at)


def test_the_ranking_is_measured_against_noise_that_was_put_in(cache: Path, found: Pipeline) -> None:
    wrong = (found.samples.table["true_label"] != found.samples.table["label"]).to_numpy()
    for score, title in (("combined", "Combined"), ("forgetting", "Forgetting events")):
        first = wrong[suspects(found, score)["row"].to_numpy()[:100]].sum()
        said = words(open_labels(by=title))
        assert f"**{first}** of the first 100 suspects by this score are truly wrong" in said
        assert f"{wrong.sum()} of all 300 labels" in said


def test_a_link_shows_the_same_suspects_at_the_same_place(shown: dict[str, Any], found: Pipeline) -> None:
    table = suspects(found, "self_confidence")
    given = int(table["given"].iloc[0])
    mine = table[table["given"] == given]["sample_id"].tolist()
    at = open_labels(by="Self-confidence", given=str(given), which="all", suspect=str(mine[7]))
    assert at.selectbox(key="by").value == "self_confidence"
    assert (shown["total"], shown["at"]) == (len(mine), 7)
    assert shown["blocks"] == [0, 1, 2]
    open_labels(suspect="no number")
    assert (shown["total"], shown["at"]) == (300, 0)


def test_decisions_land_in_the_recipe_and_each_is_undone(shown: dict[str, Any], found: Pipeline) -> None:
    first, second, third, fourth = suspects(found)["sample_id"].tolist()[:4]
    at = open_labels()
    queue = shown["queue"]
    decide(at, (first, "confirm", None), (second, "relabel", 3), (third, "drop", None), queue=queue, place=3)
    assert edits(at) == {"confirmed": [first], "relabel": {str(second): 3}, "drop": [third]}
    assert "**3** of 300 decided · 1 relabeled · 1 dropped · **2** of the 3 reviewed were wrong" in words(at)
    assert shown["states"] == {first: "confirmed", second: 3, third: "dropped"}
    assert at.session_state["labels-at"] == fourth
    assert shown["queue"] == queue, "what was decided stays where it is, to go back to"
    for left in ({"confirmed": [first], "relabel": {str(second): 3}}, {"confirmed": [first]}, {}):
        at.button(key="sidebar-undo").click().run()
        assert edits(at) == left


def test_a_decision_is_taken_back_and_made_anew(shown: dict[str, Any], found: Pipeline) -> None:
    first = int(suspects(found)["sample_id"].iloc[0])
    at = open_labels()
    decide(at, (first, "drop", None), (first, "open", None))
    assert edits(at) == {}
    assert "**0** of 300 decided" in words(at)
    at = decide(open_labels(), (first, "relabel", 4), (first, "confirm", None), (first, "relabel", 5))
    assert edits(at) == {"relabel": {str(first): 5}}


def test_decisions_are_heard_once(shown: dict[str, Any], found: Pipeline) -> None:
    first = int(suspects(found)["sample_id"].iloc[0])
    at = decide(open_labels(), (first, "confirm", None))
    at.button(key="sidebar-undo").click().run()
    at.run()
    assert edits(at) == {}, "the browser's journal still holds the decision, but it was heard"


def test_a_decision_that_the_recipe_refuses_changes_nothing(shown: dict[str, Any], found: Pipeline) -> None:
    first = int(suspects(found)["sample_id"].iloc[0])
    at = open_labels(w="noisy", d=json.dumps({"selection.edits": {"include": [str(first)]}}))
    decide(at, (first, "drop", None))
    assert any("is included and its sample is dropped" in toast.value for toast in at.toast)
    assert "**0** of 300 decided" in words(at)


def test_what_is_decided_is_told_apart_from_what_is_open(shown: dict[str, Any], found: Pipeline) -> None:
    first, second = suspects(found)["sample_id"].tolist()[:2]
    at = decide(open_labels(), (first, "confirm", None), (second, "drop", None))
    for which, total in (("decided", 2), ("open", 298), ("all", 300)):
        at.segmented_control(key="which").set_value(which).run()
        assert not at.exception
        assert shown["total"] == total


def test_many_are_relabeled_and_taken_back_in_one_step(cache: Path, found: Pipeline) -> None:
    at = open_labels(**{"look-at": "Many at once"})
    at.number_input(key="labels-first").set_value(60)
    at.number_input(key="labels-confidence").set_value(0.3).run()
    first = suspects(found).iloc[:60]
    would = first[(first["suggested"] != first["given"]) & (first["confidence"] >= 0.3)]
    assert len(would) > 0
    assert f"**{len(would)}** of the first 60 in this list would be relabeled" in words(at)
    wanted = {str(row.sample_id): row.suggested for row in would.itertuples()}
    at.button(key="labels-relabel").click().run()
    assert not at.exception
    assert edits(at) == {"relabel": wanted}
    assert "**0** of the first 60" in words(at)
    at.button(key="sidebar-undo").click().run()
    assert edits(at) == {}
    at.button(key="labels-relabel").click().run()
    at.button(key="labels-take-back").click().run()
    assert edits(at) == {}
    at.number_input(key="labels-confidence").set_value(1.0).run()
    assert at.button(key="labels-relabel").disabled


def test_two_classes_filter_the_suspects(shown: dict[str, Any], found: Pipeline) -> None:
    table = suspects(found)
    pairs = table[table["given"] != table["suggested"]].value_counts(["given", "suggested"])
    (given, looks), number = pairs.index[0], int(pairs.iloc[0])
    at = open_labels(given=str(given), looks=str(looks))
    assert shown["total"] == number
    at.selectbox(key="looks").set_value(None).run()
    assert shown["total"] == int((table["given"] == given).sum())


def test_the_gallerys_edits_keep_what_was_decided_about_labels(cache: Path, found: Pipeline) -> None:
    first, second, third = suspects(found)["sample_id"].tolist()[:3]
    at = decide(open_labels(), (first, "confirm", None), (second, "drop", None))
    at.switch_page("boundary.py").run()
    at.session_state["boundary-clean-chosen-open"] = parse_candidate(third).id
    at.run()
    decided = edits(at)
    at.button(key="boundary-clean-chosen-detail-exclude").click().run()
    assert not at.exception
    assert at.session_state["changes"]["selection.edits"]["exclude"] == [str(third)]
    assert edits(at) == decided


def test_the_browser_has_the_block_it_shows_and_those_beside_it() -> None:
    assert around(0, 1) == [0]
    assert around(0, 3 * BLOCK) == [0, 1]
    assert around(BLOCK, 3 * BLOCK) == [1, 2, 0]
    assert around(3 * BLOCK, 3 * BLOCK) == [2, 1]
    assert all(len({block % 3 for block in around(at, 600)}) == len(around(at, 600)) for at in range(601))
