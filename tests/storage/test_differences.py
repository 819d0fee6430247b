"""Adversarial copies as differences: the same pixels whatever they are, the same digest as before, damage noticed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow
import pytest

from curation.errors import CurationError
from curation.storage.addresses import local_or_remote
from curation.storage.differences import Differences
from curation.storage.shards import Shards

RANDOM = np.random.default_rng(0)
ORIGINALS = RANDOM.integers(0, 256, (50, 6, 5, 3), dtype=np.uint8)
ROWS = np.arange(1, 50, 2)
STARTS = np.array([0, 20, len(ROWS)])
COPIES = {
    "near": np.clip(ORIGINALS[ROWS].astype(int) + RANDOM.integers(-8, 9, (25, 6, 5, 3)), 0, 255).astype(np.uint8),
    "far": 255 - ORIGINALS[ROWS],
    "same": ORIGINALS[ROWS],
    "random": RANDOM.integers(0, 256, (25, 6, 5, 3), dtype=np.uint8),
}


def kept(folder: Path, copies: np.ndarray = COPIES["near"], *, kind: str = "zst") -> Differences:
    """Copies that are kept as differences, or (npy) as earlier versions kept them."""
    found = Differences(folder, lambda rows: ORIGINALS[rows], ROWS, STARTS)
    for index, images in enumerate(np.split(copies, STARTS[1:-1])):
        (found if kind == "zst" else Shards(folder, 2, "npy")).write(index, images)
    return found


@pytest.mark.parametrize("where", ["local", "memory"])
@pytest.mark.parametrize("copies", COPIES)
def test_any_pixels_read_back(tmp_path: Path, where: str, copies: str) -> None:
    folder = local_or_remote(tmp_path if where == "local" else f"memory://{tmp_path}") / "set"
    found = kept(folder, COPIES[copies])
    assert found.missing(verify=True) == []
    assert np.array_equal(found.whole_array(), COPIES[copies])
    rows = np.array([24, 0, 7, 7, 20])
    assert np.array_equal(found.freeze().gather(rows, STARTS), COPIES[copies][rows])
    assert found.gather(rows[:0], STARTS).shape == (0, 6, 5, 3)


def test_any_decompressor_returns_the_differences(tmp_path: Path) -> None:
    path = tmp_path / kept(tmp_path).present()[0]
    with pyarrow.input_stream(path, compression="zstd") as stream:
        assert stream.read() == (COPIES["near"] - ORIGINALS[ROWS])[:20].tobytes()


def test_shards_of_earlier_versions_count_and_have_the_same_digest(tmp_path: Path) -> None:
    new, old = kept(tmp_path / "new"), kept(tmp_path / "old", kind="npy")
    names = old.present()
    assert old.missing(verify=True) == []
    assert np.array_equal(old.whole_array(), COPIES["near"])
    assert new.digest() == old.digest() == Shards(tmp_path / "old", 2, "npy").digest()
    (tmp_path / "old" / names[1]).unlink()
    old.write(1, COPIES["near"][20:])
    assert old.present()[0] == names[0]
    assert old.present()[1] == new.present()[1]
    assert old.digest() == new.digest()
    assert np.array_equal(old.gather(np.array([21, 3]), STARTS), COPIES["near"][[21, 3]])


@pytest.mark.parametrize("damage", ["truncated", "altered", "empty", "of another set"])
def test_damage_is_noticed_and_named(tmp_path: Path, damage: str) -> None:
    found = kept(tmp_path)
    path = tmp_path / found.present()[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    other = (tmp_path / found.present()[1]).read_bytes()
    path.write_bytes(
        {"truncated": bytes(content[:-10]), "altered": bytes(content), "empty": b"", "of another set": other}[damage]
    )
    if damage != "altered":  # like a pixel altered in an array, it need not be seen by who reads
        with pytest.raises(CurationError, match=rf"{path.name} is damaged; delete it, or run the recipe again"):
            found.gather(np.array([19]), STARTS)
    assert found.missing(verify=True) == [0]
    assert not path.exists()
