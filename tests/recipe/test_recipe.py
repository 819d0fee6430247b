"""Recipes: one document for dashboard, command line and Python; wrong ones are named with the nearest right word."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import curation.corruptions
from curation.corruptions import CORRUPTIONS, Constants, kinds_of
from curation.corruptions.weather import Snow
from curation.errors import RenamedWarning, UsageError, notes_told
from curation.plugin import Registry
from curation.recipe import Recipe
from curation.selection import SELECTORS
from curation.selection.pool import Part, build_pool
from curation.selection.select import select

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
SHIPPED = sorted(RECIPES.glob("*.yaml"))
PLAIN: dict[str, Any] = {"source": {"reader": "digits"}, "selection": {"budget": 10}}


def changed(path: str, value: Any) -> dict[str, Any]:
    recipe = Recipe.parse(PLAIN).to_dict()
    *parents, last = path.split(".")
    node = recipe
    for parent in parents:
        node = node[parent]
    node[last] = value
    return recipe


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_recipes_load_and_survive_a_round_trip(path: Path) -> None:
    recipe = Recipe.load(path)
    assert Recipe.from_yaml(recipe.to_yaml()) == recipe
    assert Recipe.from_yaml(recipe.to_yaml()).fingerprint() == recipe.fingerprint()


def test_fractions_of_255_are_kept_as_people_write_them() -> None:
    recipe = Recipe.parse({**PLAIN, "variants": {"adversarial": {"attack": "pgd", "epsilon": "8/255"}}})
    assert recipe.variants.adversarial[0].epsilon == pytest.approx(8 / 255)
    assert "epsilon: 8/255" in recipe.to_yaml()


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("selection.budgt", 5, r"unknown field 'budgt'; did you mean 'budget'\?"),
        ("source.reader", "cifar11", r"unknown reader 'cifar11'; did you mean 'cifar10'\?"),
        ("source.pth", "x", r"unknown field 'pth'"),
        ("selection.strategy", "boundry", r"unknown .*'boundry'; did you mean 'boundary'\?"),
        ("selection.budget", 0, r"selection\.budget: .*greater than or equal to 1, got 0"),
        ("selection.budget", "many", r"selection\.budget: .*got 'many'"),
        ("selection.score", "entropi", r"entropy"),
        ("variants.corruption.kinds", ["fogg"], r"unknown corruption 'fogg'; did you mean 'fog'\?"),
        ("variants.corruption.severities", [6], r"severity must be 1, 2, 3, 4 or 5, got 6"),
        ("variants.adversarial.attack", "pdg", r"unknown attack 'pdg'; did you mean 'pgd'\?"),
        ("variants.adversarial.epsilon", 8, r"8/255"),
        ("variants.adversarial.epsilon", "8/0", r"epsilon: .*8/255 .*got '8/0'"),
        ("export.format", "zip", r"unknown exporter 'zip'"),
        (
            "labels.temperature",
            2,
            r"labels: temperature softens the goal model's labels alone; .* got 2 with mode hard",
        ),
        ("labels", {"mode": "goal_model", "temperature": 0}, r"labels\.temperature: .*greater than or equal to 0\.05"),
        ("labels.mode", "soft", r"'hard', 'smoothed', 'goal_model' or 'source'"),
        ("selection.mix", {"clean": 0, "corruption": 0, "adversarial": 0}, r"mix"),
        ("selection.mix", {"clean": 1, "corupted": 2}, r"unknown field 'corupted'; did you mean 'corruption'\?"),
        ("selection.offset", {"clean": 1.5}, r"offset"),
        ("seed", -1, r"seed: .*greater than or equal to 0"),
    ],
)
def test_a_wrong_field_is_named_with_what_is_allowed(path: str, value: Any, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        Recipe.parse(changed(path, value))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "expected fields such as"),
        ("- a\n- b", "expected fields such as"),
        ("name: [1, 2", "not valid YAML on line"),
        ("name: x", r"source: field required"),
    ],
)
def test_broken_documents_are_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=sentence) as caught:
        Recipe.load(file)
    assert "broken.yaml" in str(caught.value)


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no recipe file .*gone\.yaml; shipped ones are in recipes/"):
        Recipe.load(tmp_path / "gone.yaml")


def test_name_and_note_do_not_change_the_fingerprint() -> None:
    recipe = Recipe.parse(PLAIN)
    assert recipe.with_changes(name="other", note="x").fingerprint() == recipe.fingerprint()
    assert recipe.with_changes(seed=1).fingerprint() != recipe.fingerprint()


@settings(deadline=None, max_examples=40)
@given(
    budget=st.integers(1, 10**7),
    mix=st.tuples(*[st.integers(0, 50)] * 3).filter(any),
    offset=st.floats(0, 0.99),
    seed=st.integers(0, 2**31 - 1),
)
def test_any_recipe_survives_yaml(budget: int, mix: tuple[int, int, int], offset: float, seed: int) -> None:
    families = ("clean", "corruption", "adversarial")
    recipe = Recipe.parse(PLAIN).with_changes(
        **{
            "seed": seed,
            "selection.budget": budget,
            "selection.mix": dict(zip(families, mix, strict=True)),
            "selection.offset": dict.fromkeys(families, offset),
        }
    )
    assert Recipe.parse(yaml.safe_load(recipe.to_yaml())) == recipe


def test_one_attack_or_a_list_of_them() -> None:
    one = {"attack": "pgd", "epsilon": "8/255"}
    two = {**one, "epsilon": "4/255"}
    for written, count in ((None, 0), ([], 0), (one, 1), ([one], 1), ([one, two], 2)):
        recipe = Recipe.parse({**PLAIN, "variants": {"adversarial": written}})
        assert len(recipe.variants.adversarial) == count
        assert Recipe.from_yaml(recipe.to_yaml()) == recipe
    assert Recipe.parse({**PLAIN, "variants": {"adversarial": one}}).to_dict()["variants"]["adversarial"]["steps"] == 20
    with pytest.raises(UsageError, match="pgd is listed twice with the same parameters"):
        Recipe.parse({**PLAIN, "variants": {"adversarial": [one, one]}})


@pytest.mark.parametrize("asked", [None, 10, [3, 1, 7]])
def test_variants_of_chosen_samples_survive_yaml(asked: object) -> None:
    recipe = Recipe.parse({**PLAIN, "variants": {"samples": asked}})
    assert recipe.variants.samples == asked
    assert Recipe.from_yaml(recipe.to_yaml()) == recipe


@pytest.mark.parametrize("constants", get_args(Constants))
def test_all_kinds_are_written_as_their_members(constants: Constants, monkeypatch: pytest.MonkeyPatch) -> None:
    written = {**PLAIN, "variants": {"corruption": {"kinds": "all", "constants": constants}}}
    fresh, text = Recipe.parse(written), Recipe.parse(written).to_yaml()
    block = fresh.variants.corruption
    assert block is not None
    assert block.kinds == [kind.name for kind in kinds_of(constants)]
    assert Recipe.parse({**PLAIN, "variants": {"corruption": {"constants": constants}}}) == fresh, "it is the default"

    class Registered(Snow):
        name = "registered"

    monkeypatch.setattr("curation.corruptions.CORRUPTIONS", Registry("corruption", (*CORRUPTIONS, Registered)))
    monkeypatch.setattr("curation.recipe.variants.CORRUPTIONS", curation.corruptions.CORRUPTIONS)
    saved, after = Recipe.from_yaml(text), Recipe.parse(written)
    assert after.variants.corruption is not None
    assert (saved.computed(), saved.fingerprint()) == (fresh.computed(), fresh.fingerprint())
    assert "registered" in after.variants.corruption.kinds
    assert after.computed() != fresh.computed()
    assert after.fingerprint() != fresh.fingerprint()


def test_a_kind_may_carry_its_own_severity() -> None:
    asked = {"kinds": ["fog", "snow/2", "snow/2"], "severities": [1, 5]}
    corruption = Recipe.parse({**PLAIN, "variants": {"corruption": asked}}).variants.corruption
    assert corruption is not None
    assert [(member.name, member.severity) for member in corruption.members()] == [("fog", 1), ("fog", 5), ("snow", 2)]
    for wrong, sentence in (
        ("fog/6", "a severity, 1 to 5, e.g. fog/3"),
        ("fgo/3", "did you mean 'fog'"),
        ("fog/", "1 to 5"),
    ):
        with pytest.raises(UsageError, match=sentence):
            Recipe.parse({**PLAIN, "variants": {"corruption": {"kinds": [wrong]}}})
    with pytest.raises(UsageError, match="glass_blur has no such constants; choose cifar or imagenet"):
        Recipe.parse({**PLAIN, "variants": {"corruption": {"kinds": ["glass_blur"], "constants": "imgaug"}}})


def test_the_random_split_asks_for_the_published_fourteen() -> None:
    corruption = Recipe.load(RECIPES / "random_split.yaml").variants.corruption
    assert corruption is not None
    assert {member.name for member in corruption.members()} == {kind.name for kind in kinds_of("imgaug")}
    assert len(corruption.members()) == 14


@pytest.mark.parametrize("path", [path for path in SHIPPED if path.stem != "demo"], ids=lambda path: path.stem)
def test_shipped_recipes_fill_their_budget_though_some_images_repeat_others(path: Path) -> None:
    """On CIFAR-10, a fiftieth of it: its training images have near-duplicates."""
    recipe, count = Recipe.load(path), 1000
    draws, ids = np.random.default_rng(0), np.arange(count)
    members = recipe.variants.corruption.members() if recipe.variants.corruption else []
    names = [attack.name for attack in recipe.variants.adversarial]
    parts = [("clean", "clean", 0), *(("corruption", one.name, one.severity) for one in members)]
    parts += [("adversarial", name, names[:at].count(name)) for at, name in enumerate(names)]
    scores = [pd.DataFrame({"gini": (values := draws.random(count)), "entropy": values}) for _ in parts]
    same_as = np.where(ids % 100 == 99, ids - 1, ids)
    found = [Part(*part, table) for part, table in zip(parts, scores, strict=True)]
    pool = build_pool(ids, ids % 10, found, same_as=same_as)
    changes: dict[str, Any] = {"selection.budget": recipe.selection.budget * count // 50_000}
    strategy = SELECTORS[recipe.selection.strategy]
    if strategy.by_coverage or strategy.follows:  # another choice from the same candidates
        changes |= {"selection.strategy": "random"}
    asked = recipe.with_changes(**changes)
    chosen = select(pool, asked.selection, seed=0, classes=10)
    assert [shortage.sentence for shortage in chosen.shortages] == []
    assert len(chosen.pool_rows) == asked.selection.budget


def test_variants_are_added_to_a_recipe_and_never_replaced() -> None:
    def block(**parts: Any) -> Any:
        return Recipe.parse({**PLAIN, "variants": parts}).variants

    mine = block(corruption={"kinds": ["fog"], "severities": [1, 2]}, adversarial={"attack": "fgsm"})
    theirs = block(
        corruption={"kinds": ["fog", "snow"], "severities": [2, 3]}, adversarial=[{"attack": "fgsm"}, {"attack": "bim"}]
    )
    both = mine.plus(theirs)
    assert {(m.name, m.severity) for m in both.corruption.members()} == {
        *(("fog", 1), ("fog", 2), ("fog", 3)),
        *(("snow", 2), ("snow", 3)),
    }
    assert [attack.name for attack in both.adversarial] == ["fgsm", "bim"]
    assert mine.plus(block(corruption=None, adversarial=None)) == mine
    with pytest.raises(UsageError, match="keep to one"):
        mine.plus(block(corruption={"kinds": ["snow"], "constants": "imagenet"}))


def test_former_names_are_read_with_a_note_and_written_as_the_present_ones() -> None:
    written = {
        "source": {"reader": "digits"},
        "selection": {"budget": 10, "coverage": {"neighbours": 5}},
        "label_check": {"neighbours": 7},
        "variants": {
            "corruption": {"kinds": ["colour_quantisation/3"], "constants": "imgaug"},
            "adversarial": {"attack": "transfer", "normalise": True},
        },
    }
    with pytest.warns(RenamedWarning) as notes:
        recipe = Recipe.parse(written)
    assert {str(note.message) for note in notes} == {
        "the field 'label_check' is now called 'label_errors'",
        "the field 'neighbours' is now called 'neighbors'",
        "the corruption 'colour_quantisation' is now called 'color_quantization'",
        "the field 'normalise' is now called 'rule'",
    }
    assert recipe.label_errors is not None
    assert recipe.label_errors.neighbors == 7
    assert recipe.selection.coverage.neighbors == 5
    text = recipe.to_yaml()
    assert "color_quantization/3" in text
    assert "rule: paper" in text
    assert "neighbours" not in text
    assert "label_check" not in text
    assert Recipe.from_yaml(text) == recipe


def test_notes_of_former_names_say_where_they_are_and_come_once(tmp_path: Path) -> None:
    file, told = tmp_path / "old.yaml", list[str]()
    file.write_text(yaml.safe_dump({**PLAIN, "label_errors": {"neighbours": 7}}))
    with notes_told(lambda _, sentence: told.append(sentence)):
        for _ in range(2):
            Recipe.load(file)
        Recipe.parse(yaml.safe_load(file.read_text()))
    sentence = "the field 'neighbours' is now called 'neighbors'"
    assert told == [f"{file}: {sentence}", sentence]
    with pytest.warns(RenamedWarning, match="neighbours"):
        Recipe.load(file)
    with pytest.warns(UserWarning, match="another"), notes_told(lambda _, sentence: told.append(sentence)):
        warnings.warn("another", UserWarning, stacklevel=1)
    assert len(told) == 2


def test_a_checkpoint_is_named_as_seen_from_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_bytes(b"")
    text = "source: {reader: digits}\nselection: {budget: 5}\ngoal_model: {checkpoint: NAME}\n"
    for name, expected in (
        ("weights.safetensors", str(tmp_path / "weights.safetensors")),
        (str(tmp_path / "weights.safetensors"), str(tmp_path / "weights.safetensors")),
        ("elsewhere.pt", "elsewhere.pt"),
    ):
        (tmp_path / "recipe.yaml").write_text(text.replace("NAME", name))
        assert Recipe.load(tmp_path / "recipe.yaml").goal_model.checkpoint == expected
