"""The whole path on real digits: the same bytes again, resumed after a kill, damage noticed, settings told apart."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from curation.errors import CurationError, UsageError
from curation.exporters.datasheet import datasheet
from curation.models.prediction import predict
from curation.pipeline import FOR_SELECTION, Pipeline
from curation.pipeline.answers import Answers, score_answers
from curation.pipeline.stages.map import mapped_copies, require_copies
from curation.progress import Cancelled, Progress
from curation.recipe import Recipe
from curation.storage.files import read_json
from curation.storage.shards import Shards
from curation.storage.workspace import Workspace
from tests.patience import wait_for


def states(pipeline: Pipeline) -> dict[str, str]:
    return {status.stage: status.state for status in pipeline.status()}


def sums(folder: Path) -> str:
    return (folder / "SHA256SUMS").read_text()


QUICKER = {
    "goal_model": {"architecture": "tiny_convnet", "train": {"epochs": 2, "batch_size": 64}},
    "variants.corruption.kinds": ["fog", "pixelate"],
    "variants.adversarial.steps": 1,
}
"""Changes of the small recipe, for what is computed again and again: of as many stages and shards, in less time."""


@pytest.fixture(scope="module")
def quicker(computed: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """A quicker recipe, computed once without a break."""
    recipe = computed.recipe.with_changes(**QUICKER)
    pipeline = Pipeline(recipe, Workspace(tmp_path_factory.mktemp("quicker") / "cache"), device="cpu")
    pipeline.run(FOR_SELECTION)
    return pipeline


def test_a_fresh_workspace_computes_to_the_same_bytes(quicker: Pipeline, tmp_path: Path) -> None:
    again = Pipeline(quicker.recipe, Workspace(tmp_path / "again"), device="cpu")
    again.run(FOR_SELECTION)
    first = quicker.export(tmp_path / "first")
    second = again.export(tmp_path / "second")
    assert sums(first) == sums(second)


def test_status_tells_done_stale_waiting_and_off(computed: Pipeline, tmp_path: Path) -> None:
    assert states(computed) == {
        **dict.fromkeys(("ingest", "duplicates", "goal_model", "adversarial", "score", "embed"), "done"),
        **dict.fromkeys(("surrogates", "corruption", "self_correction", "coverage", "labels"), "off"),
        "map": "missing",
    }
    longer = Pipeline(
        computed.recipe.with_changes(**{"goal_model.train": {"epochs": 3}}), computed.workspace, device="cpu"
    )
    assert states(longer)["goal_model"] == "stale"
    assert states(longer)["score"] == "waiting"
    none = Pipeline(computed.recipe.with_changes(**{"variants.adversarial": None}), computed.workspace, device="cpu")
    assert states(none)["adversarial"] == "off"
    assert states(Pipeline(computed.recipe, Workspace(tmp_path / "new")))["ingest"] == "missing"


def test_nothing_is_computed_twice(computed: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise AssertionError("a finished shard was computed again")

    shard_tasks = {
        "ingest": "ingest_shard",
        "corruption": "corrupt_shards",
        "adversarial": "attack_shards",
        "score": "score_block",
        "embed": "embed_shards",
    }
    for stage, name in shard_tasks.items():
        monkeypatch.setattr(f"curation.pipeline.stages.{stage}.{name}", refuse)
    Pipeline(computed.recipe, computed.workspace, device="cpu").run((*FOR_SELECTION, "embed"))


def test_another_selection_needs_no_new_work(computed: Pipeline) -> None:
    other = Pipeline(computed.recipe.with_changes(**{"selection.budget": 77}), computed.workspace, device="cpu")
    assert len(other.select().pool_rows) == 77


@pytest.mark.parametrize("damage", ["truncate", "alter", "delete"])
def test_a_damaged_shard_is_made_anew_and_only_that(
    computed: Pipeline, tmp_path: Path, damage: str, copy_workspace: Callable[[], Pipeline]
) -> None:
    pipeline = copy_workspace()
    target = pipeline.plan.attacked()[0].pixels.folder / pipeline.plan.attacked()[0].pixels.present()[1]
    before = {path: path.stat().st_mtime_ns for path in Path(pipeline.workspace.root).rglob("shard-*")}
    content = bytearray(Path(target).read_bytes())
    if damage == "delete":
        Path(target).unlink()
    else:
        content[-1] ^= 255
        Path(target).write_bytes(bytes(content if damage == "alter" else content[:-100]))
    again = Pipeline(pipeline.recipe, pipeline.workspace, device="cpu")
    again.run(FOR_SELECTION)
    after = {path: path.stat().st_mtime_ns for path in Path(pipeline.workspace.root).rglob("shard-*")}
    assert {path for path in after if before.get(path) != after[path]} == {Path(target)}
    assert sums(again.export(tmp_path / "a")) == sums(computed.export(tmp_path / "b"))


def test_adversarial_copies_of_earlier_versions_stay_as_they_are(
    computed: Pipeline, tmp_path: Path, copy_workspace: Callable[[], Pipeline]
) -> None:
    pipeline = copy_workspace()
    (images,) = pipeline.plan.attacked()
    earlier = Shards(images.pixels.folder, images.pixels.count, "npy")
    for index, name in images.pixels.present().items():
        earlier.write(index, images.gather(images.rows_of(index)))
        (images.pixels.folder / name).unlink()
    (images.pixels.folder / earlier.present()[2]).unlink()
    before = {path: path.stat().st_mtime_ns for path in Path(pipeline.workspace.root).rglob("shard-*")}
    again = Pipeline(pipeline.recipe, pipeline.workspace, device="cpu")
    again.run(FOR_SELECTION)
    after = {path: path.stat().st_mtime_ns for path in Path(pipeline.workspace.root).rglob("shard-*")}
    (made,) = {path for path in after if before.get(path) != after[path]}
    assert made.name == images.pixels.present()[2]
    assert made.suffix == ".zst"
    assert sums(again.export(tmp_path / "a")) == sums(computed.export(tmp_path / "b"))


@pytest.fixture
def copy_workspace(computed: Pipeline, tmp_path: Path) -> Callable[[], Pipeline]:
    def copy() -> Pipeline:
        shutil.copytree(computed.workspace.root, tmp_path / "copy")
        return Pipeline(computed.recipe, Workspace(tmp_path / "copy"), device="cpu")

    return copy


RUNNER = """
import os, sys
import curation
import torch._dynamo  # loaded with a process's first optimizer, for seconds: here, once for all
from curation.pipeline import FOR_SELECTION, Pipeline
from curation.recipe import Recipe
from curation.storage.workspace import Workspace
from tests.blocks import as_on_an_accelerator

