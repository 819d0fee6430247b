"""How long 60 random variants take to come from the variant database, and how much of it a kill can lose.

A workspace of 50,000 CIFAR-sized samples, 15 corruptions and two attacks (850,000 variants, 2.6 GB of random pixels) is
written once under the temporary folder; then 60 variants of any set and sample are fetched, 200 times. The files are
in the operating system's cache, as they are while somebody works with them.
Run: python -m benchmarks.variants [--samples 50000]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from curation.analysis import variants
from curation.pipeline.plan import ATTACK_ROWS
from curation.storage.image_set import ImageSet
from curation.storage.shards import Shards

SHAPE = (32, 32, 3)
SAMPLE_SHARD = 512


def image_set(folder: Path, samples: int, name: str, shard_rows: int) -> ImageSet:
    """Return a finished set of random images, written where it is not there yet."""
    starts = np.append(np.arange(0, samples, shard_rows), samples)
    shards = Shards(folder / name, len(starts) - 1, "npy")
    draws = np.random.default_rng(0)
    for index in shards.missing():
        shards.write(index, draws.integers(0, 256, (starts[index + 1] - starts[index], *SHAPE), dtype=np.uint8))
    return ImageSet("corruption", name, 1, None, shards.freeze(), np.arange(samples), starts)


def main() -> None:
    """Print median and 95th percentile."""
    parser = argparse.ArgumentParser(description="Time to fetch 60 random variants.")
    parser.add_argument("--samples", type=int, default=50_000)
    options = parser.parse_args()
    folder = Path(tempfile.gettempdir()) / f"curation-variants-{options.samples}"
    sets = [image_set(folder, options.samples, f"kind{i}", SAMPLE_SHARD) for i in range(15)]
    sets += [image_set(folder, options.samples, f"attack{i}", ATTACK_ROWS) for i in range(2)]
    draws = np.random.default_rng(1)
    times_ms = []
    for _ in range(200):
        which, rows = draws.integers(0, len(sets), 60), draws.integers(0, options.samples, 60)
        start = time.perf_counter()
        found = variants.pixels(sets, which, rows)
        times_ms.append((time.perf_counter() - start) * 1e3)
        assert found.shape == (60, *SHAPE)
    kept = sum(len(images.sample_rows) for images in sets)
    print(
        f"60 random variants of {kept:,} in {len(sets)} sets: median {np.median(times_ms):.1f} ms, "
        f"95 % within {np.quantile(times_ms, 0.95):.1f} ms"
    )


if __name__ == "__main__":
    main()
