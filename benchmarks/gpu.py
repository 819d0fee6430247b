"""Every figure that is claimed of a GPU, by one command of at most nine minutes: `python -m benchmarks.gpu`.

It makes its own images and draws its networks' weights, so it needs nothing beside the repository, and of other
packages torch, torchvision, numpy, pandas, scipy and pydantic alone; the part ``pipeline`` is left out where one of the
product's others is missing. Each part prints ratios of what ran side by side in this process: the device against one
thread of the CPU, attacks against torchattacks where it is importable, scoring of copies against bare forward passes;
and ways of working on the device against simpler ones: batches by free memory, copies beside the work, files written by
other threads, compiled graphs. Before them stands the parity of the device's results with the CPU's, with bounds: where
one does not hold, the command fails. After so many minutes it stops and names what is left out.
Run: python -m benchmarks.gpu [--device cuda] [--minutes 9] [--parts parity,corruptions,attacks,…]
"""

from __future__ import annotations

import argparse
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.photographs import photographs
from curation.attacks import ATTACKS
from curation.corruptions import CORRUPTIONS, Constants, Corruption, kinds_of
from curation.corruptions.levels import to_levels
from curation.coverage.facility_location import facility_location
from curation.engine import best_device
from curation.models.architectures import build
from curation.models.folding import folded
from curation.models.prediction import predict, to_device
from curation.randomness import stream_seeds
from curation.scores import scores_of
from curation.threads import aside
from curation.training.settings import Training
from curation.training.trainer import train

FAILED: list[str] = []
"""Where parity does not hold."""
NEEDED = ("filelock", "psutil", "pyarrow", "safetensors", "sklearn", "upath", "yaml")
CLASSES = 10
EPSILON = 8 / 255


@dataclass(frozen=True)
class Size:
    """How much of everything is done; the small one is for a test, and for a CPU."""

    images: int
    large_images: int
    cpu_share: int
    attacked: int
    points: int
    trained: int
    batch: int
    network: str
    large_network: str


WHOLE = Size(
    images=8192, large_images=256, cpu_share=64, attacked=2048, points=20_000, trained=50_000, batch=2048,
    network="preact_resnet18", large_network="torchvision/resnet50",
)  # fmt: skip
SMALL = Size(
    images=4, large_images=1, cpu_share=2, attacked=4, points=60, trained=32, batch=4,
    network="tiny_convnet", large_network="tiny_convnet",
)  # fmt: skip


def main() -> None:
    """Print one table a part."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default=best_device())
    parser.add_argument("--minutes", type=float, default=9)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--small", action="store_true", help="a little of everything, to see that it runs")
    options = parser.parse_args()
    size, device = SMALL if options.small else WHOLE, torch.device(options.device)
    torch.set_num_threads(1)
    print(f"{card(device)}; {platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}")
    parts = options.parts.split(",")
    signal.signal(signal.SIGALRM, _over)
    signal.alarm(round(60 * options.minutes))
    try:
        while parts:
            start = time.monotonic()
            print(f"\n## {parts[0]}\n", flush=True)
            PARTS[parts[0]](size, device)
            print(f"\n({time.monotonic() - start:.0f} s)", flush=True)
            parts.pop(0)
    except TimeoutError:
        print(f"\nleft out, the {options.minutes:g} minutes are over: {', '.join(parts)} (the first in part)")
    if FAILED:
        sys.exit(f"parity does not hold: {', '.join(FAILED)}")


def _over(*_: object) -> None:
    raise TimeoutError


def card(device: torch.device) -> str:
    """Return the device's name and memory."""
    if device.type != "cuda":
        return f"{device.type}, no CUDA device"
    about = torch.cuda.get_device_properties(device)
    return f"{about.name}, {about.total_memory / 2**30:.0f} GiB"


def seconds(work: Callable[[], object], device: torch.device, *, runs: int = 3) -> float:
    """Return the shortest wall time of some runs, after one that is not counted on an accelerator."""
    wait = {"cuda": torch.cuda.synchronize, "mps": torch.mps.synchronize}.get(device.type, lambda: None)
    if device.type != "cpu":
        work()
    times = []
    for _ in range(runs):
        wait()
        start = time.perf_counter()
        work()
        wait()
        times.append(time.perf_counter() - start)
    return min(times)


def head(*columns: str) -> None:
    """Print a table's head."""
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")


def row(*cells: object) -> None:
    """Print one line of a table."""
    print(f"| {' | '.join(str(cell) for cell in cells)} |", flush=True)


