"""What is called held out is: nothing of it is trained on."""

from __future__ import annotations

from typing import Any

import pytest

from curation.errors import UsageError
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
            r"mine has copies with spatter, which the test suite calls held out: take that out of suite\.held_out, or",
        ),
        ({"corruption": ZHONG}, {}, "copies with gaussian_blur, saturate, which"),
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


def test_networks_that_an_attack_of_the_suite_borrows_are_surrogates_too() -> None:
    settings = SuiteSettings.model_validate({"adversarial": [transfer("resnet18")]})
    with pytest.raises(UsageError, match="the surrogate resnet18 is also the architecture of the goal model"):
        check_surrogates(settings, "resnet18", ())
    check_surrogates(settings, "resnet34", ())
