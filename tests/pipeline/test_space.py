"""The recipe's space: a backbone or a file of vectors in the place of the goal model's features."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torchvision import models

from curation.analysis.expected import expected
from curation.analysis.mistakes import nearest_samples
from curation.embedding import nearest_neighbors
from curation.errors import CurationError, UsageError
from curation.models.prediction import to_device
from curation.pipeline import Pipeline
from curation.pipeline.plan import Plan
from curation.pipeline.stages.coverage import Cover
from curation.pipeline.stages.embed import embed
from curation.pipeline.stages.map import copies_table, has_landed, mapped_copies
from curation.pipeline.stages.self_correction import SelfCorrect
from curation.recipe import Recipe
from curation.storage.workspace import Workspace

COVER: dict[str, Any] = {
    "selection.strategy": "k_center",
    "selection.budget": 60,
    "selection.coverage.families": ["clean"],
}
NAME = "torchvision/mobilenet_v3_small"


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of a torchvision model for seven classes, as somebody might have trained it."""
    path = tmp_path_factory.mktemp("theirs") / "weights.pt"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        torch.save(models.get_model("mobilenet_v3_small", num_classes=7).state_dict(), path)
    return path


@pytest.fixture
def own(computed: Pipeline, tmp_path: Path) -> Path:
    """A vector of each image of the source, in its order: far from each other by class, near by position."""
    positions = computed.samples.header.positions
    labels = np.zeros(positions)
    labels[computed.samples.sample_ids] = computed.samples.labels
    np.save(tmp_path / "own.npy", np.column_stack([100 * labels, np.arange(positions) / positions]))
    return tmp_path / "own.npy"


def opened(workspace: Workspace, recipe: Recipe, space: dict[str, Any], **changes: Any) -> Pipeline:
    return Pipeline(recipe.with_changes(space=space, **changes), workspace, device="cpu")


def states(pipeline: Pipeline) -> dict[str, str]:
    return {status.stage: status.state for status in pipeline.status()}


def test_without_one_every_key_is_what_it_was(computed: Pipeline) -> None:
    plan = computed.plan
    assert plan.space_key is None
    assert plan.features().folder == plan.points(plan.clean, epoch=plan.epoch).folder
    assert states(computed)["embed"] == "done"


def test_vectors_are_those_of_the_samples_positions(own: Path, workspace: Workspace, small: Recipe) -> None:
    found = opened(workspace, small, {"vectors": str(own)})
    assert states(found)["embed"] == "stale"
    found.run(("embed",))
    assert states(found)["embed"] == "done"
    seen, ids = found.plan.features().whole_array(), found.samples.sample_ids
    assert len(found.plan.features().known()) > 1
    assert len(ids) < found.samples.header.positions, "of a drawn part each has its own"
    assert (seen == np.load(own)[ids].astype(np.float32)).all()
    near = nearest_neighbors(seen, count=1).index[:, 0]
    assert (found.samples.labels[near] == found.samples.labels).all()
    groups = pd.crosstab(found.plan.map_table("pca").table(0)["cluster"], found.samples.labels)
    assert ((groups > 0).sum(axis=0) == 1).all(), "k-means is of the vectors: no class is in two clusters"


def test_a_changed_file_is_another_space_and_a_moved_one_is_not(own: Path, workspace: Workspace, small: Recipe) -> None:
    def key(**space: Any) -> str:
        return opened(workspace, small, space).plan.features().folder.name

    before = key(vectors=str(own))
    shutil.move(own, own.with_name("moved.npy"))
    assert key(vectors=str(own.with_name("moved.npy"))) == before
    np.save(own, np.load(own.with_name("moved.npy")) + 1)
    assert key(vectors=str(own)) != before


def test_a_column_and_an_array_of_the_same_numbers_place_samples_alike(
    own: Path, workspace: Workspace, small: Recipe
) -> None:
    pd.DataFrame({"vector": list(np.load(own))}).to_parquet(own.with_suffix(".parquet"))
    ways = [{"vectors": str(own)}, {"vectors": str(own.with_suffix(".parquet")), "column": "vector"}]
    found = [opened(workspace, small, space) for space in ways]
    for pipeline in found:
        pipeline.run(("embed",))
    first, second = (pipeline.plan.features().whole_array() for pipeline in found)
    assert (first == second).all()


