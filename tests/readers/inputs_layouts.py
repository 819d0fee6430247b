"""Kinds of input: how images lie in folders, files and archives."""

from __future__ import annotations

import io
import shutil
import tarfile
import zipfile
from collections.abc import Iterable
from itertools import count
from pathlib import Path

import numpy as np
from PIL import Image

from tests.readers import readers_bad_input as bad
from tests.readers.inputs import Input, Make, Read, Refused, picture

_seed = count()
ANIMALS = ["cat", "dog", "eel"]


def put(path: Path) -> None:
    """Write a picture that no other file has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(next(_seed))).save(path)


def tree(*folders: str, images: int = 2, files: Iterable[str] = ()) -> Make:
    """Make a folder: so many images in each of some folders, and other files, each of a few bytes."""

    def make(root: Path) -> None:
        for folder in folders:
            for index in range(images):
                put(root / folder / f"{index}.png")
        for file in files:
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).write_bytes(b"some notes")

    return make


def splits(train: str, test: str, classes: Iterable[str] = ("cat", "dog", "eel")) -> Make:
    """Make a folder of two splits: four images a class in one, two in the other."""

    def make(root: Path) -> None:
        for split, images in ((train, 4), (test, 2)):
            tree(*(f"{split}/{name}" for name in classes), images=images)(root)

    return make


def _locked(root: Path) -> None:
    tree(*ANIMALS)(root)
    (root / "lost+found").mkdir(mode=0)


def _within(root: Path, name: str) -> Path:
    tree(*(f"{name}/{animal}" for animal in ANIMALS))(root)
    return root / name


def _linked(root: Path) -> None:
    tree(*ANIMALS)(root)
    (root / "cat" / "up").symlink_to(root)


def packed(suffix: str, within: str, make: Make | None = None) -> Make:
    """Pack a folder of two splits, or what is made: its files, or the folder of a name."""

    def pack(root: Path) -> Path:
        (make or splits("Training", "Testing"))(root / "folder" / within)
        form = {"zip": "zip", "tar": "tar", "tar.bz2": "bztar", "tar.xz": "xztar"}.get(suffix, "gztar")
        made = Path(shutil.make_archive(str(root / "made"), form, root / "folder"))
        return made.rename(root / f"pets.{suffix}")

    return pack


def _zip(root: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(root / "pets.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return root / "pets.zip"


def _cut(root: Path) -> Path:
    path = packed("tar.gz", "")(root)
    path.write_bytes(path.read_bytes()[:3000])
    return path


def _tar_of_links(root: Path) -> Path:
    """A picture of each class, and links: to a file of the system, to a folder, and to another member."""
    path = root / "pets.tar"
    with tarfile.open(path, "w") as tar:
        for name in ("cat/0.png", "dog/0.png"):
            _add(tar, name, bad.encode(Image.fromarray(picture(next(_seed)))))
        for kind, target in ((tarfile.SYMTYPE, "/etc/passwd"), (tarfile.SYMTYPE, ".."), (tarfile.LNKTYPE, "cat/0.png")):
            link = tarfile.TarInfo(f"cat/{len(target)}.png")
            link.type, link.linkname = kind, target
            tar.addfile(link)
    return path


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def _claims_much(root: Path) -> Path:
    """A zip of a few bytes whose directory claims that its files inflate to 4 GB each."""
    path = _zip(root, {f"cat/{index}.png": b"x" for index in range(30)})
    raw, start = bytearray(path.read_bytes()), 0
    while (start := raw.find(b"PK\x01\x02", start)) >= 0:
        raw[start + 24 : start + 28] = (2**32 - 2).to_bytes(4, "little")
        start += 4
    path.write_bytes(raw)
    return path


def _encrypted(root: Path) -> Path:
    path = _zip(root, {"cat/0.png": b"some bytes", "dog/0.png": b"some bytes"})
    raw = bytearray(path.read_bytes())
    for signature, at in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        start = raw.find(signature)
        while start >= 0:
            raw[start + at] |= 1
            start = raw.find(signature, start + 4)
    path.write_bytes(raw)
    return path


def _damaged_member(root: Path) -> Path:
    files = {f"{a}/{i}.png": bad.encode(Image.fromarray(picture(next(_seed)))) for a in ANIMALS for i in range(2)}
    path = _zip(root, files)
    raw = bytearray(path.read_bytes())
    raw[raw.find(files["cat/0.png"]) + 100] ^= 255
    path.write_bytes(raw)
    return path


def parquet(*files: str) -> Make:
    """Make a folder of Parquet files: six images in each whose path has a "tr", three in the others."""

    def make(root: Path) -> None:
        for file in files:
            images = 6 if "tr" in file.lower() else 3
            path = root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            contents = bad.cells(*(bad.encode(Image.fromarray(picture(next(_seed)))) for _ in range(images)))
            bad.write_parquet(path.parent, contents, [0, 1, 2] * (images // 3), path.name, names=ANIMALS)

    return make


def npz(**arrays: int) -> Make:
    """Make a .npz: so many images in each array that is named like images, so many labels in the others."""
    return lambda root: bad.write_npz(root, **_arrays(**arrays))["path"]


def npy(**arrays: int) -> Make:
    """Make a folder of .npy files; as ``npz``."""

    def make(root: Path) -> None:
        for name, array in _arrays(**arrays).items():
            np.save(root / f"{name}.npy", array)

    return make


def _arrays(**lengths: int) -> dict[str, np.ndarray]:
    found = {}
    for name, length in lengths.items():
        if any(part in name.lower() for part in ("x", "image", "data")):
            found[name] = np.stack([picture(next(_seed)) for _ in range(length)])
        else:
            found[name] = np.arange(length) % 3
    return found


SPLITS = [
    ("train", "test"),
    ("Train", "Test"),
    ("TRAIN", "TEST"),
    ("Training", "Testing"),
    ("train", "val"),
    ("train", "valid"),
    ("train", "Validation"),
    ("seg_train", "seg_test"),
    ("seg_train/seg_train", "seg_test/seg_test"),
    ("train_set", "test_set"),
    ("trainset", "testset"),
    ("flowers-train", "flowers-val"),
    ("images/train", "images/test"),
    ("set/archive/training", "set/archive/validation"),
    ("train/images", "test/images"),
]
PARQUETS = [
    ("the hub's own branch", "train/0000.parquet", "test/0000.parquet"),
    ("the hub's branch of a part", "default/partial-train/0000.parquet", "default/partial-test/0000.parquet"),
    ("the hub's digests", "data/train-00000-of-00001-b6b2e3a8f9d7c5e1.parquet", "data/test-00000-of-00001-a1.parquet"),
    ("numbers after _", "train_0.parquet", "test_0.parquet"),
    ("split last", "cifar10-train.parquet", "cifar10-test.parquet"),
    ("capitals", "Train.parquet", "Test.parquet"),
    ("capital suffix", "TRAIN.PARQUET", "TEST.PARQUET"),
    ("training", "training-0.parquet", "testing-0.parquet"),
    ("validation", "train.parquet", "validation.parquet"),
]
ARRAYS = [
    ("x_train", {"x_train": 6, "y_train": 6, "x_test": 3, "y_test": 3}),
    ("train_images", {"train_images": 6, "train_labels": 6, "val_images": 3, "val_labels": 3}),
    ("Training", {"Training_X": 6, "Training_Y": 6, "Testing_X": 3, "Testing_Y": 3}),
    ("XTrain", {"XTrain": 6, "YTrain": 6, "XTest": 3, "YTest": 3}),
    ("x_valid", {"x_train": 6, "y_train": 6, "x_valid": 3, "y_valid": 3}),
]


INPUTS = [
    *(Input(f"folder: {a} and {b}", splits(a, b), Read(ANIMALS, 12, 6)) for a, b in SPLITS),
    Input("folder: one class a folder", tree(*ANIMALS), Read(ANIMALS, train=6)),
    Input("folder: one class", tree("cat"), Refused("has only one class, cat")),
    Input(
        "folder: notes beside the images",
        tree(*ANIMALS, files=["cat/readme.txt"]),
        Read(ANIMALS, train=6, skipped=["cat/readme.txt: it is not an image in a known format"]),
    ),
    *(Input(f"parquet: {name}", parquet(train, test), Read(ANIMALS, 6, 3)) for name, train, test in PARQUETS),
    Input(
        "parquet: numbered shards",
        parquet("train-00000-of-00002.parquet", "train-00001-of-00002.parquet", "test-00000-of-00001.parquet"),
        Read(ANIMALS, 12, 3),
    ),
    Input("parquet: no split", parquet("0000.parquet", "0001.parquet"), Read(ANIMALS, 6)),
    Input(
        "parquet: system folders",
        parquet("train.parquet", "test.parquet", "@eaDir/test.parquet", "__MACOSX/._train.parquet"),
        Read(ANIMALS, 6, 3),
    ),
    Input(
        "parquet: a shard is missing",
        parquet("train-00000-of-00003.parquet", "train-00002-of-00003.parquet"),
        Refused("has only 2 of 3 files of one split, for train-00001-of-00003 is missing; get it"),
    ),
    Input(
        "parquet: a file of no split beside splits",
        parquet("train.parquet", "test.parquet", "more.parquet"),
        Refused(r"say of which split they are \(test.parquet, train.parquet\) and others that do not \(more.parquet\)"),
    ),
    Input(
        "parquet: two sets with splits",
        parquet("mnist/train.parquet", "mnist/test.parquet", "fashion/train.parquet"),
        Refused("seems to hold several sets, .*: fashion/train.parquet, mnist/train.parquet; give the folder"),
    ),
    Input(
        "parquet: two sets without splits",
        parquet("a/0.parquet", "b/0.parquet"),
        Refused("in several folders, and none says which split it is: a, b; give one"),
    ),
    Input(
        "parquet: folder and name say different splits",
        parquet("train/test.parquet"),
        Refused("has train/test.parquet, whose folder says another split than its name"),
    ),
    *(Input(f"npz: {name}", npz(**arrays), Read(["0", "1", "2"], 6, 3)) for name, arrays in ARRAYS),
    *(Input(f"npy: {name}", npy(**arrays), Read(["0", "1", "2"], 6, 3)) for name, arrays in ARRAYS),
    Input("npz: no split", npz(images=6, labels=6), Read(["0", "1", "2"], 6)),
    Input(
        "npz: a split and none",
        npz(images=6, labels=6, x_train=6, y_train=6),
        Refused("has x_train and y_train, and also images and labels; leave out"),
    ),
    Input(
        "npz: a split twice",
        npz(x_train=6, X_TRAIN=6, y_train=6),
        Refused("has two arrays of one split's images: x_train, X_TRAIN; keep one"),
    ),
    Input(
        "folder: train, val and test",
        tree(*(f"{s}/{c}" for s in ("train", "val", "test") for c in ANIMALS)),
        Read(ANIMALS, 6, 6),
    ),
    Input(
        "folder: numbered splits",
        tree(*(f"{s}/{c}" for s in ("train_1", "train_2", "test_1") for c in ANIMALS)),
        Read(ANIMALS, 12, 6),
    ),
    Input(
        "folder: splits in classes",
        tree(*(f"{c}/{s}" for s in ("train", "test") for c in ANIMALS)),
        Read(ANIMALS, 6, 6),
    ),
    Input(
        "folder: val and test without train",
        splits("val", "test"),
        Refused("has no split 'train'; it has: test, val; give one of them with --split"),
    ),
    Input("folder: val is asked for", splits("val", "test"), Read(ANIMALS, 12), {"split": "validation"}),
    Input(
        "folder: classes that include a test and a control",
        tree("test", "control"),
        Refused(
            "has the folder test, named like a split but without class folders inside, beside control: say "
            "which with --option layout=classes"
        ),
    ),
    Input(
        "folder: test and control are classes",
        tree("test", "control"),
        Read(["control", "test"], 4),
        {"layout": "classes"},
    ),
    Input(
        "folder: a split beside other folders of folders",
        tree("train/cat", "train/dog", "more/cat", "more/dog"),
        Refused(
            r"has the folder train, named like a split, beside more: say which with "
            "--option layout=splits .*, or --option layout=classes"
        ),
    ),
    Input(
        "folder: a split beside others, and it is said that it is one",
        tree("train/cat", "train/dog", "more/cat", "more/dog"),
        Read(["cat", "dog"], 4),
        {"layout": "splits"},
    ),
    Input(
        "folder: a class named like a set's split",
        tree("steam_train", "bus", "car"),
        Read(["bus", "car", "steam_train"], 6),
    ),
    Input(
        "folder: splits without class folders",
        tree("train", "test"),
        Refused(
            r"has the split folders test, train without class folders inside, .* "
            r"\(if they are the classes: --option layout=classes\)"
        ),
    ),
    Input("folder: train has classes, test has none", tree("train/cat", "train/dog", "test"), Read(["cat", "dog"], 4)),
    Input(
        "folder: test has no classes, and is asked for",
        tree("train/cat", "train/dog", "test"),
        Refused("has no split 'test'; it has: train", "test"),
    ),
    Input(
        "folder: splits spelled in two ways",
        tree(*(f"{s}/{c}" for s in ("train", "Training", "test") for c in ANIMALS)),
        Refused("has several folders of the split train: Training, train; keep one, or merge them"),
    ),
    Input(
        "folder: splits of several sets",
        tree(*(f"{s}/{c}" for s in ("aa_train", "aa_test", "bb_train", "bb_test") for c in ANIMALS)),
        Refused("are named after splits of several sets or classes"),
    ),
    Input(
        "folder: some classes have splits",
        tree("cat/train", "cat/test", "dog"),
        Refused("has the folder cat with test, train inside, .* named like splits"),
    ),
    Input(
        "folder: every folder has the same folders",
        tree("day/cat", "day/dog", "night/cat", "night/dog"),
        Refused("each has the same folders inside: cat, dog"),
    ),
    *(
        Input(
            f"folder: detection, {images}",
            tree(images, files=[labels]),
            Refused("as sets for detection or segmentation"),
        )
        for images, labels in (
            ("images", "labels/0.txt"),
            ("images/train", "labels/train/0.txt"),
            ("train/images", "train/labels/0.txt"),
        )
    ),
    Input(
        "folder: a split that has only a folder of images",
        tree("train/cat/images", "train/dog/images", "val/images", files=["val/annotations.txt"]),
        Read(["cat", "dog"], 4),
    ),
    Input("folder: a folder of images", tree("images"), Refused("holds files but no sub-folders")),
    Input(
        "folder: one class of several folders",
        tree("set/cat", "set/dog"),
        Refused(r"has only one class, set; if the classes are the folders inside \(cat, dog\), give the path of set"),
    ),
    Input("folder: loose images beside classes", tree(*ANIMALS, ".", images=2), Read(ANIMALS, 6)),
    Input(
        "folder: loose images beside splits",
        tree(*(f"{s}/{c}" for s in ("train", "test") for c in ANIMALS), "train", "."),
        Read(ANIMALS, 6, 6),
    ),
    *(
        Input(f"folder: {name}", tree(*ANIMALS, name, f"cat/{name}"), Read(ANIMALS, 6))
        for name in (
            "@eaDir",
            "lost+found",
            "$RECYCLE.BIN",
            "__MACOSX",
            "System Volume Information",
            ".ipynb_checkpoints",
        )
    ),
    *(
        Input(f"folder: {name}", tree(*ANIMALS, files=[name, f"cat/{name}"]), Read(ANIMALS, 6))
        for name in (".DS_Store", "Thumbs.db", "._0.png", "desktop.ini")
    ),
    Input("folder: a system folder that may not be read", _locked, Read(ANIMALS, 6)),
    Input("folder: a name over 80 characters", lambda root: _within(root, "n" * 120), Read(ANIMALS, 6)),
    Input("folder: a link to a folder above", _linked, Read(ANIMALS, 6)),
    *(
        Input(f"archive: {suffix}, {within or 'files'} packed", packed(suffix, within), Read(ANIMALS, 12, 6))
        for suffix in ("zip", "tar", "tar.gz", "tgz", "tar.bz2", "tar.xz")
        for within in ("", "pets")
    ),
    Input(
        "archive: one class a folder, as on a Mac",
        packed("zip", "pets", tree(*ANIMALS, "../__MACOSX/pets/cat")),
        Read(ANIMALS, 6),
    ),
    Input("archive: cut", _cut, Refused(r"pets.tar.gz is not a complete archive \(.*\); get it or pack it again")),
    Input("archive: zip of nothing", lambda root: _zip(root, {}), Refused("is empty; put the images")),
    Input(
        "archive: a path that leads out",
        lambda root: _zip(root, {"cat/../../x.png": b""}),
        Refused(r"holds 'cat/../../x.png', a path that leads out"),
    ),
    Input(
        "archive: an absolute path",
        lambda root: _zip(root, {"/cat/x.png": b""}),
        Refused(r"holds '/cat/x.png', a path that leads out"),
    ),
    Input(
        "archive: a path of Windows that leads out",
        lambda root: _zip(root, {"C:\\cat\\x.png": b""}),
        Refused("a path that leads out"),
    ),
    Input("archive: links are not followed", _tar_of_links, Read(["cat", "dog"], 2)),
    Input(
        "archive: claims to be larger than any disk",
        _claims_much,
        Refused("claims to hold more than 100 GB; unpack it yourself"),
    ),
    Input("archive: encrypted", _encrypted, Refused("is encrypted; unpack it and give the folder")),
    Input(
        "archive: a damaged member",
        _damaged_member,
        Read(ANIMALS, 5, skipped=["cat/0.png: it is damaged in the archive"]),
    ),
]
