"""Soft labels and weights of an own export go through a whole curation: read, selected, exported, equal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curation import load
from curation.analysis.changes import Chosen, changes
from curation.errors import CurationError
from curation.evaluation.training_set import training_set
from curation.exporters import EXPORTERS
from curation.exporters.again import Again, read_again
from curation.exporters.export import export
from curation.pipeline import FOR_SELECTION, Pipeline
from curation.recipe import Recipe
from curation.storage.workspace import Workspace
from tests.exporters.test_exporters import make_set

COUNT = 24
SOME: dict[str, Any] = {"budget": COUNT, "mix": [1, 0, 0], "strategy": "random"}


def before(folder: Path, format_name: str = "npy", *, soft: bool = True) -> Again:
    """An export whose images all have a soft label and a weight of their own."""
    curated = make_set(COUNT, soft=soft, shape=(16, 16, 1))
    manifest = curated.manifest.assign(weight=np.linspace(0.5, 3, COUNT, dtype=np.float32))
    if soft:
        assert curated.soft_labels is not None
        manifest["label"] = curated.soft_labels.argmax(1)
    return read_again(export(replace(curated, manifest=manifest), EXPORTERS.build(format_name), folder), check=True)


def run(source: Path, workspace: Path, **changes: Any) -> Pipeline:
    """A curation of that export with nothing but what is needed."""
    recipe = Recipe.parse(
        {
            "source": {"reader": "export", "path": str(source)},
            "goal_model": {"architecture": "tiny_resnet", "train": {"epochs": 1}},
            "variants": {"corruption": None},
            "selection": SOME,
            "labels": {"mode": "source"},
        }
    ).with_changes(**changes)
    pipeline = Pipeline(recipe, Workspace(workspace), device="cpu")
    pipeline.run(FOR_SELECTION)
    return pipeline


def soft_labels(found: Again) -> np.ndarray:
    return np.stack(found.manifest["soft_label"].to_list())


@pytest.mark.parametrize("format_name", EXPORTERS.names)
def test_an_export_of_an_export_has_its_soft_labels_and_weights(format_name: str, tmp_path: Path) -> None:
    first = before(tmp_path / "first", format_name)
    pipeline = run(tmp_path / "first", tmp_path / "w", export={"format": format_name})
    again = read_again(pipeline.export(tmp_path / "again"), check=True)
    np.testing.assert_array_equal(
        np.stack([again.images[row] for row in range(COUNT)]), np.stack([first.images[row] for row in range(COUNT)])
    )
    np.testing.assert_array_equal(soft_labels(again), soft_labels(first))
    for column in ("label", "weight"):
        np.testing.assert_array_equal(again.manifest[column], first.manifest[column])
    data = load(tmp_path / "again")
    np.testing.assert_array_equal(data.weights.numpy(), first.manifest["weight"])
    kept = training_set(pipeline, pipeline.select(), pool=pipeline.pool())
    np.testing.assert_array_equal(kept.labels, soft_labels(first))
    np.testing.assert_array_equal(kept.weights, first.manifest["weight"])


def test_a_part_of_it_its_copies_and_a_coverage_strategy_have_those_of_their_samples(tmp_path: Path) -> None:
    first = before(tmp_path / "first")
    copies = {"corruption": {"kinds": ["gaussian_noise"], "severities": [3]}}
    changes = {"variants": copies, "selection": {"budget": 15, "mix": [1, 2, 0], "strategy": "facility_location"}}
    again = read_again(run(tmp_path / "first", tmp_path / "w", **changes).export(tmp_path / "again"), check=True)
    of = again.manifest["sample_id"].to_numpy()
    assert set(again.manifest["family"]) == {"clean", "corruption"}
    np.testing.assert_array_equal(soft_labels(again), soft_labels(first)[of])
    np.testing.assert_array_equal(again.manifest["weight"], first.manifest["weight"].to_numpy()[of])


def test_weights_that_the_recipe_measures_go_before_carried_ones(tmp_path: Path) -> None:
    own = before(tmp_path / "first").manifest["weight"]
    measured = run(tmp_path / "first", tmp_path / "w", weights={"by": "cluster_size", "radius": 0.5})
    again = read_again(measured.export(tmp_path / "out"), check=True)
    plain = run(tmp_path / "first", tmp_path / "w")
    found = changes(*(Chosen(one, one.pool(), one.select()) for one in (plain, measured)))
    assert found.reweighted == int((again.manifest["weight"].to_numpy() != own).sum())
    assert not np.isin(np.linspace(0.5, 3, COUNT, dtype=np.float32)[1:-1], again.manifest["weight"]).all()


def test_a_new_label_goes_before_the_carried_one(tmp_path: Path) -> None:
    first = before(tmp_path / "first")
    label = (int(first.manifest["label"][3]) + 1) % 3
    edited = {"selection": {**SOME, "edits": {"relabel": {3: label}}}}
    again = read_again(run(tmp_path / "first", tmp_path / "w", **edited).export(tmp_path / "again"), check=True)
    others = np.arange(COUNT) != 3
    assert again.manifest["label"][3] == label
    np.testing.assert_array_equal(soft_labels(again)[3], np.eye(3)[label])
    np.testing.assert_array_equal(soft_labels(again)[others], soft_labels(first)[others])


def test_a_source_without_soft_labels_is_a_sentence(tmp_path: Path) -> None:
    before(tmp_path / "first", soft=False)
    with pytest.raises(CurationError, match="the source has no soft labels; use hard, smoothed or goal_model"):
        run(tmp_path / "first", tmp_path / "w").export(tmp_path / "again")
