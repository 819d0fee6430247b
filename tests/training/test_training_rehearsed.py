"""A training step by every method on an accelerator, rehearsed without one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from curation.models.architectures import build
from curation.models.classifier import Classifier
from curation.models.detector import Detector
from curation.training.batches import Batch, Batches
from curation.training.learner import Learner
from curation.training.methods import METHODS
from curation.training.settings import Training
from tests.rehearsal import DEVICE, assert_on_device, rehearsal

WITH_ALL = {"average": 0.99, "dropout": 0.1, "label_smoothing": 0.1, "cutout_px": 4, "noise": 0.1, "flip": True}
WITH_ALL |= {"rotation_degrees": 15, "zoom": 0.1, "color": 0.3, "layer_noise": 0.1}
WITH_ALL |= {"loss": "huber", "entropy_weight": 0.1, "entropy_order": 2.0}


def learned(settings: Training) -> None:
    """Rehearse the batches of an epoch: nothing is waited for, images and what was learned are on the device."""
    images, labels = np.zeros((16, 16, 16, 3), np.uint8), np.arange(16) % 5
    with rehearsal() as rehearsed:
        batches = Batches(images, labels, None, settings=settings, classes=5, device=DEVICE)
        network, twin = (build("tiny_convnet", classes=5, shape=(16, 16, 3)) for _ in range(2))
        if (form := settings.how().detects) is not None:  # tensors without values cannot be copied
            assert isinstance(network, Classifier)
            assert isinstance(twin, Classifier)
            network.detector = Detector(twin, form, (16, 16, 3))
        rates = settings.how().prepare(network, shape=(16, 16, 3), seed=0)
        learner = Learner(network, settings, DEVICE, rates)
        rehearsed.waits.clear()  # the images stay there
        draws = torch.Generator().manual_seed(0)
        learner.begin(0)
        with learner.disturbed():
            for batch in batches.epoch(draws):
                assert isinstance(batch, Batch)
                assert_on_device([batch.images, batch.targets, batch.weights, batch.classes])
                assert_on_device(tuple(learner.learn(batch, rate=lambda step: 0.1, draws=draws)))
        assert_on_device(list(learner.model.state_dict().values()))
    assert not rehearsed.fetches + rehearsed.waits


@pytest.mark.parametrize("name", METHODS.names)
def test_a_step_of_a_method_stays_on_the_device(name: str) -> None:
    learned(Training.model_validate({"method": name, "batch_size": 8, "precision": "float32"}))


def test_a_search_by_adam_stays_on_the_device() -> None:
    learned(Training.model_validate({"preset": "rebuffi", "batch_size": 8}))


@pytest.mark.parametrize("mixing", [{}, {"cutmix": 1.0}, {"mixup": 0.2}])
def test_augmentation_stays_on_the_device(mixing: dict[str, float]) -> None:
    learned(Training.model_validate({"batch_size": 8, "precision": "float32", **WITH_ALL, **mixing}))
