"""What a goal model says of images, and how much copies differ from their originals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from curation.models.dropout import dropout_logits
from curation.models.ensemble import Ensemble
from curation.models.prediction import by_batches, predict, predict_with_features
from curation.pipeline.model_ref import NetworkRef
from curation.scores import scores_of

BATCH = 256
"""Images that go through a network at once, at first, for more than its logits."""


def answers(
    network: nn.Module, images: np.ndarray | Tensor, device: str, dropout: Mapping[str, Any] | None = None
) -> tuple[Tensor, Tensor | None]:
    """Return what a network says of uint8 images N×H×W×C: logits N×K and, with dropout, its passes T×N×K, on the CPU.

    Args: dropout: rate, passes and seed, as ``dropout_logits`` takes them.
    """
    if dropout is None:
        return (predict(network, images, device=device) if len(images) else torch.empty(0, 2)), None
    if not len(images):
        return torch.empty(0, 2), torch.empty(dropout["passes"], 0, 2)
    run = partial(dropout_logits, network, **dropout)
    logits, passes = zip(*by_batches(run, images, "prediction", device=device, batch_size=BATCH), strict=True)
    return torch.cat(logits), torch.cat(passes, dim=1)


def early_answers(early: Sequence[nn.Module], images: np.ndarray | Tensor, device: str) -> Tensor | None:
    """Return the logits of networks, of an ensemble of each member, T×N×K on the CPU; None: there are no networks."""
    members = [member for it in early for member in (it.members if isinstance(it, Ensemble) else [it])]
    return torch.stack([answers(member, images, device)[0] for member in members]) if members else None


def score_logits(
    logits: Tensor, labels: np.ndarray, passes: Tensor | None = None, early: Tensor | None = None
) -> pd.DataFrame:
    """Return prediction, the label's probability and every score, one row an image.

    Args: logits: N×K; passes, early: T×N×K, without which the scores that use them are left out.
    """
    table = {"prediction": logits.argmax(1).to(torch.int32).numpy()}
    chosen = torch.tensor(np.asarray(labels))
    table["true_probability"] = logits.double().softmax(1).gather(1, chosen[:, None])[:, 0].float().numpy()
    given = {"logits": logits, "passes": passes, "errors": early}
    for score in scores_of(passes=passes is not None, errors=early is not None):
        some = given[score.uses]
        assert some is not None
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
