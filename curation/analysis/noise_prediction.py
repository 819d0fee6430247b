"""The survey's experiment on noise prediction: does subtracting "predicted" noise from inputs let a loss fall faster?

A network learns y = 2.1 + 3.2 x + 1.6 x² + .9 x³ at x = 1 … 15 from inputs with noise N(m, s) added. The noise is
"predicted" to be N(m̂, ŝ), and a fresh draw of that is subtracted. As released, the network that had learned the noisy
inputs is trained on with the others, so its second curve starts ahead; the fair replication starts each treatment from
the same first weights, repeats all of it over seeds, and subtracts the predicted mean alone as well.

Inputs and targets are standardized by the clean curve's mean and deviation, without which losses exceed 1e10; what is
drawn, subtracted and reported is in units of x. The network is ours: a tanh MLP under Adam with full batches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.special import stdtrit
from torch import Tensor

X = np.arange(1, 16, dtype=np.float64)
"""The inputs."""

Y = 2.1 + 3.2 * X + 1.6 * X**2 + 0.9 * X**3
"""The targets."""

HIDDEN = 32
RATE = 0.01


class Case(NamedTuple):
    """Noise N(mean, sd) that inputs get, and the predicted N(learned_mean, learned_sd) that is subtracted."""

    mean: float
    sd: float
    learned_mean: float
    learned_sd: float


CASES = (Case(0, 0.1, 0.01, 0.08), Case(0, 0.5, 0.2, 0.48), Case(0, 1, 0.1, 0.9), Case(3, 1, 2.8, 0.9))
"""The four published cases."""

FAIR = ("noisy", "draw", "mean", "clean")
"""Treatments, each from the same first weights: nothing, a draw or the mean subtracted, and inputs without noise."""

TRAINED_ON = ("released", "control")
"""Treatments of the network that learned the noisy inputs: a draw subtracted, as released; still nothing subtracted."""


class Errors(NamedTuple):
    """Root mean square of (input − x), in units of x: noisy, and after subtracting a draw or the mean."""

    noisy: float
    draw: float
    mean: float


def expected_errors(case: Case) -> Errors:
    """Return the errors of infinitely many inputs: means add up, and variances do, that of the subtracted draw too."""
    left = case.mean - case.learned_mean
    return Errors(
        noisy=float(np.hypot(case.mean, case.sd)),
        draw=float(np.hypot(left, np.hypot(case.sd, case.learned_sd))),
        mean=float(np.hypot(left, case.sd)),
    )


def inputs(case: Case, seeds: int) -> dict[str, np.ndarray]:
    """Return treatment of ``FAIR`` → inputs, float64 S×15; every treatment of a seed has the same noise."""
    out: dict[str, list[np.ndarray]] = {name: [] for name in FAIR}
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        noisy = X + random.normal(case.mean, case.sd, X.shape)
        subtracted = random.normal(case.learned_mean, case.learned_sd, X.shape)
        made = {"noisy": noisy, "draw": noisy - subtracted, "mean": noisy - case.learned_mean, "clean": X}
        for name, values in made.items():
            out[name].append(values)
    return {name: np.stack(values) for name, values in out.items()}


def measured_errors(case: Case, seeds: int) -> np.ndarray:
    """Return the errors of each seed's 15 inputs, float64 S×3 in the order of ``Errors``."""
    made = inputs(case, seeds)
    return np.stack([np.sqrt(((made[name] - X) ** 2).mean(1)) for name in Errors._fields], axis=1)


@dataclass(frozen=True)
class Experiment:
    """Losses of one case: mean squared errors in variances of y.

    training: treatment → float64 S×T, at each of T steps on the inputs trained on; test: the same on the clean inputs.
    """

    case: Case
    training: Mapping[str, np.ndarray]
    test: Mapping[str, np.ndarray]


