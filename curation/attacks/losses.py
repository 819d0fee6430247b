"""What an attack maximizes: losses of logits, one value per sample, larger = more adversarial."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from curation.errors import CurationError

SMALLEST = 1e-12
"""Keeps a denominator of tied logits from zero, as in the reference code."""


LossName = Literal["ce", "cw", "dlr", "logit"]

Loss = Annotated[LossName, Field(description="loss to maximize; with two classes dlr is replaced by the margin, cw")]
"""The type of an attack's parameter ``loss``."""


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return −ln p_y, float N, in nats, for logits N×K and labels int64 N."""
    return F.cross_entropy(logits, labels, reduction="none")


def cw(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the margin max_{i≠y} z_i − z_y, float N: above 0 once the sample is misclassified.

    Args: logits: N×K; labels: int64 N.
    Source: Carlini & Wagner 2017, "Toward Evaluating the Robustness of Neural Networks", objective f6 without a bound.
    """
    return _best_other(logits, labels) - _at(logits, labels)


def logit(logits: Tensor, labels: Tensor) -> Tensor:
    """Return −z_y, float N: it keeps its gradient however sure the model is, which helps an attack to transfer.

    Args: logits: N×K; labels: int64 N.
    Source: Zhao, Liu & Larson 2021, "On Success and Simplicity: A Second Look at Transferable Targeted Attacks"; away
        from the label as in Zhong et al. 2022, "Exploiting the Potential of Datasets".
    """
    return -_at(logits, labels)


def dlr(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the difference-of-logits ratio −(z_y − max_{i≠y} z_i) / (z_π1 − z_π3 + 1e-12), float N.

    In [−1, 0] while the sample is classified correctly, above 0 once it is not; the constant 1, with zero gradient,
    when the label is third. Two classes have no third logit: there it is the margin, ``cw``.

    Args: logits: N×K; labels: int64 N.
    Source: Croce & Hein 2020, "Reliable evaluation of adversarial robustness", equation 6.
    """
    if logits.shape[1] < 3:
        return cw(logits, labels)
    top = logits.topk(3, dim=1).values
    return cw(logits, labels) / (top[:, 0] - top[:, 2] + SMALLEST)


def dlr_targeted(logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """Return the ratio toward a target class, −(z_y − z_t) / (z_π1 − ½(z_π3 + z_π4) + 1e-12), float N.

    Args: logits: N×K, K ≥ 4; labels, targets: int64 N.
    Raises: CurationError for fewer than 4 classes.
    Source: Croce & Hein 2020, equation 7.
    """
    if logits.shape[1] < 4:
        raise CurationError(
            f"the targeted DLR loss needs at least 4 classes, got {logits.shape[1]}; use apgd with the loss cw"
        )
    top = logits.topk(4, dim=1).values
    return (_at(logits, targets) - _at(logits, labels)) / (top[:, 0] - (top[:, 2] + top[:, 3]) / 2 + SMALLEST)


def fooled(logits: Tensor, labels: Tensor) -> Tensor:
    """Return bool N: some other class has a larger logit than the label."""
    return cw(logits, labels) > 0


def remark(loss: LossName, classes: int) -> str | None:
    """Return the sentence that people should read about a loss with that many classes, if there is one."""
    if loss == "dlr" and classes < 3:
        return f"the DLR loss needs a third class; with {classes} classes the margin, cw, is used instead"
    return None


def _at(logits: Tensor, classes: Tensor) -> Tensor:
    return logits.gather(1, classes[:, None])[:, 0]


def _best_other(logits: Tensor, labels: Tensor) -> Tensor:
    return logits.scatter(1, labels[:, None], float("-inf")).amax(1)


LOSSES: Mapping[LossName, Callable[[Tensor, Tensor], Tensor]] = {
    "ce": cross_entropy,
    "cw": cw,
    "dlr": dlr,
    "logit": logit,
}
"""The losses that need nothing but the label, by the name that a recipe gives them."""
