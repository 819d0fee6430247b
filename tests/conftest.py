"""What tests share: a small, quickly computed workspace of real digits; and the processor that they are to meet.

Environment: CURATION_TEST_THREADS: threads of torch, here and in every process that a test starts (1);
CURATION_TEST_BF16=on|off: whether the processor says that it computes bfloat16 (as it is); CURATION_TEST_COMPUTED: a
workspace in which the small recipe is computed already, for tests that run tests.
"""

from __future__ import annotations

import os
import runpy
import shutil
import sys
import tempfile
from pathlib import Path

import curation  # noqa: F401  (before torch: it says how threads wait)

os.environ.setdefault("CURATION_TEST_THREADS", "1")  # two workers on two cores
os.environ["OMP_NUM_THREADS"] = os.environ["CURATION_TEST_THREADS"]
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that wait leave their core to others
if os.environ.get("CURATION_TEST_BF16"):
    sys.path.insert(0, str(Path(__file__).parent / "forced"))
    os.environ["PYTHONPATH"] = os.pathsep.join([sys.path[0], *filter(None, [os.environ.get("PYTHONPATH")])])
    runpy.run_path(str(Path(sys.path[0]) / "sitecustomize.py"))
if "PYTEST_XDIST_WORKER" in os.environ:
    # One job runs on a device at a time, by a lock in the temporary folder: workers need not wait for each other.
    os.environ["TMPDIR"] = tempfile.mkdtemp(prefix=f"curation-{os.environ['PYTEST_XDIST_WORKER']}-")

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from filelock import FileLock
from hypothesis import HealthCheck, settings

from curation.pipeline import Pipeline
from curation.recipe import Recipe
from curation.storage.workspace import Workspace

COMPUTED = os.environ.get("CURATION_TEST_COMPUTED")
THREADS = int(os.environ["CURATION_TEST_THREADS"])
torch.set_num_threads(THREADS)
# The same examples in every run, however long a busy machine takes for one.
settings.register_profile("fixed", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fixed")

SMALL: dict[str, Any] = {
    "name": "small",
    "source": {"reader": "digits", "split": "train", "limit": 1300},
    "goal_model": {"architecture": "tiny_resnet", "train": {"epochs": 2}},
    "variants": {
        "corruption": {"kinds": ["fog", "gaussian_noise", "pixelate"], "severities": [3]},
        "adversarial": {"attack": "pgd", "loss": "dlr", "epsilon": 0.1, "steps": 3},
    },
    "selection": {"budget": 500, "mix": {"clean": 9, "corruption": 6, "adversarial": 10}},
    "map": {"clusters": 5},
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files with the most slow tests first: at the end no worker should wait for the other's long file."""
    slow = Counter(item.path for item in items if {"slow", "browser"} & {mark.name for mark in item.iter_markers()})
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture(autouse=True)
def same_threads() -> Iterator[None]:
    """No test may leave another number of threads behind."""
    before = torch.get_num_threads()
    yield
    assert torch.get_num_threads() == before


@pytest.fixture
def small() -> Recipe:
    """A recipe that computes in seconds: 1,300 digits (two shards), three corruptions, three PGD steps."""
    return Recipe.parse(SMALL)


@pytest.fixture(scope="session")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The small recipe, computed once a test run; tests must leave it as it is."""
    recipe, folder = Recipe.parse(SMALL), tmp_path_factory.mktemp("cache") / "small"
    own = tmp_path_factory.getbasetemp()
    source = Path(COMPUTED or (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "computed")
    with FileLock(source.with_suffix(".lock")):  # by one worker for all
        pipeline = Pipeline(recipe, Workspace(source), device="cpu")
        pipeline.run(("ingest", "duplicates", "goal_model", "corruption", "adversarial", "score", "embed"))
        if not pipeline.workspace.revisions():
            pipeline.workspace.save_revision(recipe.to_yaml())
    shutil.copytree(source, folder)
    return Pipeline(recipe, Workspace(folder), device="cpu")


@pytest.fixture(scope="module")
def workspace(computed: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A copy of the computed workspace that the tests of one file may write to."""
    folder = tmp_path_factory.mktemp("cache") / "small"
    shutil.copytree(computed.workspace.root, folder)
    return Workspace(folder)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real data and reference outputs beside the repository; tests that need them skip where they are absent."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("the folder of real data and reference outputs is not beside this repository")
    return folder