def begin(cache):
    child = os.fork()
    if child:
        return child
    if cache.endswith("blocks"):
        as_on_an_accelerator().__enter__()
    pipeline = Pipeline(Recipe.load(sys.argv[1]), Workspace(cache), device="cpu")
    pipeline.run(FOR_SELECTION, report=lambda p: print(p.stage, p.done, os.getpid(), flush=True))
    os._exit(0)

for line in sys.stdin:
    count, cache = line.strip().split(" ", 1)
    children = [begin(cache) for _ in range(int(count))]
    print("ended", *[os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children], flush=True)
"""
"""Starts as many processes as each line of its input says, on the workspace that it names, and tells how they ended."""


@pytest.fixture(scope="module")
def runner(quicker: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    """A process that forks others, which compute the quicker recipe."""
    recipe = tmp_path_factory.mktemp("runner") / "recipe.yaml"
    recipe.write_text(quicker.recipe.to_yaml())
    command = [sys.executable, "-c", RUNNER, str(recipe)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process


def told(process: subprocess.Popen[str], count: int, cache: Path) -> Iterator[list[str]]:
    """Start processes and yield what they print, in words, and last how they ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    print(count, cache, file=process.stdin, flush=True)
    for line in process.stdout:
        yield line.split()
        if line.startswith("ended"):
            return


@pytest.mark.slow
def test_killed_at_every_stage_it_resumes_to_the_same_bytes(
    quicker: Pipeline, tmp_path: Path, runner: subprocess.Popen[str]
) -> None:
    """Each process goes on where the one before was killed."""
    kept: dict[Path, int] = {}
    for moment in ("ingest", "goal_model", "adversarial", "score"):
        killed = False
        for stage, done, *rest in told(runner, 1, tmp_path / "cache"):
            if stage == moment and int(done) > 0 and not killed:
                with suppress(ProcessLookupError):  # it was faster
                    os.kill(int(rest[0]), signal.SIGKILL)
                killed = True
        assert killed, moment
        assert all(path.stat().st_mtime_ns == time_ns for path, time_ns in kept.items())
        kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("shard-*")}
    resumed = Pipeline(quicker.recipe, Workspace(tmp_path / "cache"), device="cpu")
    resumed.run(FOR_SELECTION)
    assert all(path.stat().st_mtime_ns == time_ns for path, time_ns in kept.items())
    assert sums(resumed.export(tmp_path / "a")) == sums(quicker.export(tmp_path / "b"))


