"""Shards: whole or absent, altered ones noticed, clear sentences when the disk refuses."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import CurationError
from curation.storage.addresses import local_or_remote
from curation.storage.files import write_bytes
from curation.storage.shards import Shards


@pytest.fixture(params=["local", "memory"])
def shards(request: pytest.FixtureRequest, tmp_path: Path) -> Shards:
    root = tmp_path if request.param == "local" else f"memory://{tmp_path}"
    return Shards(local_or_remote(root) / "set", 3, "npy")


def test_a_shard_reads_back_and_counts_as_there(shards: Shards) -> None:
    assert shards.missing() == [0, 1, 2]
    shards.write(1, np.arange(6, dtype=np.uint8).reshape(2, 3))
    assert shards.missing(verify=True) == [0, 2]
    np.testing.assert_array_equal(shards.array(1), [[0, 1, 2], [3, 4, 5]])


def test_writing_twice_is_harmless(shards: Shards) -> None:
    for _ in range(2):
        shards.write(0, np.zeros(4, np.uint8))
    assert len(list(shards.folder.iterdir())) == 1


@pytest.mark.parametrize("damage", ["truncate", "alter", "empty"])
def test_a_damaged_shard_is_noticed_and_removed(tmp_path: Path, damage: str) -> None:
    shards = Shards(local_or_remote(tmp_path), 1, "npy")
    shards.write(0, np.arange(100, dtype=np.uint8))
    path = next(tmp_path.iterdir())
    content = bytearray(path.read_bytes())
    if damage == "alter":
        content[-1] ^= 1
    path.write_bytes({"truncate": bytes(content[:-10]), "alter": bytes(content), "empty": b""}[damage])
    assert shards.missing(verify=True) == [0]
    assert shards.missing() == [0]


def test_reading_a_truncated_shard_is_a_sentence(tmp_path: Path) -> None:
    shards = Shards(local_or_remote(tmp_path), 1, "npy")
    shards.write(0, np.arange(100, dtype=np.uint8))
    path = next(tmp_path.iterdir())
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(CurationError, match=r"is damaged; delete it, or run the recipe again"):
        shards.array(0)


def test_a_partial_file_of_a_killed_writer_is_not_a_shard(tmp_path: Path) -> None:
    (tmp_path / ".shard-00000-0123456789abcdef.npy.1a2b3c4d").write_bytes(b"half")
    assert Shards(local_or_remote(tmp_path), 1, "npy").missing() == [0]


def test_a_digest_reads_the_folder_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every rerun of a page asks for it: looking each of a thousand shards up in the folder took seconds."""
    shards = Shards(local_or_remote(tmp_path), 20, "npy")
    for index in range(20):
        shards.write(index, np.full(3, index))
    listed: list[object] = []
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda folder: [listed.append(folder), *listdir(folder)][1:])
    shards.digest()
    assert len(listed) == 1


def test_tables_keep_types(tmp_path: Path) -> None:
    shards = Shards(local_or_remote(tmp_path), 2, "parquet")
    table = pd.DataFrame({"a": np.array([1, 2], np.int32), "b": ["x", "y"]})
    shards.write(0, table)
    shards.write(1, table)
    assert len(shards.whole_table()) == 4
    assert shards.table(0)["a"].dtype == np.int32


@settings(deadline=None, max_examples=30)
@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=5), data=st.data())
def test_gather_returns_rows_in_the_order_asked(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], data: st.DataObject
) -> None:
    shards = Shards(local_or_remote(tmp_path_factory.mktemp("gather")), len(sizes), "npy")
    starts = np.concatenate([[0], np.cumsum(sizes)])
    whole = np.arange(starts[-1] * 2).reshape(-1, 2)
    for index in range(len(sizes)):
        shards.write(index, whole[starts[index] : starts[index + 1]])
    rows = np.array(data.draw(st.lists(st.integers(0, int(starts[-1]) - 1), min_size=1)))
    np.testing.assert_array_equal(shards.gather(rows, starts), whole[rows])


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (errno.ENOSPC, "the disk is full; free some space and run again, everything finished so far is kept"),
        (errno.EACCES, "no permission to write there; choose another folder or change its permissions"),
    ],
)
def test_a_refused_write_is_a_sentence_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, sentence: str
) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(CurationError, match=sentence):
        write_bytes(tmp_path / "x.npy", b"content")
    assert list(tmp_path.iterdir()) == []
