"""A white-box attack on a target: APGD on the cross-entropy, then APGD on the DLR loss on what is still correct."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from curation.attacks.apgd import APGD, APGDTargeted
from curation.attacks.base import Attack
from curation.evaluation.settings import WhiteBox
from curation.models.folding import folded
from curation.models.prediction import predict, to_device
from curation.randomness import stream_seeds

KIND = "apgd-ce + apgd-dlr-t"
"""What the attack is called in a table of predictions, for 4 classes and more."""


def kind_of(classes: int) -> str:
    """Return the attack's name for this number of classes: with fewer than 4 another second attack; see ``attacks``."""
    return KIND if classes >= 4 else f"apgd-ce + apgd-{'dlr' if classes == 3 else 'cw'}"


def attacks(settings: WhiteBox, *, classes: int) -> tuple[Attack, Attack]:
    """Return the two attacks. The targeted loss needs 4 classes: with 3 the second is untargeted, with 2 the margin."""
    limits = {"epsilon": settings.epsilon, "steps": settings.steps, "stop_early": True}
    second = APGDTargeted(**limits) if classes >= 4 else APGD(loss="dlr", **limits)
    return APGD(loss="ce", **limits), second


def white_box(
    network: nn.Module, images: np.ndarray, labels: np.ndarray, *, settings: WhiteBox, seed: int, device: str
) -> np.ndarray:
    """Attack a network and return what it then says, int64 N.

    An image that is wrong from the start is not attacked; one that an attack makes wrong is not attacked again, so
    robust accuracy is never above that under either attack alone.

    Args: network: from float32 N×C×H×W in [0, 1] to logits N×K; left as it is. images: uint8 N×H×W×C. labels: int64 N.
        seed: of the attacks' starts, which differ by position.
    Source: the first two attacks of AutoAttack (Croce & Hein 2020), L∞.
    """
    labels = np.asarray(labels, dtype=np.int64)
    if not len(labels):
        return labels
    model = folded(network).to(device)
    logits = predict(model, images, device=device)
    said = logits.argmax(1).numpy()
    for number, attack in enumerate(attacks(settings, classes=logits.shape[1])):
        standing = np.flatnonzero(said == labels)
        if not len(standing):
            break
        found = attack(
            model,
            to_device(images[standing], device).contiguous(),
            torch.from_numpy(labels[standing]).to(device),
            seeds=stream_seeds(seed, standing, "white_box", number),
        )
        pixels = found.mul(255).round_().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        said[standing] = predict(model, pixels, device=device).argmax(1).numpy()
    return said
