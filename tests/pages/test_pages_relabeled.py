"""A label that a person gave is the label on every page, and is not lost by another decision."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from curation.models.loading import save_weights
from curation.pipeline import FOR_SELECTION, Pipeline
from curation.recipe import Recipe
from curation.storage.workspace import Workspace
from pages.ui import detail
from tests.pages.opened import changes, open_page, use_cache, words
from tests.solved import solved, stripes

NAMES = ["down", "right", "falling", "rising"]
open_there = partial(open_page, w="stripes")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """60 stripes and a goal model that is right; samples 3, 7 and 9 are one picture under three labels."""
    folder = tmp_path_factory.mktemp("cache")
    save_weights(solved(), folder / "solved.safetensors")
    images, labels = stripes(60, 0)
    images[[7, 9]] = images[3]
    labels[[7, 9]] = (labels[3] + np.array([1, 2])) % 4
    np.savez(folder / "set.npz", images=images, labels=labels, classes=np.array(NAMES))
    recipe = Recipe.parse(
        {
            "name": "stripes",
            "source": {"reader": "npz", "path": str(folder / "set.npz")},
            "goal_model": {"architecture": "tiny_resnet", "checkpoint": str(folder / "solved.safetensors")},
            "variants": {"corruption": {"kinds": ["fog"], "severities": [2, 4]}, "adversarial": None},
            "selection": {"budget": 20, "mix": [1, 1, 0]},
            "map": {"clusters": 4},
        }
    )
    pipeline = Pipeline(recipe, Workspace(folder / "stripes"), device="cpu")
    pipeline.run((*FOR_SELECTION, "embed"))
    pipeline.workspace.save_revision(recipe.to_yaml())
    return pipeline


@pytest.fixture
def cache(made: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Path:
    return use_cache(monkeypatch, Path(made.workspace.root).parent)


def edited(**edits: Any) -> str:
    return json.dumps({"selection.edits": edits})


def test_one_picture_with_several_labels_keeps_the_label_that_was_given(cache: Path, made: Pipeline) -> None:
    first, second, third = (made.samples.label_of(one) for one in (3, 7, 9))
    at = open_there("labels", d=edited(relabel={"3": second}))
    assert "1 picture is there under several labels" in [one.label for one in at.expander]
    at.button(key=f"several-3-{second}").click().run()
    assert not at.exception
    decided = changes(at)["selection.edits"]
    assert {int(one): label for one, label in decided["relabel"].items()} == {3: second, 9: second}
    assert decided["confirmed"] == [7]
    assert len({first, second, third}) == 3


def test_other_candidates_of_a_sample_have_its_new_label(
    cache: Path, made: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: dict[str, Any] = {}
    draw = detail.gallery

    def gallery(*images: Any, **parameters: Any) -> Any:
        shown.update(parameters)
        return draw(*images, **parameters)

    monkeypatch.setattr(detail, "gallery", gallery)
    pool = made.pool()
    label = (made.samples.label_of(20) + 2) % 4
    at = open_there("boundary", d=edited(relabel={"20": label}))
    clean = pool[(pool["sample_id"] == 20) & (pool["family"] == "clean")]
    at.session_state["boundary-clean-chosen-open"] = int(clean["candidate_id"].iloc[0])
    at.run()
    assert not at.exception
    assert shown["labels"].tolist() == [label, label]


def test_other_weights_in_the_same_file_are_seen(cache: Path, made: Pipeline) -> None:
    path = Path(str(made.recipe.goal_model.checkpoint))
    before = path.read_bytes()
    open_there("boundary")
    save_weights(solved(1), path)
    try:
        assert "Not computed yet: goal model" in words(open_there("boundary"))
    finally:
        path.write_bytes(before)


def live(at: AppTest) -> str:
    at.segmented_control(key="view").set_value("Live attack").run()
    assert not at.exception
    return " ".join(image.caption for image in at.get("imgs") if image.caption)


def test_a_live_attack_moves_away_from_the_new_label(cache: Path, made: Pipeline) -> None:
    from pages.ui.variants import live as view

    label = made.samples.label_of(20)
    asked: list[int] = []
    attack = view.live

    def watched(pipeline: Pipeline, sample_id: int, how: Any) -> Any:
        found = attack(pipeline, sample_id, how)
        asked.append(found.label)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(view, "live", watched)
        live(open_there("variants", sample="20"))
        live(open_there("variants", sample="20", d=edited(relabel={"20": (label + 1) % 4})))
    assert asked == [label, (label + 1) % 4]


def test_duplicates_do_not_disagree_with_what_was_dropped(cache: Path) -> None:
    def said(**edits: Any) -> str:
        at = open_there("map", **{"map-view": "Duplicates"}, d=edited(**edits))
        assert not at.exception
        return words(at)

    assert "**1** of these with more than one label, **1** open" in said()
    assert "**0** of these with more than one label, **0** open" in said(drop=[7], exclude=["9"])
