"""What a million samples cost: repeated images, neighbors, the label check's ranking, coverage of 100,000 a class.

Everything is made up in memory, so nothing is read or trained: images are random fields with natural images' spectrum,
one in a hundred a noisy copy of another; features lie around ten centers. A line each: wall and CPU seconds, memory
above what the input takes, and the longest time without a word on how far it is.
Run: python -m benchmarks.million PART [--sizes 100000,300000,1000000] [--threads 2]
Parts: duplicates, by_products (the same without the tree), noise (images without a spectrum, which are hardest to tell
apart by few numbers), neighbors, neighbors_of_100000, ranking, alike; of one class, of which 1 in 10 is chosen:
k_center, facility_location, facility_location_graph, set_cover, k_means.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import psutil
import scipy.fft
import torch

from curation.coverage import facility_location, k_center, k_means, set_cover
from curation.coverage.radius import suggest_radius
from curation.duplicates import candidates, near_duplicates
from curation.embedding import alike
from curation.embedding.neighbors import nearest_neighbors
from curation.label_errors.base import Evidence
from curation.label_errors.suspects import suspects

WIDTH, CLASSES, NEIGHBORS = 128, 10, 30
SIDE_PX = 32
OnProgress = Callable[[int, int], object]


def images(count: int, *, natural: bool = True) -> np.ndarray:
    """Return uint8 N×32×32×3; the last hundredth repeats the first, with noise."""
    out = np.empty((count, SIDE_PX, SIDE_PX, 3), np.uint8)
    draws = np.random.default_rng(0)
    frequency = np.hypot(np.fft.fftfreq(SIDE_PX)[:, None], np.fft.rfftfreq(SIDE_PX)[None])
    fall = (1 / np.maximum(frequency, 0.7 / SIDE_PX) if natural else np.ones_like(frequency)).astype(np.float32)
    for start in range(0, count, 5000):
        size = min(5000, count - start)
        white = draws.standard_normal((size, SIDE_PX, SIDE_PX, 3), dtype=np.float32)
        gray = white.mean(3, keepdims=True) * 3**0.5
        mixed = 0.9 * gray + 0.44 * white if natural else white
        field = scipy.fft.irfft2(scipy.fft.rfft2(mixed, axes=(1, 2)) * fall[..., None], axes=(1, 2))
        field *= 58 / field.std()
        out[start : start + size] = (field + 120).round().clip(0, 255)
    copies = count // 100
    noise = draws.integers(-6, 7, (copies, *out.shape[1:]))
    out[count - copies :] = (out[:copies] + noise).clip(0, 255)
    return out


def features(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 N×128 and labels int64 N; spectrum and classes as a goal model's features have them."""
    draws = np.random.default_rng(0)
    labels = draws.integers(0, CLASSES, count)
    scale = (1 / np.sqrt(1 + np.arange(WIDTH))).astype(np.float32)
    centers = (2 * draws.standard_normal((CLASSES, WIDTH)) * scale).astype(np.float32)
    values = draws.standard_normal((count, WIDTH), dtype=np.float32) * scale
    values += centers[labels]
    return values, labels


class Watch:
    """Wall and CPU seconds, memory above the start, longest silence."""

    def __init__(self) -> None:
        self.told = [(0.0, 0)]

    def __call__(self, done: int, total: int) -> None:
        """Be told how far the work is."""
        self.told.append((time.perf_counter(), done))

    @contextmanager
    def line(self, name: str, size: int) -> Iterator[None]:
        """Print a line on what is done inside."""
        process, over = psutil.Process(), threading.Event()
        before, peak = process.memory_info().rss, 0

        def look() -> None:
            nonlocal peak
            while not over.wait(0.02):
                peak = max(peak, process.memory_info().rss)

        looking = threading.Thread(target=look)
        looking.start()
        begun, cpu = time.perf_counter(), time.process_time()
        self.told = [(begun, 0)]
        try:
            yield
        finally:
            wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
            over.set()
            looking.join()
        silence = np.diff([*(moment for moment, _ in self.told), begun + wall]).max()
        print(
            f"{name:<26}{size:>10,}{wall:>10.1f}{cpu:>10.1f}{(peak - before) / 1e9:>9.2f}{silence:>11.1f}",
            end="   ",
            flush=True,
        )


