"""Names of splits, as folders, files and arrays are called: the one place that knows them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import NamedTuple

from curation.errors import CurationError, some_of

WORDS = {
    "train": {"train", "training", "trn", "trainset", "traindata"},
    "test": {"test", "testing", "tst", "testset", "testdata"},
    "val": {"val", "valid", "validation", "validate", "validating", "vali", "valset", "dev", "devel", "development"},
}
"""How each split is called; a name holds one of these words, in upper or lower case, next to others or to digits."""

_ARRAYS = (
    ("images", "labels"),
    ("image", "label"),
    ("x", "y"),
    ("data", "label"),
    ("data", "labels"),
    ("images", "label"),
    ("x", "labels"),
)
"""How arrays of images and of their labels are called, a split's name apart, the likeliest first."""
_IMAGES = {images for images, _ in _ARRAYS}

_SPLIT_OF = {word: split for split, words in WORDS.items() for word in words}
_NUMBERING = {"of", "part", "parts", "shard", "chunk", "batch", "partial", "set", "split", "data"}
"""Words of a name that, as numbers do, only say which piece of a split it is."""
_PIECE = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_]+")
_SHARD = re.compile(r"(.*?)(\d+)-of-(\d+)\b.*")
_DIGEST = re.compile(r"(?<![a-zA-Z0-9])(?=[a-f]*\d)[0-9a-f]{8,}(?![a-zA-Z0-9])")
"""What the Hugging Face hub used to append to the names of its files."""


class NoSplit(CurationError):
    """A source has no split of the name."""


class Spelled(NamedTuple):
    """What a name says: the split (train, test or val), and its other words, those of numbering left out."""

    split: str
    besides: tuple[str, ...]

    @property
    def alone(self) -> bool:
        """Whether the name says nothing but the split."""
        return not self.besides


def words_of(name: str) -> list[str]:
    """Return the words and numbers of a name in lower case: ``seg_train`` and ``segTrain`` are seg, train."""
    return [piece.lower() for piece in _PIECE.findall(_DIGEST.sub("", name))]


def split_in(name: str) -> Spelled | None:
    """Return the split that a name without its suffix says, or None: where it says none, or two (``train_test``)."""
    words = words_of(name)
    found = {_SPLIT_OF[word] for word in words if word in _SPLIT_OF}
    if len(found) != 1:
        return None
    others = [w for w in words if w not in _SPLIT_OF and w not in _NUMBERING and not w.isdigit() and len(w) > 1]
    return Spelled(found.pop(), tuple(others))


def canonical(split: str) -> str:
    """Return train, test or val for a split as people write it (``Training``, ``validation``); others as they are."""
    found = split_in(split)
    return found.split if found and found.alone else split


def choose_split(split: str, exist: Iterable[str], *, where: str) -> str:
    """Return the split of a source that is meant; where there is no ``test``, ``val`` stands for it.

    Args: split: as people write it; exist: the names train, test, val and others.
    Raises: NoSplit that says which splits exist.
    """
    known = list(exist)
    for name in (split, canonical(split), *(("val",) if canonical(split) == "test" else ())):
        if name in known:
            return name
    ways = " or ".join(f"--split {name}" for name in known)
    only = f"; give one with {ways}" if known and canonical(split) == "train" else ""
    raise NoSplit(f"{where} has no split {split!r}; it has: {', '.join(known)}{only}")