def experiment(case: Case, *, seeds: int = 20, steps: int = 300) -> Experiment:
    """Train every treatment of one case with S seeds; as many steps before as after, where a network is trained on."""
    made = inputs(case, seeds)
    first = [_first_weights(seed) for seed in range(seeds)]
    weights = [torch.stack(layer) for layer in zip(*first, strict=True)]
    fair, fair_test, ends = _train(
        [layer.repeat(len(FAIR), *[1] * (layer.ndim - 1)) for layer in weights],
        np.concatenate([made[name] for name in FAIR]),
        steps,
    )
    noisy = FAIR.index("noisy") * seeds
    later, later_test, _ = _train(
        [layer[noisy : noisy + seeds].repeat(2, *[1] * (layer.ndim - 1)) for layer in ends],
        np.concatenate([made["draw"], made["noisy"]]),
        steps,
    )
    names = (*FAIR, *TRAINED_ON)
    training, test = (
        dict(zip(names, np.concatenate(both).reshape(len(names), seeds, steps), strict=True))
        for both in ((fair, later), (fair_test, later_test))
    )
    return Experiment(case, training, test)


def _first_weights(seed: int) -> list[Tensor]:
    """Return the layers of one network: weights and biases, uniform in ± 1/√(inputs) as ``torch.nn.Linear`` has it."""
    random = torch.Generator().manual_seed(seed)
    out = []
    for inside, outside in ((1, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, 1)):
        for shape in ((inside, outside), (1, outside)):
            out.append((torch.rand(shape, generator=random) * 2 - 1) / inside**0.5)
    return out


def _train(weights: list[Tensor], values: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray, list[Tensor]]:
    """Train N networks at once, each on its own inputs.

    Args: weights: layers of N networks; values: float64 N×15.
    Returns: losses on these inputs and on the clean ones before each step, float64 N×T; the layers afterwards.
    """
    layers = [layer.clone().requires_grad_() for layer in weights]
    seen = torch.from_numpy((values - X.mean()) / X.std()).float()[..., None]
    clean = torch.from_numpy((X - X.mean()) / X.std()).float()[None, :, None].expand_as(seen)
    wanted = torch.from_numpy((Y - Y.mean()) / Y.std()).float()[:, None]
    optimizer = torch.optim.Adam(layers, lr=RATE)
    losses = np.empty((2, len(values), steps))
    for step in range(steps):
        loss = (_predict(layers, seen) - wanted).square().mean((1, 2))
        with torch.no_grad():
            losses[1, :, step] = (_predict(layers, clean) - wanted).square().mean((1, 2)).numpy()
        losses[0, :, step] = loss.detach().numpy()
        optimizer.zero_grad()
        loss.sum().backward()  # a sum: no network changes another's gradient
        optimizer.step()
    return losses[0], losses[1], [layer.detach() for layer in layers]


def _predict(layers: list[Tensor], values: Tensor) -> Tensor:
    first, one, second, two, last, three = layers
    hidden = torch.tanh(torch.baddbmm(one, values, first))
    return torch.baddbmm(three, torch.tanh(torch.baddbmm(two, hidden, second)), last)


class Between(NamedTuple):
    """A geometric mean over seeds and its 95 % interval (Student's t of the logarithms)."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


def over_seeds(values: np.ndarray) -> Between:
    """Return the mean of positive numbers over S ≥ 2 seeds, the first dimension."""
    logs, seeds = np.log(values), len(values)
    reach = stdtrit(seeds - 1, 0.975) * logs.std(0, ddof=1) / np.sqrt(seeds)
    return Between(*(np.exp(logs.mean(0) + sign * reach) for sign in (0, -1, 1)))


def ratio(losses: Mapping[str, np.ndarray], name: str, over: str = "noisy") -> Between:
    """Return how many times another treatment's loss a treatment's is, over all steps alike, seed by seed.

    Below 1: it falls faster. Each seed counts with the geometric mean of its T ratios.
    """
    return over_seeds(np.exp(np.log(losses[name] / losses[over]).mean(1)))
