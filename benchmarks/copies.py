"""What corrupted copies cost that no file keeps: scores against bare forward passes, disk, memory, a page of copies.

The copies of every image are made and scored in one pass; then the goal model sees as many images that are there
already, in equal batches, in the same process (not with ``--no-bare``). The goal model's weights are drawn at random:
it takes as long. Where more images are asked for than there are photographs, these are drawn again, shifted, mirrored
and of another brightness.
Run: python -m benchmarks.copies [--photographs imagenette-224-mini.tar] [--side 224] [--images 64] [--severities 3]
or, of 32 px: python -m benchmarks.copies --cifar cifar10 --constants cifar --architecture resnet20 --images 1000
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from safetensors.torch import save_file

from benchmarks import sprites
from benchmarks.photographs import opened, photographs
from curation.analysis.expected import size
from curation.corruptions import kinds_of
from curation.models.architectures import build
from curation.models.prediction import predict
from curation.pipeline import Pipeline
from curation.readers import recognize
from curation.recipe import Recipe
from curation.storage.disk import parts
from curation.storage.workspace import Workspace

PAGE, RANDOM = 60, 50


def source(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Return the source block: CIFAR-10, photographs of an archive, or smooth pictures."""
    if options.cifar:
        images, labels = sprites.read(options.cifar, "train", options.images)
    elif options.photographs:
        found = opened(options.photographs, side_px=options.side)
        if len(found) >= options.images:
            return {**recognize(str(options.photographs)), "side_px": options.side, "limit": options.images}
        chunk = found.read(0, len(found))
        images, labels = jittered(chunk.images, options.images), chunk.labels[np.arange(options.images) % len(found)]
    else:
        images, labels = photographs(options.images, options.side), np.arange(options.images) % 10
    np.savez(folder / "set.npz", images=images, labels=labels)
    return {"reader": "npz", "path": str(folder / "set.npz")}


def jittered(images: np.ndarray, number: int) -> np.ndarray:
    """Return uint8 number×H×W×C: images drawn in turn, shifted by up to 16 px, mirrored, lighter or darker."""
    random, out = np.random.default_rng(0), np.empty((number, *images.shape[1:]), np.uint8)
    for row in range(number):
        image = np.roll(images[row % len(images)], random.integers(-16, 17, 2), axis=(0, 1))
        out[row] = np.clip(image[:, :: random.choice([-1, 1])] * random.uniform(0.8, 1.2), 0, 255)
    return out


def prepared(options: argparse.Namespace, folder: Path) -> Pipeline:
    """Return the pipeline with its images read and its goal model there."""
    asked = {"kinds": "all", "severities": options.severities, "constants": options.constants, "keep": options.keep}
    recipe = Recipe.parse(
        {
            "source": source(options, folder),
            "goal_model": {"architecture": options.architecture, "input_px": options.input_px, "train": {"epochs": 1}},
            "variants": {"corruption": asked, "adversarial": None},
            "selection": {"budget": 1},
        }
    )
    pipeline = Pipeline(recipe, Workspace(folder / "workspace"), device="cpu")
    pipeline.run(("ingest", "duplicates"))
    samples = pipeline.samples
    network = build(options.architecture, classes=len(samples.classes), shape=samples.shape, input_px=options.input_px)
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, folder / "drawn.safetensors")
    pipeline = pipeline.of(recipe.with_checkpoint(str(folder / "drawn.safetensors")))
    pipeline.run(("goal_model",))
    return pipeline


def decoding(options: argparse.Namespace, pipeline: Pipeline) -> None:
    """Print how long random samples take from their pixels, and from the files they come from, at two sizes."""
    draws = np.random.default_rng(0)
    sources = {side: opened(options.photographs, side_px=side) for side in (options.side, options.side // 2)}
    times_ms: dict[str, list[float]] = {"pixels": [], **{f"files at {side} px": [] for side in sources}}
    for _ in range(5):
        start = time.perf_counter()
        pipeline.samples.images(draws.choice(len(pipeline.samples), RANDOM))
        times_ms["pixels"].append((time.perf_counter() - start) * 1e3)
        for side, source in sources.items():
            rows = np.sort(draws.choice(len(source), RANDOM, replace=False))
            start = time.perf_counter()
            source.read_at(rows)
            times_ms[f"files at {side} px"].append((time.perf_counter() - start) * 1e3)
    medians = ", ".join(f"{what} {np.median(found):.0f} ms" for what, found in times_ms.items())
    print(f"{RANDOM} random samples: {medians}")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Copies made and scored against bare forward passes.")
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--cifar", type=Path, help="a folder of CIFAR-10 sprites, instead of photographs")
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--severities", type=int, nargs="*", default=[3])
    parser.add_argument("--constants", choices=["cifar", "imagenet"], default="imagenet")
    parser.add_argument("--architecture", default="torchvision/resnet18")
    parser.add_argument("--input-px", type=int, help="images are resized to this side in the network")
    parser.add_argument("--bare", action=argparse.BooleanOptionalAction, default=True, help="bare forward passes, too")
    parser.add_argument("--keep", choices=["none", "all"], default="none")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="curation-copies-") as name:
        pipeline = prepared(options, Path(name))
        plan, samples = pipeline.plan, pipeline.samples
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.perf_counter()
        pipeline.run(("corruption", "score"))
        made_s = time.perf_counter() - start
        beyond_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        network, sets = plan.model.load(), len(plan.image_sets())
        start = time.perf_counter()
        for index in range(samples.header.shards if options.bare else 0):
            block = np.array(samples.shard_images(index))
            for _ in range(sets):
                predict(network, block)
        bare_s = time.perf_counter() - start
        print(
            f"{len(samples)} images of {samples.shape[0]} px, {len(kinds_of(options.constants))} kinds × "
            f"{len(options.severities)}: {len(samples) * sets:,} images made and scored by {options.architecture} in "
            f"{made_s:.1f} s, "
            + (f"bare forward passes {bare_s:.1f} s: {made_s / bare_s:.2f}×; " if options.bare else "")
            + f"peak memory +{beyond_mb:.0f} MB"
        )
        own = int(np.prod(samples.shape)) * len(samples)
        print(f"the samples' pixels {size(own)}, the copies' would be {size(own * (sets - 1))}; on disk:")
        for part in parts(plan.workspace):
            print(f"  {part.name}: {size(part.bytes)} in {part.files} files")
        pool = pipeline.pool()
        copies = np.flatnonzero((pool["family"] == "corruption").to_numpy())
        draws, times_ms = np.random.default_rng(0), []
        for _ in range(5):
            rows = draws.choice(copies, PAGE)
            start = time.perf_counter()
            pipeline.images(pool, rows)
            times_ms.append((time.perf_counter() - start) * 1e3)
        print(f"a page of {PAGE} random copies: median {np.median(times_ms):.0f} ms, longest {max(times_ms):.0f} ms")
        if options.photographs:
            decoding(options, pipeline)


if __name__ == "__main__":
    main()