def files_by_split(files: Iterable[str], *, where: str, kind: str) -> dict[str, list[str]]:
    """Return the files of each split; all are ``train`` where none has a split in its name or in its folder's.

    Args: files: POSIX paths below ``where``; kind: what they are called in errors (".parquet").
    Raises: CurationError: some are of a split and others of none; several sets, each with splits; a shard is missing.
    """
    files = list(files)
    spelled = {file: _of_path(file, where) for file in files}
    none = [file for file in files if spelled[file] is None]
    found: dict[str, list[str]] = {}
    sets: dict[str, dict[str, str]] = {}
    for file in files:
        said = spelled[file]
        if said is not None:
            split, folder, besides = said
            found.setdefault(split, []).append(file)
            sets.setdefault(split, {}).setdefault("/".join([*folder, " ".join(besides)]), file)
    if not found:
        homes = sorted({str(PurePosixPath(file).parent) for file in files})
        if len(homes) > 1:
            raise CurationError(
                f"{where} has {kind} files in several folders, and none says which split it is: {some_of(homes)}; give "
                "one of these folders, or name the files or folders after the splits (train, test)"
            )
        found = {"train": files}
    elif none:
        raise CurationError(
            f"{where} has {kind} files that say of which split they are ({some_of(_first_of_each(found))}) and others "
            f"that do not ({some_of(none)}); name them alike, or give the folder or file that is meant"
        )
    several = next((list(by_set.values()) for by_set in sets.values() if len(by_set) > 1), [])
    if several:
        raise CurationError(
            f"{where} seems to hold several sets, for these are files of one split: {some_of(several)}; give the "
            "folder or file of the set that is meant"
        )
    for some in found.values():
        _require_all_shards(some, where)
    return found


def arrays_by_split(names: Iterable[str], *, where: str) -> dict[str, tuple[str, str]]:
    """Return the arrays of images and labels of each split; those without a split's name are the split train.

    Args: names: of all arrays there are: ``x_train``, ``Training_images``, ``labels``, …
    Raises: CurationError: two arrays could be the images of one split.
    """
    by_split: dict[str | None, dict[str, str]] = {}
    for name in names:
        said = split_in(name)
        # All that the name says besides the split: one letter too, which is how arrays are often called.
        rest = " ".join(word for word in words_of(name) if said is None or word not in _SPLIT_OF)
        mine = by_split.setdefault(said.split if said else None, {})
        if rest in mine and rest in _IMAGES:
            raise CurationError(f"{where} has two arrays of one split's images: {mine[rest]}, {name}; keep one")
        mine[rest] = name
    found: dict[str, tuple[str, str]] = {}
    for split in (None, *WORDS):
        mine = by_split.get(split, {})
        pair = next(((mine[x], mine[y]) for x, y in _ARRAYS if x in mine and y in mine), None)
        if pair and split == "train" and "train" in found:
            raise CurationError(
                f"{where} has {' and '.join(pair)}, and also {' and '.join(found['train'])}; leave out those that are "
                "not meant"
            )
        if pair:
            found[split or "train"] = pair
    return found


def _of_path(file: str, where: str) -> tuple[str, tuple[str, ...], tuple[str, ...]] | None:
    """Return the split of a file, the folders that are not its, and the other words of the name that says it."""
    parts = [*PurePosixPath(file).parts[:-1], PurePosixPath(file).stem]
    said = [split_in(part) for part in parts]
    found = [one for one in said if one]
    if len({one.split for one in found}) > 1:
        raise CurationError(f"{where} has {file}, whose folder says another split than its name; rename one of them")
    if not found:
        return None
    folders = tuple(part for part, one in zip(parts[:-1], said, strict=False) if not one)
    return found[-1].split, folders, found[-1].besides


def _require_all_shards(files: list[str], where: str) -> None:
    """Raise CurationError where files are numbered "3-of-8" and some of the 8 are not there."""
    shards: dict[tuple[str, str], dict[int, str]] = {}
    for file in files:
        if match := _SHARD.fullmatch(file):
            shards.setdefault((match[1], match[3]), {})[int(match[2])] = match[2]
    numbered: dict[str, set[str]] = {}
    for before, of in shards:
        numbered.setdefault(before, set()).add(of)
        if len(numbered[before]) > 1:
            some = [file for file in files if file.startswith(before)]
            raise CurationError(
                f"{where} has files of one split that are numbered differently, so they may be the same images twice: "
                f"{some_of(some)}; keep those that belong together"
            )
    for (before, of), there in shards.items():
        first = 0 if 0 in there or int(of) not in there else 1
        missing = sorted(set(range(first, first + int(of))) - there.keys())
        if missing:
            digits = len(next(iter(there.values())))
            raise CurationError(
                f"{where} has only {len(there)} of {int(of)} files of one split, for "
                f"{before}{missing[0]:0{digits}d}-of-{of} is missing; get it, or rename the others if it is left out "
                "on purpose"
            )


def _first_of_each(found: dict[str, list[str]]) -> list[str]:
    return [files[0] for files in found.values()]
