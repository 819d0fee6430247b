"""How fast the attacks are beside other libraries': the same network, images, steps, device and threads.

Every contender runs in turn, several times over; the shortest CPU time (on an accelerator: the shortest wall time,
synchronized) counts, which on a busy machine is what the work costs. The parameters of the network are frozen, which
spares the libraries gradients that nobody needs. ``folded`` is the network with its batch norms folded, ``early`` stops
each image once it is fooled: compare its time at the accuracy left, in %. The ratio is to the fastest library.
Run: python -m benchmarks.attacks [--models resnet20] [--attacks pgd,deepfool] [--images 64] [--device cuda] [--compile]
"""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.attack_libraries import OURS, Attacked, Setup, arguments, libraries, network, right, test_images, theirs
from curation.attacks.base import Attack
from curation.models.folding import folded
from curation.randomness import stream_seeds

STEPS = {"pgd": 20, "apgd_ce": 20, "apgd_dlr": 20, "square": 100, "deepfool": 50, "carlini_wagner": 100}
FEWER = {"carlini_wagner": 4}
"""Slow attacks get one of so many images."""


def main() -> None:
    """Print one table for each network, attack and batch size."""
    parser = arguments("Attack speed beside other libraries.", images=64)
    parser.set_defaults(attacks="pgd,apgd_dlr,deepfool,carlini_wagner")
    parser.add_argument("--epsilon", default="8/255")
    parser.add_argument("--rounds", type=int, default=5, help="of the search over c in Carlini & Wagner's")
    parser.add_argument("--steps", type=int, help="instead of the attack's own number here")
    parser.add_argument("--runs", type=int, default=3, help="of each contender; the fastest counts")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch-sizes", default="128", help="such as 128,512,2048 on an accelerator")
    parser.add_argument("--compile", action="store_true", help="also a network compiled by torch.compile")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    found = libraries(options.libraries)
    epsilon = float(Fraction(options.epsilon))
    for name in options.models.split(","):
        model = network(name, options.data).to(options.device)
        images, labels = (part.to(options.device) for part in test_images(options.images, options.data))
        for attack in [attack for attack in OURS if attack in options.attacks.split(",")]:
            rounds = options.rounds if attack == "carlini_wagner" else 1
            setup = Setup(attack, options.steps or STEPS[attack], epsilon, rounds=rounds)
            part = slice(max(len(images) // FEWER.get(attack, 1), 1))
            for batch_size in map(int, options.batch_sizes.split(",")):
                print(
                    f"\n{attack} on {name}, {options.device}, {len(images[part])} images, batches of {batch_size}, ",
                    end="",
                )
                print(f"{rounds} × {setup.steps} steps" + ("" if setup.minimal else f", epsilon {options.epsilon}"))
                contenders = {library: theirs(library, setup, model, batch_size=batch_size) for library in found}
                contenders |= own(setup, model, batch_size, options.compile)
                table(
                    setup, model, {k: v for k, v in contenders.items() if v}, images[part], labels[part], options.runs
                )


def own(setup: Setup, model: nn.Module, batch_size: int, compiled: bool) -> dict[str, Attacked | None]:
    """Return this project's contenders, none where it has no such attack yet."""
    attack = setup.ours()
    if attack is None:
        return {}
    twin = folded(model)
    made = {"ours": (attack, model), "ours, folded": (attack, twin)}
    if compiled:
        made["ours, folded, compiled"] = (attack, torch.compile(twin))  # type: ignore[assignment]
    if "precision" in type(attack).model_fields:
        made["ours, folded, bfloat16"] = (attack.model_copy(update={"precision": "bfloat16"}), twin)
    if "stop_early" in type(attack).model_fields and not setup.minimal:
        made["ours, folded, early"] = (attack.model_copy(update={"stop_early": True}), twin)
    return {name: _run(attack, network, batch_size) for name, (attack, network) in made.items()}


def _run(attack: Attack, model: nn.Module, batch_size: int) -> Attacked:
    def run(images: Tensor, labels: Tensor) -> Tensor:
        seeds = stream_seeds(0, np.arange(len(images)), "speed")
        return attack(model, images, labels, seeds=seeds, batch_size=batch_size, quantize=False)

    return run


def table(
    setup: Setup, model: nn.Module, contenders: dict[str, Attacked], images: Tensor, labels: Tensor, runs: int
) -> None:
    """Run the contenders in turn and print a line for each."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    results: dict[str, Tensor] = {}
    warm = min(len(images), 8)
    for name, attack in contenders.items():
        # Kernels, compilation and caches are prepared on the shapes that will be measured where that is cheap.
        attack(images, labels) if "compiled" in name or images.is_cuda else attack(images[:warm], labels[:warm])
    for _ in range(runs):
        for name, attack in contenders.items():
            seconds, results[name] = timed(lambda attack=attack: attack(images, labels), images)  # type: ignore[misc]
            times[name].append(seconds)
    clock = 0 if images.is_cuda else 1
    best = {name: min(some, key=lambda pair: pair[clock]) for name, some in times.items()}
    fastest = min((best[name][clock] for name in contenders if not name.startswith("ours")), default=None)
    quality = "mean L2" if setup.minimal else "left, %"
    print(f"{'':26}{'wall s':>9}{'CPU s':>9}{'ms/image':>10}{'ms/image/step':>15}{'ratio':>8}{quality:>10}")
    for name, pair in best.items():
        a_image = 1000 * pair[clock] / len(images)
        still = right(model, results[name], labels)
        sizes = (results[name] - images).flatten(1).norm(dim=1)[~still & right(model, images, labels)]
        shown = f"{sizes.mean().item():10.4f}" if setup.minimal else f"{100 * still.float().mean().item():10.2f}"
        a_step = f"{a_image / setup.steps:15.3f}" if not setup.minimal else f"{'':15}"
        ratio = f"{fastest / pair[clock]:7.2f}×" if fastest else f"{'':8}"
        print(f"{name:26}{pair[0]:9.2f}{pair[1]:9.2f}{a_image:10.2f}{a_step}{ratio}{shown}", flush=True)


def timed(work: Callable[[], Tensor], images: Tensor) -> tuple[tuple[float, float], Tensor]:
    """Return wall and CPU seconds, and what was made."""
    wait = torch.cuda.synchronize if images.is_cuda else lambda: None
    wait()
    start = time.perf_counter(), time.process_time()
    made = work()
    wait()
    return (time.perf_counter() - start[0], time.process_time() - start[1]), made


if __name__ == "__main__":
    main()
