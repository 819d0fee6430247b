"""Selection by thresholds from memory-mapped columns of 100 million candidates: seconds and memory.

Clean images, 95 corrupted and 4 adversarial copies of each sample, in a temporary folder that is removed afterwards (16
bytes a candidate). "anonymous" is the memory that the process alone holds; mapped pages of files, which the system
takes back whenever it wants, are counted in "peak RSS" too. Where ``select`` has room for the same pool in memory
(--compare), both results are compared.
Run: OMP_NUM_THREADS=1 python -m benchmarks.selection_100m [--candidates 100000000] [--folder DIR] [--compare]
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import resource
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

from curation.selection.by_thresholds import select_by_thresholds
from curation.selection.pool import CODE_BITS, FAMILIES
from curation.selection.select import select
from curation.selection.settings import Selection

CLASSES = 10
COPIES = {"clean": 1, "corruption": 95, "adversarial": 4}
AT_ONCE = 1 << 20
OPTIONS: dict[str, dict[str, Any]] = {
    "offset .05": {"offset": 0.05},
    "by score": {"offset_by": "score", "offset": 1.0},
    "offset .05, floor .6": {"offset": 0.05, "floor": 0.6},
    "families short": {"offset": 0.9, "mix": [1, 1, 1]},
}


def make(folder: Path, family: str, samples: int) -> dict[str, np.ndarray]:
    """Write one family's columns, and return them memory-mapped."""
    copies, random = COPIES[family], np.random.default_rng(len(family))
    files = {"candidate_id": np.int64, "label": np.int32, "entropy": np.float32}
    columns = {
        name: np.lib.format.open_memmap(folder / f"{family}-{name}.npy", "w+", dtype, (samples * copies,))
        for name, dtype in files.items()
    }
    for start in range(0, samples * copies, AT_ONCE):
        row = np.arange(start, min(start + AT_ONCE, samples * copies))
        sample, copy = row // copies, row % copies
        part = slice(start, start + len(row))
        columns["candidate_id"][part] = (sample << CODE_BITS) + copy + (family == "adversarial") * 1000
        columns["label"][part] = (sample * 7919) % CLASSES
        # As confident networks have it: most are very sure of most images.
        columns["entropy"][part] = random.beta(0.5, 2.0, len(row)) * np.log(CLASSES)
    for values in columns.values():
        values.flush()
    return {name: np.load(folder / f"{family}-{name}.npy", mmap_mode="r") for name in files}


class Anonymous:
    """The most memory that the process held alone, looked at twenty times a second."""

    def __enter__(self) -> Anonymous:
        self.most, self._done = 0, threading.Event()
        self._looking = threading.Thread(target=self._look, daemon=True)
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._looking.join()

    def _look(self) -> None:
        process = psutil.Process()
        while not self._done.wait(0.05):
            found = process.memory_info()
            self.most = max(self.most, found.rss - found.shared)


def main() -> None:
    """Print a line an option."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--candidates", type=int, default=100_000_000)
    parser.add_argument("--folder", type=Path, help="where the temporary folder is made")
    parser.add_argument("--compare", action="store_true", help="compare with select in memory")
    options = parser.parse_args()
    samples = options.candidates // sum(COPIES.values())
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        start = time.perf_counter()
        pool = {family: make(Path(folder), family, samples) for family in FAMILIES}
        size = sum(values.nbytes for columns in pool.values() for values in columns.values())
        print(f"{samples * 100:,} candidates, {size / 1e9:.1f} GB, made in {time.perf_counter() - start:.0f} s")
        process = psutil.Process().memory_info()
        print(f"anonymous before the first selection: {(process.rss - process.shared) / 1e6:,.0f} MB")
        print(f"{'option':<22} {'budget':>10} {'chosen':>10}  seconds  CPU s  anonymous MB  peak RSS MB", flush=True)
        for option, fields in OPTIONS.items():
            settings = Selection.model_validate({"budget": samples, "mix": [9, 6, 10], **fields})
            with Anonymous() as memory:
                start, cpu = time.perf_counter(), time.process_time()
                found = select_by_thresholds(pool, settings, seed=0, classes=CLASSES)
                seconds, spent = time.perf_counter() - start, time.process_time() - cpu
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
            figures = f"{seconds:8.1f} {spent:6.1f} {memory.most / 1e6:13,.0f} {peak:12,.0f}"
            print(f"{option:<22} {samples:>10,} {len(found.pool_rows):>10,} {figures}", flush=True)
            if options.compare:
                print(f"  the same as in memory: {same(pool, settings, found)}", flush=True)


def same(pool: dict[str, dict[str, np.ndarray]], settings: Selection, found: Any) -> bool:
    """Whether ``select`` chooses the same from the pool in memory."""
    tables = [pd.DataFrame(columns).assign(family=FAMILIES.index(name)) for name, columns in pool.items()]
    whole = pd.concat(tables, ignore_index=True)
    whole["family"] = pd.Categorical.from_codes(whole["family"].to_numpy(), pd.Index(FAMILIES))
    expected = select(whole, settings, seed=0, classes=CLASSES)
    return np.array_equal(found.candidate_ids, expected.candidate_ids) and found.families == expected.families


if __name__ == "__main__":
    main()
