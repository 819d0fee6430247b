"""The contract of samplers: as many images as they say, the same again, and the same after a kill; written and read."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import softmax

from curation.coverage import facility_location
from curation.errors import UsageError
from curation.models.architectures import build
from curation.training.samplers import SAMPLERS, About, Sampler, Showing, Shown
from curation.training.samplers.base import Space
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


LABELS = np.arange(90) % 3
"""As many images of each of three classes."""


def network(seed: int = 0) -> Any:
    """What a network may say of 90 images."""
    draws = np.random.default_rng(seed)
    logits, features = draws.normal(size=(90, 3)).astype(np.float32), draws.normal(size=(90, 5)).astype(np.float32)
    return SimpleNamespace(device=torch.device("cpu"), logits=logits, features=features)


def showing(method: str, about: About | None = None, **fields: Any) -> Showing:
    return SAMPLERS.build(method, fields).of(about or About(LABELS))


def shown(of: Showing, epoch: int, asked: Any = None, kept: Any = None) -> Shown:
    return of.show(epoch, np.random.default_rng(epoch), asked or network(), kept or {})


def test_facilities_are_those_of_p_minus_y_in_the_order_of_their_choice() -> None:
    gradients = softmax(network().logits, axis=1) - np.eye(3)[LABELS]
    of = showing("facility_location", ratio=0.3, classwise=False)
    found = shown(of, 1)
    chosen = facility_location(gradients.astype(np.float32), count=27).chosen
    assert found.rows.tolist() == chosen.tolist()
    assert found.ordered
    nearest = np.linalg.norm(gradients[:, None] - gradients[chosen], axis=2).argmin(1)
    assert found.weights is not None
    assert found.weights.tolist() == np.bincount(nearest, minlength=27).tolist()
    first = shown(of, 0)  # the warm-up
    assert (first.rows.tolist(), first.weights) == (list(range(90)), None)
    assert set(shown(of, 2, network(5)).rows) != set(found.rows)  # the network has learned


class Listening:
    """A network that knows whether it was asked."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        self.asked = False

    def __getattr__(self, name: str) -> Any:
        self.asked = True
        return getattr(network(), name)


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("random", {"ratio": 0.25, "warm_up": 2}),
        ("balanced", {}),
        ("facility_location", {}),
        ("facility_location", {"count": 20, "every": 2, "warm_up": 2}),
        ("facility_location", {"ratio": 1, "weigh": "within_radius", "radius": 0.5, "warm_up": 2, "weights_after": 1}),
        ("facility_location", {"ratio": 1, "weigh": "none"}),
        ("clusters", {"ratio": 0.2}),
        ("clusters", {"count": 7, "warm_up": 2, "weigh": "none"}),
        ("curriculum", {"start": 0.5, "growth": 0.2}),
        ("curriculum", {"start": 0.2, "every": 3, "first": "easiest", "warm_up": 0}),
    ],
    ids=str,
)
def test_estimates_know_how_many_images_an_epoch_shows_and_when_all_are_looked_at(method: str, fields: Any) -> None:
    sampler, of, kept = SAMPLERS.build(method, fields), showing(method, **fields), {}
    for epoch in range(6):
        asked = Listening()
        found = shown(of, epoch, asked, kept)
        kept = found.kept
        assert (len(found.rows), asked.asked) == (sampler.most(90, epoch), sampler.asks(epoch))


def test_classes_take_turns_by_their_share() -> None:
    labels = np.repeat([0, 1, 2], [45, 30, 15])
    rows = shown(showing("facility_location", About(labels), count=12), 1).rows
    assert np.bincount(labels[rows]).tolist() == [6, 4, 2]
    assert np.bincount(labels[rows[:6]]).tolist() == [3, 2, 1]


def test_facilities_and_weights_are_switched_apart_and_chosen_every_few_epochs() -> None:
    alone = shown(showing("facility_location", weigh="none"), 1)
    assert alone.weights is None
    weighted = showing("facility_location", ratio=1, weigh="within_radius", radius=0.5, weights_after=2)
    assert shown(weighted, 1).weights is None
    found = shown(weighted, 2)
    gradients = softmax(network().logits, axis=1) - np.eye(3)[LABELS]
    near = (np.linalg.norm(gradients[:, None] - gradients, axis=2) <= 0.5).sum(1)
    assert found.rows.tolist() == list(range(90))
    assert found.weights is not None
    assert found.weights.tolist() == near.tolist()
    of = showing("facility_location", every=2, weights_after=2, weigh="label_agreement")
    first = shown(of, 1)
    second = shown(of, 2, network(1), first.kept)
    assert second.rows.tolist() == first.rows.tolist()
    assert first.weights is None
    assert second.weights is not None
    assert ((second.weights > 0) & (second.weights <= 1)).all()
    assert set(shown(of, 3, network(2), second.kept).rows) != set(first.rows)


