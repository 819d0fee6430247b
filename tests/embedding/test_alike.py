"""Points that are alike: by cosine, each of them like one that is kept, none that are kept like each other."""

from __future__ import annotations

import numpy as np
import pytest

from curation.embedding import alike
from curation.errors import CurationError


def turned(degrees: list[float]) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_no_chain_holds_points_together() -> None:
    """Each is 4° from the next; 5° are alike, so that the third is not like the first."""
    found = alike(turned([0, 4, 8, 12, 90]) * [[1], [5], [1], [2], [1]], similarity=float(np.cos(np.radians(5))))
    assert found[["row", "other"]].to_numpy().tolist() == [[0, 1], [2, 3]]
    np.testing.assert_allclose(1 - found["distance"], np.cos(np.radians(4)), atol=1e-6)


def test_as_by_the_matrix_of_all_pairs() -> None:
    points = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    found = alike(points, similarity=0.98)
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    kept: list[int] = []
    pairs = []
    for row in range(len(unit)):
        like = next((one for one in kept if unit[one] @ unit[row] >= 0.98), None)
        if like is None:
            kept.append(row)
        else:
            pairs.append((like, row))
    assert found[["row", "other"]].to_numpy().tolist() == [list(pair) for pair in sorted(pairs)]


def test_vectors_of_one_direction_are_alike_and_others_are_not() -> None:
    assert alike(np.eye(3, dtype=np.float32), similarity=0.999).empty
    twice = np.concatenate([np.eye(3), 2 * np.eye(3)]).astype(np.float32)
    assert alike(twice, similarity=0.999)["other"].tolist() == [3, 4, 5]


@pytest.mark.parametrize("similarity", [0, 1, -0.5, float("nan")])
def test_a_similarity_out_of_range_is_refused(similarity: float) -> None:
    with pytest.raises(CurationError, match="must be between 0 and 1"):
        alike(turned([0, 1]), similarity=similarity)
