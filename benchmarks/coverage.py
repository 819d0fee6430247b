"""How fast facility location is beside other libraries': the same points, similarities, number to choose and cores.

The points are CIFAR-10's training images, their pixels projected to 64 dimensions by PCA. Three problems: every class
by itself, all pairs; all images on a graph of nearest neighbors; all images, all pairs, where the others would need
N² × 8 bytes. The others are handed similarities, and only their choosing is timed; ours works the distances out in its
time, but for the graph's, which all are handed. Every run is a process of its own, warmed up on a tiny problem. CPU
seconds are the measure: on a busy machine wall seconds tell of the others on it. ``ratio`` is CPU seconds, ``value`` is
what was reached on the same similarities, both as multiples of ours; ``same`` is the share of ours that it chose
too; ``steps`` is the largest relative difference of the values reached with the first 1, 2, 3 … chosen: where it is 0,
choices that differ are ties (two points that are nearest to each other, and to nobody else, add the same).
Needs, in the interpreter ``--oracle`` or this one: pip install apricot-select submodlib-py
Run: python -m benchmarks.coverage [--images 50000] [--count 5000] [--oracle PYTHON] [--parts class,graph,all]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import coverage_libraries, sprites
from benchmarks.coverage_libraries import Problem, similarities
from curation.coverage import assign
from curation.coverage.on_device import on_device
from curation.embedding.neighbors import nearest_neighbors

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 64


def main() -> None:
    """Print a table for each problem."""
    parser = argparse.ArgumentParser(description="Facility location speed beside other libraries.")
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--count", type=int, default=5_000)
    parser.add_argument("--neighbors", type=int, default=100)
    parser.add_argument("--parts", default="class,graph,all")
    parser.add_argument("--oracle", default=sys.executable, help="an interpreter that has the other libraries")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=int, default=900, help="seconds after which a run counts as not finishing")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder with cifar10/")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    images, labels = sprites.read(options.data / "cifar10", "train", options.images)
    points = projected(images)
    libraries = [name for name in ("apricot", "submodlib") if has(options.oracle, name)]
    print(f"{len(points):,} points × {points.shape[1]}, {options.count:,} to choose, {options.threads} threads")
    for part in options.parts.split(","):
        with tempfile.TemporaryDirectory() as folder:
            contest = Contest(
                Path(folder),
                options.oracle,
                libraries,
                options.count,
                options.neighbors,
                options.threads,
                options.limit,
            )
            PARTS[part](points, labels, contest)


def projected(images: np.ndarray) -> np.ndarray:
    """Return pixels in 64 dimensions, by PCA, float32."""
    from sklearn.decomposition import PCA

    flat = images.reshape(len(images), -1).astype(np.float32) / 255
    return PCA(WIDTH, random_state=0).fit_transform(flat).astype(np.float32)


def has(python: str, library: str) -> bool:
    """Say whether an interpreter has a library, and print that it has not."""
    found = subprocess.run([python, "-c", f"import {library}"], capture_output=True, check=False).returncode == 0
    if not found:
        print(f"{library} is not installed in {Path(python).name}: left out; install it or give --oracle")
    return found


def each_class(points: np.ndarray, labels: np.ndarray, contest: Contest) -> None:
    """Every class by itself."""
    classes, sizes = np.unique(labels, return_counts=True)
    count = contest.count // len(classes)
    print(f"\nEvery class by itself, all pairs: {len(classes)} × {sizes.max():,} → {count:,}")
    problems = []
    for label in classes:
        some = points[labels == label]
        apart = on_device(some, metric="l2", device="cpu").block(np.arange(len(some))).numpy()
        problems.append({"count": np.array(count), "points": some, "distance": apart})

    def values(chosen: list[np.ndarray]) -> np.ndarray:
        parts = [
            (p["distance"].max() - np.minimum.accumulate(p["distance"][c])).sum(1, dtype=np.float64)
            for p, c in zip(problems, chosen, strict=True)
        ]
        return np.sum(parts, axis=0)

    contest.hold(problems, ["ours", *contest.libraries], values)


def graph(points: np.ndarray, labels: np.ndarray, contest: Contest) -> None:
    """All points on a graph of nearest neighbors."""
    begun, cpu = time.perf_counter(), time.process_time()
    found = nearest_neighbors(points, count=contest.neighbors)
    wall_s, cpu_s = time.perf_counter() - begun, time.process_time() - cpu
    print(f"\nAll on a graph of {contest.neighbors} neighbors (found in {wall_s:.1f} s, {cpu_s:.1f} s of CPU)")
    problem = {"count": np.array(contest.count), "points": points, "index": found.index, "distance": found.distance}
    near: Any = similarities(problem)

    def values(chosen: list[np.ndarray]) -> np.ndarray:
        served, total, found = np.zeros(len(points)), 0.0, []
        for row in chosen[0]:
            whom = near.indices[near.indptr[row] : near.indptr[row + 1]]
            better = np.maximum(served[whom], near.data[near.indptr[row] : near.indptr[row + 1]])
            total += float((better - served[whom]).sum())
            served[whom] = better
            found.append(total)
        return np.array(found)

    contest.hold([problem], ["ours", "ours, stochastic", *contest.libraries], values)


def all_pairs(points: np.ndarray, labels: np.ndarray, contest: Contest) -> None:
    """All points, all pairs."""
    print(
        f"\nAll, all pairs: the others would need a matrix of {len(points) ** 2 * 8 / 2**30:.1f} GiB, and are left out"
    )
    widest = on_device(points, metric="l2", device="cpu").totals(int)[1]

    def values(chosen: list[np.ndarray]) -> np.ndarray:
        return np.array([(widest - assign(points, chosen[0])[1]).sum(dtype=np.float64)])  # of all chosen only

    contest.hold([{"count": np.array(contest.count), "points": points}], ["ours", "ours, stochastic"], values)


PARTS = {"class": each_class, "graph": graph, "all": all_pairs}


@dataclass
class Run:
    """chosen: int64 k, of each problem; seconds of all problems; GB of memory at the peak."""

    chosen: list[np.ndarray]
    wall_s: float
    cpu_s: float
    peak_gb: float


@dataclass
class Contest:
    """What all contenders share; limit_s: after which one counts as not finishing."""

    folder: Path
    oracle: str
    libraries: list[str]
    count: int
    neighbors: int
    threads: int
    limit_s: int

    def hold(
        self, problems: list[Problem], contenders: list[str], values: Callable[[list[np.ndarray]], np.ndarray]
    ) -> None:
        """Run contenders one after the other, ours first, and print a line for each.

        Args: values: from the chosen, in order, to what the first 1, 2, 3 … of them reach.
        """
        print(f"{'':18}{'wall s':>9}{'CPU s':>9}{'ratio':>9}{'peak GB':>9}{'value':>10}{'same':>9}{'steps':>9}")
        sources = []
        for number, problem in enumerate(problems):
            sources.append(str(self.folder / f"{number}.npz"))
            np.savez(sources[-1], **problem)  # type: ignore[arg-type]
        first: Run | None = None
        for library in contenders:
            run = self.run(library, sources)
            if run is None:
                continue
            first = first or run
            reached = values(run.chosen) / values(first.chosen)
            same = [np.isin(mine, theirs).mean() for mine, theirs in zip(first.chosen, run.chosen, strict=True)]
            print(
                f"{library:18}{run.wall_s:9.2f}{run.cpu_s:9.2f}{run.cpu_s / first.cpu_s:8.1f}×{run.peak_gb:9.2f}"
                f"{reached[-1]:10.6f}{100 * float(np.mean(same)):8.2f}%{abs(reached - 1).max():9.0e}",
                flush=True,
            )

    def run(self, library: str, sources: list[str]) -> Run | None:
        """Run one library in a process of its own; None where it fails or does not finish."""
        own = library.startswith("ours")
        target = self.folder / "result.npz"
        # -P: or this folder's modules would pass for libraries of the same name.
        command = [sys.executable if own else self.oracle, "-P", coverage_libraries.__file__, library, str(target)]
        environment = {f"{name}_NUM_THREADS": str(self.threads) for name in ("OMP", "NUMBA", "OPENBLAS", "MKL")}
        environment |= {"PYTHONPATH": str(ROOT)} if own else {}
        try:
            done = subprocess.run(
                command + sources,
                env=os.environ | environment,
                capture_output=True,
                text=True,
                timeout=self.limit_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            print(f"{library:18} did not finish in {self.limit_s} s")
            return None
        if done.returncode:
            why = (done.stderr.strip().splitlines() or [f"exit {done.returncode}, nothing said"])[-1]
            print(f"{library:18} failed: {why}")
            return None
        with np.load(target) as kept:
            chosen = [kept[str(number)] for number in range(len(sources))]
        return Run(chosen, **json.loads(target.with_suffix(".json").read_text()))


if __name__ == "__main__":
    main()