def test_an_image_of_each_cluster_is_drawn_and_weighs_as_much_as_it_stands_for() -> None:
    groups = np.repeat(np.arange(6), [30, 20, 15, 15, 9, 1]) + 10
    for about, fields in [
        (About(LABELS, clusters=groups), {"by": "set"}),
        (
            About(LABELS, space=Space(lambda: "here", lambda: 9.0 * groups[:, None] * np.ones((1, 2), np.float32))),
            {"by": "radius", "radius": 1.0, "space": "given"},
        ),
        (
            About(LABELS, space=Space(lambda: "here", lambda: 9.0 * groups[:, None] * np.ones((1, 2), np.float32))),
            {"count": 6, "space": "given"},
        ),
    ]:
        of = showing("clusters", about, warm_up=0, **fields)
        found, other = shown(of, 0), shown(of, 1)
        assert sorted(groups[found.rows]) == list(range(10, 16))
        assert found.rows.tolist() != other.rows.tolist()
        assert found.weights is not None
        assert found.weights.tolist() == np.bincount(groups)[groups[found.rows]].tolist()
        assert of.key
        agreeing = shown(showing("clusters", about, warm_up=0, weigh="label_agreement", **fields), 0)
        shares = [(LABELS[groups == groups[row]] == LABELS[row]).mean() for row in agreeing.rows]
        np.testing.assert_allclose(agreeing.weights, shares, rtol=1e-6)  # type: ignore[arg-type]


def test_clusters_of_the_network_stay_and_images_that_coincide_fill_up() -> None:
    of, same = showing("clusters", count=20), network()
    found = shown(of, 1, same)
    again = shown(of, 2, network(3), found.kept)
    assert torch.equal(found.kept["clusters"], again.kept["clusters"])
    assert found.rows.tolist() != again.rows.tolist()
    same.features = np.zeros((90, 5), np.float32)
    same.features[:3] = np.eye(3, 5)
    with pytest.warns(UserWarning, match="distinct clusters"):
        filled = shown(of, 1, same).rows
    assert len(set(filled)) == len(filled) == 20
    assert {0, 1, 2} <= set(filled)


def test_every_class_is_shown_as_often_and_small_ones_several_times_over() -> None:
    labels = np.repeat([0, 2, 5], [60, 25, 6])  # 91: a third is 30 or 31
    of = showing("balanced", About(labels))
    seen = []
    for epoch in range(3):
        rows = shown(of, epoch).rows
        assert sorted(np.unique(labels[rows], return_counts=True)[1]) == [30, 30, 31]
        times = np.bincount(rows, minlength=91)
        assert times[:60].max() == 1
        assert set(times[60:85]) == {1, 2}
        assert times[85:].min() >= 5
        seen.append(set(rows[labels[rows] == 0]))
    assert seen[0] != seen[1]
    few = shown(showing("balanced", About(np.arange(4))), 0).rows
    assert sorted(few) == [0, 1, 2, 3]


def test_a_curriculum_grows_from_what_comes_first() -> None:
    losses = -np.log(softmax(network().logits, axis=1)[np.arange(90), LABELS])
    for first, order in (("easiest", np.argsort(losses)), ("hardest", np.argsort(-losses))):
        of = showing("curriculum", first=first, start=0.2, growth=0.3)
        assert [of.count(epoch) for epoch in range(6)] == [90, 18, 45, 72, 90, 90]
        assert set(shown(of, 1).rows) == set(order[:18])
        assert set(shown(of, 2).rows) == set(order[:45])
    of = showing("curriculum", start=0.2, growth=0.3, every=2)
    begun = shown(of, 1)
    assert set(begun.rows) < set(shown(of, 2, network(4), begun.kept).rows)
    assert begun.rows.tolist() == shown(showing("facility_location", ratio=0.2), 1).rows.tolist()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"method": "facilities"}, "unknown sampler 'facilities'"),
        ({"method": "facility_location", "ratio": 1.5}, "ratio: input should be less than or equal to 1, got 1.5"),
        ({"method": "facility_location", "ratio": 0}, "ratio: input should be greater than 0"),
        (
            {"method": "facility_location", "warm_up": 6},
            "sampling.warm_up must be below the training's 6 epochs.*got 6",
        ),
        ({"method": "facility_location", "weights_after": 9}, "sampling.weights_after must be below"),
        ({"method": "facility_location", "weigh": "within_radius"}, "weigh: within_radius needs a radius"),
        ({"method": "facility_location", "ratio": 1}, "each stands for itself alone: give a radius"),
        ({"method": "clusters", "warm_up": 7}, "sampling.warm_up must be below"),
        ({"method": "clusters", "by": "radius"}, "by: radius needs a radius"),
        ({"method": "clusters", "by": "radius", "radius": 1}, "write space: given, or by: k_means"),
        ({"method": "clusters", "radius": 1}, "nothing else takes one"),
        ({"method": "curriculum", "warm_up": 6}, "sampling.warm_up must be below"),
        ({"method": "curriculum", "start": 1.2}, "start: input should be less than or equal to 1"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        Training.parse({"epochs": 6, "sampling": fields})


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"method": "facility_location", "count": 91}, "is to show 91 images an epoch, and there are only 90"),
        ({"method": "clusters", "count": 91}, "to make 91 clusters of 90 images; lower sampling.count"),
        ({"method": "clusters", "by": "set"}, "set weights.radius in the recipe of the set"),
        ({"method": "clusters", "space": "given"}, "lie in no space that is known"),
        ({"method": "dynamic"}, "give sample_ids and kinds of each"),
    ],
)
def test_what_does_not_fit_the_images_is_a_sentence(fields: dict[str, Any], sentence: str) -> None:
    chosen = Training.parse({"epochs": 6, "sampling": fields})
    with pytest.raises(UsageError, match=sentence):
        next(
            train(
                build("tiny_resnet", classes=3, shape=(16, 16, 1)),
                np.zeros((90, 16, 16, 1), np.uint8),
                LABELS,
                settings=chosen,
                seed=0,
            )
        )
