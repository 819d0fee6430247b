"""Kinds of input: how images lie in folders, files and archives."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from pathlib import Path

import numpy as np
from PIL import Image

from curation.readers.base import Chunk
from tests.readers import readers_bad_input as bad
from tests.readers.inputs import Input, Make, Read, Refused, picture

SEED = count()
ANIMALS = ["cat", "dog", "eel"]


def put(path: Path) -> None:
    """Write a picture that no other file has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(next(SEED))).save(path)


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


def _bare(root: Path) -> None:
    tree(*ANIMALS)(root)
    for file in list(root.rglob("*.png")):
        file.rename(file.with_suffix(""))


def _circles(root: Path) -> None:
    tree("cat", "dog")(root)
    (root / "cat" / "a.png").symlink_to("b.png")
    (root / "cat" / "b.png").symlink_to("a.png")


def _crossed(root: Path) -> None:
    tree("cat", "dog")(root)
    (root / "cat" / "dog").symlink_to("../dog")
    (root / "dog" / "cat").symlink_to("../cat")


def _two_forms(root: Path) -> None:
    tree("cat", "dog", images=1)(root)
    for name in ("cafe\u0301", "caf\u00e9"):
        put(root / "cat" / f"{name}.png")


def _named_apart(chunk: Chunk) -> None:
    assert len(set(chunk.names)) == len(chunk.names)


def _pointer(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", encoding="utf-8")


def _linked(root: Path) -> None:
    tree(*ANIMALS)(root)
    (root / "cat" / "up").symlink_to(root)


def parquet(*files: str) -> Make:
    """Make a folder of Parquet files: six images in each whose path has a "tr", three in the others."""

    def make(root: Path) -> None:
        for file in files:
            images = 6 if "tr" in file.lower() else 3
            path = root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            contents = bad.cells(*(bad.encode(Image.fromarray(picture(next(SEED)))) for _ in range(images)))
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
            found[name] = np.stack([picture(next(SEED)) for _ in range(length)])
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
        Refused("has no split 'train'; it has: test, val; give one with --split test or --split val"),
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
    Input(
        "folder: of a project, with code beside the data",
        tree("data/train/cat", "data/train/dog", "data/test/cat", "data/test/dog", files=["src/a.py", "README.md"]),
        Read(["cat", "dog"], 4, 4, remarks="its folder data is read, .*the folder without images is not read: src"),
    ),
    Input(
        "folder: of a project, without splits",
        tree("data/cat", "data/dog", files=["models/a.pt", "notebooks/a.ipynb"]),
        Read(["cat", "dog"], 4, remarks="2 folders without images are not read: models, notebooks"),
    ),
    Input(
        "folder: documents beside classes",
        tree("cat", "dog", files=["docs/license.pdf"]),
        Read(["cat", "dog"], 4, remarks="the folder without images is not read: docs"),
    ),
    Input("folder: files without a suffix", _bare, Read(ANIMALS, 6)),
    Input("folder: only a split inside", tree("set/train/cat", "set/train/dog"), Read(["cat", "dog"], 4)),
    Input(
        "folder: a split beside one of no known name, inside",
        tree(*(f"set/{s}/{c}" for s in ("train", "holdout") for c in ANIMALS)),
        Refused("has the folder train, named like a split, beside holdout: say which with --option layout=splits"),
    ),
    *(
        Input(
            f"folder: {a} and {b}, which could be splits or classes",
            splits(a, b),
            Refused("each has the same folders inside: cat, dog, eel"),
        )
        for a, b in (
            ("entrenamiento", "prueba"),
            ("训练集", "测试集"),
            ("trains", "tests"),
            ("tr", "te"),
            ("fold_0", "fold_1"),
        )
    ),
    Input(
        "folder: some folders have the same folders inside",
        tree("p1/benign", "p1/malignant", "p2/benign"),
        Refused("some have the same inside: benign .*layout=classes"),
    ),
    Input("folder: of years", splits("train2017", "val2017"), Read(ANIMALS, 12, 6)),
    Input("folder: numbers before splits", splits("01_train", "02_test"), Read(ANIMALS, 12, 6)),
    Input(
        "folder: links that lead in circles", _circles, Read(["cat", "dog"], 4, skipped=["it could not be read"] * 2)
    ),
    Input(
        "folder: links to folders of each other",
        _crossed,
        Read(["cat", "dog"], 8, remarks="links that are not followed, .*cat/dog/cat"),
    ),
    Input(
        "folder: names in two Unicode forms",
        _two_forms,
        Read(["cat", "dog"], 4, notes="the same name as cat/café.png in another Unicode form", check=_named_apart),
    ),
    Input(
        "folder: names that mean no label",
        tree("cat", "dog", "unlabeled", "nan"),
        Read(["cat", "dog", "nan", "unlabeled"], 8, remarks="nan, unlabeled: read as a class of that name"),
    ),
    *(
        Input(f"folder: of {names}", tree(files=names.split()), Refused(sentence))
        for names, sentence in (
            ("cats_train.npz cats_test.npz", "no images, but files that are read one by one: .*; give the path of one"),
            ("shard-0.tar shard-1.tar", "no images, but files that are read one by one"),
            ("data-00000-of-00001.arrow dataset_info.json", "Arrow files of Hugging Face are not read: .*to_parquet"),
            ("train/data-00000-of-00001.arrow dataset_dict.json", "Arrow files of Hugging Face are not read"),
            ("cat.npy dog.npy", "arrays are read from data.npy with label.npy"),
            ("a.tfrecord features.json", "TFRecord files are not read"),
            ("a.h5", "HDF5 files are not read"),
        )
    ),
    Input(
        "folder: pointers of Git LFS",
        lambda root: [_pointer(root / name / "0.png") for name in ANIMALS],
        Refused("it is a pointer of Git LFS, not the image: get the files with git lfs pull"),
    ),
    Input(
        "parquet: pointers of Git LFS",
        lambda root: _pointer(root / "train.parquet"),
        Refused("is a pointer of Git LFS, not the file: get the files with git lfs pull"),
    ),
    Input(
        "parquet: of two exports",
        parquet("train-00000-of-00001.parquet", "train-00000-of-00002.parquet", "train-00001-of-00002.parquet"),
        Refused("numbered differently, so they may be the same images twice: .*; keep those that belong together"),
    ),
    Input(
        "parquet: split=train", parquet("split=train/part-0.parquet", "split=test/part-0.parquet"), Read(ANIMALS, 6, 3)
    ),
    Input(
        "npz: images of train without labels",
        npz(x_train=6, x_test=3, y_test=3),
        Refused("which holds x_train, x_test, y_test, has no split 'train'; it has: test; give one with --split test"),
    ),
    Input(
        "npz: arrays that are not read", npz(images=6, labels=6, weights=6), Read(train=6, remarks="not read: weights")
    ),
]
