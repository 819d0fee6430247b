"""Folders that say nothing of classes: those that wrap the one with something to choose, and those without images."""

from __future__ import annotations

from curation.errors import some_of
from curation.readers.listing import Node
from curation.readers.splits import split_in

WRAPPERS = frozenset("images image imgs img data dataset datasets pictures photos files jpg jpeg png".split())
"""Names of a folder that says nothing of what is in it: it is looked through."""
NO_CLASSES = frozenset("images image imgs img labels label annotations annotation masks mask".split())
"""Folders of a set for detection or segmentation; taken for classes, they would be learned."""


def only_folder(node: Node) -> tuple[Node, str]:
    """Return what was packed: the only folder of an archive, at any depth, with its path, or all of it."""
    inner, path = node, list[str]()
    while len(inner.folders) == 1 and not any(file.is_image for file in inner.files):
        ((name, inner),) = inner.folders.items()
        path.append(name)
    return (inner, "/".join(path)) if len(inner.folders) > 1 else (node, "")


def unwrapped(node: Node, *, splits: bool, split: str | None = None) -> tuple[Node, str]:
    """Return the folder in which there is something to choose, and its path: others only wrap it.

    Args: split: that of the folder, whose own name may come again inside (``seg_train/seg_train``).
    """
    path: list[str] = []
    while len(node.folders) == 1 and not any(file.is_image for file in node.files):
        ((name, inner),) = node.folders.items()
        said = split_in(name)
        again = said is not None and said.split == split
        enough = 1 if said is None else 2
        if not (again or name.lower() in WRAPPERS or (splits and _leads_to_splits(inner, enough))):
            break
        node = inner
        path.append(name)
    return node, "/".join(path)


def _leads_to_splits(node: Node, enough: int) -> bool:
    """Whether the folder, or the only one at some depth inside, has folders of so many splits."""
    said = [found for found in map(split_in, node.folders) if found]
    if len({found.split for found in said}) > 1 or (enough == 1 and any(found.alone for found in said)):
        return True
    return len(node.folders) == 1 and _leads_to_splits(next(iter(node.folders.values())), enough)


def without_imageless(root: Node) -> tuple[Node, list[str]]:
    """Return a tree without the folders of files of which none can be an image, beside others, and what is said of it.

    Empty folders stay, for they may be classes; so do those of splits, and of sets for detection or segmentation.
    """
    out: list[str] = []
    node = _pruned(root, "", out)
    if not out:
        return node, []
    what = "the folder" if len(out) == 1 else f"{len(out):,} folders"
    return node, [f"{what} without images {'is' if len(out) == 1 else 'are'} not read: {some_of(out)}"]


def _pruned(node: Node, prefix: str, out: list[str]) -> Node:
    if not any(folder.has_images() for folder in node.folders.values()):
        return node
    kept: dict[str, Node] = {}
    for name, folder in node.folders.items():
        bare = any(folder.all_files()) and not folder.may_hold_images()
        if bare and name.lower() not in NO_CLASSES and split_in(name) is None:
            out.append(f"{prefix}{name}")
        else:
            kept[name] = _pruned(folder, f"{prefix}{name}/", out)
    return Node(node.files, kept)
