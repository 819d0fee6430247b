"""The basic iterative method."""

from __future__ import annotations

from typing import ClassVar

from curation.attacks.gradient import SteppedAttack
from curation.attacks.losses import Loss


class BIM(SteppedAttack):
    """FGSM in small steps from the image, projected into the ball after each; the best point is kept.

    Source: Kurakin, Goodfellow & Bengio 2017, "Adversarial Examples in the Physical World", section 2.2.
    """

    name: ClassVar[str] = "bim"
    title: ClassVar[str] = "BIM (iterated fast gradient sign)"

    loss: Loss = "ce"
