"""Kinds of input: folders of images that are packed."""

from __future__ import annotations

import io
import shutil
import tarfile
import zipfile
from pathlib import Path

from PIL import Image

from tests.readers import readers_bad_input as bad
from tests.readers.inputs import Input, Make, Read, Refused, picture
from tests.readers.inputs_layouts import ANIMALS, SEED, splits, tree


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
            _add(tar, name, bad.encode(Image.fromarray(picture(next(SEED)))))
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
    files = {f"{a}/{i}.png": bad.encode(Image.fromarray(picture(next(SEED)))) for a in ANIMALS for i in range(2)}
    path = _zip(root, files)
    raw = bytearray(path.read_bytes())
    raw[raw.find(files["cat/0.png"]) + 100] ^= 255
    path.write_bytes(raw)
    return path


INPUTS = [
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
    *(
        Input(f"archive: {name}", packed("zip", within, tree(*folders, files=files)), Read(["cat", "dog"], 4))
        for name, within, folders, files in (
            ("a folder and notes packed", "", ["pets/cat", "pets/dog"], ["README.md"]),
            ("a folder in a folder packed", "a/b", ["cat", "dog"], []),
            ("a folder with one split packed", "", ["pets/train/cat", "pets/train/dog"], []),
        )
    ),
    Input(
        "archive: of archives",
        lambda root: _zip(root, {"train.zip": b"PK", "test.zip": b"PK"}),
        Refused("files that are read one by one: test.zip, train.zip; unpack it, and give the path of one"),
    ),
]
