"""Consistency: an image and random views of it are to be classified alike."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from pydantic import Field
from torch import Tensor, nn

from curation.corruptions.augmix import AugMix
from curation.errors import UsageError
from curation.randomness import SampleRandom
from curation.training.methods.base import Method, Network
from curation.training.objective import disagreement


class Consistent(Method):
    """The loss of the image plus weight times the disagreement of its prediction with those of two AugMix views.

    The views are drawn anew for each image and step, after shift and mirroring. None of AugMix's operations is one of
    the common corruptions.

    Source: Hendrycks et al. 2020, "AugMix: A Simple Data Processing Method to Improve Robustness and Uncertainty",
    equations 2 and 3; weight 12 and severity 3 are its.
    """

    name = "consistent"
    title = "Consistent with AugMix views"
    perturbs = False
    views = 2

    weight: float = Field(12.0, gt=0, description="weight of the Jensen–Shannon divergence")
    severity: int = Field(3, ge=1, le=5, description="of AugMix's operations, from 1 (mild) to 5 (severe)")

    def prepare(self, model: nn.Module, *, shape: tuple[int, int, int], seed: int) -> Mapping[str, float]:
        """See ``Method.prepare``."""
        height, width, _ = shape
        if min(height, width) < AugMix.minimum_side_px:
            raise UsageError(
                f"method {self.name} makes AugMix views, which need images of at least {AugMix.minimum_side_px} px a "
                f"side, got {width}×{height}; choose a larger side_px in the reader, or another method"
            )
        return {}

    def start(self, images: Tensor, draws: torch.Generator) -> Tensor:
        """Return the two views less the image, float32 N×2×C×H×W; see ``Method.start``."""
        augmix, views = AugMix(severity=self.severity), []
        for _ in range(self.views):
            seeds = torch.randint(2**62, (len(images),), generator=draws)
            views.append(augmix.corrupt(images, SampleRandom(seeds, device=images.device)) - images)
        return torch.stack(views, dim=1)

    def losses(self, network: Network, images: Tensor, targets: Tensor, change: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the image's loss plus the weighted disagreement; see ``Method.losses``."""
        assert change is not None
        views = [images + one for one in change.unbind(1)]
        together = network.logits(torch.cat([images, *views])).chunk(1 + self.views)
        return network.loss(together[0], targets) + self.weight * disagreement(together), together[0]