def test_a_wrong_file_is_a_sentence_and_a_missing_one_stops_no_selection(
    own: Path, workspace: Workspace, small: Recipe
) -> None:
    np.save(own, np.load(own)[:-1])
    with pytest.raises(CurationError, match=r"own\.npy has 3,999 vectors and the source 4,000 images"):
        opened(workspace, small, {"vectors": str(own)}).run(("embed",))
    gone = opened(workspace, small, {"vectors": "gone.npy"})
    (embedding,) = (status for status in gone.status() if status.stage == "embed")
    assert embedding.state == "missing"
    assert embedding.note.startswith("space.vectors: there is no readable file gone.npy; give its path")
    assert len(gone.select().candidate_ids) == small.selection.budget
    with pytest.raises(UsageError, match="no readable file"):
        gone.run(("embed",))


def test_coverage_is_measured_in_the_vectors(own: Path, workspace: Workspace, small: Recipe) -> None:
    only = {**COVER, "selection.mix": [1, 0, 0], "selection.coverage.classwise": False}
    only |= {"selection.within": "family", "selection.budget": 10}
    found = opened(workspace, small, {"vectors": str(own)}, **only)
    assert states(found)["coverage"] == "missing"
    found.run(("coverage",))
    assert sorted(found.select().labels) == list(range(10)), "the classes are far from each other in these vectors"
    other = opened(workspace, small, {"vectors": str(own)}, **only, **{"selection.coverage.space": "softmax_gradient"})
    assert Cover().order(found.plan).folder != Cover().order(other.plan).folder
    np.save(own, np.load(own) * -1)
    assert states(opened(workspace, small, {"vectors": str(own)}, **only))["coverage"] == "missing"


def test_what_else_is_a_picture_has_no_vector(own: Path, workspace: Workspace, small: Recipe) -> None:
    found = opened(workspace, small, {"vectors": str(own)})
    found.run(("embed",))
    with pytest.raises(CurationError, match=r"none for other pictures; name space\.backbone"):
        embed(found.plan, found.samples.images(np.arange(2)))
    with pytest.raises(CurationError, match="none for other pictures"):
        nearest_samples(found, found.samples.image(0), count=3)


