"""The contract of samplers: as many images as they say, the same again, and the same after a kill; written and read."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch

from curation.models.architectures import build
from curation.training.samplers import SAMPLERS, About, Sampler
from curation.training.settings import Training
from curation.training.trainer import train

every_sampler = pytest.mark.parametrize("sampler", list(SAMPLERS), ids=lambda sampler: sampler.name)

COUNT = 48
ABOUT = About(np.arange(COUNT) // 4 % 3, np.arange(COUNT) // 2, np.array(["clean", "fog"])[np.arange(COUNT) % 2])


@every_sampler
def test_a_sampler_goes_on_to_the_same_bits_after_every_epoch(sampler: type[Sampler]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (COUNT, 16, 16, 1), dtype=np.uint8)
    chosen = Training.parse({"sampling": {"method": sampler.name}, "epochs": 3, "batch_size": 16, "threads": 1})
    assert chosen.sampling is not None

    def trained(after: dict[str, object] | None) -> tuple[torch.Tensor, list[dict[str, object]]]:
        model, states, covered = build("tiny_resnet", classes=3, shape=(16, 16, 1)), [], 0
        showing = chosen.sampling and chosen.sampling.of(ABOUT)
        assert showing is not None
        for epoch in train(model, images, ABOUT.labels, settings=chosen, seed=1, showing=showing, resume=after):
            kept = io.BytesIO()
            torch.save(epoch.state, kept)
            states.append(torch.load(io.BytesIO(kept.getvalue()), weights_only=True))
            assert np.isfinite(epoch.margins).sum() == epoch.shown == showing.count(epoch.epoch - 1) <= epoch.covered
            assert covered <= epoch.covered <= COUNT
            covered = epoch.covered
        return torch.cat([value.flatten().double() for value in model.state_dict().values()]), states

    whole, states = trained(None)
    for state in states[:-1]:
        assert torch.equal(trained(state)[0], whole)


@every_sampler
def test_a_sampler_s_parameters_are_written_and_explained(sampler: type[Sampler]) -> None:
    usual = Training.parse({"sampling": {"method": sampler.name}})
    assert isinstance(usual.sampling, sampler)
    assert Training.parse(usual.model_dump(mode="json")) == usual
    assert sampler.title
    assert sampler.__doc__
    assert all(field.description for field in sampler.model_fields.values())
