"""A detector: from the feature maps of a frozen network to whether an image looks attacked.

Source: Tan, Gao & Li 2022, "A Simple Structure for Building a Robust Model".
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from curation.errors import UsageError
from curation.models.architectures import ARCHITECTURES
from curation.models.classifier import Classifier, DetectorForm
from curation.models.ensemble import Ensemble

HEADS, WIDENING, DROPOUT = 4, 4, 0.1
"""Of each Transformer layer."""

WIDEST = 128
"""Channels that a map is brought to at most, unless more are asked for: the source's number."""


class Reader(nn.Module):
    """Feature maps, brought to one size by convolutions, then a Transformer with a class token."""

    def __init__(self, form: DetectorForm, maps: Sequence[Tensor]) -> None:
        """Args: maps: of one image, N×C×H×W each, for their sizes."""
        super().__init__()
        _, channels, height, _ = maps[0].shape
        width, self.grid = form.width or min(2 * channels, WIDEST), form.grid or 2 * math.ceil(height / 4)
        self.embeddings = nn.ModuleList(_embedding(seen, width, self.grid) for seen in maps)
        places, self.low = self.grid**2, form.input == "low"
        tokens, dimension = (places, width) if self.low else (width * len(maps), places)
        self.token = nn.Parameter(torch.zeros(1, 1, dimension))
        self.positions = nn.Parameter(torch.randn(1, tokens + 1, dimension) * 0.02)
        self.layers = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(
                    dimension, HEADS, WIDENING * dimension, DROPOUT, "gelu", batch_first=True, norm_first=True
                )
                for _ in range(form.layers)
            )
        )
        self.norm = nn.LayerNorm(dimension)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Return the class token's feature, N×D, of feature maps N×C×H×W."""
        grid = (self.grid, self.grid)
        embedded = [F.adaptive_avg_pool2d(embed(seen), grid) for embed, seen in zip(self.embeddings, maps, strict=True)]
        tokens = torch.cat(embedded, 1).flatten(2)
        if self.low:
            tokens = tokens.transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(tokens), -1, -1), tokens], 1) + self.positions
        return self.norm(self.layers(tokens)[:, 0])


def _embedding(seen: Tensor, width: int, grid: int) -> nn.Sequential:
    """Return convolutions that bring a map near the grid's size: the source's for 32, 16, 8 and 4 pixels a side."""
    inputs, side = seen.shape[1], math.sqrt(seen.shape[2] * seen.shape[3])
    doublings = round(math.log2(grid / side))
    pairs = list(pairwise([inputs, *[width] * max(abs(doublings), 1)]))
    if doublings < 0:
        return nn.Sequential(*(nn.Conv2d(*pair, 3, stride=2, padding=1) for pair in pairs))
    if doublings == 0:
        return nn.Sequential(*(nn.Conv2d(*pair, 1) for pair in pairs))
    return nn.Sequential(*(nn.ConvTranspose2d(*pair, 2, stride=2) for pair in pairs))


class Detector(nn.Module):
    """A frozen network, what reads its feature maps, and a head: 0 is clean, 1 attacked."""

    def __init__(self, pretrained: Classifier, form: DetectorForm, shape: tuple[int, int, int]) -> None:
        """Args: pretrained: kept as it is, not trained; shape: height, width, channels of the images."""
        super().__init__()
        height, width, channels = shape
        self.taps = pretrained.taps if form.input == "full" else pretrained.taps[:1]
        self.pretrained = pretrained.eval().requires_grad_(False)
        with torch.no_grad():
            maps = self.maps(torch.zeros(1, channels, height, width))
        self.reader = Reader(form, maps)
        self.head = nn.Linear(self.reader.norm.normalized_shape[0], 2)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits N×2 (clean, attacked) of images float32 N×C×H×W in [0, 1]."""
        return self.head(self.reader(self.maps(images)))

    def maps(self, images: Tensor) -> list[Tensor]:
        """Return the frozen network's feature maps of images, those that the reader takes."""
        with tapped(self.pretrained, self.taps) as maps:
            self.pretrained(images)
        return maps

    def as_it_is(self, maps: Sequence[Tensor]) -> Tensor:
        """Return the reader's feature of maps, N×D, without dropout; gradients reach the maps, not its weights."""
        training = self.reader.training
        self.reader.eval()
        try:
            return functional_call(self.reader, {n: v.detach() for n, v in self.reader.named_parameters()}, (maps,))
        finally:
            self.reader.train(training)


@contextmanager
def tapped(model: Classifier, taps: Sequence[str]) -> Iterator[list[Tensor]]:
    """Inside, the outputs of a network's layers, by name, are put into the list at each forward pass."""
    maps: list[Tensor] = []
    layers = [model.network.get_submodule(name) for name in taps]
    hooks = [layer.register_forward_hook(lambda _layer, _inputs, output: maps.append(output)) for layer in layers]
    try:
        yield maps
    finally:
        for hook in hooks:
            hook.remove()


def add_detector(model: nn.Module, form: DetectorForm, *, shape: tuple[int, int, int], seed: int) -> None:
    """Give a classifier a detector with fresh weights that looks at a copy of it as it is now, unless it has one.

    Args: shape: height, width, channels of the images; seed: of the weights. The global random state is left as it was.
    Raises: UsageError: it has no feature taps.
    """
    if isinstance(model, Classifier) and model.detector is not None:
        return
    if not (isinstance(model, Classifier) and model.taps):
        raise UsageError(f"{_named(model)} has no feature taps; choose one of {', '.join(ARCHITECTURES)}")
    device = model.mean.device
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model.detector = Detector(copy.deepcopy(model).cpu(), form, shape).to(device)


def detector_of(model: nn.Module) -> nn.Module | None:
    """Return what tells whether images look attacked, from images to logits N×2; of an ensemble all members'."""
    if isinstance(model, Ensemble):
        parts = [detector_of(member) for member in model.members]
        every = [part for part in parts if part is not None]
        return Ensemble(every) if len(every) == len(parts) else None
    return model.detector if isinstance(model, Classifier) else None


def _named(model: nn.Module) -> str:
    return (model.name if isinstance(model, Classifier) else "") or type(model).__name__
