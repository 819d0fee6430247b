"""A goal model that starts from somebody's weights: fine-tuned, kept, resumed, exported; or why it cannot be."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from curation.analysis.goal_model_comparison import candidates, goal_model_of, named
from curation.errors import CurationError, UsageError
from curation.models.architectures import build
from curation.models.loading import save_weights
from curation.models.resizing import Resize
from curation.pipeline import FOR_SELECTION, Pipeline
from curation.pipeline.stages.goal_model import make_goal_model
from curation.recipe import Recipe
from curation.storage.workspace import Workspace

GRAY = (28, 28, 1)
RECIPE: dict[str, Any] = {
    "source": {"reader": "digits", "split": "train", "limit": 80},
    "goal_model": {"architecture": "tiny_convnet", "train": {"epochs": 2, "batch_size": 40}},
    "selection": {"budget": 20, "mix": {"clean": 1, "corruption": 0, "adversarial": 0}},
    "variants": {"corruption": None},
}
MODEL = ("ingest", "goal_model")


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """Weights of a network for seven other classes."""
    save_weights(build("tiny_convnet", classes=7, shape=GRAY, seed=3), tmp_path / "theirs.safetensors")
    return tmp_path / "theirs.safetensors"


def pipeline(root: Path, **goal: Any) -> Pipeline:
    recipe = Recipe.parse(RECIPE).with_changes(**{f"goal_model.{name}": value for name, value in goal.items()})
    return Pipeline(recipe, Workspace(root / "workspace"), device="cpu")


def weights_of(found: Pipeline) -> dict[str, torch.Tensor]:
    return load_file(found.workspace.model(found.plan.model_key).weights)


def test_a_frozen_body_is_theirs_and_the_head_is_for_our_classes(theirs: Path, tmp_path: Path) -> None:
    found = pipeline(tmp_path, start_from={"weights": str(theirs), "freeze": "body"})
    found.run(MODEL)
    ours, before = weights_of(found), load_file(theirs)
    heads = {name for name in ours if ours[name].shape != before[name].shape}
    assert heads
    assert {len(ours[name]) for name in heads} == {10}
    assert all(torch.equal(ours[name], before[name]) for name in ours if name not in heads)
    about = found.workspace.model(found.plan.model_key).about
    assert about is not None
    assert "fine-tuned from theirs.safetensors of tiny_convnet, with a new head, frozen: body" in about["remarks"]
    *_, name = named(candidates(found.workspace))
    assert name.startswith("tiny_convnet fine-tuned epoch 2")
    assert goal_model_of(found.workspace, found.plan.model_key).start_from == found.recipe.goal_model.start_from


def test_all_that_decides_a_start_is_in_the_key(theirs: Path, tmp_path: Path) -> None:
    pipeline(tmp_path).run(("ingest",))
    start = {"weights": str(theirs)}

    def key(**goal: Any) -> str:
        return pipeline(tmp_path, **goal).plan.model_key

    keys = [
        key(),
        key(start_from=start),
        key(start_from={**start, "freeze": "body"}),
        key(start_from={**start, "body_rate": 1}),
        key(start_from={**start, "head": "kept"}),
        key(start_from=start, input_px=32),
        key(input_px=32),
    ]
    assert len(set(keys)) == len(keys)
    shutil.move(theirs, tmp_path / "moved.safetensors")
    assert key(start_from={"weights": str(tmp_path / "moved.safetensors")}) == keys[1]
    save_weights(build("tiny_convnet", classes=7, shape=GRAY, seed=4), theirs)
    assert key(start_from=start) not in keys


def test_a_stopped_one_goes_on_to_the_same_bits(theirs: Path, tmp_path: Path) -> None:
    start = {"weights": str(theirs), "freeze": "body"}
    whole, stopped = (pipeline(tmp_path / name, start_from=start) for name in ("whole", "stopped"))
    whole.run(MODEL)
    stopped.run(("ingest",))

    def stop(done: int, *_: object) -> None:
        if done > 80:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_goal_model(stopped.plan, stop)
    assert stopped.workspace.model(stopped.plan.model_key).started
    stopped.run(MODEL)
    assert stopped.plan.model_digest == whole.plan.model_digest


def test_an_export_of_one_is_reproduced_without_the_file(theirs: Path, tmp_path: Path) -> None:
    found = pipeline(tmp_path, start_from={"weights": str(theirs)}, input_px=32)
    found.run(FOR_SELECTION)
    network = found.plan.model.load()
    assert isinstance(network.resize, Resize)
    out = found.export(tmp_path / "out")
    assert "tiny_convnet, fine-tuned from theirs.safetensors, accuracy" in (out / "datasheet.md").read_text()
    theirs.unlink()
    recipe = Recipe.load(out / "recipe.yaml")
    again = Pipeline(recipe, Workspace(tmp_path / "again"), device="cpu")
    again.run(FOR_SELECTION)
    again.export(tmp_path / "out again")
    for name in ("datasheet.md", "recipe.yaml", "data.npy"):
        assert (tmp_path / "out again" / name).read_bytes() == (out / name).read_bytes(), name
    images = torch.rand(4, 1, 28, 28)
    assert torch.equal(again.plan.model.load()(images), network(images))
    assert (again.select().candidate_ids == found.select().candidate_ids).all()
    about = again.workspace.model(again.plan.model_key).about
    assert about is not None
    assert any("images of 28×28 px are resized to 32×32 inside the goal model" in said for said in about["remarks"])


def test_members_start_from_the_same_weights(theirs: Path, tmp_path: Path) -> None:
    found = pipeline(tmp_path, start_from={"weights": str(theirs), "freeze": "body"}, members=2)
    found.run(MODEL)
    ours = weights_of(found)
    first = {name.removeprefix("members.0."): value for name, value in ours.items() if name.startswith("members.0.")}
    second = {name.removeprefix("members.1."): value for name, value in ours.items() if name.startswith("members.1.")}
    differ = {name for name in first if not torch.equal(first[name], second[name])}
    assert {len(first[name]) for name in differ} == {10}
    assert all("linear" in name for name in differ)


def test_published_weights_are_taken_from_the_library_s_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import mobilenet_v3_small

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    goal = {"architecture": "torchvision/mobilenet_v3_small", "input_px": 32}
    train = {"epochs": 1, "batch_size": 40}
    found = pipeline(tmp_path, **goal, start_from={"weights": "pretrained", "freeze": "features"}, train=train)
    found.run(("ingest",))
    with monkeypatch.context() as offline:
        offline.setattr(torch.hub, "download_url_to_file", lambda *_, **__: (_ for _ in ()).throw(OSError))
        with pytest.raises(
            CurationError, match=r"not on this machine .*; download https://\S+ elsewhere and put it at"
        ):
            found.run(MODEL)
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True, exist_ok=True)
    theirs = mobilenet_v3_small(weights=None).state_dict()
    torch.save(theirs, tmp_path / "hub" / "checkpoints" / "mobilenet_v3_small-047dcff4.pth")
    found.run(MODEL)
    ours = weights_of(found)
    assert all(
        torch.equal(value, ours[f"network.{name}"]) for name, value in theirs.items() if name.startswith("features.")
    )
    assert found.plan.model.load().copies == 3, "gray images are shown in three equal colors"


def test_what_cannot_start_is_a_sentence(theirs: Path, tmp_path: Path) -> None:
    pipeline(tmp_path).run(("ingest",))
    with pytest.raises(
        UsageError, match=r"goal_model\.start_from\.weights: there is no readable file gone\.pt; .*pretrained"
    ):
        pipeline(tmp_path, start_from={"weights": "gone.pt"}).run(MODEL)
    with pytest.raises(CurationError, match=r"with 7 classes, the data has 10; .*start_from: \{weights: .*theirs"):
        pipeline(tmp_path, checkpoint=str(theirs)).run(MODEL)
    with pytest.raises(CurationError, match=r"with 7 classes, the data has 10; .*start_from\.head: new"):
        pipeline(tmp_path, start_from={"weights": str(theirs), "head": "kept"}).run(MODEL)
    with pytest.raises(UsageError, match=r"goal_model\.start_from\.freeze: unknown layer 'conv9'"):
        pipeline(tmp_path, start_from={"weights": str(theirs), "freeze": ["conv9"]}).run(MODEL)
