"""Dynamic-probability sampling: exactly what its own random numbers say, the same again, and never another sample's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch.utils.data import DataLoader

from curation import DynamicSampler, load
from curation.dataset import CuratedDataset
from curation.errors import CurationError, UsageError
from curation.evaluation.settings import Evaluation, SuiteSettings
from curation.evaluation.training_set import training_set
from curation.models.architectures import build
from curation.pipeline import Pipeline
from curation.recipe.goal_model import GoalModel
from curation.recipe.label_errors import LabelErrors
from curation.selection.self_correction import SelfCorrection
from curation.training.samplers import About
from curation.training.samplers.clusters import ClusterSampling
from curation.training.samplers.dynamic import DynamicSampling, Wheel
from curation.training.settings import Training
from curation.training.trainer import epoch_seed, train
from curation.tuning.settings import Tuning

SAMPLES = 400
KINDS = np.array(["clean", "fog", "pgd", "fog"])
"""Of each sample, fog at two severities; then one sample with the clean image alone, one with fog alone."""
SAMPLE_IDS = np.array([*np.repeat(np.arange(SAMPLES), 4), 900, 901])[::-1].copy()
ROWS = np.array([*np.tile(KINDS, SAMPLES), "clean", "fog"])[::-1].copy()


def wheel(**settings: Any) -> Wheel:
    return Wheel(SAMPLE_IDS, ROWS, DynamicSampling(**settings))


def drawn(of: Wheel, seed: int = 0) -> np.ndarray:
    return of.draw(np.random.default_rng(seed))


def test_every_sample_gives_one_image_of_its_own() -> None:
    for seed in range(5):
        rows = drawn(wheel(), seed)
        assert SAMPLE_IDS[rows].tolist() == [*range(SAMPLES), 900, 901]
        assert ROWS[rows][-2:].tolist() == ["clean", "fog"]


def test_the_share_of_variants_is_the_probability_drawn_between_the_bounds() -> None:
    """Of the sampler's own random numbers: those below the epoch's probability, and so between those of the bounds."""
    for seed in range(20):
        random = np.random.default_rng(seed)
        probability, dice = 0.25 + 0.5 * random.random(), random.random((2, SAMPLES + 2))[0][:SAMPLES]
        assert 0.25 <= probability <= 0.75
        low, found, high = (
            ROWS[drawn(wheel(ratio=ratio), seed)][:SAMPLES] != "clean"
            for ratio in [(0.25, 0.25), (0.25, 0.75), (0.75, 0.75)]
        )
        assert (found == (dice < probability)).all()
        assert (low <= found).all()
        assert (found <= high).all()
    assert (ROWS[drawn(wheel(ratio=(0, 0)))][:SAMPLES] == "clean").all()
    assert (ROWS[drawn(wheel(ratio=(1, 1)))][:SAMPLES] != "clean").all()


def test_kinds_are_drawn_by_weight_whatever_their_number_of_severities() -> None:
    spins = np.random.default_rng(3)
    spins.random()
    share = spins.random((2, SAMPLES + 2))[1][:SAMPLES]
    found = drawn(wheel(ratio=(1, 1), weights={"fog": 3}), 3)[:SAMPLES]
    # Rows are in falling order of samples here, so of each sample fog, pgd, fog: 1.5, 1 and 1.5 of 4.
    assert (ROWS[found] == np.where((share < 1.5 / 4) | (share >= 2.5 / 4), "fog", "pgd")).all()
    assert len(np.unique((len(ROWS) - 1 - found) % 4)) == 3  # pgd, and fog at both severities


def test_a_kind_of_weight_0_is_never_drawn() -> None:
    without = wheel(ratio=(1, 1), weights={"fog": 0})
    assert set(ROWS[drawn(without)][:SAMPLES]) == {"pgd"}
    assert SAMPLE_IDS[drawn(without)].tolist() == [*range(SAMPLES), 900]  # 901 has fog alone


def test_what_is_drawn_of_a_sample_changes_from_epoch_to_epoch() -> None:
    several = np.stack([ROWS[drawn(wheel(), seed)][:SAMPLES] for seed in range(12)])
    kinds = [set(of_sample) for of_sample in several.T]
    assert max(map(len, kinds)) == 3
    assert all(len(of_sample) > 1 for of_sample in kinds[:50])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"ratio": (0.75, 0.25)}, "ratio: must be two probabilities in .0, 1., the lower one first, got 0.75 and 0.25"),
        ({"ratio": (0.5, 1.5)}, "got 0.5 and 1.5"),
        ({"weights": {"fog": -1}}, "weights: must be 0 or more, got -1 for fog"),
    ],
)
def test_what_is_no_probability_is_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        DynamicSampling.parse(settings)


@pytest.fixture(scope="module")
def both(computed: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> CuratedDataset:
    """Most of the pool: clean images and variants of the same samples."""
    pipeline = computed.of(computed.recipe.with_changes(**{"selection.budget": 3000, "selection.strategy": "random"}))
    folder = tmp_path_factory.mktemp("both") / "set"
    pipeline.export(folder)
    return load(folder)


def test_a_loader_draws_from_an_exported_set(both: CuratedDataset) -> None:
    manifest = both.manifest
    sampler, again = (DynamicSampler(both, weights={"fog": 2}, seed=4) for _ in range(2))
    first, second = list(sampler), list(sampler)
    assert first != second
    assert len(sampler) == len(first) == manifest["sample_id"].nunique()
    assert manifest["sample_id"].iloc[first].is_unique
    assert list(again) == first
    again.set_epoch(1)
    assert list(again) == second
    assert first != list(DynamicSampler(both, weights={"fog": 2}, seed=5))
    loader = DataLoader(both, batch_size=64, sampler=DynamicSampler(both, weights={"fog": 2}, seed=4))
    labels = np.concatenate([labels.numpy() for _, labels in loader])
    assert (labels == both.labels.numpy()[first]).all()


def test_a_set_that_cannot_be_drawn_from_is_told(both: CuratedDataset, computed: Pipeline, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="DynamicSampler: weights: unknown kind 'fogg'; did you mean 'fog'"):
        DynamicSampler(both, weights={"fogg": 2})
    with pytest.raises(UsageError, match="DynamicSampler: ratio: must be two probabilities"):
        DynamicSampler(both, ratio=(0.75, 0.25))
    computed.of(computed.recipe.with_changes(**{"selection.mix": [1, 0, 0]})).export(tmp_path / "clean")
    for dataset, weights in [(load(tmp_path / "clean"), {}), (both, dict.fromkeys(set(both.manifest["kind"]), 0))]:
        weights.pop("clean", None)
        with pytest.raises(UsageError, match="no sample of this set has both its clean image and a variant"):
            DynamicSampler(dataset, weights=weights)


def test_a_training_sees_exactly_what_the_wheel_drew() -> None:
    """Images that were not drawn in an epoch have no margin."""
    count = 40
    images = np.random.default_rng(0).integers(0, 256, (count, 16, 16, 1), dtype=np.uint8)
    labels, ids = np.arange(count) % 2, np.arange(count) // 4
    settings = Training(epochs=2, batch_size=8, threads=1, sampling={"weights": {"pgd": 2}})
    assert settings.sampling is not None
    of = settings.sampling.of(About(labels, ids, np.tile(KINDS, 10)))
    assert isinstance(of, Wheel)
    told: list[tuple[int, int]] = []
    seen = [
        np.flatnonzero(np.isfinite(epoch.margins)).tolist()
        for epoch in train(
            build("tiny_resnet", classes=2, shape=(16, 16, 1)),
            images,
            labels,
            settings=settings,
            showing=of,
            seed=5,
            on_step=lambda done, total: told.append((done, total)),
        )
    ]
    assert seen == [sorted(drawn(of, epoch_seed(5, epoch))) for epoch in range(2)]
    assert seen[0] != seen[1]
    assert told[-1] == (20, 20)
    network = build("tiny_resnet", classes=2, shape=(16, 16, 1))
    for wrong, sentence in (
        ({"settings": settings}, "give sample_ids and kinds of each"),
        ({"settings": Training(), "showing": of}, "only where settings.sampling says how"),
        ({"settings": settings, "showing": wheel()}, "chosen from 1602 images, got 40"),
    ):
        with pytest.raises(CurationError, match=sentence):
            next(train(network, images, labels, seed=5, **wrong))  # type: ignore[arg-type]


def test_settings_without_it_are_what_they_were_and_only_targets_may_have_it() -> None:
    assert "sampling" not in Training().model_dump()
    sampled = Evaluation.parse({"schedule": {"sampling": {"method": "dynamic", "ratio": [0.5, 0.5]}}})
    assert Evaluation.parse(sampled.to_dict()) == sampled
    with pytest.raises(UsageError, match=r"schedule: sampling\.weights: unknown kind 'fogg'; did you mean 'fog'"):
        Evaluation.parse({"schedule": {"sampling": {"weights": {"fogg": 1}}}})
    for settings, value in [
        (GoalModel, {"train": {"sampling": {}}}),
        (LabelErrors, {"train": {"sampling": {}}}),
        (SelfCorrection, {"train": {"sampling": {}}}),
        (SuiteSettings, {"training": {"sampling": {}}}),
        (Tuning, {"schedule": {"sampling": {}}}),
    ]:
        with pytest.raises(UsageError, match="dynamic sampling draws among the variants of a curated set"):
            settings.parse(value)  # type: ignore[attr-defined]


def test_a_set_that_is_sampled_is_read_from_a_file_and_has_a_key_of_its_own(computed: Pipeline) -> None:
    whole = training_set(computed)
    even, uneven = (training_set(computed, sampling=DynamicSampling(weights=weights)) for weights in ({}, {"pgd": 2.0}))
    assert isinstance(even.images, np.memmap)
    assert (even.images == whole.images).all()
    assert even.seen(3) == 3 * len(np.unique(whole.sample_ids)) < 3 * len(even)
    assert whole.seen(3) == 3 * len(whole)
    assert len({whole.key, even.key, uneven.key}) == 3


def test_a_curated_set_gives_its_clusters_and_its_space(computed: Pipeline) -> None:
    given = ClusterSampling(space="given", count=40, warm_up=0)
    data = training_set(computed, sampling=given)
    assert data.showing is not None
    assert data.seen(3) == 120
    rows = data.showing.show(0, np.random.default_rng(0), None, {}).rows  # type: ignore[arg-type] - not asked
    assert len(set(rows)) == 40
    assert not isinstance(data.images, np.memmap)
    assert data.key != training_set(computed).key
    with pytest.raises(UsageError, match=r"set weights\.radius in the recipe"):
        training_set(computed, sampling=ClusterSampling(by="set"))
