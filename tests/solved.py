"""A network that tells images apart and was never trained, so that it is the same on every processor.

Training carries a last bit's difference on to other weights; here nothing is repeated, and rounding stays rounding.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from curation.models.architectures import build

DIRECTIONS = ((1.0, 0.0), (0.0, 1.0), (0.7, 0.7), (0.7, -0.7))
"""Down and right, of the stripes of each class."""

PITCH = 1.6
"""Radians a pixel across the stripes."""


def stripes(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return gray images, uint8 N×16×16×1, and labels: noisy stripes in one of four directions, of any phase."""
    draws = np.random.default_rng(seed)
    labels = draws.integers(0, 4, count)
    down, right = np.array(DIRECTIONS).T[:, labels, None, None]
    phase = draws.uniform(0, 2 * np.pi, (count, 1, 1))
    images = 120 + 50 * np.sin(PITCH * (down * np.arange(16)[:, None] + right * np.arange(16)) + phase)
    images += draws.normal(0, 15, images.shape)
    return images.clip(0, 255).astype(np.uint8)[..., None], labels


def as_tensor(images: np.ndarray) -> Tensor:
    """Return uint8 N×H×W×C as float32 N×C×H×W in [0, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255


def solved(seed: int = 0) -> nn.Module:
    """Return a tiny residual network that tells ``stripes`` apart, 99 of 100; seed: of all that is random in it.

    Its first layer looks for stripes of each direction and phase, its blocks add a little of random convolutions, and
    its last layer is the ridge regression of the classes on what comes out.
    """
    network = build("tiny_resnet", classes=4, shape=(16, 16, 1), seed=seed)
    layers, random = dict(network.named_modules()), torch.Generator().manual_seed(seed)
    first, last = layers["network.stem.0"], layers["network.linear"]
    assert isinstance(first, nn.Conv2d)
    assert isinstance(last, nn.Linear)
    norms = [layer for layer in layers.values() if isinstance(layer, nn.BatchNorm2d)]
    images, labels = stripes(600, 1000 + seed)
    pixels, features = as_tensor(images), list[Tensor]()
    with torch.no_grad():
        at, phases = torch.arange(-1.0, 2), len(first.weight) // len(DIRECTIONS)
        for index, kernel in enumerate(first.weight):
            down, right = DIRECTIONS[index % len(DIRECTIONS)]
            phase = 2 * math.pi * (index // len(DIRECTIONS)) / phases
            kernel[0] = torch.sin(PITCH * (down * at[:, None] + right * at) + phase)
        first.weight += 0.2 * torch.randn(first.weight.shape, generator=random)
        for name, layer in layers.items():
            if name.endswith("bn2"):
                layer.weight.fill_(0.05)
        for norm in norms:
            norm.momentum = 1.0  # the running figures become those of these images
        network.train()(pixels)
        for norm in norms:
            norm.momentum = 0.1
        hook = last.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0].double()))
        network.eval()(pixels)
        hook.remove()
        wanted = 8 * (nn.functional.one_hot(torch.from_numpy(labels), 4).double() - 0.25)
        center = features[0].mean(0)
        products = (features[0] - center).T @ (features[0] - center)
        products += products.diagonal().mean() * torch.eye(len(products), dtype=products.dtype)
        weight = torch.linalg.solve(products, (features[0] - center).T @ wanted).T
        last.weight.copy_(weight)
        last.bias.copy_(wanted.mean(0) - weight @ center)
    return network
