"""The same attacks in several libraries, on the same networks and images: what the attack benchmarks compare.

torchattacks, foolbox and the Adversarial Robustness Toolbox (ART) are compared with in so far as they are importable;
none of them is needed. Real networks and images lie in a folder of data beside the repository, see ``--data``.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks import sprites
from curation.attacks import ATTACKS
from curation.attacks.base import Attack
from curation.models.architectures import build
from curation.models.loading import load_weights

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
WEIGHTS = {
    "resnet20": "resnet20-12fca82f.th",
    "resnet32": "resnet32-d509ac18.th",
    "resnet56": "resnet56-4bfd9763.th",
    "resnet4b": "resnet4b.pth",
}
LIBRARIES = {"torchattacks": "torchattacks", "foolbox": "foolbox", "art": "ART"}
"""Module → the name in the tables."""

Attacked = Callable[[Tensor, Tensor], Tensor]
"""Images float32 N×C×H×W in [0, 1] and labels int64 N → adversarial images."""


@dataclass(frozen=True)
class Setup:
    """One attack with what all libraries can be told alike.

    steps: gradient steps, or queries of Square; rounds: of the search over c (Carlini & Wagner). Minimum-norm attacks
    have no epsilon.
    """

    attack: str
    steps: int
    epsilon: float = 8 / 255
    rounds: int = 1

    @property
    def minimal(self) -> bool:
        """Whether it looks for the nearest wrong image instead of the worst within epsilon."""
        return self.attack in ("deepfool", "carlini_wagner")

    @property
    def step_size(self) -> float:
        """Length of a PGD step."""
        return 2.5 * self.epsilon / self.steps

    def ours(self) -> Attack | None:
        """Return this project's attack, or None while it has none of that name."""
        name, loss = OURS[self.attack]
        if name not in ATTACKS:
            return None
        parameters: dict[str, object] = {"steps": self.steps}
        if not self.minimal:
            parameters["epsilon"] = self.epsilon
        if loss:
            parameters["loss"] = loss
        if self.attack == "pgd":
            parameters["step_size"] = self.step_size
        if self.attack == "carlini_wagner":
            parameters["binary_search_steps"] = self.rounds
        return ATTACKS.build(name, parameters)


OURS: Mapping[str, tuple[str, str | None]] = {
    "pgd": ("pgd", "ce"),
    "apgd_ce": ("apgd", "ce"),
    "apgd_dlr": ("apgd", "dlr"),
    "square": ("square", None),
    "deepfool": ("deepfool", None),
    "carlini_wagner": ("carlini_wagner", None),
}
"""The attacks compared: row of the table → this project's attack and loss."""


def network(name: str, data: Path) -> nn.Module:
    """Return a published CIFAR-10 network, in evaluation mode, its parameters frozen."""
    model = build(name, classes=10, shape=(32, 32, 3))
    load_weights(model, data / "weights" / WEIGHTS[name])
    return model.eval().requires_grad_(False)


def test_images(count: int, data: Path) -> tuple[Tensor, Tensor]:
    """Return the first CIFAR-10 test images, float32 N×3×32×32 in [0, 1], and their labels, int64 N."""
    pixels, labels = sprites.read(data / "cifar10", "test", count)
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div(255).contiguous(), torch.from_numpy(labels)


