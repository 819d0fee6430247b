"""Somebody's weights on several sets of samples, and a picture that is there several times: keys tell them apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curation.errors import UsageError
from curation.evaluation.baselines import BASELINES
from curation.exporters.datasheet import datasheet
from curation.models.loading import save_weights
from curation.pipeline import FOR_SELECTION, Pipeline
from curation.pipeline.freshness import SourceChanged
from curation.pipeline.stages.self_correction import SelfCorrect
from curation.pipeline.trust import doubts_of
from curation.recipe import Recipe
from curation.storage.workspace import Workspace
from tests.solved import solved, stripes


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "solved.safetensors"
    save_weights(solved(), path)
    return path


def of(folder: Path, weights: Path, images: np.ndarray, labels: np.ndarray, **changes: Any) -> Pipeline:
    """Return the pipeline of a recipe on clean stripes alone."""
    file = folder / "set.npz"
    np.savez(file, images=images, labels=labels)
    recipe = {
        "source": {"reader": "npz", "path": str(file)},
        "goal_model": {"architecture": "tiny_resnet", "checkpoint": str(weights)},
        "variants": {"corruption": None, "adversarial": None},
        "selection": {"budget": 20, "mix": [1, 0, 0]},
    }
    return Pipeline(Recipe.parse(recipe).with_changes(**changes), Workspace(folder / "w"), device="cpu")


def test_loaded_weights_are_measured_on_the_samples_that_they_guide(tmp_path: Path, weights: Path) -> None:
    images, labels = stripes(80, 0)
    right = of(tmp_path, weights, images, labels)
    right.run(FOR_SELECTION)
    assert doubts_of(right.plan) == []
    noisy = right.of(right.recipe.with_changes(**{"source.noise": {"share": 0.9}}))
    noisy.run(FOR_SELECTION)
    assert doubts_of(noisy.plan)
    turned = of(tmp_path, weights, images, (labels + 1) % 4)
    with pytest.raises(SourceChanged) as changed:
        turned.run(FOR_SELECTION)
    changed.value.read_again()
    turned.run(FOR_SELECTION)
    (doubt,) = doubts_of(turned.plan)
    assert doubt.grave
    assert "classes seem to be in another order than the data's" in doubt.sentence
    text = datasheet(turned.curated(turned.pool(), turned.select()), turned.recipe.export)
    assert "accuracy 0.0% on the samples" in text


def test_self_correction_follows_which_of_several_samples_of_a_picture_counts(tmp_path: Path, weights: Path) -> None:
    images, labels = stripes(60, 0)
    images[[7, 9]], labels[[7, 9]] = images[3], labels[3]
    plain = of(tmp_path, weights, images, labels, **{"selection.strategy": "self_correction"})
    plain.run(("ingest", "duplicates", "goal_model", "score"))

    def key(**edits: Any) -> str:
        decided = plain.of(plain.recipe.with_changes(**{"selection.edits": edits}))
        return SelfCorrect().order(decided.plan).folder.name

    assert key(confirmed=[20]) == key(include=["21"]) == key()
    assert len({key(), key(confirmed=[9]), key(confirmed=[7]), key(include=["9"])}) == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"selection.class_balance": {"clean": True}},
        {"selection.variants_per_sample": "one"},
        {"weights": {"by": "cluster_size"}},
    ],
)
def test_what_self_correction_cannot_heed_is_refused(changes: dict[str, Any], small: Recipe) -> None:
    asked = small.with_changes(**changes)
    with pytest.raises(UsageError, match=r"strategy self_correction .*, or choose another strategy"):
        asked.with_changes(**{"selection.strategy": "self_correction"})
    assert BASELINES.build("self_correction").recipe(asked).selection.strategy == "self_correction"
