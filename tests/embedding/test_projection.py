"""The projection to the plane, and placing further points on it, against umap-learn's own transform."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from curation.embedding.projection import project, project_onto
from curation.errors import CurationError

pytestmark = pytest.mark.slow  # whichever is first compiles UMAP, for ten seconds

DRAWS = np.random.default_rng(0)


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Handwritten digits, 64 wide, most of them to be projected and some to be placed."""
    from sklearn.datasets import load_digits

    images = load_digits().data.astype(np.float32)[DRAWS.permutation(1797)]
    return images[:900], images[900:1200]


@pytest.fixture(scope="module")
def plane(digits: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return project(digits[0], method="umap", seed=3)


def test_of_many_points_some_are_laid_out_and_the_others_placed_onto_them(
    digits: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The landmarks lie where they would lie alone, the others where they would land, in however many parts."""
    features, fixed = digits[1], {"method": "umap", "seed": 1}
    told: list[tuple[int, int]] = []
    plane = project(features, landmarks=100, on_progress=lambda *now: told.append(now), **fixed)  # type: ignore[arg-type]
    assert told == [(100, 300)]
    drawn = np.random.default_rng(1).choice(300, 100, replace=False)
    drawn.sort()
    alone = project(features[drawn], **fixed)  # type: ignore[arg-type]
    np.testing.assert_array_equal(plane[drawn], alone)
    others = np.setdiff1d(np.arange(300), drawn)
    landed = project_onto(features[others], reference=features[drawn], plane=alone, **fixed)  # type: ignore[arg-type]
    np.testing.assert_array_equal(plane[others], landed)
    monkeypatch.setattr("curation.embedding.projection._TOGETHER", 64)
    np.testing.assert_array_equal(project(features, landmarks=100, **fixed), plane)  # type: ignore[arg-type]


@pytest.fixture
def threads() -> Iterator[None]:
    """For what calls UMAP itself, which sets torch's number of threads."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_umap_leaves_the_number_of_threads_of_torch(digits: tuple[np.ndarray, np.ndarray]) -> None:
    before = torch.get_num_threads()
    plane = project(digits[0][:100], method="umap", seed=0)
    project_onto(digits[1][:10], reference=digits[0][:100], plane=plane, method="umap", seed=0)
    assert torch.get_num_threads() == before


@pytest.mark.usefixtures("threads")
@pytest.mark.filterwarnings("ignore:n_jobs value")
def test_points_land_where_the_fitted_model_would_bring_them(digits: tuple[np.ndarray, np.ndarray]) -> None:
    from sklearn.decomposition import PCA
    from umap import UMAP

    reference, further = digits
    pca = PCA(50, random_state=0).fit(reference)
    model = UMAP(random_state=0).fit(pca.transform(reference))
    expected = model.transform(pca.transform(further))
    found = project_onto(further, reference=reference, plane=model.embedding_, method="umap", seed=0)
    apart = np.linalg.norm(found - expected, axis=1)
    spread = np.linalg.norm(model.embedding_.std(0))
    assert np.median(apart) < 0.03 * spread
    assert np.quantile(apart, 0.95) < 0.1 * spread


def test_a_point_lands_at_the_same_place_whatever_it_comes_with(
    digits: tuple[np.ndarray, np.ndarray], plane: np.ndarray
) -> None:
    reference, further = digits
    fixed: dict[str, Any] = {"reference": reference, "plane": plane, "method": "umap", "seed": 3}
    together = project_onto(further, **fixed)
    assert np.array_equal(project_onto(further[::-1], **fixed)[::-1], together)
    assert np.array_equal(project_onto(further[7:8], **fixed), together[7:8])
    far = np.concatenate([further[:5], further[:1] * 1e4])
    assert np.array_equal(project_onto(far, **fixed)[:5], together[:5])
    assert not np.array_equal(project_onto(further, **(fixed | {"seed": 4})), together)


def test_the_reference_stays_near_its_own_place_and_is_not_moved(
    digits: tuple[np.ndarray, np.ndarray], plane: np.ndarray
) -> None:
    before, reference = plane.copy(), digits[0]
    found = project_onto(reference, reference=reference, plane=plane, method="umap", seed=3)
    apart = np.linalg.norm(found - plane, axis=1)
    spread = np.linalg.norm(plane.std(0))
    assert np.quantile(apart, 0.95) < 0.1 * spread
    assert np.array_equal(plane, before)
    found = project_onto(reference + DRAWS.normal(0, 0.1, reference.shape), reference=reference, plane=plane,
                  method="umap", seed=3)  # fmt: skip
    assert np.quantile(np.linalg.norm(found - plane, axis=1), 0.95) < 0.1 * spread


@pytest.mark.parametrize("width", [1, 2, 30, 70])
def test_principal_components_are_linear(width: int) -> None:
    reference = DRAWS.standard_normal((40, width)).astype(np.float32)
    plane = project(reference, method="pca", seed=0)
    assert plane.shape == (40, 2)
    found = project_onto(reference[5:9], reference=reference, plane=plane, method="pca", seed=0)
    assert found == pytest.approx(plane[5:9], abs=1e-5)
    middle = project_onto((reference[:1] + reference[1:2]) / 2, reference=reference, plane=plane, method="pca", seed=0)
    assert middle[0] == pytest.approx(plane[:2].mean(0), abs=1e-5)


def test_tiny_and_degenerate_references_give_finite_places() -> None:
    for reference in (DRAWS.standard_normal((3, 4)), np.zeros((30, 4)), np.repeat(np.eye(4), 20, axis=0)):
        plane = DRAWS.standard_normal((len(reference), 2)).astype(np.float32)
        found = project_onto(reference[:2] + 1, reference=reference, plane=plane, method="umap", seed=0)
        assert found.shape == (2, 2)
        assert np.isfinite(found).all()
    nothing = project_onto(reference[:0], reference=reference, plane=plane, method="umap", seed=0)
    assert nothing.shape == (0, 2)


THREE = np.arange(6, dtype=np.float32).reshape(3, 2)


@pytest.mark.parametrize(
    ("points", "plane", "sentence"),
    [
        (THREE[:, :1], THREE, "points have 1 features and the reference 2"),
        (THREE, THREE[:2], "position x, y is needed of each of the 3 points"),
        (np.full_like(THREE, np.inf), THREE, "row 0 of the features of the points holds NaN"),
        (THREE, np.full_like(THREE, np.nan), "row 0 of the positions of the reference holds NaN"),
    ],
)
def test_what_cannot_be_placed_is_said(points: np.ndarray, plane: np.ndarray, sentence: str) -> None:
    with pytest.raises(CurationError, match=sentence):
        project_onto(points, reference=THREE, plane=plane, method="umap", seed=0)


def test_a_map_needs_samples_and_numbers() -> None:
    with pytest.raises(CurationError, match="at least 3 samples, got 2"):
        project(THREE[:2], method="pca", seed=0)
    with pytest.raises(CurationError, match="row 0 of the features holds NaN"):
        project(np.full_like(THREE, np.nan), method="pca", seed=0)
