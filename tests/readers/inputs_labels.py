"""Kinds of input: what labels and class names are."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from curation.readers.base import Chunk
from tests.readers.inputs import Input, Make, Read, Refused, picture

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
THREE = np.arange(12) % 3


def png(number: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture(number)).save(stream, "PNG")
    return stream.getvalue()


def npz(labels: Any, **arrays: Any) -> Make:
    """Make an archive of twelve images, and of as many for the split test where there are labels of it."""

    def make(root: Path) -> Path:
        test = {"images_test": 255 - IMAGES} if "labels_test" in arrays else {}
        np.savez(root / "set.npz", images_train=IMAGES, labels_train=np.asarray(labels), **arrays, **test)
        return root / "set.npz"

    return make


def names_in(coding: str) -> Make:
    """Make a folder of arrays whose classes.json is in an encoding."""

    def make(root: Path) -> None:
        np.save(root / "data.npy", IMAGES)
        np.save(root / "label.npy", THREE)
        (root / "classes.json").write_bytes('["café", "b", "c"]'.encode(coding))

    return make


def rows(labels: list[Any] | pa.Array, name: str = "train-0.parquet", **options: Any) -> Callable[[Path], None]:
    """Make a Parquet file of images and labels; names in options are Hugging Face's."""

    def make(root: Path) -> None:
        count = len(labels)
        images = options.get("images", [{"bytes": png(at + len(name)), "path": f"{at}.png"} for at in range(count)])
        table = pa.table({"image": images, "label": labels})
        if "names" in options:
            features = {"label": {"_type": "ClassLabel", "names": options["names"]}}
            table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
        pq.write_table(table, root / name)

    return make


def files(*makes: Callable[[Path], None]) -> Make:
    def make(root: Path) -> None:
        for one in makes:
            one(root)

    return make


def beside(paths: list[str | None]) -> Make:
    """Make rows with a path and no bytes, the files 0.png, 1.png, … beside them, and one outside of the folder."""

    def make(root: Path) -> Path:
        inner = root / "set"
        inner.mkdir()
        for number in range(4):
            (inner / f"{number}.png").write_bytes(png(number))
        (root / "secret.png").write_bytes(png(9))
        spelled = [path.format(root=root) if path else path for path in paths]
        rows([at % 2 for at in range(len(paths))], images=[{"bytes": None, "path": path} for path in spelled])(inner)
        return inner

    return make


def folders(*names: str | bytes, empty: str = "", images: int = 2) -> Make:
    def make(root: Path) -> None:
        for at, name in enumerate(names):
            folder = os.path.join(os.fsencode(root), os.fsencode(name))  # noqa: PTH118 bytes are no path
            os.makedirs(folder)  # noqa: PTH103
            for number in range(images):
                with open(os.path.join(folder, b"%d.png" % number), "wb") as file:  # noqa: PTH118, PTH123
                    file.write(png(10 * at + number))
        if empty:
            (root / empty).mkdir()

    return make


def labeled(*labels: int) -> Callable[[Chunk], None]:
    def check(chunk: Chunk) -> None:
        assert chunk.labels.tolist() == list(labels)

    return check


def soft_kept(chunk: Chunk) -> None:
    np.testing.assert_allclose(chunk.soft_labels, SOFT, atol=1e-6)