def pictures(number: int, side_px: int, device: torch.device) -> Tensor:
    """Return float32 N×3×side×side in [0, 1]: some smooth pictures, over and over."""
    some = photographs(min(number, 64), side_px)
    return to_device(some, device).repeat(-(-number // len(some)), 1, 1, 1)[:number].contiguous()


def network(name: str, side_px: int, device: torch.device) -> nn.Module:
    """Return a network with drawn weights, frozen and in evaluation mode."""
    return build(name, classes=CLASSES, shape=(side_px, side_px, 3), seed=0).to(device).eval().requires_grad_(False)


def seeds(number: int) -> Tensor:
    """Return int64 N, a seed a sample."""
    return stream_seeds(0, np.arange(number), "benchmark")


def parity(size: Size, device: torch.device) -> None:
    """Print in what the device's results differ from the CPU's: pixels of copies, attacks, scores.

    It holds where at most 1 in 100 pixel values of a copy is more than a level off and a copy has the same bits in any
    batch, where attacks stay within epsilon, and where scores are the same but for rounding.
    """
    head("what", "the same", "largest difference", "holds")
    images = pictures(16, 32, torch.device("cpu"))
    pixels = to_levels(images)
    for kind in CORRUPTIONS:
        corruption = kind(severity=3)
        here = corruption.levels(pixels, seeds=seeds(16))
        there = corruption.levels(pixels.to(device), seeds=seeds(16)).cpu()
        alone = corruption.levels(pixels[5:8].to(device), seeds=seeds(16)[5:8]).cpu()
        apart = (here.int() - there.int()).abs()
        good = bool((apart > 1).float().mean() <= 0.01) and torch.equal(alone, there[5:8])
        row(kind.title, f"{(apart == 0).float().mean():.2%}", f"{apart.max()} levels", held(kind.title, good))
    model = network("tiny_resnet", 32, torch.device("cpu"))
    labels = model(images).argmax(1)
    attack = ATTACKS.build("pgd", {"loss": "dlr", "epsilon": EPSILON, "steps": 10})
    here = attack(model, images, labels, seeds=seeds(16), batch_size=16)
    there = attack(model.to(device), images.to(device), labels.to(device), seeds=seeds(16), batch_size=16).cpu()
    apart = (to_levels(here).int() - to_levels(there).int()).abs()
    good = bool((there - images).abs().max() <= EPSILON + 1e-6)
    same = f"{(apart == 0).float().mean():.2%}"
    row("PGD with the DLR loss, 10 steps", same, f"{apart.max()} levels", held("PGD", good))
    logits = torch.randn(4096, CLASSES, generator=torch.Generator().manual_seed(0)) * 4
    for score in scores_of(passes=False):
        off = (score()(logits) - score()(logits.to(device)).cpu()).abs().max()
        row(score.title, "", f"{off:.1e}", held(score.title, bool(off <= 1e-6)))


def held(what: str, good: bool) -> str:
    """Return whether a parity holds, in a word, and note where it does not."""
    if not good:
        FAILED.append(what)
    return "yes" if good else "NO"


def corruptions(size: Size, device: torch.device) -> None:
    """Print images a second by kind and side, and how many times one thread of the CPU's that is."""
    head("kind", "32 px, images/s", "against the CPU", "224 px, images/s", "against the CPU")
    own: list[tuple[int, int, Constants]] = [(32, size.images, "cifar"), (224, size.large_images, "imagenet")]
    batches = {side_px: to_levels(pictures(number, side_px, device)) for side_px, number, _ in own}
    ratios: dict[int, list[float]] = {side_px: [] for side_px, _, _ in own}
    for name in [kind.name for kind in kinds_of("cifar")]:
        cells: list[str] = []
        for side_px, number, constants in own:
            corruption, batch = CORRUPTIONS.build(name, {"severity": 3, "constants": constants}), batches[side_px]
            few = max(number // size.cpu_share, 1)
            fast = seconds(partial(corruption.levels, batch, seeds=seeds(number)), device) / number
            part = batch[:few].cpu()
            slow = seconds(partial(corruption.levels, part, seeds=seeds(few)), part.device, runs=1) / few
            ratios[side_px].append(slow / fast)
            cells += [f"{1 / fast:,.0f}", f"{slow / fast:.1f}×"]
        row(CORRUPTIONS[name].title, *cells)
    means = [f"{np.exp(np.log(found).mean()):.1f}×" for found in ratios.values()]
    row("geometric mean", "", means[0], "", means[1])


def attacks(size: Size, device: torch.device) -> None:
    """Print milliseconds an image of attacks, of torchattacks' where it is, and of the network's bare gradients."""
    steps, images = 20, pictures(size.attacked, 32, device)
    model = folded(network(size.network, 32, device))
    labels = predict(model, to_levels(images), device=device).argmax(1).to(device)
    chunks = list(zip(images.split(size.batch), labels.split(size.batch), strict=True))

    def gradients() -> None:
        for batch, label in chunks:
            for _ in range(steps):
                asked = batch.clone().requires_grad_()
                torch.autograd.grad(nn.functional.cross_entropy(model(asked), label), asked)

    bare = seconds(gradients, device, runs=1)
    head("attack, 20 steps", "ms/image", "against bare gradients")
    row("bare gradients", f"{1000 * bare / len(images):.3f}", "1.00×")
    contenders: dict[str, Callable[[], object]] = {}
    for name, told in (("pgd", {"loss": "dlr"}), ("pgd", {"loss": "ce"}), ("apgd", {"loss": "dlr"})):
        attack = ATTACKS.build(name, {**told, "epsilon": EPSILON, "steps": steps})
        contenders[f"{attack.title}, {told['loss']}"] = partial(
            attack, model, images, labels, seeds=seeds(len(images)), batch_size=size.batch
        )
    if find_spec("torchattacks"):
        theirs = import_module("torchattacks").PGD(model, eps=EPSILON, alpha=2.5 * EPSILON / steps, steps=steps)
        contenders["torchattacks' PGD"] = lambda: [theirs(batch, label) for batch, label in chunks]
    for title, work in contenders.items():
        taken = seconds(work, device, runs=1)
        row(title, f"{1000 * taken / len(images):.3f}", f"{taken / bare:.2f}×")


def scores(size: Size, device: torch.device) -> None:
    """Print how long copies take that are made, scored and dropped, against bare forward passes of as many images."""
    head("side", "network", "images/s, made and scored", "bare", "made and scored against bare")
    own: list[tuple[int, int, Constants, str]] = [
        (32, size.images, "cifar", size.network),
        (224, size.large_images, "imagenet", size.large_network),
    ]
    for side_px, number, constants, name in own:
        model, pixels = network(name, side_px, device), to_levels(pictures(number, side_px, device))
        kinds = [CORRUPTIONS.build(k.name, {"severity": 3, "constants": constants}) for k in kinds_of(constants)]
        fused = seconds(partial(made_and_scored, model, pixels, kinds), device, runs=1)
        alone = seconds(partial(bare_passes, model, pixels, len(kinds)), device, runs=1)
        total = len(kinds) * number
        row(f"{side_px} px", name, f"{total / fused:,.0f}", f"{total / alone:,.0f}", f"{fused / alone:.2f}×")


def made_and_scored(model: nn.Module, pixels: Tensor, kinds: list[Corruption]) -> None:
    """Make the copies of each kind, score them, drop them."""
    for kind in kinds:
        logits = predict(model, kind.levels(pixels, seeds=seeds(len(pixels))), device=pixels.device)
        for score in scores_of(passes=False):
            score()(logits)


def bare_passes(model: nn.Module, pixels: Tensor, times: int) -> None:
    """Predict images that are there already, so many times."""
    for _ in range(times):
        predict(model, pixels, device=pixels.device)


def coverage(size: Size, device: torch.device) -> None:
    """Print how long facility location takes on the device and on one thread of the CPU."""
    points = np.random.default_rng(0).normal(size=(size.points, 64)).astype(np.float32)
    count = size.points // 10
    head("facility location", "seconds", "against the CPU")
    fast, slow = (
        seconds(partial(facility_location, points, count=count, device=where), where, runs=1)
        for where in (device, torch.device("cpu"))
    )
    row(f"{size.points:,} points, {count:,} chosen", f"{fast:.2f}", f"{slow / fast:.1f}×")


def training(size: Size, device: torch.device) -> None:
    """Print images a second of the preset ``fast``, and how many times the CPU's that is."""
    head("network", "images/s", "against the CPU")
    pixels = np.random.default_rng(0).integers(0, 256, (size.trained, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(size.trained) % CLASSES

    def rate(where: torch.device, number: int, epochs: int, name: str) -> float:
        settings = Training.model_validate({"preset": "fast", "epochs": epochs, "threads": 1})
        model = build(name, classes=CLASSES, shape=(32, 32, 3), seed=0)
        start = time.perf_counter()
        for _ in train(model, pixels[:number], labels[:number], settings=settings, seed=0, device=where):
            pass
        return number * epochs / (time.perf_counter() - start)

    for name, epochs in (("tiny_resnet", 4), (size.network, 2)):
        rate(device, min(512, size.trained), 1, name)
        fast = rate(device, size.trained, epochs, name)
        slow = rate(torch.device("cpu"), max(size.trained // 100, 16), 1, name)
        row(name, f"{fast:,.0f}", f"{fast / slow:.1f}×")


def pipeline(size: Size, device: torch.device) -> None:
    """Print the seconds of every stage of a run of CIFAR-10's size: 15 kinds × 5 severities, PGD with the DLR loss."""
    with a_pipeline(size, device, {"kinds": "all", "severities": [1, 2, 3, 4, 5]}) as (run, folder):
        if run is None:
            return
        head("stage", "seconds")
        for stage in import_module("curation.pipeline").FOR_SELECTION:
            row(stage, f"{elapsed(partial(run.run, (stage,))):.1f}")
        row("export", f"{elapsed(partial(run.export, folder / 'set')):.1f}")


@contextmanager
def a_pipeline(size: Size, device: torch.device, corruption: Mapping[str, Any]) -> Iterator[tuple[Any, Path]]:
    """Give a pipeline of made-up images and a folder that is removed; no pipeline where a package is missing."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if missing:
            print(f"left out: {', '.join(missing)} is not installed")
            yield None, folder
            return
        from curation.pipeline import Pipeline
        from curation.recipe import Recipe
        from curation.storage.workspace import Workspace

        labels = np.arange(size.trained) % CLASSES
        noise = np.random.default_rng(0).integers(0, 128, (size.trained, 32, 32, 3), dtype=np.uint8)
        drawn = noise + (12 * labels).astype(np.uint8)[:, None, None, None]  # classes that can be told apart
        np.savez(folder / "set.npz", images=drawn, labels=labels)
        recipe = Recipe.parse(
            {
                "source": {"reader": "npz", "path": str(folder / "set.npz")},
                "goal_model": {"architecture": size.network, "train": {"preset": "fast", "epochs": 2}},
                "variants": {
                    "corruption": corruption,
                    "adversarial": {"attack": "pgd", "loss": "dlr", "epsilon": "8/255", "steps": 10},
                },
                "selection": {"budget": size.trained, "mix": [9, 6, 10]},
            }
        )
        yield Pipeline(recipe, Workspace(folder / "workspace"), device=str(device)), folder


def elapsed(work: Callable[[], object]) -> float:
    """Return the seconds of one run."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def batches(size: Size, device: torch.device) -> None:
    """Print how much faster work is with batches by free memory than with those that it begins with."""
    pixels = to_levels(pictures(size.images, 32, device))
    images, model = to_device(pixels[: size.attacked], device), folded(network(size.network, 32, device))
    labels = torch.arange(len(images), device=device) % CLASSES
    attack = ATTACKS.build("pgd", {"loss": "dlr", "epsilon": EPSILON, "steps": 10, "stop_early": False})
    fog = CORRUPTIONS.build("fog", {"severity": 3})
    head("what", "at first", "by free memory against that")
    works: list[tuple[str, int, Callable[[], object]]] = [
        ("logits", 256, partial(predict, model, pixels, device=device, batch_size=256)),
        ("PGD, 10 steps", 128, partial(attack, model, images, labels, seeds=seeds(len(images)))),
    ]
    for title, first, work in works:
        by_memory = seconds(work, device)
        with patch("curation.memory.MOST", 0):
            row(title, first, f"{seconds(work, device) / by_memory:.2f}×")
    together, number = seconds(partial(fog.levels, pixels, seeds=seeds(len(pixels))), device), seeds(len(pixels))

    def by_shards() -> None:
        for at in range(0, len(pixels), 512):
            fog.levels(pixels[at : at + 512], seeds=number[at : at + 512])

    row("fog, a block of shards against one", 512, f"{seconds(by_shards, device) / together:.2f}×")


def copying(size: Size, device: torch.device) -> None:
    """Print how much faster work on images in host memory is with copies beside it than with ones it waits for."""
    pixels = np.random.default_rng(0).integers(0, 256, (size.images, 32, 32, 3), dtype=np.uint8).repeat(4, axis=0)
    model, labels = folded(network(size.network, 32, device)), np.arange(len(pixels)) % CLASSES
    settings = Training.model_validate({"preset": "fast", "epochs": 1, "threads": 1})

    def trained() -> None:
        started = build(size.network, classes=CLASSES, shape=(32, 32, 3), seed=0)
        for _ in train(started, pixels, labels, settings=settings, seed=0, device=device):
            pass

    def plain(parts: Any, where: torch.device) -> Iterator[Tensor]:
        return (torch.from_numpy(np.array(part)).to(where) for part in parts)

    head("what", "beside the work against waited for")
    with ExitStack() as stack:
        stack.enter_context(patch("curation.training.batches.RESIDENT_SHARE", 0))
        works: list[tuple[str, Callable[[], object]]] = [
            ("logits", partial(predict, model, pixels, device=device)),
            ("training, fast", trained),
        ]
        beside = [seconds(work, device, runs=2) for _, work in works]
        stack.enter_context(patch("curation.copying.ahead", plain))
        stack.enter_context(patch("curation.training.batches.ahead", plain))
        stack.enter_context(patch("curation.training.batches.sent", lambda values, where: values.to(where)))
        stack.enter_context(patch("curation.models.prediction.fetched", fetched_at_once))
        for (title, work), before in zip(works, beside, strict=True):
            row(title, f"{seconds(work, device, runs=2) / before:.2f}×")


def fetched_at_once(result: Tensor) -> Callable[[], Tensor]:
    """Stand in for ``copying.fetched``."""
    here = result.cpu()
    return lambda: here


def writing(size: Size, device: torch.device) -> None:
    """Print how much faster stages are that leave writing to other threads than those that write themselves."""
    with a_pipeline(size, device, {"kinds": ["fog", "pixelate"], "keep": "all"}) as (run, _):
        if run is None:
            return
        run.run(("ingest", "goal_model"))
        head("stage", "by other threads against in line")
        stages = import_module("curation.pipeline").in_order()
        for stage in ("corruption", "adversarial", "score"):
            taken = dict.fromkeys(("cpu", "cuda"), float("inf"))
            for as_on in (*taken, *taken):
                with patch(f"curation.pipeline.stages.{stage}.aside", lambda _, as_on=as_on: aside(as_on)):
                    taken[as_on] = min(taken[as_on], elapsed(partial(run.run, (stage,))))
                for result in stages[stage].results(run.plan):
                    shutil.rmtree(result.shards.folder)
            run.run((stage,))
            row(stage, f"{taken['cpu'] / taken['cuda']:.2f}×")


def graphs(size: Size, device: torch.device) -> None:
    """Print how much faster a network is as CUDA graphs of compiled code: bare passes, and steps of an attack."""
    head("batch", "network", "forward passes, compiled against as it is", "steps of an attack")
    for number in sorted({min(128, size.batch), size.batch}):
        model = folded(network(size.network, 32, device))
        images = pictures(number, 32, device)
        labels = torch.arange(number, device=device) % CLASSES
        times: list[list[float]] = []
        for run in (model, torch.compile(model, mode="reduce-overhead")):
            works = [partial(passed, run, images), partial(stepped, run, images, labels)]
            try:
                for work in works * 3:
                    work()
            except RuntimeError as error:
                print(f"left out: nothing can be compiled here: {str(error).splitlines()[0]}")
                return
            times.append([seconds(partial(ten_times, work), device) for work in works])
        ratios = [f"{plain / compiled:.2f}×" for plain, compiled in zip(*times, strict=True)]
        row(number, size.network, *ratios)


def ten_times(work: Callable[[], object]) -> None:
    """Do something ten times."""
    for _ in range(10):
        work()


@torch.inference_mode()
def passed(model: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Pass images through a network."""
    return model(images)


def stepped(model: Callable[[Tensor], Tensor], images: Tensor, labels: Tensor) -> Tensor:
    """Take one step of size 2/255 against a network."""
    asked = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(nn.functional.cross_entropy(model(asked), labels), asked)
    return (images + gradient.sign() * (2 / 255)).clamp_(0, 1)


PARTS: dict[str, Callable[[Size, torch.device], None]] = {
    part.__name__: part
    for part in (
        *(parity, corruptions, attacks, scores, coverage, training, pipeline),
        *(batches, copying, writing, graphs),
    )
}

if __name__ == "__main__":
    main()