@pytest.mark.slow
def test_killed_while_other_threads_write_it_resumes_to_the_same_bytes(
    quicker: Pipeline, tmp_path: Path, runner: subprocess.Popen[str]
) -> None:
    shutil.copytree(quicker.workspace.root, tmp_path / "blocks")
    for shards in (quicker.plan.attacked()[0].pixels, *map(quicker.plan.scores, quicker.plan.image_sets())):
        shutil.rmtree(tmp_path / "blocks" / shards.folder.relative_to(quicker.workspace.root))
    resumed, killed = Pipeline(quicker.recipe, Workspace(tmp_path / "blocks"), device="cpu"), set[str]()
    for _ in range(2):
        for stage, done, *rest in told(runner, 1, tmp_path / "blocks"):
            if stage in ("adversarial", "score") and int(done) > 0 and stage not in killed:
                os.kill(int(rest[0]), signal.SIGKILL)
                killed.add(stage)
    resumed.run(FOR_SELECTION)
    assert killed == {"adversarial", "score"}
    assert sums(resumed.export(tmp_path / "a")) == sums(quicker.export(tmp_path / "b"))


@pytest.mark.slow
def test_two_processes_on_one_workspace_do_not_disturb_each_other(
    quicker: Pipeline, tmp_path: Path, runner: subprocess.Popen[str]
) -> None:
    assert list(told(runner, 2, tmp_path / "cache"))[-1] == ["ended", "0", "0"]
    both = Pipeline(quicker.recipe, Workspace(tmp_path / "cache"), device="cpu")
    assert sums(both.export(tmp_path / "a")) == sums(quicker.export(tmp_path / "b"))


def test_cancelling_keeps_what_is_finished(computed: Pipeline, tmp_path: Path) -> None:
    pipeline = Pipeline(computed.recipe, Workspace(tmp_path / "cancelled"), device="cpu")

    def stop(progress: Progress) -> None:
        if progress.stage == "ingest" and progress.done >= 1024:
            raise Cancelled

    with pytest.raises(Cancelled, match="everything finished so far is kept"):
        pipeline.run(report=stop)
    assert pipeline.status()[0].done == 1024


def test_a_missing_stage_is_named(computed: Pipeline) -> None:
    other = Pipeline(
        computed.recipe.with_changes(**{"variants.corruption": {"kinds": ["snow"]}}), computed.workspace, device="cpu"
    )
    with pytest.raises(CurationError, match="not computed yet: score candidates; run the recipe"):
        other.pool()