SOFT = (np.eye(3)[THREE] * 0.7 + 0.1).astype(np.float32)
NAMES = np.array(["cat", "dog", "eel"])
EACH: Mapping[str, tuple[Any, list[str], str]] = {
    "1 to 3": (THREE + 1, ["1", "2", "3"], "labels are 1, 2, 3, not 0 … K − 1"),
    "sparse": (np.array([5, 17, 900])[THREE], ["5", "17", "900"], "5, 17, 900"),
    "catalog numbers": (np.array([48213, 51744, 90001])[THREE], ["48213", "51744", "90001"], ""),
    "unsigned": (THREE.astype(np.uint64), ["0", "1", "2"], ""),
    "big-endian": (THREE.astype(">i4"), ["0", "1", "2"], ""),
    "N×1": (THREE[:, None], ["0", "1", "2"], ""),
    "booleans": (THREE > 0, ["False", "True"], ""),
    "whole floats": (THREE.astype(np.float32), ["0", "1", "2"], ""),
    "text": (NAMES[THREE], ["cat", "dog", "eel"], ""),
    "bytes": (NAMES.astype("S")[THREE], ["cat", "dog", "eel"], ""),
    "digits as text": (np.array(["10", "2", "1"])[THREE], ["1", "2", "10"], "numeric order"),
    "text that means no label": (
        np.array(["nan", "dog", "None"])[THREE],
        ["None", "dog", "nan"],
        "None, nan: read as a class of that name; where it means that there is no label, leave it out",
    ),
    "one-hot": (np.eye(3, dtype=np.int64)[THREE], ["0", "1", "2"], ""),
    "one-hot booleans": (np.eye(3, dtype=bool)[THREE], ["0", "1", "2"], ""),
}
WRONG: Mapping[str, tuple[Any, str]] = {
    "several at once": (np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1]] * 4), r"row 0 .* 2 classes at once .*multi-label"),
    "several at once, floats": (np.array([[1.0, 0, 1]] * 12), "2 classes at once"),
    "two columns": (np.stack([THREE, np.array([1, 2, 1] * 4)], 1), "row 1 is not the label of one class: it is 1, 2"),
    "ids of images beside labels": (
        np.stack([np.arange(12), THREE], 1),
        "row 2 is not the label of one class: it is 2, 2, neither one-hot",
    ),
    "logits": (np.eye(3)[THREE] * 4 - 2, "a weight -2, and weights are at least 0 .* or the softmax of logits"),
    "votes": (np.eye(3, dtype=int)[THREE] * 47 + 1, "48, 1, 1, neither one-hot nor summing to 1: .* divide counts"),
    "chances of several": (np.array([[0.9, 0.8, 0.1]] * 12), "weights sum to 1.8, not to 1"),
    "fractions": (THREE / 2, "row 1 is 0.5; labels are whole numbers or text"),
    "infinite": (np.where(THREE == 1, np.inf, THREE), "row 1 is inf"),
    "ignored in torch": (np.where(THREE == 1, -100, THREE), "row 1 is -100, out of range"),
    "−1 and 1": (
        np.where(THREE == 0, -1, 1),
        "only one class, 1, and −1, which means .*; where −1 is a class, save it as",
    ),
    "objects": (np.array(["cat", "dog", "eel"], object)[THREE], r"Python objects, .*astype\(str\) for text"),
    "one row for all": (THREE[None], "1 labels for 12 images"),
    "dates": (THREE.astype("datetime64[D]"), "expected one label an image"),
    "none at all": (np.full(12, -1), "has no class"),
}

