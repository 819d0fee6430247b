"""What is called held out is: nothing of it is trained on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from curation.cli import app
from curation.errors import CurationError, UsageError
from curation.evaluation.evaluate import begin
from curation.evaluation.settings import Evaluation, SuiteSettings
from curation.evaluation.suite import check_held_out, check_surrogates
from curation.recipe import Recipe
from curation.storage.workspace import Workspace

ZHONG = {"constants": "imgaug", "kinds": ["rain/3", "saturate/4", "gaussian_blur/3"]}


def transfer(*architectures: str) -> dict[str, Any]:
    surrogates = [{"architecture": name, "checkpoint": "any.safetensors"} for name in architectures]
    return {"attack": "transfer", "surrogates": surrogates}


def recipe(**variants: Any) -> Recipe:
    return Recipe.parse(
        {"name": "mine", "source": {"reader": "digits"}, "variants": variants, "selection": {"budget": 9}}
    )


@pytest.mark.parametrize(
    ("variants", "suite", "said"),
    [
        (
            {"corruption": {"kinds": ["fog", "spatter"]}},
            {},
            r"mine has copies with spatter, which the test suite calls held out: hold out other kinds with --held-out "
            r"speckle_noise,gaussian_blur,saturate \(suite\.held_out\), or take it out of the recipe's variants\.",
        ),
        ({"corruption": ZHONG}, {}, "copies with gaussian_blur, saturate, which.* or take them out"),
        ({"corruption": ZHONG}, {"held_out": ["saturate"]}, "with --held-out none"),
        ({"corruption": ZHONG}, {"held_out": ["speckle_noise", "spatter"]}, None),
        ({"corruption": {"kinds": "all"}}, {}, None),
        (
            {"adversarial": transfer("resnet18", "resnet20")},
            {},
            r"mine uses a surrogate resnet20, as the test suite does.*choose another one in suite\.surrogates",
        ),
        ({"adversarial": transfer("resnet20")}, {"surrogates": ["tiny_convnet"]}, None),
        (
            {"adversarial": transfer("vgg16_bn")},
            {"adversarial": [transfer("vgg16_bn")]},
            "mine uses a surrogate vgg16_bn, as the test suite does",
        ),
        ({"corruption": ZHONG, "adversarial": transfer("resnet20")}, {"path": "/mine"}, None),
    ],
    ids=lambda value: None,
)
def test_what_is_trained_on_is_refused(
    variants: dict[str, Any], suite: dict[str, Any], said: str | None, tmp_path: Any
) -> None:
    settings, asked = SuiteSettings.model_validate(suite), recipe(**variants)
    if said is None:
        check_held_out(settings, asked)
        return
    with pytest.raises(UsageError, match=said):
        check_held_out(settings, asked)
    with pytest.raises(UsageError, match=said):  # before anything is computed
        begin({"mine": asked}, Evaluation(suite=settings), Workspace(tmp_path / "w"))


def test_the_random_split_is_evaluated_as_its_comment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = Path(__file__).parents[2] / "recipes" / "random_split.yaml"

    def stop(*_: object, **__: object) -> None:
        raise CurationError("begun")

    monkeypatch.setattr("curation.evaluation.evaluate.resume", stop)
    words = ["evaluate", str(file), "--workspace", str(tmp_path / "w")]
    refused = CliRunner().invoke(app, words)
    (way_out,) = re.findall(r"`curation evaluate recipes/random_split\.yaml (--held-out \S+)`", file.read_text())
    assert refused.exit_code == 2
    assert way_out in refused.output
    begun = CliRunner().invoke(app, [*words, *way_out.split()])
    assert "begun" in begun.output
    record = Workspace(tmp_path / "w").evaluation("evaluation")
    assert record is not None
    assert record["evaluation"]["suite"]["held_out"] == ["speckle_noise", "spatter"]


@pytest.mark.parametrize("command", ["evaluate", "tune"])
def test_an_unknown_held_out_kind_is_a_sentence(command: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(recipe().to_yaml())
    words = [command, tmp_path / "recipe.yaml", "--workspace", tmp_path / "w", "--held-out", "spater"]
    wrong = CliRunner().invoke(app, list(map(str, words)))
    assert wrong.exit_code == 2
    assert "spatter" in wrong.output


def test_networks_that_an_attack_of_the_suite_borrows_are_surrogates_too() -> None:
    settings = SuiteSettings.model_validate({"adversarial": [transfer("resnet18")]})
    with pytest.raises(UsageError, match="the surrogate resnet18 is also the architecture of the goal model"):
        check_surrogates(settings, "resnet18", ())
    check_surrogates(settings, "resnet34", ())
