"""How small attacked images become without loss: as they are, and as their difference to the original.

DLR-PGD of several steps on a CIFAR-10 network that is published, and on photographs with a network of random weights,
whose differences within ±ε are as many and as unordered. Zstandard is pyarrow's, at three levels; ``packed`` is the
difference in as few bits as 2ε·255 + 1 values need, without a compressor. The time is that of reading back, by image.
Then these copies, repeated, are kept in shards both ways, and pages of random ones are fetched; the files are in the
operating system's cache.
Run: python -m benchmarks.residuals [--photographs imagenette-224-mini.tar] [--data ../shared/data] [--images 256]
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow
import torch
from torch import nn

from benchmarks.attack_libraries import DATA, network, test_images
from benchmarks.photographs import opened
from curation.attacks import ATTACKS
from curation.models.architectures import build
from curation.pipeline.plan import ATTACK_ROWS
from curation.randomness import stream_seeds
from curation.storage.differences import Differences
from curation.storage.sample_header import SampleHeader
from curation.storage.shards import Shards

LEVELS = (1, 9, 19)
EPSILON = 8
PAGE = 60


def attacked(model: nn.Module, images: np.ndarray, labels: np.ndarray, *, steps: int) -> np.ndarray:
    """Return what DLR-PGD makes of uint8 N×H×W×C within 8/255."""
    attack = ATTACKS.build("pgd", {"loss": "dlr", "epsilon": EPSILON / 255, "steps": steps})
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    found = attack(model, pixels, torch.from_numpy(labels), seeds=stream_seeds(0, np.arange(len(images))))
    return (found * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def table(words: str, originals: np.ndarray, copies: np.ndarray) -> None:
    """Print the sizes of the copies as shares of their pixels."""
    difference = copies - originals  # modulo 256
    assert np.array_equal(originals + difference, copies)
    print(f"{words}: {copies.nbytes / len(copies) / 1000:.1f} kB an image as pixels")
    print(f"  packed {8 / math.ceil(math.log2(2 * EPSILON + 1)):.2f}×")
    for name, values in (("pixels", copies), ("difference", difference)):
        for level in LEVELS:
            codec = pyarrow.Codec("zstd", compression_level=level)
            start = time.perf_counter()
            small = [codec.compress(image.tobytes(), asbytes=True) for image in values]
            wrote = time.perf_counter() - start
            start = time.perf_counter()
            for image, part in zip(values, small, strict=True):
                codec.decompress(part, decompressed_size=image.nbytes)
            read = time.perf_counter() - start
            print(
                f"  {name}, zstd level {level}: {values.nbytes / sum(map(len, small)):.2f}×, written in "
                f"{wrote / len(values) * 1e3:.2f} ms an image, read in {read / len(values) * 1e3:.3f} ms"
            )


def page(originals: np.ndarray, copies: np.ndarray, *, count: int) -> None:
    """Print what so many copies take on disk as pixels and as differences, and how long a page of random ones takes."""
    rows, shape = np.arange(count), (*copies.shape[1:],)
    header = SampleHeader(classes=[], shape=shape, positions=count, limit=None)
    ends = np.append(np.arange(0, count, header.shard_rows), count)
    starts = np.append(np.arange(0, count, ATTACK_ROWS), count)
    with tempfile.TemporaryDirectory(prefix="curation-residuals-") as name:
        samples = Shards(Path(name, "samples"), len(ends) - 1, "npy")
        for index in range(samples.count):
            samples.write(index, originals[rows[ends[index] : ends[index + 1]] % len(originals)])
        read = partial(_read, samples.freeze(), ends)
        for words, kept in (
            ("pixels", Shards(Path(name, "pixels"), len(starts) - 1, "npy")),
            ("differences", Differences(Path(name, "differences"), read, rows, starts)),
        ):
            for index in range(kept.count):
                kept.write(index, copies[rows[starts[index] : starts[index + 1]] % len(copies)])
            size = sum(path.stat().st_size for path in kept.folder.iterdir())
            frozen, draws, times_ms = kept.freeze(), np.random.default_rng(0), []
            for _ in range(50):
                picked = draws.integers(0, count, PAGE)
                start = time.perf_counter()
                found = frozen.gather(picked, starts)
                times_ms.append((time.perf_counter() - start) * 1e3)
                assert np.array_equal(found, copies[picked % len(copies)])
            print(
                f"  {count:,} copies kept as {words}: {size / 1e6:.1f} MB; {PAGE} random ones: median "
                f"{np.median(times_ms):.1f} ms, 95 % within {np.quantile(times_ms, 0.95):.1f} ms"
            )


def _read(samples: Shards, starts: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return samples.gather(rows, starts)


def main() -> None:
    """Print a table for small images and one for photographs."""
    parser = argparse.ArgumentParser(description="Attacked images, compressed without loss.")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with cifar10/ and weights/")
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--steps", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    pixels, labels = test_images(options.images, options.data)
    small = (pixels.permute(0, 2, 3, 1) * 255).round().to(torch.uint8).numpy()
    made = attacked(network("resnet20", options.data), small, labels.numpy(), steps=options.steps)
    table(f"{len(small)} CIFAR-10 images, ResNet-20", small, made)
    page(small, made, count=50_000)
    if options.photographs:
        chunk = opened(options.photographs, side_px=224).read(0, options.images // 8)
        drawn = build("torchvision/resnet18", classes=10, shape=chunk.images.shape[1:]).eval().requires_grad_(False)
        made = attacked(drawn, chunk.images, chunk.labels, steps=options.steps)
        table(f"{len(chunk.images)} photographs of 224 px, ResNet-18", chunk.images, made)
        page(chunk.images, made, count=2_000)


if __name__ == "__main__":
    main()
