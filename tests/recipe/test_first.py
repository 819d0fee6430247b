"""The recipe that a new workspace begins with fits its source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from curation.recipe import first_recipe


@pytest.mark.parametrize(("side", "constants"), [(32, "cifar"), (64, "cifar"), (96, "imagenet")])
def test_constants_are_by_the_size_of_images_and_the_budget_by_their_number(
    tmp_path: Path, side: int, constants: str
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (7, side, side, 3), dtype=np.uint8)
    np.savez(tmp_path / "set.npz", images=images, labels=np.arange(7) % 2)
    recipe = first_recipe("mine", {"reader": "npz", "path": str(tmp_path / "set.npz")})
    assert recipe.variants.corruption is not None
    assert recipe.variants.corruption.constants == constants
    assert recipe.selection.budget == 3
    assert recipe.selection.offset.clean == recipe.selection.offset.adversarial == 0.2
    limited = first_recipe("mine", {"reader": "npz", "path": str(tmp_path / "set.npz"), "limit": 4})
    assert limited.selection.budget == 2
