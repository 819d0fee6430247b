"""What a goal model says of images, and how much copies differ from their originals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from curation.models.detector import detector_of
from curation.models.dropout import dropout_logits
from curation.models.ensemble import Ensemble
from curation.models.prediction import by_batches, predict, predict_with_features
from curation.pipeline.model_ref import NetworkRef
from curation.scores import SCORES


class Answers(NamedTuple):
    """What a network says of N images, on the CPU.

    logits: N×K; passes: T×N×K, under dropout; errors: T×N×K, the logits of what it was after early epochs; detection:
    N×2, its detector's logits. None: not asked for, or there is none.
    """

    logits: Tensor
    passes: Tensor | None = None
    errors: Tensor | None = None
    detection: Tensor | None = None


BATCH = 256
"""Images that go through a network at once, at first, for more than its logits."""


def answers(
    network: nn.Module,
    images: np.ndarray | Tensor,
    device: str,
    dropout: Mapping[str, Any] | None = None,
    early: Sequence[nn.Module] = (),
) -> Answers:
    """Return what a network says of uint8 images N×H×W×C.

    Args: dropout: rate, passes and seed, as ``dropout_logits`` takes them; early: the network as it was after some
    epochs, whose errors count.
    """
    detector = detector_of(network)
    detection = None if detector is None else _plain(detector, images, device)
    errors = early_answers(early, images, device)
    if dropout is None or not len(images):
        passes = None if dropout is None else torch.empty(dropout["passes"], 0, 2)
        return Answers(_plain(network, images, device), passes, errors, detection)
    run = partial(dropout_logits, network, **dropout)
    logits_of, passes_of = zip(*by_batches(run, images, "prediction", device=device, batch_size=BATCH), strict=True)
    return Answers(torch.cat(logits_of), torch.cat(passes_of, dim=1), errors, detection)


def early_answers(early: Sequence[nn.Module], images: np.ndarray | Tensor, device: str) -> Tensor | None:
    """Return the logits of networks, of an ensemble of each member, T×N×K on the CPU; None: there are no networks."""
    members = [member for it in early for member in (it.members if isinstance(it, Ensemble) else [it])]
    return torch.stack([_plain(member, images, device) for member in members]) if members else None


def _plain(network: nn.Module, images: np.ndarray | Tensor, device: str) -> Tensor:
    return predict(network, images, device=device) if len(images) else torch.empty(0, 2)


def score_answers(said: Answers, labels: np.ndarray) -> pd.DataFrame:
    """Return prediction, the label's probability and every score that the answers are enough for, one row an image."""
    logits = said.logits
    table = {"prediction": logits.argmax(1).to(torch.int32).numpy()}
    chosen = torch.tensor(np.asarray(labels))
    table["true_probability"] = logits.double().softmax(1).gather(1, chosen[:, None])[:, 0].float().numpy()
    given = {"logits": logits, "passes": said.passes, "errors": said.errors, "detector": said.detection}
    for score in SCORES:
        some = given[score.uses]
        if some is not None:
            table[score.name] = score()(some, chosen).numpy()
    return pd.DataFrame(table)


def change_sizes(originals: np.ndarray | Tensor, images: np.ndarray | Tensor) -> pd.DataFrame:
    """Return how much images differ from their originals, uint8 N×H×W×C: linf and l2, float32, pixels in [0, 1].

    Tensors are compared where they are.
    """
    change = (torch.as_tensor(images).int() - torch.as_tensor(originals)).flatten(1)
    largest = change.abs().amax(1).cpu().numpy()
    squares = change.square_().sum(1, dtype=torch.int64).cpu().numpy()
    linf, l2 = largest / 255, np.sqrt(squares) / 255
    return pd.DataFrame({"linf": linf.astype(np.float32), "l2": l2.astype(np.float32)})


def features(images: np.ndarray, model: NetworkRef) -> np.ndarray:
    """Return a network's penultimate-layer features, float32 N×D, of uint8 images N×H×W×C."""
    return features_and_logits(images, model)[0]


def features_and_logits(images: np.ndarray, model: NetworkRef) -> tuple[np.ndarray, np.ndarray]:
    """Return ``features`` and the logits, float32 N×K, that the network makes of them.

    Raises: CurationError: not even one image fits into memory.
    """
    logits, seen = predict_with_features(model.load(), images, device=model.device, batch_size=BATCH)
    return seen.numpy(), logits.numpy()
