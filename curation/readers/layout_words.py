"""What is said of a tree of files: what is used for what, what is not read, and why nothing can be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from curation.errors import some_of
from curation.readers.archive import SUFFIXES
from curation.readers.listing import File, Listing, Node
from curation.readers.wrappers import WRAPPERS

_USES = {
    "train": "train is what is curated",
    "test": "test is what models are measured on",
    "val": "val is not used, for there is test",
}
_FILES_READ = (".npz", ".parquet", *SUFFIXES)
_ELSEWHERE = {
    ".arrow": "Arrow files of Hugging Face are not read: write the set with to_parquet, and give that folder",
    ".tfrecord": "TFRecord files are not read: write the images into a folder a class, or into .npz or .parquet",
    ".h5": "HDF5 files are not read: save the arrays as .npz, named images and labels",
    ".mat": "MATLAB files are not read: save the arrays as .npz, named images and labels",
    ".npy": "arrays are read from data.npy with label.npy, or from x_train.npy with y_train.npy: name them so",
}


def no_folders(node: Node, where: str, *, packed: bool) -> str:
    """Return why a folder, or an archive, without folders inside cannot be read, and what to do."""
    files = list(node.all_files())
    if not files:
        return f"{where} is empty; put the images of each class into a sub-folder with the class's name"
    if not any(file.is_image for file in files):
        return no_images(files, where, packed=packed)
    held = some_of([file.path for file in files])
    return (
        f"{where} holds files but no sub-folders ({held}); put the images of each class into a sub-folder with the "
        "class's name"
    )


def no_images(files: Iterable[File], where: str, *, packed: bool = False) -> str:
    """Return what to do with files of which none is named like an image."""
    paths = [file.path for file in files]
    read = [path for path in paths if path.lower().endswith(_FILES_READ)]
    told = next((told for suffix, told in _ELSEWHERE.items() if any(p.lower().endswith(suffix) for p in paths)), None)
    if read:
        held = f"{where} holds no images, but files that are read one by one: {some_of(read)}"
        return f"{held}; {'unpack it, and ' if packed else ''}give the path of one"
    return f"{where} holds no images ({some_of(paths)}); {told or 'put those of each class into a sub-folder'}"


def loose(node: Node, prefix: str) -> Iterator[str]:
    """Yield what is said of files beside the folders that are read."""
    images = [file.path for file in node.files if file.is_image]
    others = [file.path for file in node.files if not file.is_image]
    if images:
        yield (
            f"{len(images):,} image{'s lie' if len(images) > 1 else ' lies'} beside the folders, not in one, and "
            f"{'are' if len(images) > 1 else 'is'} not read, for nothing says their class: {some_of(images)}"
        )
    if others:
        yield f"{len(others):,} other file{'s' * (len(others) > 1)} beside the folders: {some_of(others)}; not read"


def inner_folders(node: Node) -> Iterator[str]:
    """Yield what is said of folders inside those of classes, where a person may have meant them to be the classes."""
    inner = [f"{name}/{one}" for name, folder in node.folders.items() for one in folder.folders if one not in WRAPPERS]
    if inner:
        yield (
            f"folders inside a class's folder are read as that class: {some_of(inner)}; where they are the classes, "
            "put them side by side in one folder"
        )


def left_out(listing: Listing) -> Iterator[str]:
    """Yield what is said of files that are never read."""
    if listing.ignored:
        yield f"hidden and system files and folders are not read ({len(listing.ignored):,}): {some_of(listing.ignored)}"
    if listing.links:
        count = f"{len(listing.links):,}"
        yield f"links that are not followed, and special files, are not read ({count}): {some_of(listing.links)}"


def used(called: Mapping[str, str]) -> Iterator[str]:
    """Yield what each split is used for, where there are several. Args: called: how each split's folder is called."""
    if {"train", "val"} <= called.keys() and "test" not in called:
        yield f"there is no split test: {called['val']} is used as the test split"
    elif len(called) > 1:
        yield "; ".join(f"{_USES[split]} ({folder})" for split, folder in called.items())


def count(node: Node) -> str:
    """Return how many files are in a folder, in words."""
    files = sum(1 for _ in node.all_files())
    return f"{files:,} file{'s' * (files != 1)}"


def names_of(node: Node) -> str:
    """Return the first names of the folders in a folder."""
    return some_of(list(node.folders))
