"""Test images among training images: what is found for certain, what is not mistaken, and how loudly it is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from curation.duplicates import NEAR, duplicates, groups, near_duplicates
from curation.duplicates.near import BRIGHTNESS
from curation.errors import CurationError
from curation.evaluation.leakage import guard
from curation.evaluation.part import Part, Suite
from curation.pipeline import Pipeline
from curation.recipe import Recipe
from curation.storage.samples import Samples
from curation.storage.workspace import Workspace


def scenes(count: int, *, shape: tuple[int, int, int] = (32, 32, 3), seed: int = 0) -> np.ndarray:
    """Smooth random images of the usual contrast, away from black and white, uint8."""
    draws = np.random.default_rng(seed).integers(0, 256, (count, 5, 5, shape[2]), dtype=np.uint8)
    draws = np.where(draws < 128, draws // 4, 192 + draws // 4)
    large = [np.asarray(Image.fromarray(d.squeeze()).resize(shape[1::-1], Image.Resampling.BICUBIC)) for d in draws]
    return (np.stack(large).reshape(count, *shape) * 0.7 + 38).astype(np.uint8)


def by_hand(images: np.ndarray, others: np.ndarray) -> list[tuple[int, float]]:
    """The definition, pair by pair in float64: each image's nearest distance, where near enough."""
    found = []
    for row, image in enumerate(images):
        distances = []
        for one in (image, image[:, ::-1]):
            change = (others.astype(float) - one) / 255
            mean = change.mean((1, 2, 3))
            distances.append(np.sqrt(change.var((1, 2, 3)) + (BRIGHTNESS * mean) ** 2))
        if np.min(distances) <= NEAR:
            found.append((row, float(np.min(distances))))
    return found


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 2**31 - 1),
    st.sampled_from([(32, 32, 3), (28, 28, 1), (17, 23, 3), (64, 48, 1)]),
    st.booleans(),
    st.integers(-20, 20),
    st.integers(0, 8),
)
def test_copies_are_found_for_certain(
    seed: int, shape: tuple[int, int, int], mirror: bool, brighter: int, levels: int
) -> None:
    """Mirrored, brighter or darker, and with the worst perturbation up to 8/255: one sign, or signs at random."""
    originals = scenes(6, shape=shape, seed=seed)
    signs = np.random.default_rng(seed).choice([-levels, levels], originals.shape)
    if seed % 2:
        signs[:] = levels if brighter >= 0 else -levels
    if levels == 8 and seed % 2:
        brighter = 0
    copies = (originals.astype(int) + signs + brighter).clip(0, 255).astype(np.uint8)
    labels = np.arange(6), np.arange(6)
    found = duplicates(copies[:, :, ::-1] if mirror else copies, originals, labels=labels)
    assert found["mirrored"].all() if mirror else not found["mirrored"].any()
    assert found["row"].tolist() == found["other"].tolist() == list(range(6))
    assert found["distance"].max() <= NEAR + 1e-6


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31 - 1), st.sampled_from([(32, 32, 3), (28, 28, 1)]))
def test_the_fast_search_finds_what_the_definition_does(seed: int, shape: tuple[int, int, int]) -> None:
    """Changes from nothing to far beyond the bound, in the frequencies that the grid sees and in those it does not."""
    draws, originals = np.random.default_rng(seed), scenes(24, shape=shape, seed=seed)
    strength = np.linspace(0, 25, 24)[:, None, None, None]
    noise = draws.choice([-1, 1], originals.shape) if seed % 2 else scenes(24, shape=shape, seed=seed + 1) / 64 - 2
    changed = (originals + strength * noise).clip(0, 255).astype(np.uint8)
    same = np.zeros(24, np.int64)
    found = duplicates(changed, originals, labels=(same, same))
    expected = by_hand(changed, originals)
    assert [row for row, _ in expected] == found["row"].tolist()
    assert found["distance"].to_numpy() == pytest.approx([distance for _, distance in expected], abs=1e-5)


