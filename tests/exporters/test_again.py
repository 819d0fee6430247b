"""An exported recipe, with the goal model that travels beside it, makes its set again, whatever the machine trains."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from curation.pipeline import FOR_SELECTION, Pipeline
from curation.recipe import Recipe
from curation.storage.workspace import Workspace
from tests.patience import PATIENCE_S

RECIPE = {
    "name": "again",
    "source": {"reader": "digits", "limit": 300},
    "goal_model": {"architecture": "tiny_convnet", "train": {"epochs": 2, "precision": "auto"}, "epoch": 1},
    "variants": {
        "corruption": {"kinds": ["fog"], "severities": [3]},
        "adversarial": {"attack": "pgd", "loss": "dlr", "epsilon": 0.1, "steps": 2},
    },
    "selection": {"budget": 150, "mix": {"clean": 1, "corruption": 1, "adversarial": 1}},
}
AGAIN = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(int(sys.argv[3]))
from curation.pipeline import FOR_SELECTION, Pipeline
from curation.recipe import Recipe
from curation.storage.workspace import Workspace
recipe, workspace = Recipe.load(Path(sys.argv[1]) / "recipe.yaml"), Workspace(Path(sys.argv[2]) / "cache")
pipeline = Pipeline(recipe, workspace, device="cpu")
pipeline.run(FOR_SELECTION)
pipeline.export(Path(sys.argv[2]) / "out")
"""
NEARLY = 0.98
"""Share that another processor or number of threads must give alike: rounding may tip the sign of a gradient."""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("again")
    pipeline = Pipeline(Recipe.parse(RECIPE), Workspace(folder / "cache"), device="cpu")
    pipeline.run(FOR_SELECTION)
    return pipeline.export(folder / "out")


def test_a_fresh_workspace_gives_the_same_checksums(exported: Path, tmp_path: Path) -> None:
    recipe = Recipe.load(exported / "recipe.yaml")
    assert recipe.goal_model.checkpoint == str(exported / "goal_model.safetensors")
    assert recipe.goal_model.train.epochs == 2
    pipeline = Pipeline(recipe, Workspace(tmp_path / "cache"), device="cpu")
    pipeline.run(FOR_SELECTION)
    again = pipeline.export(tmp_path / "out")
    for name in (
        "data.npy",
        "label.npy",
        "recipe.yaml",
        "manifest.parquet",
        "provenance.json",
        "goal_model.safetensors",
    ):
        assert (again / name).read_bytes() == (exported / name).read_bytes()


def test_the_recipe_and_the_environment_say_which_precision_it_was(exported: Path) -> None:
    written = Recipe.load(exported / "recipe.yaml").goal_model.train
    training = json.loads((exported / "environment.json").read_text())["training"]
    assert training == {"threads": 2, "precision": written.precision}
    assert written.precision in ("float32", "bfloat16")
    assert "environment.json" not in (exported / "SHA256SUMS").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("threads", "instructions"), [("1", ""), ("4", ""), ("2", "AVX2")])
def test_other_threads_and_instructions_give_the_same_set(
    exported: Path, tmp_path: Path, threads: str, instructions: str
) -> None:
    limited = {"ONEDNN_MAX_CPU_ISA": instructions} if instructions else {}
    command = [sys.executable, "-c", AGAIN, str(exported), str(tmp_path), threads]
    subprocess.run(command, env={**os.environ, **limited}, check=True, timeout=PATIENCE_S)
    first, second = (rows(folder) for folder in (exported, tmp_path / "out"))
    same = first.index.intersection(second.index)
    assert len(same) >= NEARLY * len(first)
    first, second = first.loc[same], second.loc[same]
    equal = (np.stack(first["image"]) == np.stack(second["image"])).all((1, 2, 3))
    assert equal.mean() >= NEARLY
    assert equal[(first["family"] != "adversarial").to_numpy()].all()
    assert (first["label"] == second["label"]).all()
    np.testing.assert_allclose(first["entropy"][equal], second["entropy"][equal], atol=1e-4)


def rows(folder: Path) -> pd.DataFrame:
    """An export's manifest with its images, by candidate."""
    table = pd.read_parquet(folder / "manifest.parquet")
    table["image"] = list(np.load(folder / "data.npy"))
    return table.set_index(["sample_id", "kind", "severity"])


def test_a_recipe_that_needs_earlier_epochs_trains_them_again(exported: Path) -> None:
    from curation.pipeline.carried import carried_recipe

    changed = {"selection.strategy": "facility_location", "selection.coverage": {"epochs": [1, 2]}}
    recipe = Recipe.parse(RECIPE).with_changes(**changed)
    assert carried_recipe(recipe) == recipe
