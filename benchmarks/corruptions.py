"""How fast images are corrupted, kind by kind, and in how much memory, beside the published code where it is installed.

Best of three runs for 1,000 CIFAR-shaped images in one process: wall time, and CPU time, which on a busy machine is
what the work costs; ratios are of CPU times, over all of ``--severities`` together. Then the wall time of the 15 kinds
when the images are split among processes, and the memory beyond input and output. With the package ``imagecorruptions``
(imagecorruptions-imaug) importable, both sides run its ImageNet constants; with ``imgaug`` (imaug) importable, the 14
operations of transferable-example curation follow, imgaug's one image at a time as the published code works.
Run: python -m benchmarks.corruptions [--images 1000] [--side 32] [--constants cifar] [--severities 3] [--threads 1]
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from typing import Any

import numpy as np
import psutil
import torch

from benchmarks.imgaug_parity import PUBLISHED_SEVERITY, imgaug_operation
from benchmarks.photographs import photographs
from curation.corruptions import CORRUPTIONS, Constants, kinds_of
from curation.randomness import stream_seeds


def seconds(work: Callable[[], object], runs: int) -> np.ndarray:
    """Return float64 2: the shortest wall time and the shortest CPU time of ``runs`` runs."""
    times = []
    for _ in range(runs):
        start = time.perf_counter(), time.process_time()
        work()
        times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return np.min(times, axis=0)


def corrupt_all(pictures: np.ndarray, names: Iterable[str], severities: list[int], constants: Constants) -> None:
    """Put pictures through each kind and severity, uint8 to uint8 as the product does."""
    pixels = torch.from_numpy(pictures)
    seeds = stream_seeds(0, np.arange(len(pixels)), "benchmark")
    for name in names:
        for severity in severities:
            corruption = CORRUPTIONS.build(name, {"severity": severity, "constants": constants})
            corruption.levels(pixels, seeds=seeds)


def publish_all(pictures: np.ndarray, names: Iterable[str], severities: list[int]) -> None:
    """The same by the package ``imagecorruptions``, one picture at a time as it works."""
    from imagecorruptions import corrupt  # type: ignore[import-not-found, unused-ignore]

    for name in names:
        for severity in severities:
            for picture in pictures:
                corrupt(picture, corruption_name=name, severity=severity)


def row(name: str, images: int, ours: np.ndarray, theirs: np.ndarray | None) -> str:
    """One line of the table."""
    text = f"{name:20}{images / ours[0]:12,.0f}{ours[1]:9.3f}"
    return text if theirs is None else f"{text}{theirs[1]:18.3f}{theirs[1] / ours[1]:8.1f}×"


def compare(
    names: list[str],
    images: int,
    ours: Callable[[str], object],
    theirs: Callable[[str], object] | None,
    warm_up: Callable[[str], object],
    *,
    held_out: Iterable[str] = (),
) -> None:
    """Print one row a kind; for all but those held out their total and the geometric mean of the ratios."""
    totals, ratios = np.zeros((2, 2)), []
    print(f"{'':20}{'images/s':>12}{'CPU s':>9}" + (f"{'published CPU s':>18}{'ratio':>9}" if theirs else ""))
    for name in names:
        warm_up(name)
        mine = seconds(lambda name=name: ours(name), 3)  # type: ignore[misc]
        published = seconds(lambda name=name: theirs(name), 3) if theirs else None  # type: ignore[misc]
        print(row(name, images, mine, published) + ("  held out" if name in held_out else ""), flush=True)
        if name not in held_out:
            totals += [mine, np.zeros(2) if published is None else published]
            ratios.append(1.0 if published is None else published[1] / mine[1])
    print(row(f"the {len(ratios)} kinds", len(ratios) * images, totals[0], totals[1] if theirs else None))
    if theirs:
        print(f"{'geometric mean':20}{math.exp(np.log(ratios).mean()):47.1f}×")


def _start(threads: int) -> None:
    torch.set_num_threads(threads)


def split_among(processes: int, work: Callable[..., None], parts: list[Any], *arguments: object) -> float:
    """Return the wall seconds of the work on the parts, each in a process of its own that is already warm."""
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _start, (1,)) as pool:
        list(pool.map(work, [part[:4] for part in parts], *([argument] * processes for argument in arguments)))
        start = time.perf_counter()
        list(pool.map(work, parts, *([argument] * processes for argument in arguments)))
        return time.perf_counter() - start


def memory_beyond_mb(number: int, side_px: int, names: list[str], constants: Constants) -> float:
    """Return by how much this process's memory peaks above its input and output, in MB; the most of the kinds."""
    batch = torch.randint(0, 256, (number, side_px, side_px, 3), dtype=torch.uint8)
    seeds = stream_seeds(0, np.arange(number), "benchmark")
    corruptions = [CORRUPTIONS.build(name, {"severity": 3, "constants": constants}) for name in names]
    for corruption in corruptions:
        corruption.levels(batch[:2], seeds=seeds[:2])
    output = torch.ones_like(batch)
    process, done = psutil.Process(), threading.Event()
    peak = before = process.memory_info().rss
    del output

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.001):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for corruption in corruptions:
        corruption.levels(batch, seeds=seeds)
    done.set()
    watcher.join()
    return (peak - before) / 2**20


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Images a second of every corruption, and its memory.")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--constants", choices=["cifar", "imagenet"], default="cifar")
    parser.add_argument("--severities", type=int, nargs="+", choices=range(1, 6), default=[3])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2, help="for the wall time of the 15 kinds")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    published = find_spec("imagecorruptions") is not None
    constants: Constants = "imagenet" if published else options.constants
    severities, pictures = options.severities, photographs(options.images, options.side)
    images = options.images * len(severities)
    common = [kind.name for kind in kinds_of(constants)]
    held_out = ["speckle_noise", "gaussian_blur", "spatter", "saturate"]

    size = f"{options.images:,} images of {options.side} px"
    print(f"{size}, {constants} constants, severities {severities}, {options.threads} threads")
    compare(
        common + held_out,
        images,
        lambda name: corrupt_all(pictures, [name], severities, constants),
        (lambda name: publish_all(pictures, [name], severities)) if published else None,
        lambda name: publish_all(pictures[:2], [name], severities) if published else None,
        held_out=held_out,
    )
    wall_s = split_among(
        options.processes, corrupt_all, np.array_split(pictures, options.processes), common, severities, constants
    )
    print(f"the 15 kinds on {options.processes} processes, wall: ours {wall_s:.2f} s", end="")
    if published:
        parts = np.array_split(pictures, options.processes)
        published_s = split_among(options.processes, publish_all, parts, common, severities)
        print(f", published {published_s:.2f} s, {published_s / wall_s:.1f}×", end="")
    print()
    for number in (options.images, 10 * options.images):
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _start, (1,)) as pool:
            beyond = pool.submit(memory_beyond_mb, number, options.side, common, constants).result()
        print(f"memory beyond input and output, {number:,} images: {beyond:.0f} MB", flush=True)
    if find_spec("imgaug") is not None:
        against_imgaug(pictures)


def against_imgaug(pictures: np.ndarray) -> None:
    """Print the table of the 14 operations of transferable-example curation, at their published strengths."""

    def theirs(name: str, number: int | None = None) -> None:
        operation = imgaug_operation(name, 0)
        for picture in pictures[:number]:
            operation.augment_image(picture)

    print("imgaug's constants at the published strengths")
    compare(
        [kind.name for kind in kinds_of("imgaug")],
        len(pictures),
        lambda name: corrupt_all(pictures, [name], [PUBLISHED_SEVERITY.get(name, 3)], "imgaug"),
        theirs,
        lambda name: theirs(name, 2),
    )


if __name__ == "__main__":
    main()
