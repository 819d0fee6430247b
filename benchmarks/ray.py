"""The engine Ray against the local one: the same bytes with a node killed in the middle, and what the engine costs.

``killed`` computes one recipe here and on a Ray cluster of three nodes of a core each on this machine, ends one node's
processes in the middle of each of three stages (a new node takes its place), and compares the sums of the exports and
the names of all shards, which have their contents' digests. ``overhead`` computes the stages of many tasks here, with a
thread a core, and on Ray, with a worker a core, in turn; workers are started before the clock. The busy share is what
the workers spent inside tasks of what they could have.
Run: python -m benchmarks.ray [killed] [overhead] [--images 2000] [--repeats 2]    # needs the extra curation[ray]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from curation.engine import Engine, Tell, choose
from curation.engine.ray import RayEngine
from curation.pipeline import FOR_SELECTION, Pipeline
from curation.progress import Progress
from curation.recipe import Recipe
from curation.storage.workspace import Workspace

KILLED_IN = ("goal_model", "adversarial", "score")
SPREAD = ("adversarial", "score")
"""Stages of many tasks."""
EMPTY = 400


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", default=["killed", "overhead"], help="killed, overhead")
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    cores = len(os.sched_getaffinity(0))
    print(f"Ray {ray().__version__}, torch {torch.__version__}, {cores} cores, {options.images} digits\n")
    with tempfile.TemporaryDirectory() as scratch:
        if "killed" in options.parts:
            killed(Path(scratch), options.images)
        if "overhead" in options.parts:
            overhead(Path(scratch), options.images, options.repeats, cores)


def ray() -> Any:
    """Return Ray, quiet."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    return ray


def described(images: int) -> Recipe:
    """Return a recipe of every kind of work: folds, embedding, copies, attacks, scores."""
    train = {"epochs": 2, "batch_size": 64}
    return Recipe.parse(
        {
            "source": {"reader": "digits", "split": "train", "limit": images},
            "goal_model": {"architecture": "tiny_resnet", "train": train},
            "variants": {
                "corruption": {"kinds": ["fog", "gaussian_noise", "pixelate"], "severities": [1, 3, 5]},
                "adversarial": {"attack": "pgd", "epsilon": 0.1, "steps": 10},
            },
            "selection": {"budget": images // 3, "mix": {"clean": 9, "corruption": 6, "adversarial": 10}},
            "label_errors": {"folds": 3, "architecture": "tiny_convnet", "train": train},
        }
    )


def computed(engine: Engine, recipe: Recipe, folder: Path, report: Any = lambda _: None) -> tuple[str, set[str]]:
    """Compute everything but the map; return the export's sums and the names of all shards."""
    pipeline = Pipeline(recipe, Workspace(folder), engine=engine)
    pipeline.run((*FOR_SELECTION, "embed", "labels"), report=report)
    exported = pipeline.export(folder.with_name(f"{folder.name}-exported"))
    return (exported / "SHA256SUMS").read_text(), {str(path.relative_to(folder)) for path in folder.rglob("shard-*")}


@contextlib.contextmanager
def cluster(nodes: int) -> Iterator[Any]:
    """Have a head that does no work and so many nodes of a core each."""
    ray()
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        for _ in range(nodes):
            found.add_node(num_cpus=1)
        yield found
    finally:
        found.shutdown()


def killed(scratch: Path, images: int) -> None:
    """Print whether bytes are the same when nodes are lost."""
    recipe = described(images)
    started = time.perf_counter()
    here = computed(choose(device="cpu"), recipe, scratch / "here")
    print(f"local: {time.perf_counter() - started:.0f} s, {len(here[1])} shards")
    with cluster(3) as nodes:
        engine = RayEngine("cpu", address=nodes.address)
        done: list[str] = []

        def report(progress: Progress) -> None:
            middle = 0 < progress.done < progress.total
            if progress.stage in KILLED_IN and progress.stage not in done and middle:
                done.append(progress.stage)
                mine = ray().get_runtime_context().get_node_id()
                lost = next(node for node in nodes.worker_nodes if node.node_id != mine)
                nodes.remove_node(lost, allow_graceful=False)
                nodes.add_node(num_cpus=1)
                print(f"killed a node in {progress.stage} at {progress.done} of {progress.total}", flush=True)

        started = time.perf_counter()
        there = computed(engine, recipe, scratch / "there", report)
        print(f"ray, 3 nodes, {len(done)} killed: {time.perf_counter() - started:.0f} s, {len(there[1])} shards")
        engine.close()
    print(f"SHA256SUMS identical: {here[0] == there[0]}; all shards identical: {here[1] == there[1]}\n")


def nothing(tell: Tell) -> int:
    """Do nothing."""
    return 0


def overhead(scratch: Path, images: int, repeats: int, cores: int) -> None:
    """Print seconds of the stages of many tasks, here and on Ray, and those of empty tasks."""
    recipe = described(images)
    torch.set_num_threads(cores)
    Pipeline(recipe, Workspace(scratch / "0"), device="cpu").run(("ingest", "duplicates", "goal_model"))
    started = time.perf_counter()
    engines: dict[str, Engine] = {"local": choose(device="cpu"), "ray": RayEngine("cpu", address="local")}
    list(engines["ray"].run([nothing] * 2 * cores))
    print(f"Ray and its workers started: {time.perf_counter() - started:.1f} s")
    print("| engine | " + " | ".join(f"{name}, s" for name in SPREAD) + " | together, s | workers busy |")
    print("|---|" + "---|" * (len(SPREAD) + 2))
    for number in range(repeats):
        for name, engine in engines.items():
            folder = scratch / f"{name}-{number}"
            shutil.copytree(scratch / "0", folder)
            pipeline = Pipeline(recipe, Workspace(folder), engine=engine)
            seconds = pipeline.run(SPREAD)
            spent = sum(pipeline.cost()[stage] for stage in SPREAD)
            whole, workers = sum(seconds.values()), cores if name == "ray" else 1
            cells = " | ".join(f"{seconds[stage]:.1f}" for stage in SPREAD)
            print(f"| {name} | {cells} | {whole:.1f} | {spent / whole / workers:.0%} |", flush=True)
    started = time.perf_counter()
    list(engines["ray"].run([nothing] * EMPTY))
    print(f"\nAn empty task takes {(time.perf_counter() - started) / EMPTY * 1000:.1f} ms")


if __name__ == "__main__":
    main()
