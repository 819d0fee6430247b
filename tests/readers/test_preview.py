"""The preview of a source: what it says before anything is read, and that it looks at some samples only."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from curation.readers import READERS, recognize
from curation.readers import preview as module
from curation.readers.oddities import near_identical
from curation.readers.preview import Preview, inspect
from tests.readers import readers_bad_input as bad
from tests.readers.inputs import Make, picture
from tests.readers.inputs_archives import packed
from tests.readers.inputs_labels import files
from tests.readers.inputs_layouts import ANIMALS, splits, tree
from tests.readers.inputs_pixels import stored


def seen(path: Path, **parameters: Any) -> Preview:
    about = recognize(str(path))
    return inspect(READERS.build(about.pop("reader"), {**about, **parameters}))


def with_file(name: str, content: bytes, images: int = 12) -> Make:
    def make(root: Path) -> None:
        tree(*ANIMALS, images=images)(root)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)

    return make


def stored_in(split: str, dtype: Any, highest: float) -> Make:
    def make(root: Path) -> None:
        (root / split).mkdir()
        stored(dtype, highest)(root / split)

    return make


def large(size: tuple[int, int]) -> bytes:
    return bad.encode(Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)), "JPEG")


FINDINGS = {
    "a class of few": (
        tree(*ANIMALS),
        "warning",
        r"3 classes have fewer than 10 images: cat \(2\), dog \(2\), eel \(2\)",
    ),
    "names nearly the same": (tree("Cat", "cats", "dog", images=12), "warning", "nearly the same: 'Cat' and 'cats'"),
    "an odd file": (
        with_file("cat/z.jpg", large((300, 400))),
        "warning",
        r"quite another size .*: cat/z.jpg \(400×300\)",
    ),
    "an empty file": (with_file("cat/z.png", b""), "warning", r"1 sample cannot be used \(cat/z.png: it is empty"),
    "no image": (with_file("cat/z.txt", b"text"), "warning", "cat/z.txt: it is not an image in a known format"),
    "one color": (with_file("cat/z.png", bad.png(7, side=12)), "warning", "1 of 37 images .* of one color only"),
    "loose images": (
        with_file("z.png", bad.png(7)),
        "note",
        "1 image lies beside the folders, .* nothing says their class",
    ),
    "loose notes": (with_file("z.txt", b"x"), "note", "1 other file beside the folders: z.txt; not read"),
    "system folders": (with_file("@eaDir/z.png", b"x"), "note", r"are not read \(1\): @eaDir"),
    "a folder beside splits": (
        lambda root: (splits("train", "test")(root), tree("docs", images=0, files=["docs/a.txt"])(root)),
        "note",
        "the folder without images is not read: docs",
    ),
    "use of splits": (
        tree(*(f"{s}/{c}" for s in ("train", "valid", "test") for c in ANIMALS)),
        "note",
        r"train is what is curated .*; test \(test\)|val is not used",
    ),
    "val for test": (splits("train", "valid"), "note", "there is no split test: valid is used as the test split"),
    "unlabeled test": (
        tree("train/cat", "train/dog", "test"),
        "note",
        "the split folder test has no class folders: its 2 files have no labels and are not read",
    ),
    "a test split that has another class": (
        tree("train/cat", "train/dog", "test/cat", "test/fox"),
        "warning",
        "the split test cannot be read: .* has a class 'fox' that .*train does not have",
    ),
    "a test split of another white": (
        files(stored_in("train", np.uint16, 4095), stored_in("test", np.uint16, 65535)),
        "warning",
        r"the split test has images that cannot be used: 4 of 4 looked at, .*above the white level 4,095",
    ),
    "folders inside classes": (
        tree("birds/robin", "birds/sparrow", "cats/lion"),
        "note",
        "folders inside a class's folder are read as that class: birds/robin",
    ),
    "an empty class": (
        lambda root: (tree(*ANIMALS, images=12)(root), (root / "fox").mkdir()),
        "note",
        "the folder of class 'fox' has no image",
    ),
}


@pytest.mark.parametrize("name", FINDINGS)
def test_what_is_odd_is_said(name: str, tmp_path: Path) -> None:
    make, level, sentence = FINDINGS[name]
    make(tmp_path)
    found = [str(finding) for finding in seen(tmp_path).findings if finding.level == level]
    assert any(re.search(sentence, line) for line in found), found


def test_nothing_is_odd_where_nothing_is(tmp_path: Path) -> None:
    tree(*ANIMALS, images=12)(tmp_path)
    found = seen(tmp_path)
    assert found.findings == ()
    assert found.classes == dict.fromkeys(ANIMALS, 12)
    assert (found.splits, found.shape, found.sizes) == ({"train": 36}, (12, 12, 3), ((12, 12),) * 3)
    assert (found.pixels, found.looked_at, found.pixel_bytes) == ({"8-bit RGB": 36}, 36, 36 * 12 * 12 * 3)


def test_of_a_large_source_some_samples_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(*ANIMALS, images=12)(tmp_path)
    monkeypatch.setattr(module, "LOOKED_AT", 10)
    opened: list[str] = []
    usual = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: (opened.append(path.name), usual(path))[1])
    found = seen(tmp_path)
    assert (found.looked_at, found.samples) == (10, 36)
    assert "10 of 36 samples" in found.in_words()["Looked at"]
    assert len(opened) < 36
    assert found == seen(tmp_path)


def test_splits_are_counted(tmp_path: Path) -> None:
    assert seen(packed("zip", "")(tmp_path)).splits == {"train": 12, "test": 6}
    arrays = {
        f"{part}_{split}": np.stack([picture(at + i) for i in range(6)]) if part == "x" else np.arange(6) % 2
        for at, split in ((0, "train"), (9, "val"))
        for part in "xy"
    }
    (tmp_path / "npz").mkdir()
    found = seen(Path(bad.write_npz(tmp_path / "npz", **arrays)["path"]))
    assert found.splits == {"train": 6, "val": 6}
    assert found.classes == {"0": 3, "1": 3}


def test_parquet_says_its_labels(tmp_path: Path) -> None:
    contents = bad.cells(*(bad.encode(Image.fromarray(picture(i))) for i in range(4)))
    bad.write_parquet(tmp_path, contents, [0, 1, 1, None], "train.parquet", names=["cat", "dog"])
    found = seen(tmp_path)
    assert found.classes == {"cat": 1, "dog": 2}
    assert found.labels == "numbers in the column 'label', with names in the metadata"
    assert [(line.reason, line.count) for line in found.skipped] == [("it has no label", 1)]


@pytest.mark.parametrize(
    ("names", "alike"),
    [
        (["cat", "Cat "], True),
        (["sun flower", "sun_flower"], True),
        (["rose", "roses"], True),
        (["marigold", "marigod"], True),
        (["tulip", "tulipe"], True),
        (["class1", "class2"], False),
        (["0", "1", "10"], False),
        (["cat", "car"], False),
        (["glioma", "healthy", "pituitary"], False),
        (["+", "-"], False),
    ],
)
def test_names_that_are_nearly_the_same(names: list[str], alike: bool) -> None:
    assert bool(list(near_identical(names))) == alike