INPUTS = [
    *(
        Input(f"labels: {name}", npz(labels), Read(classes, train=12, remarks=said))
        for name, (labels, classes, said) in EACH.items()
    ),
    *(Input(f"labels: {name}", npz(labels), Refused(sentence)) for name, (labels, sentence) in WRONG.items()),
    Input(
        "labels: some missing, −1",
        npz(np.where(np.arange(12) < 2, -1, THREE)),
        Read(
            ["0", "1", "2"],
            train=10,
            skipped=["row 0: it has no label", "row 1: it has no label"],
            remarks="2 of 12 samples have no label",
        ),
    ),
    Input(
        "labels: some missing, NaN",
        npz(np.where(np.arange(12) < 2, np.nan, THREE)),
        Read(["0", "1", "2"], train=10, skipped=["no label"] * 2),
    ),
    Input(
        "labels: some missing, text",
        npz(np.where(np.arange(12) < 2, "", NAMES[THREE])),
        Read(["cat", "dog", "eel"], train=10, skipped=["no label"] * 2),
    ),
    Input(
        "labels: −1 as an unsigned number",
        npz(np.where(np.arange(12) < 2, -1, THREE).astype(np.uint64)),
        Read(["0", "1", "2"], train=10, skipped=["no label"] * 2),
    ),
    Input("labels: soft", npz(SOFT), Read(["0", "1", "2"], train=12, check=soft_kept, remarks="labels are soft")),
    Input(
        "labels: soft, torn",
        npz(np.full((12, 2), 0.5) + np.array([[0, 0], [-0.5, 0.5]] * 6)),
        Read(train=12, remarks="6 of 12 soft labels have two likeliest classes"),
    ),
    Input("class names: beside the labels", npz(THREE, class_names=NAMES), Read(["cat", "dog", "eel"], train=12)),
    Input(
        "class names: one without images",
        npz(THREE, classes=np.array(["cat", "dog", "eel", "fox"])),
        Read(["cat", "dog", "eel", "fox"], train=12),
    ),
    Input(
        "class names: labels from 1",
        npz(THREE + 1, class_names=NAMES),
        Refused("row 2 is 3, out of range; labels must be class indices from 0 to 2, for there are 3 class names"),
    ),
    Input(
        "class names: of text labels", npz(NAMES[THREE], class_names=NAMES[::-1]), Read(["eel", "dog", "cat"], train=12)
    ),
    Input(
        "class names: text label not among them",
        npz(np.array(["cat", "dog", "fox"])[THREE], class_names=NAMES),
        Refused("row 2 is 'fox', which is no name of a class: cat, dog, eel"),
    ),
    Input(
        "class names: twice, differently",
        npz(THREE, class_names=NAMES, classes=NAMES[::-1]),
        Refused("names its classes twice, and differently"),
    ),
    Input(
        "class names: two spellings",
        npz(THREE, class_names=np.array(["caf\u00e9", "cafe\u0301", "tea"])),
        Refused(r"two classes named 'café', spelled 'caf\\xe9' and 'cafe\\u0301'; rename one, or merge them"),
    ),
    Input(
        "class names: control characters",
        npz(THREE, class_names=np.array(["a\nb", "\ud83d", "tea"])),
        Read(["a\\x0ab", "\\ud83d", "tea"], train=12),
    ),
    Input(
        "splits: text labels differ",
        npz(NAMES[THREE], labels_test=np.array(["Cat", "dog", "eel"])[THREE]),
        Refused("a class 'Cat' that train does not have, which has: cat, dog, eel; name the class alike"),
    ),
    Input(
        "splits: ids of both", npz(THREE, labels_test=np.array([0, 1, 4])[THREE]), Read(["0", "1", "2", "4"], train=12)
    ),
    *(
        Input(f"splits: {name}", npz(labels, labels_test=test), Refused(sentence, "test"))
        for name, labels, test, sentence in (
            ("ids and one-hot of more", THREE, np.eye(4)[THREE], "tells the classes 0, 1, 2, 3, but .* 0, 1, 2; save"),
            ("ids from 1 and one-hot", THREE + 1, np.eye(3)[THREE], "tells the classes 0, 1, 2, but .* 1, 2, 3; save"),
        )
    ),
    Input("splits: ids and one-hot", npz(THREE, labels_test=np.eye(3)[THREE]), Read(["0", "1", "2"], 12, 12)),
    *(
        Input(
            f"class names: classes.json in {coding}",
            names_in(coding),
            Read(["caf\\xe9" if "8859" in coding else "café", "b", "c"]),
        )
        for coding in ("utf-8-sig", "utf-16", "iso-8859-1")
    ),
    Input(
        "splits: text and numbers",
        npz(THREE, labels_test=NAMES[THREE]),
        Refused("text labels in one split and numbers"),
    ),
    Input(
        "parquet: labels missing",
        files(rows([0, 1, None, 0, -1, 1])),
        Read(
            ["0", "1"],
            train=4,
            skipped=["row 2 .*no label", "row 4 .*no label"],
            remarks="2 of 6 samples have no label",
        ),
    ),
    Input(
        "parquet: whole floats",
        files(rows([0.0, 1.0, float("nan"), 1.0])),
        Read(["0", "1"], train=3, skipped=["no label"]),
    ),
    Input(
        "parquet: booleans",
        files(rows([True, False, True, True])),
        Read(["False", "True"], train=4, check=labeled(1, 0, 1, 1)),
    ),
    Input(
        "parquet: text",
        files(rows(["dog", "cat", "dog", ""])),
        Read(["cat", "dog"], train=3, check=labeled(1, 0, 1), skipped=["no label"]),
    ),
    Input(
        "parquet: a dictionary of ids",
        files(rows(pa.array([7, 9, 7, 9]).dictionary_encode())),
        Read(["7", "9"], train=4, check=labeled(0, 1, 0, 1)),
    ),
    Input(
        "parquet: ids from 1 to 10", files(rows(list(range(1, 11)))), Read([str(one) for one in range(1, 11)], train=10)
    ),
    Input(
        "parquet: several labels a row", files(rows([[0, 1], [1], [0], [1]])), Refused("a list of labels in each row")
    ),
    Input(
        "parquet: soft labels",
        files(rows([[0.9, 0.1], [0.2, 0.8]] * 2)),
        Refused("a list of weights in each row .soft labels.*save each image's likeliest class"),
    ),
    Input(
        "parquet: several images a row",
        files(rows([0, 1], images=[[{"bytes": png(1)}]] * 2)),
        Refused("a list of images in each row; expected one image a row: write a row for each"),
    ),
    Input(
        "parquet: names that differ from shard to shard",
        files(
            rows([0, 1], "train-0.parquet", names=["cat", "dog"]), rows([0, 1], "train-1.parquet", names=["dog", "cat"])
        ),
        Refused("train-0.parquet names the classes cat, dog, but .*train-1.parquet dog, cat; name them alike"),
    ),
    Input(
        "parquet: text labels differ between splits",
        files(rows(["cat", "dog"], "train-0.parquet"), rows(["Cat", "dog"], "test-0.parquet")),
        Refused("a class 'Cat' that train does not have, which has: cat, dog"),
    ),
    Input("parquet: files beside it", beside(["0.png", "./1.png", "2.png", "3.png"]), Read(["0", "1"], train=4)),
    Input(
        "parquet: paths that lead outside",
        beside(["0.png", "1.png", "../secret.png", "{root}/secret.png"]),
        Read(["0", "1"], train=2, skipped=["its path leads outside of .*, where nothing is read"] * 2),
    ),
    Input(
        "parquet: paths without a file",
        beside(["0.png", "1.png", "7.png", None]),
        Read(train=2, skipped=["has no file 7.png", "neither bytes nor a path"]),
    ),
    Input(
        "folder: numbers",
        folders(*map(str, range(12)), images=1),
        Read(
            [str(one) for one in range(12)],
            train=12,
            check=labeled(*range(12)),
            remarks=r"numeric order \(0, 1, 2, 3, …\); torchvision's ImageFolder sorts them as text \(0, 1, 10, 11",
        ),
    ),
    Input(
        "folder: a class without images",
        folders("cat", "dog", empty="bird"),
        Read(
            ["bird", "cat", "dog"],
            train=4,
            check=labeled(1, 1, 2, 2),
            remarks="'bird' has no image: it is kept as a class",
        ),
    ),
    Input("folder: a name in another encoding", folders(b"caf\xe9", b"tea"), Read(["caf\\xe9", "tea"], train=4)),
    Input("folder: a decomposed name", folders("cafe\u0301", "tea"), Read(["café", "tea"], train=4)),
    Input(
        "folder: two spellings of a class",
        folders("cafe\u0301", "caf\u00e9", "tea"),
        Refused("two classes named 'café'"),
    ),
]
