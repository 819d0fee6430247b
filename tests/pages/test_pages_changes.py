"""What changed, as the pages say it, is what differs between the two recipes' sets; what does nothing is locked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from curation.models.architectures import build
from curation.models.loading import save_weights
from curation.pipeline import FOR_SELECTION, Pipeline
from curation.recipe import StartFrom
from curation.storage.workspace import Workspace
from curation.training.settings import Training
from tests.pages.opened import open_page, recipe_of, use_cache, words


@pytest.fixture
def cache(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Path:
    return use_cache(monkeypatch, Path(workspace.root).parent)


def changed(page: str = "mix", **fields: Any) -> Any:
    at = open_page(page, w="small", d=json.dumps(fields))
    assert not at.exception
    return at


def contents(pipeline: Pipeline) -> set[tuple[int, bytes]]:
    pool = pipeline.pool()
    selected = pipeline.select(pool)
    images = pipeline.images(pool, selected.pool_rows)
    return {(int(one), image.tobytes()) for one, image in zip(selected.candidate_ids, images, strict=True)}


@pytest.mark.parametrize(
    "fields",
    [
        {"goal_model.epoch": 1},
        {"variants.adversarial": {"attack": "pgd", "loss": "dlr", "epsilon": 0.05, "steps": 2}},
        {"selection.offset": {"clean": 0.1, "corruption": 0.0, "adversarial": 0.0}},
        {"selection.duplicates": "all"},
    ],
)
def test_enter_and_leave_are_those_of_the_real_sets(cache: Path, workspace: Workspace, fields: dict[str, Any]) -> None:
    saved = Pipeline(recipe_of(open_page("mix", w="small"), cache), workspace, device="cpu")
    working = saved.of(saved.recipe.with_changes(**fields))
    working.run(FOR_SELECTION)
    before, after = contents(saved), contents(working)
    enter, leave = len(after - before), len(before - after)
    said = words(changed(**fields))
    if enter:
        assert f"**{enter:,}** images enter" in said
        assert f"**{leave:,}** leave" in said
    else:
        assert "The same images are chosen." in said
    metric = next(one for one in changed("boundary", **fields).metric if one.label == "Enter / leave")
    assert metric.value != "–"


def test_other_labels_and_weights_are_changes_too(cache: Path, workspace: Workspace) -> None:
    said = words(changed(**{"labels.mode": "goal_model"}))
    assert "The same images are chosen." in said
    assert "All labels are written otherwise: goal_model instead of hard." in said
    said = words(changed(**{"labels.mode": "goal_model", "labels.temperature": 2}))
    assert "All labels are written otherwise: goal_model (temperature 2) instead of hard." in said
    saved = Pipeline(recipe_of(open_page("mix", w="small"), cache), workspace, device="cpu")
    pool = saved.pool()
    chosen = pool.iloc[saved.select(pool).pool_rows]
    of_clean = chosen[chosen["family"] == "clean"]["sample_id"]
    one = int(of_clean[~of_clean.isin(chosen[chosen["family"] != "clean"]["sample_id"])].iloc[0])
    relabel = {"relabel": {str(one): (saved.samples.label_of(one) + 1) % 10}}
    at = changed(**{"selection.edits": relabel})
    assert "1 image stays with another label." in words(at)
    assert "**1** adversarial copies move away from labels that you have changed since" in words(at)
    assert at.button(key="make-again").label == "Make them again"


def test_a_saved_set_that_is_not_there_is_not_called_the_same(cache: Path, workspace: Workspace) -> None:
    saved = recipe_of(open_page("mix", w="small"), cache)
    number = workspace.save_revision(saved.with_changes(**{"seed": 5}).to_yaml())
    try:
        at = open_page("mix", w="small", r=str(number), d=json.dumps({"seed": 0}))
        assert "The last saved recipe's set is not known: not computed yet:" in words(at)
        assert "The same images are chosen." not in words(at)
    finally:
        workspace.save_revision(saved.to_yaml())


def test_offsets_do_nothing_for_a_random_choice_and_are_locked(cache: Path) -> None:
    at = changed(**{"selection.strategy": "random"})
    sliders = [slider for slider in at.slider if slider.key and "offset" in slider.key]
    assert len(sliders) == 3
    assert all(slider.disabled for slider in sliders)
    why = "chooses from the whole family, so offset and floor do nothing"
    assert why in words(at)
    assert not any(slider.disabled for slider in changed().slider)
    within = changed(**{"selection.strategy": "random", "selection.within": "boundary"})
    assert not any(slider.disabled for slider in within.slider)
    at = changed("boundary", **{"selection.strategy": "random"})
    assert why in words(at)
    assert at.segmented_control(key="offset-unit").disabled
    assert not changed("boundary").segmented_control(key="offset-unit").disabled


def test_strata_are_asked_for_where_they_count(cache: Path) -> None:
    at = changed(**{"selection.strategy": "stratified"})
    strata = next(field for field in at.number_input if field.label == "Strata")
    assert strata.value == 50
    strata.set_value(7).run()
    assert not at.exception
    assert recipe_of(at, cache).selection.strata == 7
    assert "Strata" not in [field.label for field in changed().number_input]


def test_the_goal_models_form_keeps_what_it_does_not_change(cache: Path) -> None:
    at = changed("workspace", **{"goal_model.epoch": 1, "goal_model.early_epochs": [1]})
    next(button for button in at.button if button.label == "Use these settings").click().run()
    assert not at.exception
    goal = recipe_of(at, cache).goal_model
    assert (goal.epoch, goal.members, goal.early_epochs) == (1, 1, [1])
    at.number_input(key="goal-members").set_value(2)
    next(button for button in at.button if button.label == "Use these settings").click().run()
    goal = recipe_of(at, cache).goal_model
    assert (goal.epoch, goal.members) == (1, 2)


def field(at: Any, label: str) -> Any:
    return next(one for one in at.text_input if one.label == label)


def test_the_goal_models_form_starts_from_weights(cache: Path, tmp_path: Path) -> None:
    save_weights(build("tiny_resnet", classes=7, shape=(28, 28, 1)), tmp_path / "seven.safetensors")
    at = changed("workspace")
    field(at, "Start from").set_value(str(tmp_path / "seven.safetensors"))
    field(at, "Freeze").set_value("stem, blocks.0")
    field(at, "Body rate").set_value("0.5")
    next(button for button in at.button if button.label == "Use these settings").click().run()
    assert not at.exception
    start = recipe_of(at, cache).goal_model.start_from
    assert start == StartFrom(weights=str(tmp_path / "seven.safetensors"), freeze=("stem", "blocks.0"), body_rate=0.5)
    field(at, "Start from").set_value("gone.pt")
    next(button for button in at.button if button.label == "Use these settings").click().run()
    assert "There is no file gone.pt" in words(at)
    field(at, "Start from").set_value("")
    next(button for button in at.button if button.label == "Use these settings").click().run()
    assert recipe_of(at, cache).goal_model.start_from is None


def test_a_checkpoint_of_other_classes_is_offered_for_fine_tuning(cache: Path, tmp_path: Path) -> None:
    theirs = str(tmp_path / "seven.safetensors")
    save_weights(build("tiny_resnet", classes=7, shape=(28, 28, 1)), theirs)
    at = changed("workspace", **{"goal_model.checkpoint": theirs})
    assert any("of a model with 7 classes, the data has 10" in said.value for said in at.warning)
    at.button(key="fine-tune").click().run()
    goal = recipe_of(at, cache).goal_model
    assert (goal.checkpoint, goal.start_from) == (None, StartFrom(weights=theirs))
    assert field(at, "Start from").value == theirs
    assert not at.warning
    save_weights(build("tiny_resnet", classes=10, shape=(28, 28, 1)), theirs)
    fits = changed("workspace", **{"goal_model.checkpoint": theirs})
    assert "fine-tune" not in [button.key for button in fits.button]


def test_classes_are_balanced_family_by_family(cache: Path) -> None:
    at = changed(**{"selection.class_balance": {"clean": True, "corruption": False, "adversarial": False}})
    pills = at.pills(key="field-selection.class_balance")
    assert list(pills.value) == ["clean"]
    pills.set_value(["clean", "adversarial"]).run()
    balance = recipe_of(at, cache).selection.class_balance
    assert (balance.clean, balance.corruption, balance.adversarial) == (True, False, True)


def test_a_preset_of_the_goal_model_is_one_click_and_every_field_has_its_place(cache: Path) -> None:
    at = open_page("workspace")
    at.button(key="preset-contest").click().run()
    assert not at.exception
    train = recipe_of(at, cache).goal_model.train
    assert (train.preset, train.epochs, train.batch_size) == ("contest", 200, 256)
    drawn = {
        (element.key or "").rsplit("-", 1)[-1]
        for element in [*at.selectbox, *at.number_input, *at.text_input, *at.toggle]
    }
    simple = {"preset", "sampling", "decay"}
    assert set(Training.model_fields) - simple <= drawn
    epochs = next(element for element in at.number_input if (element.key or "").endswith("-epochs"))
    epochs.set_value(3)
    next(button for button in at.button if button.label == "Use these settings").click().run()
    assert not at.exception
    after = recipe_of(at, cache).goal_model.train
    assert (after.epochs, after.batch_size, after.seed) == (3, 256, train.seed)
