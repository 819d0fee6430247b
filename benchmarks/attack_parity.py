"""How strong the attacks are beside other libraries': the same networks, images, epsilon and steps.

For each attack within epsilon the accuracy that is left, in %, lower is stronger; for minimum-norm attacks the mean L2
length over the images that were classified correctly and are fooled, and how many of them are. ``8 bit`` is this
project's result on the 8-bit grid, all others are as found. A library's row is marked where this project is weaker: by
more than half a point (behind ± is the standard error; random starts alone move a figure by as much), or with
perturbations longer by more than 3 % on the images that both fool.

``--attacks transfer`` compares how well attacks on one network (resnet20, and an ensemble with resnet32) fool another
that they never saw (resnet56). One thread by default; a default run takes about ten minutes.
Run: python -m benchmarks.attack_parity [--models resnet4b] [--attacks pgd,apgd_dlr] [--images 256] [--epsilon 2/255]
"""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.attack_libraries import (
    OURS,
    WEIGHTS,
    Setup,
    arguments,
    libraries,
    network,
    right,
    test_images,
    theirs,
)
from curation.attacks import PGD, Transfer
from curation.attacks.base import Attack
from curation.attacks.classify import Classify
from curation.randomness import stream_seeds

EPSILONS = {"resnet4b": "8/255"}
"""Where it is not 1/255, at which undefended networks are fooled on most images and not on all."""

STEPS = {"pgd": 20, "apgd_ce": 20, "apgd_dlr": 20, "square": 200, "deepfool": 50, "carlini_wagner": 100}
FEWER = {"carlini_wagner": 8, "square": 2, "deepfool": 2}
"""Slow attacks get one of so many images."""

WEAKER_POINTS, LONGER = 0.5, 1.03
COLUMN = 18