@torch.inference_mode()
def right(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Return which images are classified correctly, bool N."""
    parts = [model(some).argmax(1) for some in images.split(256)]
    return torch.cat(parts) == labels


def arguments(description: str, *, images: int) -> argparse.ArgumentParser:
    """Return a parser with the options that the attack benchmarks share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--models", default="resnet20", help=f"some of {', '.join(WEIGHTS)}")
    parser.add_argument("--attacks", default=",".join(OURS), help=f"some of {', '.join(OURS)}")
    parser.add_argument("--libraries", default=",".join(LIBRARIES.values()), help="which to compare with")
    parser.add_argument("--images", type=int, default=images)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with cifar10/ and weights/")
    return parser


def libraries(asked: str) -> list[str]:
    """Return the libraries that were asked for and can be imported, and say which cannot."""
    wanted = {module: name for module, name in LIBRARIES.items() if name in asked.split(",")}
    found = [name for module, name in wanted.items() if find_spec(module)]
    absent = [name for module, name in wanted.items() if not find_spec(module)]
    if absent:
        print(f"not installed, left out: {', '.join(absent)}")
    versions = [f"{name} {import_module(module).__version__}" for module, name in wanted.items() if name in found]
    print(f"torch {torch.__version__}; {'; '.join(versions) or 'no library to compare with'}")
    return found


def theirs(library: str, setup: Setup, model: nn.Module, *, batch_size: int) -> Attacked | None:
    """Return a library's attack, or None where it has none or one that cannot be told the same."""
    make = {"torchattacks": _torchattacks, "foolbox": _foolbox, "ART": _art}[library]
    return make(setup, model, batch_size)


def _torchattacks(setup: Setup, model: nn.Module, batch_size: int) -> Attacked | None:
    import torchattacks as ta  # type: ignore[import-not-found, unused-ignore]

    ball = {"eps": setup.epsilon, "steps": setup.steps}
    attack = {
        "pgd": lambda: ta.PGD(model, alpha=setup.step_size, random_start=True, **ball),
        "apgd_ce": lambda: ta.APGD(model, norm="Linf", loss="ce", n_restarts=1, **ball),
        "apgd_dlr": lambda: ta.APGD(model, norm="Linf", loss="dlr", n_restarts=1, **ball),
        "square": lambda: ta.Square(model, norm="Linf", eps=setup.epsilon, n_queries=setup.steps, n_restarts=1),
        "deepfool": lambda: ta.DeepFool(model, steps=setup.steps, overshoot=0.02),
        # It has no search over c: at one c it takes the steps of all rounds.
        "carlini_wagner": lambda: ta.CW(model, c=1, kappa=0, steps=setup.rounds * setup.steps, lr=0.01),
    }[setup.attack]()

    def run(images: Tensor, labels: Tensor) -> Tensor:
        return torch.cat([attack(x, y) for x, y in _batches(images, labels, batch_size)])

    return run


def _foolbox(setup: Setup, model: nn.Module, batch_size: int) -> Attacked | None:
    import foolbox as fb  # type: ignore[import-not-found, unused-ignore]

    makers = {
        "pgd": lambda: fb.attacks.LinfPGD(abs_stepsize=setup.step_size, steps=setup.steps, random_start=True),
        "deepfool": lambda: fb.attacks.L2DeepFoolAttack(steps=setup.steps, candidates=10, overshoot=0.02),
        "carlini_wagner": lambda: fb.attacks.L2CarliniWagnerAttack(
            binary_search_steps=setup.rounds, steps=setup.steps, stepsize=0.01, initial_const=1e-3
        ),
    }
    if setup.attack not in makers:
        return None
    attack, epsilon = makers[setup.attack](), None if setup.minimal else setup.epsilon

    def run(images: Tensor, labels: Tensor) -> Tensor:
        wrapped = fb.PyTorchModel(model, bounds=(0, 1), device=images.device)
        return torch.cat(
            [attack(wrapped, x, y, epsilons=epsilon)[1].detach() for x, y in _batches(images, labels, batch_size)]
        )

    return run


def _art(setup: Setup, model: nn.Module, batch_size: int) -> Attacked | None:
    import art.attacks.evasion as evasion  # type: ignore[import-not-found, unused-ignore]
    from art.estimators.classification import PyTorchClassifier  # type: ignore[import-not-found, unused-ignore]

    def run(images: Tensor, labels: Tensor) -> Tensor:
        estimator = PyTorchClassifier(
            model=model,
            loss=nn.CrossEntropyLoss(),
            input_shape=tuple(images.shape[1:]),
            nb_classes=int(model(images[:1]).shape[1]),
            clip_values=(0.0, 1.0),
            device_type="gpu" if images.is_cuda else "cpu",
        )
        shared = {"batch_size": batch_size, "verbose": False}
        ball = {"norm": np.inf, "eps": setup.epsilon, "max_iter": setup.steps, **shared}
        automatic = partial(
            evasion.AutoProjectedGradientDescent, estimator, eps_step=2 * setup.epsilon, nb_random_init=1, **ball
        )
        attack = {
            "pgd": lambda: evasion.ProjectedGradientDescent(
                estimator, eps_step=setup.step_size, num_random_init=1, **ball
            ),
            "apgd_ce": lambda: automatic(loss_type="cross_entropy"),
            "apgd_dlr": lambda: automatic(loss_type="difference_logits_ratio"),
            "square": lambda: evasion.SquareAttack(estimator, nb_restarts=1, **ball),
            "deepfool": lambda: evasion.DeepFool(estimator, max_iter=setup.steps, epsilon=0.02, nb_grads=10, **shared),
            "carlini_wagner": lambda: evasion.CarliniL2Method(
                estimator,
                learning_rate=0.01,
                binary_search_steps=setup.rounds,
                max_iter=setup.steps,
                initial_const=1e-3,
                **shared,
            ),
        }[setup.attack]()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = attack.generate(images.cpu().numpy(), y=labels.cpu().numpy())
        return torch.from_numpy(made).to(images.device)

    return run


def _batches(images: Tensor, labels: Tensor, size: int) -> list[tuple[Tensor, Tensor]]:
    return list(zip(images.split(size), labels.split(size), strict=True))
