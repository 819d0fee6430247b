"""The engine Ray on a small cluster of two nodes: the same bytes as here, lost nodes, poison, paths, cancelling."""

from __future__ import annotations

import os
import socket
import sys
import time
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install 'curation[ray]'")
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import ray
from ray import cloudpickle
from ray.cluster_utils import Cluster

from curation import jobs
from curation.engine import Tell, choose
from curation.engine.ray import RayEngine
from curation.errors import CurationError, SourceWarning, UsageError, note_source
from curation.pipeline import FOR_SELECTION, Pipeline
from curation.progress import Cancelled
from curation.recipe import Recipe
from curation.storage.workspace import Workspace
from tests.patience import wait_for

pytestmark = pytest.mark.slow
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import tests

TINY: dict[str, Any] = {
    "source": {"reader": "digits", "split": "train", "limit": 200},
    "goal_model": {"architecture": "tiny_convnet", "train": {"epochs": 1, "batch_size": 64}},
    "variants": {
        "corruption": {"kinds": ["fog", "pixelate"], "severities": [3]},
        "adversarial": {"attack": "pgd", "epsilon": 0.1, "steps": 1},
    },
    "selection": {"budget": 60, "mix": {"clean": 9, "corruption": 6, "adversarial": 10}},
    "map": {"clusters": 3},
    "label_errors": {"folds": 2, "architecture": "tiny_convnet", "train": {"epochs": 1, "batch_size": 64}},
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A head that does no work, and two nodes of one core."""
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(2):
        found.add_node(num_cpus=1)
    yield found
    found.shutdown()


@pytest.fixture(scope="module")
def connected(cluster: Cluster) -> Iterator[RayEngine]:
    """An engine attached to the cluster by the environment; those made after it share its connection."""
    cluster.wait_for_nodes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", cluster.address)
        found = choose("ray", device="cpu")
    assert isinstance(found, RayEngine)
    yield found
    found.close()


@pytest.fixture
def engine(connected: RayEngine) -> RayEngine:
    """An engine that has asked nothing yet."""
    return RayEngine("cpu")


def shards(workspace: Workspace) -> set[str]:
    """Return the names of all shards, which have their contents' digests."""
    root = Path(workspace.root)
    return {str(path.relative_to(root)) for path in root.rglob("shard-*")}


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_every_stage_gives_the_bytes_of_the_local_engine(engine: RayEngine, tmp_path: Path) -> None:
    sums = set()
    here, there = (
        Pipeline(Recipe.parse(TINY), Workspace(tmp_path / name), engine=runs)
        for name, runs in (("here", choose(device="cpu")), ("there", engine))
    )
    for pipeline in (here, there):
        pipeline.run((*FOR_SELECTION, "embed", "labels"))
        by_class = pipeline.of(pipeline.recipe.with_changes(**{"selection.strategy": "k_center"}))
        by_class.run(FOR_SELECTION)
        for number, exported in enumerate((pipeline, by_class)):
            folder = exported.export(tmp_path / f"{pipeline.workspace.name}-{number}")
            sums.add((number, (folder / "SHA256SUMS").read_text()))
    assert len(sums) == 2
    assert shards(here.workspace) == shards(there.workspace)


def test_a_job_runs_on_the_engine_of_its_workspace(cluster: Cluster, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "job")
    workspace.write_engine({"name": "ray", "address": cluster.address})
    job = jobs.submit(workspace, Recipe.parse(TINY), ("ingest",))
    wait_for(lambda: not jobs.status(workspace, job).active, words=lambda: jobs.log(workspace, job))
    assert jobs.status(workspace, job).state == "done", jobs.status(workspace, job).error
    assert "Ray nodes must reach the workspace" in jobs.log(workspace, job)


def wait_for_file(name: Path, index: int, tell: Tell) -> int:
    """Say where the task runs, then wait until the file is there."""
    with (name / f"begun-{index}").open("a") as file:
        print(ray.get_runtime_context().get_node_id(), file=file)
    while not (name / "go").exists():
        (name / f"alive-{index}").touch()
        tell(0, 1, f"task {index}")
        time.sleep(0.05)
    return index


def still(*paths: Path) -> bool:
    """Whether nobody has touched some files for a second."""
    before = [path.stat().st_mtime_ns for path in paths]
    time.sleep(1)
    return before == [path.stat().st_mtime_ns for path in paths]


def test_the_tasks_of_a_lost_node_run_again(engine: RayEngine, cluster: Cluster, tmp_path: Path) -> None:
    third = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    lost: list[Path] = []

    def relay(index: int, done: int, total: int, words: str) -> None:
        mine = [path for path in tmp_path.glob("begun-*") if third.node_id in path.read_text().split()]
        if mine and not lost:
            lost.extend(mine)
            cluster.remove_node(third, allow_graceful=False)
            wait_for(partial(still, mine[0].with_name(mine[0].name.replace("begun", "alive"))))  # its worker goes, too
            (tmp_path / "go").touch()

    found = dict(engine.run([partial(wait_for_file, tmp_path, index) for index in range(3)], relay=relay))
    assert found == {0: 0, 1: 1, 2: 2}
    assert len(lost[0].read_text().split()) == 2


def die(tell: Tell) -> int:
    """End the worker."""
    os._exit(1)


def refrain(tell: Tell) -> int:
    """Do nothing."""
    return 1


def refuse(tell: Tell) -> int:
    """Raise a sentence."""
    raise UsageError("this cannot be")


def remark(tell: Tell) -> int:
    """Say something for people."""
    note_source("the source is odd")
    return 1


def test_a_task_that_ends_its_workers_ends_in_a_sentence(engine: RayEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curation.engine.ray.RETRIES", 1)
    with pytest.raises(CurationError, match=r"^task 2 of 2 \(die\) ended its worker 2 times"):
        list(engine.run([refrain, die]))


def test_what_a_task_says_and_raises_is_as_it_would_be_here(engine: RayEngine) -> None:
    with pytest.warns(SourceWarning, match="the source is odd"):
        assert list(engine.run([remark])) == [(0, 1)]
    with pytest.raises(UsageError, match=r"^this cannot be$"):
        list(engine.run([refuse]))
    assert list(engine.run([])) == []


def test_cancelling_stops_the_tasks_in_flight(engine: RayEngine, tmp_path: Path) -> None:
    def relay(index: int, done: int, total: int, words: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        list(engine.run([partial(wait_for_file, tmp_path, index) for index in range(8)], relay=relay))
    seen = list(tmp_path.glob("alive-*"))
    assert 1 <= len(seen) <= 2
    wait_for(partial(still, *seen))


def test_a_path_that_a_node_does_not_see_is_named_before_any_work(engine: RayEngine, tmp_path: Path) -> None:
    # A lost node is noticed after a while.
    with pytest.warns(UserWarning, match=r"[23] Ray nodes must reach the images"):
        engine.reach({"the images": tmp_path})
    name = f"Ray node {socket.gethostname()}"
    with pytest.raises(CurationError, match=f"^{name} does not see the weights; put it on a file system"):
        engine.reach({"the images": tmp_path, "the weights": tmp_path / "gone"})


def test_the_path_check_asks_only_once(engine: RayEngine, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        engine.reach({"the images": tmp_path})
    tmp_path.rmdir()
    engine.reach({"the images": tmp_path})


def test_a_cluster_that_was_attached_to_goes_on(cluster: Cluster, connected: RayEngine) -> None:
    connected.close()
    with pytest.raises(CurationError, match=r"^Ray does not answer at 127\.0\.0\.1:1: "):
        RayEngine("cpu", address="127.0.0.1:1")
    again = RayEngine("cpu", address=cluster.address)
    assert list(again.run([refrain])) == [(0, 1)]
    again.close()