def test_different_images_shifts_and_contrast_are_not_found() -> None:
    originals = scenes(300)
    assert duplicates(originals[:150], originals[150:]).empty
    assert duplicates(np.roll(originals, 3, axis=2), originals).empty


def test_many_identical_images_and_none_are_no_trouble() -> None:
    flat = np.full((300, 32, 32, 3), 90, dtype=np.uint8)
    assert len(duplicates(flat, flat)) == 300
    assert [len(group) for group in groups(near_duplicates(flat), 300)] == [300]
    assert duplicates(flat, flat[:0]).empty
    assert duplicates(flat[:0], flat).empty


def test_black_is_not_white() -> None:
    black = np.zeros((1, 32, 32, 1), dtype=np.uint8)
    others = scenes(20, shape=(32, 32, 1))
    assert duplicates(black, np.concatenate([black + 255, others])).empty
    assert len(duplicates(black, np.concatenate([black + 20, others]))) == 1


def test_known_copies_across_the_splits_of_cifar10_are_found(shared: Path) -> None:
    def sprite(name: str) -> np.ndarray:
        pixels = np.asarray(Image.open(shared / "data" / "cifar10" / f"{name}.webp").convert("RGB"))
        return pixels.reshape(25, 32, 40, 32, 3).swapaxes(1, 2).reshape(-1, 32, 32, 3)

    def labels(split: str, *sprites: int) -> np.ndarray:
        found = np.load(shared / "data" / "cifar10" / f"{split}_labels.npy").astype(np.int64)
        return np.concatenate([found[1000 * index : 1000 * (index + 1)] for index in sprites])

    train = np.concatenate([sprite(f"train_{index}") for index in ("01", "29", "42")])
    found = duplicates(sprite("test_04"), train, labels=(labels("test", 4), labels("train", 1, 29, 42)))
    assert found["mirrored"].all()
    assert list(zip(found["row"], found["other"], strict=True)) == [(188, 959), (602, 2341), (838, 1986)]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    recipe = Recipe.parse(
        {"source": {"reader": "digits", "limit": 60}, "selection": {"budget": 10, "mix": {"clean": 1}}}
    )
    pipeline = Pipeline(recipe, Workspace(tmp_path_factory.mktemp("leakage") / "w"), device="cpu")
    pipeline.run(("ingest",))
    return pipeline.samples


def suite(images: np.ndarray, part: str = "clean") -> Suite:
    count = len(images)
    only = Part(part, part, 0, np.arange(count) + 1000, np.zeros(count, dtype=np.int64), lambda rows: images[rows])
    return Suite("key", ["0", "1"], images.shape[1:], (only,), {})


def test_a_training_set_with_test_images_is_refused_with_their_names(samples: Samples) -> None:
    tests = np.concatenate([scenes(3, shape=(28, 28, 1)), samples.images(np.array([4, 9, 30, 31]))])
    tests[4] = np.minimum(tests[4].astype(int) + 6, 255)
    tests = tests.astype(np.uint8)
    ids = samples.sample_ids
    with pytest.raises(CurationError) as refused:
        guard(samples, np.repeat(ids, 3), suite(tests))
    sentence = str(refused.value)
    assert "holds 4 test images, exact or near" in sentence
    assert f"sample {ids[4]} ↔ test image 1003 (exact)" in sentence
    assert f"sample {ids[9]} ↔ test image 1004 (near)" in sentence
    assert "selection.edits.drop" in sentence
    guard(samples, ids[10:30], suite(tests))
    guard(samples, ids[:0], suite(tests))


def test_variants_of_own_samples_are_no_finding_but_copies_of_test_variants_are(samples: Samples) -> None:
    ids = samples.sample_ids[:5]
    own = samples.images(np.arange(5))
    guard(samples, ids, suite(scenes(3, shape=(28, 28, 1))), images=own)
    corrupted = suite(own[3:4], "corruption")
    guard(samples, ids, corrupted)
    with pytest.raises(CurationError, match=f"holds 1 test image, exact or near: sample {ids[3]} ↔ test image 1000"):
        guard(samples, ids, corrupted, images=own)
