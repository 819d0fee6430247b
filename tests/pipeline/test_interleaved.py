"""Labels 0, 1, …, 0, 1, …, as round-robin writers leave them: no subset of such a set is of one class."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from curation.evaluation.part import Part, Suite
from curation.evaluation.settings import Evaluation
from curation.evaluation.trials import measure_trial, predictions_shards, trials_of
from curation.models.architectures import build
from curation.pipeline import Pipeline
from curation.pipeline.fitting import serialized
from curation.pipeline.stages import goal_model
from curation.recipe import Recipe
from curation.storage.workspace import Workspace
from curation.tuning.proxy import sliced

CLASSES, SHAPE = 4, (16, 16, 1)


def written(folder: Path, *, count: int = 800) -> Path:
    random = np.random.default_rng(0)
    parts: dict[str, Any] = {}
    for split in ("train", "test"):
        parts[f"{split}_images"] = random.integers(0, 256, (count, *SHAPE), dtype=np.uint8)
        parts[f"{split}_labels"] = np.arange(count) % CLASSES
    np.savez(folder / "set.npz", **parts)
    return folder / "set.npz"


def always_zero() -> torch.nn.Module:
    network = build("tiny_convnet", classes=CLASSES, shape=SHAPE, seed=0)
    last = [layer for layer in network.modules() if isinstance(layer, torch.nn.Linear)][-1]
    torch.nn.init.zeros_(last.weight)
    last.bias.data = torch.tensor([5.0, 0, 0, 0])
    return network.eval()


def pipeline(folder: Path, **source: Any) -> Pipeline:
    weights = folder / "zero.safetensors"
    save_file({name: value.contiguous() for name, value in always_zero().state_dict().items()}, str(weights))
    recipe = {
        "source": {"reader": "npz", "path": str(written(folder)), **source},
        "goal_model": {"architecture": "tiny_convnet", "checkpoint": str(weights)},
        "variants": {"corruption": {"kinds": ["fog"], "severities": [1]}, "adversarial": None, "samples": 40},
        "selection": {"budget": 8},
    }
    return Pipeline(Recipe.parse(recipe), Workspace(folder / "w"), device="cpu")


@pytest.mark.parametrize("limit", [100, 200, 400])
def test_a_limit_and_the_samples_of_variants_hold_every_class(limit: int, tmp_path: Path) -> None:
    it = pipeline(tmp_path, limit=limit)
    it.run(("ingest",))
    assert np.bincount(it.samples.labels).tolist() == [limit // CLASSES] * CLASSES
    assert np.bincount(it.samples.labels[it.plan.variant_rows]).tolist() == [10] * CLASSES


def test_a_model_that_always_answers_one_class_is_as_bad_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(goal_model, "MEASURED", 200)
    it = pipeline(tmp_path)
    it.run(("ingest", "goal_model"))
    about = it.workspace.model(it.plan.model_key).about
    assert about is not None
    assert (about["train_accuracy"], about["test_accuracy"]) == (0.25, 0.25)


def _rows(images: np.ndarray, positions: np.ndarray) -> np.ndarray:
    found: np.ndarray = images[positions]
    return found


def test_the_white_box_and_a_slice_of_the_suite_hold_every_class(tmp_path: Path) -> None:
    labels = np.arange(400) % CLASSES
    pixels = np.random.default_rng(0).integers(0, 256, (400, *SHAPE), dtype=np.uint8)
    part = Part("clean", "clean", 0, np.arange(400), labels, partial(_rows, pixels))
    suite = Suite("key", [str(index) for index in range(CLASSES)], SHAPE, (part,), {})
    assert np.bincount(sliced(suite, 40).parts[0].labels).tolist() == [10] * CLASSES
    evaluation = Evaluation.parse({"targets": ["tiny_convnet"], "seeds": 1, "white_box": {"samples": 40, "steps": 1}})
    workspace, (trial,) = Workspace(tmp_path / "w"), trials_of("set", "key", evaluation, seed=0)
    workspace.target(trial.key).finish(
        serialized(always_zero()), {"architecture": "tiny_convnet", "classes": CLASSES, "shape": list(SHAPE)}
    )
    measure_trial(workspace, trial, suite, evaluation, "cpu", lambda *_: None)
    table = predictions_shards(workspace, trial, "key", evaluation).table(0)
    attacked = table[table["part"] == "white_box"]
    assert np.bincount(attacked["label"]).tolist() == [10] * CLASSES
