"""An archive of a folder is the folder: the same images, labels and names, in every process."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from curation.readers.base import Source
from curation.readers.folder import Folder
from tests.readers.inputs_archives import packed
from tests.readers.inputs_layouts import ANIMALS, tree


def opened(path: Path, split: str) -> Source:
    return Folder(path=str(path), split=split).open()


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("suffix", ["zip", "tar", "tar.gz"])
def test_an_archive_is_read_as_the_folder_is(suffix: str, split: str, tmp_path: Path) -> None:
    archive = packed(suffix, "")(tmp_path)
    theirs, ours = opened(tmp_path / "folder", split), opened(archive, split)
    ours = pickle.loads(pickle.dumps(ours))
    one, other = theirs.read(0, len(theirs)), ours.read(0, len(ours))
    np.testing.assert_array_equal(one.images, other.images)
    np.testing.assert_array_equal(one.labels, other.labels)
    assert (theirs.classes, one.names) == (ours.classes, other.names)
    np.testing.assert_array_equal(ours.read(3, 5).images, other.images[3:5])


def test_nothing_is_written_beside_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = packed("tar.gz", "", tree(*ANIMALS))(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    opened(archive, "train").read(0, 6)
    assert sorted(tmp_path.rglob("*")) == before
