"""One library's facility location, in a process of its own: seconds, peak memory, what was chosen.

Needs only NumPy, SciPy and the library, so that it runs in an interpreter of its own.
Run by benchmarks.coverage: PYTHON coverage_libraries.py LIBRARY RESULT.npz PROBLEM.npz …
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import sparse

Problem = dict[str, np.ndarray]
"""count; and points (float32 N×D), or distance (float32 N×N), or index and distance (N×k) of nearest neighbors."""

Choose = Callable[[Problem], np.ndarray]


def similarities(problem: Problem) -> np.ndarray | sparse.csr_matrix:
    """Return c − distance, float64, of all pairs or of neighbors: a row a candidate, whom it serves in the columns."""
    apart = problem["distance"].astype(np.float64)
    if "index" not in problem:
        return apart.max() - apart
    size, count = apart.shape
    by = np.append(problem["index"].ravel(), np.arange(size))
    rows = np.append(np.repeat(np.arange(size), count), np.arange(size))
    near = apart.max() - np.append(apart.ravel(), np.zeros(size))
    table = sparse.csr_matrix((near, (by, rows)), shape=(size, size))
    table.sort_indices()
    table.indices, table.indptr = table.indices.astype(np.int32), table.indptr.astype(np.int32)
    return table


def apricot() -> Callable[[Problem], Choose]:
    """Its lazy greedy, the fastest of its exact ones, on similarities that it is handed."""
    from apricot import FacilityLocationSelection  # type: ignore[import-not-found]

    def prepare(problem: Problem) -> Choose:
        given = similarities(problem)

        def choose(problem: Problem) -> np.ndarray:
            made = FacilityLocationSelection(int(problem["count"]), metric="precomputed", optimizer="lazy")
            return np.array(made.fit(given).ranking)

        return choose

    return prepare


def submodlib() -> Callable[[Problem], Choose]:
    """Its lazy greedy, on similarities that it is handed; building its function object is part of the time."""
    from submodlib import FacilityLocationFunction  # type: ignore[import-not-found]

    def prepare(problem: Problem) -> Choose:
        given = similarities(problem)

        def choose(problem: Problem) -> np.ndarray:
            if sparse.issparse(given):
                near = problem["index"].shape[1]
                made = FacilityLocationFunction(n=given.shape[0], mode="sparse", sijs=given, num_neighbors=near)
            else:
                made = FacilityLocationFunction(n=len(given), mode="dense", separate_rep=False, sijs=given)
            chosen = made.maximize(int(problem["count"]), optimizer="LazyGreedy", show_progress=False)
            return np.array([position for position, _ in chosen])

        return choose

    return prepare


def ours(**more: str) -> Callable[[Problem], Choose]:
    """Ours, from the points themselves, so distances are part of the time; or on neighbors that it is handed."""
    from curation.coverage import facility_location
    from curation.embedding.neighbors import Neighbors

    def prepare(problem: Problem) -> Choose:
        found = Neighbors(problem["index"], problem["distance"]) if "index" in problem else None

        def choose(problem: Problem) -> np.ndarray:
            count = int(problem["count"])
            return facility_location(problem["points"], count=count, neighbors=found, **more).chosen  # type: ignore[arg-type]

        return choose

    return prepare


LIBRARIES: dict[str, Callable[[], Callable[[Problem], Choose]]] = {
    "ours": ours,
    "ours, stochastic": lambda: ours(method="stochastic"),
    "apricot": apricot,
    "submodlib": submodlib,
}


def few(problem: Problem) -> Problem:
    """Return a problem so small that a run of it does nothing but prepare: imports, compilation, caches."""
    size = 64
    small = {"count": np.array(4)}
    if "points" in problem:
        small["points"] = problem["points"][:size]
    if "index" in problem:
        steps = np.arange(1, 5)
        small["index"] = (np.arange(size)[:, None] + steps) % size
        small["distance"] = np.tile(steps, (size, 1)).astype(np.float32)
    elif "distance" in problem:
        small["distance"] = problem["distance"][:size, :size]
    return small


def main() -> None:
    """Run one library on problems, one after the other, and keep what came of them: the chosen, and the sums."""
    library, target, *sources = sys.argv[1:]
    prepare = LIBRARIES[library]()
    spent = {"wall_s": 0.0, "cpu_s": 0.0}
    chosen: dict[str, np.ndarray] = {}
    for source in sources:
        with np.load(source) as kept:
            problem = dict(kept)
        if not chosen:
            small = few(problem)
            prepare(small)(small)
        choose = prepare(problem)
        wall, cpu = time.perf_counter(), time.process_time()
        chosen[str(len(chosen))] = choose(problem)
        spent["wall_s"] += time.perf_counter() - wall
        spent["cpu_s"] += time.process_time() - cpu
    np.savez(target, **chosen)  # type: ignore[arg-type]
    Path(target).with_suffix(".json").write_text(json.dumps(spent | {"peak_gb": peak_gb()}))


def peak_gb() -> float:
    """Return the most memory that this process has held; Linux's getrusage counts its parent's too."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024 / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)


if __name__ == "__main__":
    main()
