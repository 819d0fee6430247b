"""The pages without a browser: they draw, change the recipe, refuse with a sentence, and say what is next."""

from __future__ import annotations

import json
import os
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest

from curation.analysis import variants
from curation.analysis.effects import effects, ordered
from curation.attacks import ATTACKS
from curation.pipeline import FOR_SELECTION, Pipeline
from curation.readers import READERS
from curation.selection.agreement import Agreement, Stability
from curation.storage.workspace import Workspace
from tests.pages.opened import open_page, recipe_of, run_script, use_cache, words
from tests.readers.inputs_layouts import tree

PAGES = ["workspace", "boundary", "map", "variants", "mix", "export"]


@pytest.fixture
def cache(computed: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Path:
    return use_cache(monkeypatch, Path(computed.workspace.root).parent)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_draws(cache: Path, name: str) -> None:
    at = open_page(name)
    assert not at.exception
    assert not at.error
    assert at.title[0].value


@pytest.mark.parametrize("name", PAGES)
def test_without_a_workspace_a_page_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    use_cache(monkeypatch, tmp_path / "empty")
    at = open_page(name)
    assert not at.exception
    assert "Start a workspace" in words(at) or "Nothing to look at yet" in words(at)


def test_a_new_source_is_previewed_and_what_could_be_either_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_cache(monkeypatch, tmp_path / "cache")
    tree("test", "control")(tmp_path / "images")
    at = open_page("workspace")
    at.text_input(key="new-where").set_value(str(tmp_path / "images")).run()
    assert at.selectbox(key=f"new-reader-{tmp_path / 'images'}").value == "folder"
    next(button for button in at.button if button.label == "Preview").click().run()
    assert not at.exception
    assert "named like a split" in at.warning[0].value
    assert not list((tmp_path / "cache").glob("*"))
    at.button(key="new-choose-classes").click().run()
    assert not at.exception
    assert "Read: split train, 4 samples of 2 classes" in words(at)
    assert any("fewer than 10 images: control (2), test (2)" in element.value for element in at.warning)
    assert at.session_state["new-source"]["source"]["layout"] == "classes"
    assert any("A first recipe cannot run: a classifier takes images" in element.value for element in at.warning)
    assert at.button(key="new-read").label == "Read the images"


def test_a_new_source_is_recognized_and_the_choice_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_cache(monkeypatch, tmp_path / "cache")
    tree("cat", "dog")(tmp_path / "both")
    (tmp_path / "both" / "table.parquet").write_bytes(b"")
    (tmp_path / "My set_1.npz").write_bytes(b"")
    at = open_page("workspace")
    assert not [button for button in at.button if button.label == "Preview"], "there is nothing to look at yet"
    at.text_input(key="new-where").set_value("cifar").run()
    assert "unknown data set 'cifar'" in at.error[0].value
    at.text_input(key="new-where").set_value("Fashion-MNIST").run()
    assert "Recognized: Fashion-MNIST." in words(at)
    npz = str(tmp_path / "My set_1.npz")
    at.text_input(key="new-where").set_value(npz).run()
    assert at.selectbox(key=f"new-reader-{npz}").value == "npz"
    assert at.text_input(key=f"new-name-{npz}").value == "My-set-1"
    both = str(tmp_path / "both")
    at.text_input(key="new-where").set_value(both).run()
    assert at.warning[0].value.endswith(
        "can be read as Parquet with images (Hugging Face) or as Image folder. Choose which is meant."
    )
    assert not [button for button in at.button if button.label == "Preview"]
    at.selectbox(key=f"new-reader-{both}").set_value("folder").run()
    next(button for button in at.button if button.label == "Preview").click().run()
    assert not at.exception
    assert at.session_state["new-source"]["source"]["path"] == both
    assert "4 samples of 2 classes" in words(at)


@pytest.mark.parametrize("reader", READERS.names)
def test_no_field_of_a_form_holds_what_nobody_wrote(reader: str) -> None:
    script = f"""
from curation.readers import READERS
from pages.ui.forms import settings_form
settings_form(READERS[{reader!r}], {{}}, key="form")
"""
    fields = [*(at := run_script(script)).text_input, *at.number_input, *at.selectbox]
    assert fields or reader == "digits"
    assert not any("Undefined" in str(element.value) for element in fields)


def test_a_form_writes_numbers_as_they_are() -> None:
    script = """
from curation.training.settings import Training
from pages.ui.forms import settings_form
settings_form(Training, {"learning_rate": 0.0123456789, "weight_decay": 5e-4, "epsilon": 8 / 255}, key="form")
"""
    at = run_script(script)
    written = {name: at.text_input(key=f"form-{name}").value for name in ("learning_rate", "weight_decay", "epsilon")}
    assert written == {"learning_rate": "0.0123456789", "weight_decay": "0.0005", "epsilon": "8/255"}


def test_any_smoothing_of_a_recipe_can_be_shown(cache: Path) -> None:
    at = open_page("export", w="small", d=json.dumps({"labels.mode": "smoothed", "labels.smoothing": 0.7}))
    (slider,) = (one for one in at.slider if one.label == "Smoothing")
    assert slider.value == 0.7


def test_a_temperature_goes_with_the_goal_models_labels(cache: Path) -> None:
    at = open_page("export", w="small", d=json.dumps({"labels.mode": "goal_model"}))
    (field,) = (one for one in at.number_input if one.label == "Temperature")
    assert recipe_of(field.set_value(2.0).run(), cache).labels.temperature == 2
    (mode,) = (one for one in at.selectbox if one.label == "Labels")
    labels = recipe_of(mode.set_value("hard").run(), cache).labels
    assert (labels.mode, labels.temperature) == ("hard", 1)


def test_the_budget_changes_the_selection_and_undo_takes_it_back(cache: Path) -> None:
    at = open_page("mix")
    at.number_input(key="field-selection.budget").set_value(250).run()
    assert not at.exception
    assert sum(int(metric.value.replace(",", "")) for metric in at.metric[:3]) == 250
    at.button(key="mix-undo").click().run()
    assert sum(int(metric.value.replace(",", "")) for metric in at.metric[:3]) == 500


def test_a_budget_too_large_says_who_is_short_and_offers_what_fits(cache: Path) -> None:
    at = open_page("mix")
    at.number_input(key="field-selection.budget").set_value(9000).run()
    assert not at.exception
    assert any("short" in element.value for element in at.markdown)
    fit = next(button for button in at.button if button.key and button.key.startswith("fit-"))
    fit.click().run()
    assert not at.exception


def test_the_boundary_page_shows_how_stable_the_selection_is_or_how_to_measure_it(
    cache: Path, computed: Pipeline
) -> None:
    assert any(
        "`curation stability recipe.yaml --workspace" in element.value for element in open_page("boundary").caption
    )
    found = Stability(2, {"clean": Agreement(100, 62.0, 31.0)})
    computed.workspace.write_stability(computed.plan.selection_key, found.to_dict())
    try:
        at = open_page("boundary")
        assert found.sentence in [element.value for element in at.caption]
        moved = open_page("boundary", w="small", d='{"selection.budget": 250}')
        assert any("Not measured for this selection yet" in element.value for element in moved.caption)
    finally:
        rmtree(Path(computed.workspace.root) / "stability")


def test_a_broken_link_falls_back_to_the_saved_recipe(cache: Path) -> None:
    at = open_page("mix", w="small", d='{"selection.budget": -5}')
    assert not at.exception
    assert at.number_input(key="field-selection.budget").value == 500


def test_a_preset_sets_the_mix(cache: Path) -> None:
    at = open_page("mix")
    at.button(key="preset-1 : 0 : 0").click().run()
    assert [metric.value for metric in at.metric[:3]] == ["500", "0", "0"]


def test_another_goal_model_is_seen_at_once(cache: Path) -> None:
    """The stages shown are those of the recipe as it stands, not of the one that was opened first."""
    at = open_page("workspace", w="small")
    assert not any("settings changed" in element.value for element in at.caption)
    at = open_page("workspace", w="small", d='{"goal_model.train": {"epochs": 7}}')
    assert any("settings changed" in element.value for element in at.caption)


def test_the_workspace_page_chooses_where_jobs_run(cache: Path) -> None:
    found = Workspace(cache / "small")
    at = open_page("workspace", w="small")
    at.segmented_control(key="engine").set_value("ray").run()
    assert found.engine == {"name": "ray", "address": None, "gpus": 1.0}
    at.text_input(key="ray-address").set_value(" host:6379 ").run()
    at.number_input(key="ray-gpus").set_value(0.5).run()
    assert found.engine == {"name": "ray", "address": "host:6379", "gpus": 0.5}
    at.segmented_control(key="engine").set_value("local").run()
    assert found.engine == {"name": "local"}
    assert not at.exception


def test_a_page_offers_to_compute_what_it_lacks(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr("curation.jobs.submit", lambda *words, **_: asked.append(words[2]))
    at = open_page("boundary", w="small", d='{"variants.corruption":{"kinds":["frost"],"severities":[4]}}')
    assert not at.exception
    assert any("score candidates" in element.value for element in at.markdown)
    at.button(key="compute-missing").click().run()
    assert asked == [FOR_SELECTION]


VIEWS = ["One sample", "Live attack", "Across samples", "Effect", "Database"]


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_of_the_variants_draws(cache: Path, view: str) -> None:
    at = open_page("variants")
    at.segmented_control(key="view").set_value(view).run()
    assert not at.exception
    assert not at.error
    assert at.segmented_control(key="view").value == view


def test_copies_that_were_made_for_a_former_label_are_said_to_be(cache: Path) -> None:
    """The attack moved away from the label that the source has; every other view leaves what it made out."""
    pipeline = Pipeline(recipe_of(open_page("variants", w="small"), cache), Workspace(cache / "small"), device="cpu")
    (pgd,), one = pipeline.plan.attacked(), int(pipeline.samples.sample_ids[3])
    label = pipeline.samples.label_of(one)
    edits = {"selection.edits": {"relabel": {str(one): (label + 1) % 10}}}

    def view(name: str, **fields: Any) -> str:
        at = open_page("variants", w="small", sample=str(one), d=json.dumps(fields))
        at.session_state["across-kind"] = variants.called(pgd)
        at.segmented_control(key="view").set_value(name).run()
        assert not at.exception
        return words(at)

    moved = f"Made to move away from {pipeline.samples.classes[label]}, the label before you changed it"
    left_out = "**1** adversarial copy made for labels that you have changed since is left out."
    assert moved in view("One sample", **edits)
    assert moved not in view("One sample")
    for name in ("Across samples", "Effect"):
        assert left_out in view(name, **edits)
        assert left_out not in view(name)
    changed = pipeline.of(pipeline.recipe.with_changes(**edits))
    at = ordered(changed.plan, pgd, "entropy")
    assert one not in changed.samples.sample_ids[pgd.sample_rows[at]]
    table, _ = effects(changed.plan)
    assert table.set_index("kind")["images"].to_dict() == {
        "fog": 1300, "gaussian_noise": 1300, "pixelate": 1300, "pgd": 1299,
    }  # fmt: skip


def test_what_was_typed_in_a_view_is_there_on_return(cache: Path) -> None:
    at = open_page("variants")
    at.segmented_control(key="view").set_value("Database").run()
    at.multiselect(key="database-kinds").set_value(["snow"]).run()
    at.session_state["across-kind"] = ("no such kind", 1, "")
    at.segmented_control(key="view").set_value("Across samples").run()
    assert not at.exception
    at.segmented_control(key="view").set_value("Database").run()
    assert at.multiselect(key="database-kinds").value == ["snow"]


def test_a_live_attack_follows_epsilon(cache: Path) -> None:
    at = open_page("variants")
    at.segmented_control(key="view").set_value("Live attack").run()
    for level in (4, 40):
        at.slider(key="live-pgd-linf").set_value(level).run()
        assert not at.exception
        assert any(f"L∞ {level}/255" in element.value for element in at.markdown)


@pytest.mark.parametrize("name", [attack.name for attack in ATTACKS])
def test_every_attack_can_be_tried_live(cache: Path, name: str) -> None:
    at = open_page("variants")
    at.segmented_control(key="view").set_value("Live attack").run()
    at.selectbox(key="live-attack").set_value(name).run()
    assert not at.exception
    assert not at.error
    assert any("changes pixels by L∞" in element.value for element in at.markdown)


@pytest.mark.parametrize("view", ["One sample", "Live attack", "Database"])
def test_a_goal_model_is_enough_to_try_variants(cache: Path, view: str) -> None:
    """Before hours are spent on them: nothing of this recipe's copies is computed."""
    at = open_page("variants", w="small", d='{"variants.corruption":{"kinds":["frost"],"severities":[4]}}')
    at.segmented_control(key="view").set_value(view).run()
    assert not at.exception
    assert not at.error
    assert not any("Not ready yet" in element.value for element in at.subheader)


def test_more_variants_say_what_they_cost_first(cache: Path) -> None:
    at = open_page("variants")
    at.segmented_control(key="view").set_value("Database").run()
    at.multiselect(key="database-kinds").set_value(["snow"])
    at.multiselect(key="database-attacks").set_value(["fgsm", "transfer"])
    at.number_input(key="database-samples").set_value(100).run()
    assert not at.exception
    assert [metric.value for metric in at.metric[:2]] == ["500", "83 kB"]  # of the attacks
    at.button(key="database-adopt").click().run()
    assert any("unsaved change" in element.value for element in at.caption)


def test_copies_are_kept_as_files_where_asked_and_the_workspace_says_what_it_takes(cache: Path) -> None:
    at = open_page("workspace", w="small")
    assert any("Samples: **1 MB**" in element.value for element in at.markdown)
    assert not any("Corrupted copies" in element.value for element in at.markdown)
    at = open_page("variants", w="small")
    at.segmented_control(key="view").set_value("Database").run()
    assert any(f"{4 * 1300:,} images, 1.0 MB" in element.value for element in at.caption)
    at.toggle(key="field-variants.corruption.keep").set_value(True).run()
    assert not at.exception
    assert recipe_of(at, cache).variants.corruption.keep == "all"  # type: ignore[union-attr]
    at.switch_page("workspace.py").run()
    assert any("Corrupted copies" in element.value for element in at.markdown)


def test_the_environment_is_as_before() -> None:
    assert "CURATION_WORKSPACE" not in os.environ
