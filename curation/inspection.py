"""One sample at a time: its variants as they would be made for it, what the goal model says, what was changed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from curation import stages
from curation.corruptions import CORRUPTIONS
from curation.pipeline import Pipeline
from curation.randomness import stream_seeds


@dataclass(frozen=True)
class Variants:
    """A sample and its variants.

    table: one row an image, the clean one first: family, kind, severity, prediction, entropy, gini, margin;
    images: uint8 M×H×W×C, in the same order; probabilities: float32 M×K.
    """

    table: pd.DataFrame
    images: np.ndarray
    probabilities: np.ndarray


def variants_of(pipeline: Pipeline, sample_id: int) -> Variants:
    """Return a sample under every common corruption and severity, and attacked as the recipe says.

    They are the pool's own images: made with the same seeds, whether or not the recipe asks for that kind.
    Raises: CurationError when there is no such sample or no goal model yet.
    """
    samples, recipe = pipeline.samples, pipeline.recipe
    row = samples.rows(np.array([sample_id]))
    clean, ids = samples.images(row), np.array([sample_id])
    tensor = stages.to_tensor(clean, pipeline.device)
    network = stages.goal_model(*pipeline.model)
    asked = recipe.variants.corruption
    made = [("clean", "clean", 0, clean)]
    for kind in CORRUPTIONS:
        if kind.held_out or min(samples.shape[:2]) < kind.minimum_side_px:
            continue
        for severity in range(1, 6):
            member = kind(severity=severity, constants=asked.constants if asked else "cifar")
            seeds = stream_seeds(recipe.seed, ids, kind.name, severity)
            made.append(("corruption", kind.name, severity, stages.to_pixels(member(tensor, seeds=seeds))))
    attack = recipe.variants.adversarial
    if attack is not None:
        label = torch.tensor(samples.labels[row], device=pipeline.device)
        seeds = stream_seeds(recipe.seed, ids, attack.name)
        made.append(("adversarial", attack.name, 0, stages.to_pixels(attack(network, tensor, label, seeds=seeds))))
    images = np.concatenate([image for *_, image in made])
    table = pd.DataFrame([entry[:3] for entry in made], columns=["family", "kind", "severity"])
    logits = stages.classify(network, images, pipeline.device)
    scores = stages.score_images(network, images, pipeline.device)
    return Variants(pd.concat([table, scores], axis=1), images, logits.softmax(1).numpy())


def magnified(original: np.ndarray, variant: np.ndarray, *, factor: float) -> np.ndarray:
    """Return the perturbation around mid-grey, ``factor`` times as strong; all uint8, same shape."""
    change = variant.astype(np.float32) - original.astype(np.float32)
    return np.clip(np.rint(127.5 + change * factor), 0, 255).astype(np.uint8)


def enlarged(image: np.ndarray, *, side_px: int) -> np.ndarray:
    """Return an image, uint8 H×W×C, repeated by a whole factor to at least about ``side_px``, its pixels crisp."""
    factor = max(1, side_px // max(image.shape[:2]))
    large = image.repeat(factor, axis=0).repeat(factor, axis=1)
    return large[..., 0] if large.shape[-1] == 1 else large