def test_a_workspace_keeps_to_its_source(computed: Pipeline, tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", images=np.zeros((4, 16, 16), np.uint8), labels=np.array([0, 1, 0, 1]))
    recipe = computed.recipe.with_changes(source={"reader": "npz", "path": str(tmp_path / "other.npz")})
    with pytest.raises(UsageError, match=r"holds digits, but the recipe's source is npz .*give another --workspace"):
        Pipeline(recipe, computed.workspace, device="cpu").run(("ingest",))


def test_a_short_family_refuses_to_export_and_says_what_fits(computed: Pipeline, tmp_path: Path) -> None:
    short = Pipeline(
        computed.recipe.with_changes(**{"selection.budget": 5000, "selection.mix": {"clean": 1, "adversarial": 1}}),
        computed.workspace,
        device="cpu",
    )
    with pytest.raises(CurationError, match=r"clean"):
        short.export(tmp_path / "never")
    assert not (tmp_path / "never").exists()


@pytest.mark.parametrize("mode", ["smoothed", "goal_model"])
def test_soft_labels_are_rows_that_sum_to_one(computed: Pipeline, tmp_path: Path, mode: str) -> None:
    soft = Pipeline(computed.recipe.with_changes(**{"labels.mode": mode}), computed.workspace, device="cpu")
    labels = np.load(soft.export(tmp_path / "soft") / "label.npy")
    np.testing.assert_allclose(labels.sum(1), 1, atol=1e-5)
    assert (labels > 0).sum() > len(labels)


def test_exported_pixels_are_the_scored_ones(computed: Pipeline, tmp_path: Path) -> None:
    from curation.dataset import load

    exported = load(computed.export(tmp_path / "out"))
    manifest = exported.manifest
    network = computed.plan.model.load()
    images = np.load(tmp_path / "out" / "data.npy")
    if images.shape[-1] != computed.samples.shape[-1]:
        images = images[..., : computed.samples.shape[-1]]
    table = score_answers(Answers(predict(network, images)), manifest["label"].to_numpy())
    np.testing.assert_allclose(table["entropy"], manifest["entropy"], atol=2e-4)


def test_recipe_of_an_export_makes_the_same_export(computed: Pipeline, tmp_path: Path) -> None:
    first = computed.export(tmp_path / "first")
    recipe = Recipe.load(first / "recipe.yaml")
    assert recipe.goal_model.checkpoint == str(first / "goal_model.safetensors")
    again = Pipeline(recipe, computed.workspace, device="cpu")
    again.run(("goal_model",))  # its digest is that of the one trained here: all that depends on it is there
    assert sums(again.export(tmp_path / "second")) == sums(first)


def test_a_model_of_another_shape_is_refused_with_the_layers_named(computed: Pipeline, tmp_path: Path) -> None:
    import torch
    from torch import nn

    torch.save(nn.Linear(3, 2).state_dict(), tmp_path / "wrong.pt")
    recipe = computed.recipe.with_changes(goal_model={"checkpoint": str(tmp_path / "wrong.pt")})
    with pytest.raises(CurationError, match=r"weight"):
        Pipeline(recipe, computed.workspace, device="cpu").run(("goal_model",))


@pytest.mark.slow
def test_a_job_runs_detached_is_cancelled_and_resumed(quicker: Pipeline, tmp_path: Path) -> None:
    from curation import jobs

    workspace = Workspace(tmp_path / "job")
    recipe = quicker.recipe

    def end() -> str:
        """The state in which the job ended."""
        words = partial(jobs.log, workspace, name)
        return wait_for(lambda: None if (found := jobs.status(workspace, name)).active else found.state, words=words)

    def computing() -> int | None:
        found = read_json(Path(workspace.jobs_folder) / name / "status.json")
        return found["pid"] if found and found["state"] == "running" and found.get("progress") else None

    name = jobs.submit(workspace, recipe, FOR_SELECTION)
    assert jobs.submit(workspace, recipe, FOR_SELECTION) == name
    jobs.cancel(workspace, name)
    assert end() == "cancelled"
    jobs.submit(workspace, recipe, FOR_SELECTION)
    os.kill(wait_for(computing), signal.SIGKILL)
    assert end() == "lost"
    jobs.submit(workspace, recipe, FOR_SELECTION)
    assert end() == "done"
    assert len(Pipeline(recipe, workspace, device="cpu").select().pool_rows) == 500


def test_labels_of_the_goal_model_are_those_of_the_clean_original(computed: Pipeline) -> None:
    recipe = computed.recipe.with_changes(**{"labels.mode": "goal_model"})
    soft = Pipeline(recipe, computed.workspace, device="cpu")
    pool = soft.pool()
    curated = soft.curated(pool, soft.select(pool))
    network = computed.plan.model.load()
    rows = computed.samples.rows(curated.manifest["sample_id"].to_numpy())
    of_originals = predict(network, computed.samples.images(rows)).softmax(1).numpy()
    np.testing.assert_allclose(curated.label_rows, of_originals, atol=1e-4)
    attacked = np.flatnonzero(curated.manifest["family"] == "adversarial")
    of_attacked = predict(network, curated.images(0, len(curated))[attacked]).softmax(1).numpy()
    assert not np.allclose(curated.label_rows[attacked], of_attacked, atol=1e-2)
    for _, same in curated.manifest.groupby("sample_id"):
        assert len(np.unique(curated.label_rows[same.index], axis=0)) == 1


def test_a_temperature_divides_the_logits_of_the_labels(computed: Pipeline) -> None:
    changes = {"labels.mode": "goal_model", "labels.temperature": 2.5}
    recipe = computed.recipe.with_changes(**changes)
    assert Recipe.from_yaml(recipe.to_yaml()) == recipe
    at_one = computed.recipe.with_changes(**{**changes, "labels.temperature": 1.0})
    assert "temperature" not in at_one.to_yaml()
    soft = Pipeline(recipe, computed.workspace, device="cpu")
    pool = soft.pool()
    curated = soft.curated(pool, soft.select(pool))
    rows = computed.samples.rows(curated.manifest["sample_id"].to_numpy())
    logits = predict(computed.plan.model.load(), computed.samples.images(rows))
    np.testing.assert_allclose(curated.label_rows, (logits / 2.5).softmax(1).numpy(), atol=1e-4)
    assert "the goal model's softmax of the clean originals at temperature 2.5." in datasheet(curated, recipe.export)


def test_copies_that_the_recipe_no_longer_makes_are_named_when_the_map_is_drawn(computed: Pipeline) -> None:
    recipe = computed.recipe.with_changes(**{"map.copies": ["fog/3", "fog/5"]})
    pipeline = computed.of(recipe)
    assert [images.kind for images in mapped_copies(pipeline.plan)] == ["fog"]
    assert states(pipeline)["map"] == "missing"
    with pytest.raises(UsageError, match=r"map\.copies: unknown variant 'fog/5'; did you mean 'fog/3'"):
        require_copies(pipeline.plan)