def test_a_backbone_sees_the_images_as_its_library_says(theirs: Path, workspace: Workspace, small: Recipe) -> None:
    found = opened(workspace, small, {"backbone": NAME, "weights": str(theirs), "input_px": 64})
    found.run(("embed",))
    seen = found.plan.features().whole_array()
    network = models.get_model("mobilenet_v3_small", num_classes=7)
    network.load_state_dict(torch.load(theirs, weights_only=True))
    network.eval().classifier[-1] = torch.nn.Identity()
    pixels = to_device(found.samples.images(np.arange(5)), "cpu")
    pixels = torch.nn.functional.interpolate(pixels, size=(64, 64), mode="bilinear", antialias=True)
    mean, std = (torch.tensor(part)[:, None, None] for part in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    with torch.inference_mode():
        theirs_of = network((pixels.expand(-1, 3, -1, -1) - mean) / std).numpy()
    np.testing.assert_allclose(seen[:5], theirs_of, atol=1e-4)
    np.testing.assert_allclose(embed(found.plan, found.samples.images(np.arange(5))), seen[:5], atol=1e-5)
    rows, cosines = nearest_samples(found, found.samples.image(7), count=2)
    assert rows[0] == 7
    assert cosines[0] == pytest.approx(1, abs=1e-4)
    assert states(found)["embed"] == "done"
    again = pickle.loads(pickle.dumps(found.plan))
    assert isinstance(again, Plan)
    assert again.features().folder == found.plan.features().folder


def test_all_that_decides_a_backbone_s_features_is_in_the_key(
    theirs: Path, workspace: Workspace, small: Recipe
) -> None:
    other = theirs.with_name("other.pt")
    torch.save(models.get_model("mobilenet_v3_small", num_classes=7).state_dict(), other)
    spaces: list[dict[str, Any]] = [
        {"backbone": NAME},
        {"backbone": NAME, "input_px": 64},
        {"backbone": "torchvision/mobilenet_v3_large"},
        {"backbone": NAME, "weights": str(theirs)},
        {"backbone": NAME, "weights": str(other)},
        {"vectors": str(theirs.with_name("own.npy"))},
    ]
    np.save(theirs.with_name("own.npy"), np.zeros((1, 1)))
    keys = {opened(workspace, small, space).plan.features().folder.name for space in spaces}
    assert len(keys) == len(spaces)


def test_copies_are_covered_and_mapped_by_the_backbone(theirs: Path, workspace: Workspace, small: Recipe) -> None:
    space = {"backbone": NAME, "weights": str(theirs), "input_px": 32}
    changes = {**COVER, "selection.coverage.families": ["corruption"], "variants.samples": 40}
    found = opened(workspace, small, space, **changes, **{"map.copies": ["fog/3"], "variants.adversarial": []})
    found.run(("corruption", "score", "coverage", "embed"))
    (fog,) = mapped_copies(found.plan)
    seen = found.plan.embedded(fog).whole_array()
    np.testing.assert_allclose(seen, embed(found.plan, fog.gather(fog.sample_rows)), atol=1e-5)
    assert seen.shape[1] == found.plan.features().whole_array().shape[1]
    found.plan.map_table("umap").write(0, found.plan.map_table("pca").table(0))
    assert not has_landed(found.plan, fog)
    copies_table(found.plan, fog).write(0, pd.DataFrame({"x": seen[:, 0], "y": seen[:, 1]}))
    assert has_landed(found.plan, fog)


def test_what_is_no_backbone_is_a_sentence(theirs: Path, workspace: Workspace, small: Recipe) -> None:
    for space, said in (
        ({"backbone": "torchvision/resnet81"}, "unknown torchvision model 'resnet81'; nearest"),
        ({"backbone": "torchvision/resnet18", "weights": str(theirs)}, "does not fit the architecture"),
        ({"backbone": NAME, "weights": "gone.pt"}, "space.weights: there is no readable file gone.pt"),
    ):
        with pytest.raises(CurationError, match=said):
            opened(workspace, small, space).run(("embed",))


def test_what_it_takes_is_told_before(theirs: Path, small: Recipe) -> None:
    said = {
        name: expected(small.with_changes(space=space), device="cpu").stages["Features and clusters"]
        for name, space in (("own", {"vectors": "own.npy"}), ("net", {"backbone": NAME, "input_px": 32}), ("", None))
    }
    assert said["own"].seconds == 0
    assert said["net"].disk_bytes > said[""].disk_bytes, "it has more features"


def test_an_export_says_in_what_it_covered(own: Path, workspace: Workspace, small: Recipe, tmp_path: Path) -> None:
    found = opened(workspace, small, {"vectors": str(own)}, **COVER, **{"selection.mix": [1, 0, 0]})
    found.run(("coverage",))
    text = (found.export(tmp_path / "out") / "datasheet.md").read_text()
    assert "Chosen for coverage in the vectors of own.npy (" in text
    assert "which are not beside this set: `recipe.yaml` needs that file as well" in text
    plain = opened(workspace, small, {"vectors": str(own)}).export(tmp_path / "plain")
    assert "own.npy" not in (plain / "datasheet.md").read_text()


def test_self_correction_sees_by_a_network_that_knows_nothing_of_the_task(
    theirs: Path, workspace: Workspace, small: Recipe
) -> None:
    space = {"backbone": NAME, "weights": str(theirs), "input_px": 32}
    rounds = {"rounds": 1, "architecture": "tiny_convnet", "train": {"epochs": 1}}
    grown = {"selection.strategy": "self_correction", "selection.budget": 40, "selection.mix": [1, 1, 0]}
    by = {
        extractor: opened(workspace, small, space, **grown, self_correction={**rounds, "extractor": extractor})
        for extractor in ("goal_model", "space")
    }
    keys = {name: SelfCorrect().order(found.plan).folder.name for name, found in by.items()}
    assert keys["space"] != keys["goal_model"]
    plain = small.with_changes(**grown, self_correction=rounds)
    assert "extractor" not in plain.to_dict()["self_correction"]
    chosen = []
    for found in by.values():
        found.run(("self_correction",))
        chosen.append(SelfCorrect().order(found.plan).table(0)["candidate_id"].tolist())
    assert len(chosen[0]) == len(chosen[1]) == 40
    assert chosen[0] != chosen[1]


@pytest.mark.parametrize("space", [None, {"vectors": "own.npy"}])
def test_an_extractor_that_sees_no_copies_is_refused(space: dict[str, str] | None, small: Recipe) -> None:
    with pytest.raises(UsageError, match="the extractor space needs the network of a space"):
        small.with_changes(space=space, self_correction={"extractor": "space"})
