"""Readers, one file per source format, and the list of all of them."""

from __future__ import annotations

from curation.errors import UsageError, unknown_name
from curation.plugin import Registry
from curation.readers.base import Chunk, Reader, Skipped, Source
from curation.readers.cifar import Cifar10, Cifar100
from curation.readers.class_names import shown
from curation.readers.digits import Digits
from curation.readers.export import Export
from curation.readers.fashion_mnist import FashionMnist
from curation.readers.folder import Folder, has_class_folders
from curation.readers.npy_folder import NpyFolder
from curation.readers.npz import Npz
from curation.readers.parquet import Parquet
from curation.storage.addresses import fetched, is_address

READERS: Registry[Reader] = Registry(
    "reader", (Digits, FashionMnist, Cifar10, Cifar100, Export, Npz, NpyFolder, Parquet, Folder)
)

__all__ = ["READERS", "Chunk", "Reader", "Skipped", "Source", "readable_as", "recognize"]


def recognize(source: str, *, reader: str | None = None) -> dict[str, str]:
    """Return the recipe's ``source`` for what a user types.

    Args:
        source: a data set's name (``digits``, ``cifar10``; ``fashion-mnist`` too), or a path to a folder or file; a
            registered name wins over a path of that name (write ``./digits`` for the path).
        reader: the reader's name, where the user says it: it is taken, and nothing is asked.
    Returns: ``{"reader": name}`` or ``{"reader": name, "path": source}``.
    Raises: UsageError when it is neither, can be read in several ways, or cannot be written in a recipe.
    """
    ways = readable_as(source)
    if reader is not None:
        return {**ways[0], "reader": reader}
    if len(ways) > 1:
        titles = " or as ".join(READERS[way["reader"]].title for way in ways)
        options = " or ".join(f"--option reader={way['reader']}" for way in ways)
        raise UsageError(f"{source} can be read as {titles}: say which with {options}, or give the path of one of them")
    return ways[0]


def readable_as(source: str) -> list[dict[str, str]]:
    """Return every way to read what a user types, as ``recognize`` has it, the likeliest first.

    A folder with class folders of images may hold tables or arrays too: which of them is meant, only a person knows.
    An export is nothing but one. Raises: UsageError when there is no way.
    """
    if any("\ud800" <= character <= "\udfff" for character in source):
        raise UsageError(f"the path {shown(source)} has bytes that are not UTF-8, which no recipe can name; rename it")
    spelled = source.lower().replace("-", "").replace("_", "")
    alone = [reader.name for reader in READERS if not any(f.is_required() for f in reader.model_fields.values())]
    for name in alone:
        if name.replace("_", "") == spelled:
            return [{"reader": name}]
    path = fetched(source).expanduser()
    if not path.exists():
        if path.suffix or len(path.parts) > 1:
            raise UsageError(f"{source} does not exist; check the spelling, or name a data set: {', '.join(alone)}")
        raise UsageError(f"{unknown_name('data set', source, alone)}; and no file or folder has that name")
    found = [reader for reader in READERS if reader.recognizes(path)]
    if not found:
        formats = "; ".join(reader.title for reader in READERS if reader.name not in alone)
        raise UsageError(
            f"{source} is in no known format; known formats: {formats}; or name a data set: {', '.join(alone)}"
        )
    if found[0] is Export or not path.is_dir():
        found = found[:1]
    named = [reader.name for reader in found if reader is found[0] or reader is not Folder or has_class_folders(path)]
    return [{"reader": name, "path": source if is_address(source) else str(path)} for name in named]
