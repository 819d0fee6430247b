"""What is exported is what was measured: read again, the goal model says of each image what the manifest says, and no
perturbation is longer than its epsilon after rounding to 8 bits; for every format, over every kind of attack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curation.dataset import load
from curation.errors import notes_told
from curation.exporters import EXPORTERS
from curation.models.loading import save_weights
from curation.models.prediction import predict
from curation.pipeline import FOR_SELECTION, Pipeline
from curation.recipe import Recipe
from curation.storage.workspace import Workspace
from tests.solved import solved, stripes

SAMPLES = 16
EPSILON = 10.4 / 255  # no whole number of levels: it must be rounded down
ATTACKS: list[dict[str, Any]] = [
    {"attack": "fgsm", "epsilon": EPSILON},
    {"attack": "fgsm", "epsilon": 0.7, "norm": "l2"},
    {"attack": "bim", "epsilon": EPSILON, "steps": 3},
    {"attack": "mim", "epsilon": 1 / 255, "steps": 3},
    {"attack": "pgd", "epsilon": EPSILON, "steps": 3, "stop_early": True},
    {"attack": "pgd", "epsilon": 0.7, "norm": "l2", "steps": 3},
    {"attack": "apgd", "epsilon": EPSILON, "steps": 4},
    {"attack": "apgd_targeted", "epsilon": 0.7, "norm": "l2", "steps": 4, "targets": 2},
    {"attack": "square", "epsilon": EPSILON, "steps": 4},
    {"attack": "transfer", "linf_epsilon": EPSILON, "l2_epsilon": 0.7, "joint": True, "steps": 3},
    {"attack": "transfer", "linf_epsilon": EPSILON, "l2_epsilon": None, "steps": 3, "rule": "code"},
    {"attack": "deepfool", "steps": 4},
    {"attack": "carlini_wagner", "steps": 4, "binary_search_steps": 1},
    {"attack": "gaussian"},
    {"attack": "style_transfer", "steps": 2},
]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    folder = tmp_path_factory.mktemp("truth")
    images, labels = stripes(SAMPLES, 3)
    np.savez(folder / "stripes.npz", images=images, labels=labels)
    save_weights(solved(), folder / "solved.safetensors")
    recipe = {
        "name": "truth",
        "source": {"reader": "npz", "path": str(folder / "stripes.npz")},
        "goal_model": {"architecture": "tiny_resnet", "checkpoint": str(folder / "solved.safetensors")},
        "variants": {"corruption": None, "adversarial": ATTACKS},
        "selection": {"budget": SAMPLES * len(ATTACKS), "mix": [0, 0, 1], "strategy": "random"},
    }
    found = Pipeline(Recipe.parse(recipe), Workspace(folder / "cache"), device="cpu")
    found.run(FOR_SELECTION)
    return found


@pytest.mark.parametrize("format_name", EXPORTERS.names)
def test_an_export_read_again_is_what_its_manifest_says(pipeline: Pipeline, tmp_path: Path, format_name: str) -> None:
    of = pipeline.of(pipeline.recipe.with_changes(**{"export.format": format_name}))
    told: list[str] = []
    with notes_told(lambda word, sentence: told.append(sentence)):
        out = of.export(tmp_path / "out")
    dataset = load(out)
    images = np.stack([np.asarray(dataset[row][0]) for row in range(len(dataset))])
    pixels = np.round(images * 255).astype(np.uint8).transpose(0, 2, 3, 1)
    manifest = dataset.manifest
    assert len(manifest) == SAMPLES * len(ATTACKS)
    assert (predict(of.plan.model.load(), pixels).argmax(1).numpy() == manifest["prediction"]).all()
    samples = of.samples
    originals = samples.images(samples.rows(manifest["sample_id"].to_numpy()))
    change = np.abs(pixels.astype(np.float64) - originals).reshape(len(pixels), -1) / 255
    linf, l2 = change.max(1), np.sqrt((change**2).sum(1))
    attacked = of.plan.attacked()
    for part, attack in zip(attacked, ATTACKS, strict=True):
        rows = (manifest["kind"] == part.kind) & (manifest["severity"] == part.severity)
        assert rows.sum() == SAMPLES
        in_linf = {"linf": attack.get("epsilon")}.get(attack.get("norm", "linf")) or attack.get("linf_epsilon")
        in_l2 = attack.get("epsilon") if attack.get("norm") == "l2" else attack.get("l2_epsilon")
        if in_linf:
            assert linf[rows].max() <= np.floor(in_linf * 255 + 1e-4) / 255 + 1e-9
        if in_l2:
            assert l2[rows].max() <= in_l2 + 1e-6
    same = int((change.max(1) == 0).sum())
    assert any(f"{same:,} of {len(manifest):,} adversarial images equal" in s for s in told) == (same > 0)
