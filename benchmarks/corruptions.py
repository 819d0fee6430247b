"""How fast images are corrupted, kind by kind, beside the published code where it is installed.

Best of three runs at severity 3, for 1,000 CIFAR-shaped images in one process: wall time, and CPU time, which on a busy
machine is what the work costs; the ratio is of CPU times. With the package ``imagecorruptions``
(imagecorruptions-imaug) importable, both sides run its ImageNet constants.
Run: python -m benchmarks.corruptions [--images 1000] [--side 32] [--constants cifar] [--threads 1]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from curation.corruptions import CORRUPTIONS
from curation.randomness import stream_seeds


def seconds(work: Callable[[], object], runs: int) -> np.ndarray:
    """Return float64 2: the shortest wall time and the shortest CPU time of ``runs`` runs."""
    times = []
    for _ in range(runs):
        start = time.perf_counter(), time.process_time()
        work()
        times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return np.min(times, axis=0)


def photographs(number: int, side_px: int) -> np.ndarray:
    """Return uint8 N×side×side×3: smooth pictures with full contrast."""
    rough = np.random.default_rng(0).normal(size=(number, side_px, side_px, 3))
    smooth = gaussian_filter(rough, (0, side_px / 12, side_px / 12, 0), mode="wrap")
    low, high = smooth.min(axis=(1, 2, 3), keepdims=True), smooth.max(axis=(1, 2, 3), keepdims=True)
    return np.round((smooth - low) / (high - low) * 255).astype(np.uint8)


def main() -> None:
    """Print one row a kind and the totals of the fifteen."""
    parser = argparse.ArgumentParser(description="Images a second of every corruption.")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--constants", choices=["cifar", "imagenet"], default="cifar")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    compare = find_spec("imagecorruptions") is not None
    constants = "imagenet" if compare else options.constants

    pictures = photographs(options.images, options.side)
    batch = torch.from_numpy(pictures).permute(0, 3, 1, 2).to(torch.float32) / 255
    seeds = stream_seeds(0, np.arange(options.images), "benchmark")
    print(f"{options.images} images of {options.side} px, {constants} constants, severity 3, {options.threads} threads")
    print(f"{'':18}{'images/s':>12}{'CPU s':>9}" + (f"{'published CPU s':>18}{'ratio':>9}" if compare else ""))
    total, published_total = np.zeros(2), np.zeros(2)
    for kind in CORRUPTIONS:
        corruption = CORRUPTIONS.build(kind.name, {"severity": 3, "constants": constants})
        corruption(batch[:2], seeds=seeds[:2])
        ours = seconds(lambda corruption=corruption: corruption(batch, seeds=seeds), 3)  # type: ignore[misc]
        theirs = published_seconds(kind.name, pictures) if compare else np.zeros(2)
        print(row(kind.name, options.images, ours, theirs) + ("  held out" if kind.held_out else ""), flush=True)
        if not kind.held_out:
            total, published_total = total + ours, published_total + theirs
    print(row("the 15 kinds", 15 * options.images, total, published_total))


def row(name: str, images: int, ours: np.ndarray, theirs: np.ndarray) -> str:
    """One line of the table."""
    text = f"{name:18}{images / ours[0]:12,.0f}{ours[1]:9.3f}"
    return text + (f"{theirs[1]:18.3f}{theirs[1] / ours[1]:8.1f}×" if theirs[1] else "")


def published_seconds(name: str, pictures: np.ndarray) -> np.ndarray:
    """Wall and CPU time of the package ``imagecorruptions`` over the same pictures, one by one as it works."""
    from imagecorruptions import corrupt  # type: ignore[import-not-found, unused-ignore]

    corrupt(pictures[0], corruption_name=name, severity=3)
    return seconds(lambda: [corrupt(picture, corruption_name=name, severity=3) for picture in pictures], 1)


if __name__ == "__main__":
    main()
