"""Nearest neighbors beside scikit-learn and FAISS: the same points, one run; and what the approximate search finds.

Points are the first 64 principal components of FashionMNIST's images (Debian: dataset-fashion-mnist), from 60,000 on
also of the same images shifted by a pixel or two. Each figure is the best of --repeats, in seconds of CPU time, which
on a busy machine is what the work costs; beside it the share of neighbors that are those of FAISS' exact index (ties
aside, by distance). scikit-learn runs on 2,000 of the queries only, scaled up; on CUDA seconds are of wall time.
Run: OMP_NUM_THREADS=1 python -m benchmarks.neighbors [--sizes 10000,50000] [--counts 15,100] [--device cuda]
python -m benchmarks.neighbors --approximate 480000   # time, and what is found for 2,000 queries, above EXACT_POINTS
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import sys
import time
from collections.abc import Callable

import faiss
import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from curation.embedding import neighbors
from curation.embedding.neighbors import nearest_neighbors, within_radius
from curation.readers.fashion_mnist import FashionMnist

WIDTH = 64
PROBED = 2000
SHIFTS = [(0, 0), (1, 0), (0, 1), (-1, 0), (0, -1), (2, 0), (0, 2), (-2, 0), (0, -2)]
Find = Callable[[], tuple[np.ndarray, np.ndarray]]


def points(count: int) -> np.ndarray:
    """Return float32 N×64 of real images."""
    source = FashionMnist(split="train").open()
    images = source.read(0, min(count, 60_000)).images[..., 0]
    pca = PCA(WIDTH, random_state=0).fit(images.reshape(len(images), -1)[:10_000] / 255)
    copies = SHIFTS[: -(-count // len(images))]
    parts = [pca.transform(np.roll(images, shift, (1, 2)).reshape(len(images), -1) / 255) for shift in copies]
    return np.ascontiguousarray(np.concatenate(parts)[:count], dtype=np.float32)


def flat(values: np.ndarray, queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Search FAISS' exact index; a point is its own first neighbor."""
    index = faiss.IndexFlatL2(WIDTH)
    index.add(values)
    squares, found = index.search(queries, count + 1)
    return found[:, 1:], np.sqrt(np.maximum(squares[:, 1:], 0))


def graph(values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Build and search FAISS' hierarchical graph, 32 links a point."""
    index = faiss.IndexHNSWFlat(WIDTH, 32)
    index.hnsw.efSearch = max(64, 2 * count)
    index.add(values)
    squares, found = index.search(values, count + 1)
    return found[:, 1:], np.sqrt(np.maximum(squares[:, 1:], 0))


def brute(values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Search with scikit-learn, some of the queries."""
    distance, found = NearestNeighbors(algorithm="brute").fit(values).kneighbors(values[:PROBED], count + 1)
    return found[:, 1:], distance[:, 1:]


def ours(values: np.ndarray, count: int, device: str) -> tuple[np.ndarray, np.ndarray]:
    """Search with the library."""
    found = nearest_neighbors(values, count=count, device=device)
    return found.index, found.distance


def best(find: Find, repeats: int, device: str = "cpu") -> tuple[float, np.ndarray]:
    """Return the fewest seconds, and the distances found."""
    seconds = []
    for _ in range(repeats):
        clock = time.process_time if device == "cpu" else time.perf_counter
        begun = clock()
        _, distance = find()
        seconds.append(clock() - begun)
    return min(seconds), distance


def found_share(distance: np.ndarray, truth: np.ndarray) -> float:
    """Return the share of true neighbors: those no farther than the true last one, rounding aside."""
    return float((distance[: len(truth)] <= truth[: len(distance), -1:] * (1 + 1e-5)).mean())


def compare(size: int, count: int, repeats: int, device: str) -> None:
    """Print one line a method."""
    values = points(size)
    truth = flat(values, values[:PROBED], count)[1]
    rows: dict[str, tuple[float, np.ndarray]] = {
        "ours, exact": best(lambda: ours(values, count, device), repeats, device)
    }
    rows["FAISS flat, exact"] = best(lambda: flat(values, values, count), repeats)
    seconds, distance = best(lambda: brute(values, count), repeats)
    rows["scikit-learn brute"] = seconds * size / min(size, PROBED), distance
    rows["FAISS HNSW 32"] = best(lambda: graph(values, count), 1)
    radius = float(np.median(truth[:, min(14, count - 1)]))
    first = rows["ours, exact"][0]
    for name, (seconds, distance) in rows.items():
        share = found_share(distance, truth)
        print(f"{size:>9,} {count:>5} {name:<22} {seconds:>9.2f} {seconds / first:>8.2f} {share:>9.4f}", flush=True)
    begun = time.process_time()
    pairs = within_radius(values, radius=radius, device=device).nnz
    seconds = time.process_time() - begun
    print(f"{size:>9,} {'':>5} {f'within {radius:.2f}: {pairs:,}':<22} {seconds:>9.2f}", flush=True)


def approximate(size: int, count: int) -> None:
    """Print what the approximate search costs and finds, for a search of all and one in a sample."""
    values = points(size)
    truth = flat(values, values[:PROBED], count)[1]
    begun, wall = time.process_time(), time.perf_counter()
    _, distance = ours(values, count, "cpu")
    seconds, wall = time.process_time() - begun, time.perf_counter() - wall
    how = "approximate" if size > neighbors.EXACT_POINTS else "exact"
    share = found_share(distance, truth)
    print(f"{size:>9,} {count:>5} {f'ours, {how}':<22} {seconds:>9.2f} {'':>8} {share:>9.4f}   wall {wall:.1f} s")


def main() -> None:
    """Print one line a method, size and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="10000,50000")
    parser.add_argument("--counts", default="15,100")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--approximate", type=int)
    options = parser.parse_args()
    threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    torch.set_num_threads(threads)
    faiss.omp_set_num_threads(threads)
    device = torch.cuda.get_device_name() if options.device == "cuda" else platform.processor() or platform.machine()
    print(
        f"{device}, {threads} threads; Python {sys.version.split()[0]}, torch {torch.__version__}, "
        f"faiss {faiss.__version__}"
    )
    print(f"{'points':>9} {'k':>5} {'method':<22} {'seconds':>9} {'× ours':>8} {'found':>9}")
    for count in map(int, options.counts.split(",")):
        if options.approximate:
            approximate(options.approximate, count)
        else:
            for size in map(int, options.sizes.split(",")):
                compare(size, count, options.repeats, options.device)
    print(f"largest memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
