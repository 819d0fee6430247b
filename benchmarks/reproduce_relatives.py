"""The boundary and its relatives at equal budget: chance, offsets, CCS, Moderate and EL2N, on digits.

Every set has the same candidates, budget and mix 9 : 6 : 10; only the choice inside each family differs. Sources: Wang
& Fang 2022 (offset), Zheng et al. 2023 (CCS), Xia et al. 2023 (Moderate), Paul et al. 2021 (EL2N).
"""

from __future__ import annotations

from typing import Any

from curation.evaluation.settings import Evaluation
from curation.recipe import Recipe

KINDS = ["gaussian_noise", "motion_blur", "fog", "contrast", "pixelate"]
EPSILON = 0.1

WAYS: dict[str, dict[str, Any]] = {
    "random": {"selection.strategy": "random"},
    "offset-0": {"selection.offset": 0},
    "offset-.5": {"selection.offset": 0.5},
    "ccs": {"selection.strategy": "stratified", "selection.offset": 0.1},
    "moderate": {"selection.strategy": "moderate"},
    "el2n": {"selection.score": "el2n", "selection.offset": 0.1},
    "ccs-el2n": {"selection.score": "el2n", "selection.strategy": "stratified", "selection.offset": 0.1},
}


def recipes() -> dict[str, Recipe]:
    """Return a recipe for each way to choose: 400 of 2,000 digits with six copies each."""
    base = Recipe.parse(
        {
            "name": "relatives",
            "source": {"reader": "digits", "split": "train", "limit": 2000},
            "goal_model": {
                "architecture": "tiny_resnet",
                "train": {"preset": "fast", "epochs": 12, "flip": False},
                "early_epochs": [1, 2],
            },
            "variants": {
                "corruption": {"kinds": KINDS, "severities": [3]},
                "adversarial": {"attack": "pgd", "loss": "dlr", "epsilon": EPSILON, "steps": 10},
            },
            "selection": {"budget": 400, "mix": [9, 6, 10], "offset": 0},
        }
    )
    return {name: base.with_changes(name=name, **changes) for name, changes in WAYS.items()}


def evaluation(seeds: int) -> Evaluation:
    """Return how the sets are compared: so many trainings of a small network, on held-out digits."""
    return Evaluation.parse(
        {
            "targets": ["tiny_resnet"],
            "seeds": seeds,
            "schedule": {"preset": "fast", "epochs": 24, "flip": False, "batch_size": 64},
            "baselines": ["clean"],
            "suite": {
                "samples": 200,
                "corruption": {"kinds": KINDS, "severities": [3]},
                "adversarial": [{"attack": "pgd", "loss": "ce", "epsilon": EPSILON, "steps": 10}],
                "surrogates": ["tiny_convnet"],
                "training": {"preset": "fast", "epochs": 12, "flip": False},
            },
        }
    )
