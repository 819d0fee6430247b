"""Per-sample random streams: independent of batch, order and each other, and of the stated distribution."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from curation.randomness import SampleRandom, stream_seeds

FROZEN = [[1651713376, 2079100683], [-503466995, -220532045], [376273198, -1252320382]]


def seeds(n: int, *stream: str | int) -> torch.Tensor:
    return stream_seeds(0, np.arange(n), *(stream or ("test",)))


def test_a_sample_draws_the_same_alone_and_in_any_batch() -> None:
    whole = SampleRandom(seeds(10))
    alone = SampleRandom(seeds(10)[7:8])
    for _ in range(3):
        assert torch.equal(whole.normal(3, 5)[7:8], alone.normal(3, 5))


def test_draws_follow_each_other() -> None:
    random = SampleRandom(seeds(4))
    assert not torch.equal(random.uniform(8), random.uniform(8))


def test_streams_go_on_when_others_are_left_out() -> None:
    whole = SampleRandom(seeds(10))
    whole.uniform(2)
    some = whole.rows(torch.tensor([7, 2]))
    second, third = whole.normal(3), whole.uniform(2)
    assert torch.equal(some.normal(3), second[[7, 2]])
    only = some.rows(torch.tensor([False, True]))
    assert torch.equal(only.uniform(2), third[[2]])
    assert len(only) == 1


def test_bits_are_frozen() -> None:
    """The same recipe must give the same bytes in every later version."""
    random = SampleRandom(stream_seeds(7, np.array([0, 1, 2**33]), "fog", 3))
    assert random.bits(2).tolist() == FROZEN


def test_uniform_and_normal_have_their_distributions() -> None:
    random = SampleRandom(seeds(200))
    assert stats.kstest(random.uniform(500).flatten().numpy(), "uniform").pvalue > 0.001
    assert stats.kstest(random.normal(501).flatten().numpy(), "norm").pvalue > 0.001


def test_integers_cover_their_range_evenly() -> None:
    drawn = SampleRandom(seeds(100)).integers(400, low=-2, high=3)
    counts = torch.bincount((drawn + 2).flatten(), minlength=5)
    assert drawn.min() == -2
    assert drawn.max() == 2
    assert stats.chisquare(counts.numpy()).pvalue > 0.001


@pytest.mark.parametrize("axis", ["samples", "elements", "draws", "streams"])
def test_neighbors_are_uncorrelated(axis: str) -> None:
    random = SampleRandom(seeds(300))
    first = random.uniform(300)
    second = random.uniform(300)
    other = SampleRandom(seeds(300, "other")).uniform(300)
    pair = {
        "samples": (first[:-1], first[1:]),
        "elements": (first[:, :-1], first[:, 1:]),
        "draws": (first, second),
        "streams": (first, other),
    }[axis]
    correlation = np.corrcoef(pair[0].flatten().numpy(), pair[1].flatten().numpy())[0, 1]
    assert abs(correlation) < 5 / 300