def duplicates(size: int, *, natural: bool = True, tree: bool = True) -> None:
    """Look for repeated images, by the tree where it tells them apart, or by products of matrices."""
    made, watch = images(size, natural=natural), Watch()
    candidates.SIEVED = 0 if tree else size
    near_duplicates(made[:20])  # compiles
    with watch.line(("repeated images" if natural else "repeated noise") + ("" if tree else ", products"), size):
        found = near_duplicates(made, on_progress=watch)
    right = (found["other"] - found["row"] == size - size // 100).sum()
    print(f"{right:,} of {size // 100:,} copies found, {len(found):,} in all", flush=True)


def neighbors(size: int, queries: int | None = None) -> None:
    """Find the neighbors that vote, of all or of the first so many."""
    values, watch = features(size)[0], Watch()
    asked = size if queries is None else min(queries, size)
    mine = None if queries is None else values[:asked]
    own = None if queries is None else np.arange(size)
    with watch.line(f"{NEIGHBORS} neighbors of {asked:,}", size):
        found = nearest_neighbors(
            values,
            count=NEIGHBORS,
            queries=mine,
            owners=own,
            query_owners=None if own is None else own[:asked],
            metric="cosine",
            on_progress=watch,
        )
    first = min(moment for moment, done in watch.told if done) - watch.told[0][0]
    print(f"first found after {first:.0f} s, ", end="")
    some = np.random.default_rng(1).choice(asked, 500, replace=False)
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    similarity = unit[some] @ unit.T
    similarity[np.arange(len(some)), some] = -1
    least = np.partition(similarity, -NEIGHBORS, axis=1)[:, -NEIGHBORS]
    print(f"{(1 - found.distance[some] >= least[:, None] - 1e-5).mean():.4f} of the true ones", flush=True)


def ranking(size: int) -> None:
    """Rank labels by made-up evidence."""
    draws, watch = np.random.default_rng(0), Watch()
    labels = draws.integers(0, CLASSES, size)
    raw = draws.standard_normal((size, CLASSES), dtype=np.float32) + 3 * np.eye(CLASSES, dtype=np.float32)[labels]
    raw = np.exp(raw)
    raw /= raw.sum(1, keepdims=True)
    index = (np.arange(size)[:, None] + draws.integers(1, size, (size, NEIGHBORS))) % size
    evidence = Evidence(
        labels,
        raw,
        index,
        np.sort(draws.random((size, NEIGHBORS), dtype=np.float32)),
        clusters=draws.integers(0, 100, size),
        area_under_margin=draws.standard_normal(size, dtype=np.float32),
        forgetting=draws.integers(0, 9, size).astype(np.float32),
    )
    with watch.line("label ranking", size):
        suspects(evidence)
    print(flush=True)


def near_in_space(size: int) -> None:
    """Compare by cosine."""
    values, watch = features(size)[0], Watch()
    with watch.line("alike, cosine .95", size):
        found = alike(values, similarity=0.95, on_progress=watch)
    print(f"{len(found):,} like others", flush=True)


def covering(name: str) -> Callable[[int], None]:
    """Return what chooses a tenth of one class."""

    def run(size: int) -> None:
        values, watch = features(size)[0], Watch()
        values -= values.mean(0)
        count = size // 10
        ways: dict[str, Callable[[], object]] = {
            "k_center": lambda: k_center(values, count=count, on_progress=watch),
            "k_means": lambda: k_means(values, count=count, on_progress=watch),
            "facility_location": lambda: facility_location(values, count=count, on_progress=watch),
            "facility_location_graph": lambda: facility_location(values, count=count, neighbors=100, on_progress=watch),
            "set_cover": lambda: set_cover(values, radius=suggest_radius(values)[0], count=count, on_progress=watch),
        }
        with watch.line(name, size):
            ways[name]()
        print(flush=True)

    return run


PARTS: dict[str, Callable[[int], None]] = {
    "duplicates": duplicates,
    "by_products": lambda size: duplicates(size, tree=False),
    "noise": lambda size: duplicates(size, natural=False),
    "neighbors": neighbors,
    "neighbors_of_100000": lambda size: neighbors(size, 100_000),
    "ranking": ranking,
    "alike": near_in_space,
    **{
        name: covering(name)
        for name in ("k_center", "k_means", "facility_location", "facility_location_graph", "set_cover")
    },
}


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--sizes", default="100000,300000,1000000")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{'':26}{'samples':>10}{'wall s':>10}{'CPU s':>10}{'GB more':>9}{'silence s':>11}")
    for size in map(int, options.sizes.split(",")):
        PARTS[options.part](size)


if __name__ == "__main__":
    main()
