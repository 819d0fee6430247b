"""How fast a cold selection follows a slider, for every option and family mix.

Wall time (5 %, 50 % and 95 %) and median CPU time of 15 runs. Cold: nothing is prepared but the table itself. On a busy
machine the CPU time is what the work costs. Run: OMP_NUM_THREADS=1 python benchmarks/selection.py [candidates]
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from curation.selection.pool import Part, build_pool, candidate_name
from curation.selection.select import difference, select
from curation.selection.settings import Edges, Selection

CLASSES = 10


def make_pool(candidates: int, severities: int = 5, kinds: int = 15) -> pd.DataFrame:
    """A pool as a recipe makes it: every sample clean, under every kind and severity, and attacked once."""
    samples = max(1, candidates // (2 + kinds * severities))
    random = np.random.default_rng(0)

    def scores() -> pd.DataFrame:
        entropy = (random.beta(0.5, 2.0, samples) * np.log(CLASSES)).astype(np.float32)
        unit = entropy / np.float32(np.log(CLASSES))
        return pd.DataFrame(
            {
                "prediction": random.integers(0, CLASSES, samples, dtype=np.int32),
                "entropy": entropy,
                "gini": unit * np.float32(1 - 1 / CLASSES),
                "margin": 1 - unit,
            }
        )

    parts = [Part("clean", "clean", 0, scores()), Part("adversarial", "pgd", 0, scores())]
    parts += [Part("corruption", f"kind{k:02}", s + 1, scores()) for k in range(kinds) for s in range(severities)]
    return build_pool(np.arange(samples), random.integers(0, CLASSES, samples), parts)


def line(pool: str, candidates: int, budget: int, option: str, work: Callable[[], Any], repeats: int = 15) -> None:
    """Print one measurement, after one unmeasured run."""
    work()
    wall_ms, cpu_ms = [], []
    for _ in range(repeats):
        start, cpu_start = time.perf_counter(), time.process_time()
        work()
        wall_ms.append((time.perf_counter() - start) * 1e3)
        cpu_ms.append((time.process_time() - cpu_start) * 1e3)
    low, median, high = np.quantile(wall_ms, [0.05, 0.5, 0.95])
    figures = f"{low:7.1f} {median:7.1f} {high:7.1f} {np.median(cpu_ms):8.1f}"
    print(f"{pool:>16} {candidates:>10,} {budget:>9,}  {option:<22} {figures}", flush=True)


def main() -> None:
    """Print one line an option and mix."""
    candidates = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    pools = {
        "75 corruptions": make_pool(candidates),
        "one of each": make_pool(candidates, severities=1, kinds=1),
        "clean only": make_pool(candidates, severities=0, kinds=0),
    }
    shuffled = pools["75 corruptions"].sample(frac=1, random_state=0, ignore_index=True)
    mixes = {"75 corruptions": [9, 6, 10], "one of each": [9, 6, 10], "clean only": [1, 0, 1]}
    options: dict[str, dict[str, Any]] = {
        "offset .05": {"offset": 0.05},
        "offset 0": {"offset": 0},
        "offset .5": {"offset": 0.5},
        "offset .05, floor .6": {"offset": 0.05, "floor": 0.6},
        "by score": {"offset_by": "score", "offset": 1.0},
        "margin": {"score": "margin", "offset": 0.05},
        "class balance": {"class_balance": True, "offset": 0.05},
        "one variant a sample": {"variants_per_sample": "one", "offset": 0.05},
        "hardest kind": {"variants_per_sample": "hardest", "offset": 0.05},
        "random": {"strategy": "random"},
        "all of it": {
            "class_balance": True,
            "variants_per_sample": "one",
            "offset": 0.05,
            "floor": 0.9,
            "edits": {
                "exclude": [candidate_name(i, "clean", 0) for i in range(0, 200, 2)],
                "relabel": dict.fromkeys(range(1, 200, 2), 0),
            },
        },
    }
    print(f"{'pool':>16} {'candidates':>10} {'budget':>9}  {'option':<22}   wall 5 %, 50 %, 95 %, CPU 50 %; ms")
    for name, pool in pools.items():
        samples = pool["sample_id"].nunique()
        budget = samples if name == "75 corruptions" else samples // 2
        for option, fields in options.items():
            settings = Selection(budget=budget, mix=mixes[name], **fields)
            line(name, len(pool), budget, option, partial(select, pool, settings, seed=0, classes=CLASSES))
    full = pools["75 corruptions"]
    settings = Selection(budget=full["sample_id"].nunique(), mix=[9, 6, 10], offset=0.05)
    line(
        "rows shuffled",
        len(full),
        settings.budget,
        "offset .05",
        lambda: select(shuffled, settings, seed=0, classes=10),
    )
    short = Selection(budget=candidates, mix=[1, 1, 1], offset=0.5)
    line("75 corruptions", len(full), candidates, "families short", lambda: select(full, short, seed=0, classes=10))
    clean = pools["clean only"]
    half = Selection(budget=len(clean) // 4, mix=[1, 0, 1], offset=0)
    moved = half.model_copy(update={"offset": Edges(clean=0.1, adversarial=0.1)})
    before, after = (select(clean, settings, seed=0, classes=CLASSES) for settings in (half, moved))
    line("clean only", len(clean), half.budget, "difference of two", lambda: difference(before, after))


if __name__ == "__main__":
    main()