def main() -> None:
    """Print one table a network."""
    parser = arguments("Robust accuracy and perturbation lengths beside other libraries.", images=256)
    parser.add_argument("--epsilon", help="such as 2/255; by default 8/255 for resnet4b, else 1/255")
    parser.add_argument("--batch-size", type=int, default=128)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    found = libraries(options.libraries)
    asked = options.attacks.split(",")
    if asked == ["transfer"]:
        transfer_table(options.images, options.data, "torchattacks" in found)
        return
    for name in options.models.split(","):
        model = network(name, options.data)
        images, labels = test_images(options.images, options.data)
        epsilon = float(Fraction(options.epsilon or EPSILONS.get(name, "1/255")))
        clean = 100 * right(model, images, labels).float().mean().item()
        print(
            f"\n{name}: {len(images)} images, {clean:.2f} % right; epsilon {Fraction(epsilon).limit_denominator(999)}"
        )
        heading = ["ours", "8 bit", *found]
        print(f"{'':24}" + "".join(f"{text:>{COLUMN}}" for text in heading) + "   ours against the strongest")
        for attack in [attack for attack in OURS if attack in asked]:
            part = slice(len(images) // FEWER.get(attack, 1))
            setup = Setup(attack, STEPS[attack], epsilon, rounds=9 if attack == "carlini_wagner" else 1)
            compare(setup, model, images[part], labels[part], found, options.batch_size)


def compare(setup: Setup, model: nn.Module, images: Tensor, labels: Tensor, found: list[str], batch_size: int) -> None:
    """Print one attack's line: ours as found and on the grid, then every library's."""
    results: dict[str, Tensor] = {}
    ours = setup.ours()
    if ours is not None:
        seeds = stream_seeds(0, np.arange(len(images)), "parity")
        made = ours(model, images, labels, seeds=seeds, batch_size=batch_size, quantize=False)
        results["ours"], results["8 bit"] = made, settled(ours, model, made, images, labels)
    for library in found:
        run = theirs(library, setup, model, batch_size=batch_size)
        if run is not None:
            results[library] = run(images, labels)
    cells = {name: cell(setup, model, made, images, labels) for name, made in results.items()}
    line = f"{setup.attack + ' ' + steps(setup):16}{len(images):6}  "
    line += "".join(f"{cells.get(name, '–'):>{COLUMN}}" for name in ("ours", "8 bit", *found))
    print(line + "   " + verdict(setup, model, results, images, labels), flush=True)


def steps(setup: Setup) -> str:
    """Steps, or rounds × steps."""
    return f"{setup.rounds}×{setup.steps}" if setup.rounds > 1 else str(setup.steps)


@torch.enable_grad()
def settled(attack: Attack, model: nn.Module, made: Tensor, images: Tensor, labels: Tensor) -> Tensor:
    """Return what the attack returns with ``quantize``, without a second search."""
    return attack.settle(Classify(model, attack=attack.name), made, images, labels).detach()


def cell(setup: Setup, model: nn.Module, made: Tensor, images: Tensor, labels: Tensor) -> str:
    """One result in words; ``!`` marks images outside of the ball or of [0, 1]."""
    inside = made.min().item() >= 0 and made.max().item() <= 1
    if setup.minimal:
        sizes, fooled = lengths(made, images), ~right(model, made, labels)
        usable = right(model, images, labels)
        share = fooled[usable].float().mean().item()
        return f"{sizes[usable & fooled].mean().item():.4f} ({share:.0%})" + ("" if inside else "!")
    inside = inside and (made - images).abs().max().item() <= setup.epsilon + 1e-6
    return f"{100 * right(model, made, labels).float().mean().item():.2f}" + ("" if inside else "!")


def verdict(setup: Setup, model: nn.Module, results: dict[str, Tensor], images: Tensor, labels: Tensor) -> str:
    """Ours against the strongest library, with a mark where ours is weaker than allowed."""
    others = {name: made for name, made in results.items() if name not in ("ours", "8 bit")}
    if "ours" not in results or not others:
        return "nothing to compare"
    if setup.minimal:
        usable = right(model, images, labels) & ~right(model, results["ours"], labels)
        ratios = {}
        for name, made in others.items():
            both = usable & ~right(model, made, labels)
            ratios[name] = (lengths(results["ours"], images)[both].mean() / lengths(made, images)[both].mean()).item()
        name = max(ratios, key=lambda name: ratios[name])
        return f"{100 * (ratios[name] - 1):+.1f} % ({name})" + (" WEAKER" if ratios[name] > LONGER else "")
    left = {name: right(model, made, labels) for name, made in results.items()}
    name = min(others, key=lambda name: int(left[name].sum()))
    points = 100 * (left["ours"].float() - left[name].float())
    chance = (points.std() / len(points) ** 0.5).item()
    behind = points.mean().item()
    mark = "" if behind <= WEAKER_POINTS else " WEAKER" if behind > 2 * chance else " weaker, within chance"
    return f"{behind:+.2f} ± {chance:.2f} points ({name}){mark}"


def lengths(made: Tensor, images: Tensor) -> Tensor:
    """L2 length of each perturbation, float N."""
    return (made - images).flatten(1).norm(dim=1)


def transfer_table(count: int, data: Path, beside: bool) -> None:
    """Print how often attacks on resnet20 fool resnet56, which they never saw; 20 steps, L∞ 8/255."""
    source, target = network("resnet20", data), network("resnet56", data)
    images, labels = test_images(count, data)
    usable = right(target, images, labels)
    seeds = stream_seeds(0, np.arange(count), "transfer")
    other = {"architecture": "resnet32", "checkpoint": str(data / "weights" / WEIGHTS["resnet32"])}
    code = {"rule": "code", "random_start": False}
    plain = {"l2_epsilon": None, "momentum": 0, "translation_kernel_px": 0, "diversity": 0} | code
    own: dict[str, Attack] = {
        "PGD, cross entropy": PGD(loss="ce", step_size=2 / 255),
        "logit loss alone": Transfer.model_validate(plain),
        "+ momentum": Transfer.model_validate(plain | {"momentum": 1}),
        "+ momentum, diversity": Transfer.model_validate(plain | {"momentum": 1, "diversity": 0.7}),
        "the same, cross entropy, normalized": Transfer.model_validate(
            plain | {"momentum": 1, "diversity": 0.7, "loss": "ce", "rule": "paper"}
        ),
        "+ …, resnet32": Transfer.model_validate(plain | {"momentum": 1, "diversity": 0.7, "surrogates": [other]}),
        "+ …, smoothing": Transfer.model_validate(code | {"l2_epsilon": None, "surrogates": [other]}),
        "+ …, L2 1.0": Transfer.model_validate(code | {"surrogates": [other]}),
        "the same, as in the paper": Transfer.model_validate({"surrogates": [other]}),
    }
    print(f"\nattacks on resnet20, tried on resnet56: {count} images, L∞ 8/255, 20 steps, on the 8-bit grid")
    print(f"{'':36}{'fooled, %':>11}{'CPU s':>9}")

    def row(name: str, made: Tensor, seconds: float) -> None:
        fooled = ~right(target, made, labels)[usable]
        print(f"{name:36}{100 * fooled.float().mean().item():11.2f}{seconds:9.1f}", flush=True)

    for name, attack in own.items():
        start = time.process_time()
        made = attack(source, images, labels, seeds=seeds)
        row(name, made, time.process_time() - start)
    if beside:
        import torchattacks as ta  # type: ignore[import-not-found, unused-ignore]

        shared = {"eps": 8 / 255, "alpha": 2 / 255, "steps": 20}
        for library_attack in (
            ta.PGD(source, **shared),
            ta.MIFGSM(source, decay=1.0, **shared),
            ta.DIFGSM(source, decay=1.0, resize_rate=0.8, diversity_prob=0.7, **shared),
            ta.TIFGSM(source, decay=1.0, len_kernel=5, resize_rate=0.8, diversity_prob=0.7, **shared),
        ):
            start = time.process_time()
            made = torch.cat([library_attack(x, y) for x, y in zip(images.split(128), labels.split(128), strict=True)])
            row(
                f"torchattacks {type(library_attack).__name__}",
                made.mul(255).round() / 255,
                time.process_time() - start,
            )


if __name__ == "__main__":
    main()
