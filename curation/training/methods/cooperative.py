"""Cooperative training: a detector learns to tell attacked images, and the classifier to show it what it expects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from curation.models.checkpoint import DETECTOR
from curation.models.classifier import Classifier, DetectorForm
from curation.models.detector import Detector, add_detector, tapped
from curation.training.methods.adversarial import perturbed
from curation.training.methods.base import EPSILON, STEPS, Method, Network, Radius, Steps
from curation.training.methods.plain import Plain
from curation.training.objective import cross_entropy

PRETRAINED = f"{DETECTOR}pretrained."


class _Pretraining(Plain):
    """What comes first: a classifier of clean images, a copy of which the detector then looks at."""

    clean_only = True


class Cooperative(Method):
    """A classifier, and a detector of attacked images that looks at the feature maps of a frozen, pretrained one.

    The classifier's loss is ``ce_weight`` · cross-entropy + ``feature_weight`` · SmoothL1 between the detector's
    features of its own maps and of the pretrained network's, with the detector as it is; the detector's is the
    cross-entropy of clean against attacked. Attacked are the variants among the sampled images; without sampling, half
    of the images, by PGD on the classifier. The pretrained network is the classifier after the first epochs, its moving
    average where it has one, in evaluation mode (in the authors' code it stays in training mode, so that its statistics
    drift).

    Source: Tan, Gao & Li 2022, "A Simple Structure for Building a Robust Model".
    """

    name = "cooperative"
    title = "Cooperative, with a detector of attacks"

    epsilon: Radius = EPSILON
    steps: Steps = STEPS
    epochs: int = Field(6, ge=1, description="passes over the images, in both phases")
    pretrained_share: float = Field(
        1 / 3,
        ge=0,
        lt=1,
        description="share of the epochs that train the classifier on clean images, plainly, before the detector "
        "starts; 0: the detector looks at the network that training starts from",
    )
    ce_weight: float = Field(1.0, gt=0, description="weight (α) of the classifier's cross-entropy")
    feature_weight: float = Field(
        1.0, ge=0, description="weight (β) of the distance between the detector's features of both networks"
    )
    detector_input: Literal["low", "full"] = Field(
        "low", description="what the detector looks at; low: the shallowest feature map; full: all of them"
    )
    detector_layers: int = Field(
        2, ge=1, le=32, description="Transformer layers of the detector; the source has 2, 4, 8"
    )
    detector_width: int | None = Field(
        None,
        ge=4,
        le=1024,
        multiple_of=4,
        description="channels that the detector brings a feature map to; automatic: twice the shallowest one's, 128 at "
        "most",
    )
    detector_grid: int | None = Field(
        None,
        ge=2,
        le=64,
        multiple_of=2,
        description="height and width that the detector brings a feature map to; automatic: half the shallowest one's",
    )
    detector_rate: float = Field(
        0.1, gt=0, le=10, description="learning rate of the detector, as a share of the classifier's"
    )

    @property
    def detects(self) -> DetectorForm:
        """See ``Method.detects``."""
        return DetectorForm(self.detector_input, self.detector_layers, self.detector_width, self.detector_grid)

    @property
    def pretraining(self) -> int:
        """The number of epochs before the detector starts: the share, rounded, and one less than all at most."""
        return min(round(self.pretrained_share * self.epochs), self.epochs - 1)

    def at(self, epoch: int) -> Method:
        """Return plain training on clean images in the first epochs; see ``Method.at``."""
        return _Pretraining() if epoch < self.pretraining else self

    def prepare(self, model: nn.Module, *, shape: tuple[int, int, int], seed: int) -> Mapping[str, float]:
        """Add the detector, its pretrained network frozen; see ``Method.prepare``."""
        add_detector(model, self.detects, shape=shape, seed=seed)
        names = [name for name, _ in model.named_parameters() if name.startswith(DETECTOR)]
        return {name: 0.0 if name.startswith(PRETRAINED) else self.detector_rate for name in names}

    def begin(self, epoch: int, model: nn.Module, average: Mapping[str, Tensor]) -> None:
        """Freeze a copy of the classifier when the detector starts; see ``Method.begin``."""
        if epoch != self.pretraining:
            return
        weights = model.state_dict()
        for name in (name for name in weights if name.startswith(PRETRAINED)):
            weights[name].copy_((average or weights)[name.removeprefix(PRETRAINED)])
            if average:
                average[name].copy_(weights[name])

    def start(self, images: Tensor, draws: torch.Generator) -> Tensor:
        """Return uniform draws from the L∞ ball of radius epsilon; see ``Method.start``."""
        return (torch.rand(images.shape, generator=draws) * 2 - 1).mul_(self.epsilon)

    def losses(self, network: Network, images: Tensor, targets: Tensor, change: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return both losses together, for each trains weights that the other does not reach; see ``Method.losses``."""
        altered = network.altered
        if altered is None:
            assert change is not None
            images, altered = self._half_attacked(network, images, targets, change)
        model = network.model
        assert isinstance(model, Classifier)
        detector = model.detector
        assert isinstance(detector, Detector)
        with network.computing():
            with torch.no_grad():
                expected = detector.maps(images)
                expectation = detector.as_it_is(expected)
            with tapped(model, detector.taps) as own:
                logits = model(images).float()
            distances = F.smooth_l1_loss(detector.as_it_is(own).float(), expectation.float(), reduction="none").mean(1)
            looks = detector.head(detector.reader(expected)).float()
        detection = F.cross_entropy(looks, altered.long(), reduction="none")
        classification = network.loss(logits, targets)
        return self.ce_weight * classification + self.feature_weight * distances + detection, logits

    def _half_attacked(
        self, network: Network, images: Tensor, targets: Tensor, change: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return images of which every second one is PGD's of the classifier as it is now, and which those are, bool N.

        Batches are in random order, so these are any; half is the source's best ratio.
        """
        half = slice(None, None, 2)
        with network.evaluated():
            found = perturbed(
                lambda points: cross_entropy(network.logits(points), targets[half]),
                images[half],
                change[half],
                epsilon=self.epsilon,
                steps=self.steps,
            )
        images, altered = images.clone(), torch.zeros(len(images), dtype=torch.bool, device=images.device)
        images[half], altered[half] = found, True
        return images, altered
