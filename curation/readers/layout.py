"""How a tree of files is laid out: classes, splits of classes, or classes of splits. What could be either is asked.

A tree has a folder for each class, with its images at any depth; or a folder for each split with the classes in it
(``Training/cat``); or a folder for each class with the splits in it (``cat/train``). See ``splits`` for their names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from curation.errors import CurationError, Undecided, some_of
from curation.readers.layout_words import count, inner_folders, left_out, loose, names_of, no_folders, no_images, used
from curation.readers.listing import File, Listing, Node
from curation.readers.splits import WORDS, Spelled, split_in, words_of
from curation.readers.wrappers import NO_CLASSES, WRAPPERS, only_folder, unwrapped, without_imageless

Choice = Literal["auto", "classes", "splits"]


@dataclass(frozen=True)
class Part:
    """One split: how its folders are called, and the files of each class by the class folder's name."""

    called: str
    classes: dict[str, list[File]]


@dataclass(frozen=True)
class Layout:
    """What was recognized: in words, the parts by split (train, test, val), and what a person should know of it."""

    words: str
    parts: dict[str, Part]
    remarks: tuple[str, ...]


def layout_of(listing: Listing, asked: Choice, *, where: str, packed: bool = False) -> Layout:
    """Return how a tree is laid out.

    Args: asked: classes: every folder is a class; splits: folders with a split's name are splits; auto: told by names;
        packed: it is an archive's, whose only folder is what was packed.
    Raises: Undecided: it can be read in two ways, and ``asked`` is auto; CurationError: in none.
    """
    root, imageless = (listing.root, []) if asked == "classes" else without_imageless(listing.root)
    top, folder = only_folder(root) if packed else (root, "")
    node, within = unwrapped(top, splits=asked != "classes")
    inside = "/".join(part for part in (folder, within) if part)
    if not node.folders:
        raise CurationError(no_folders(node, where, packed=packed))
    named = {name: said for name in node.folders if (said := split_in(name))}
    chosen = _split_folders(node, named, asked, where)
    if asked != "classes":
        _require_classes(node, chosen, where)
    if chosen:
        found = _splits_of_classes(node, chosen)
    elif asked != "classes" and _classes_of_splits(node, where):
        found = _inner_splits(node)
    else:
        found = _only_classes(node, named, asked, where)
    remarks = [f"its folder {inside} is read, the only one that holds images"] if inside else []
    remarks += [
        *found.remarks,
        *imageless,
        *used({split: part.called for split, part in found.parts.items()}),
        *left_out(listing),
    ]
    return Layout(found.words, found.parts, tuple(remarks))


def _split_folders(node: Node, named: dict[str, Spelled], asked: Choice, where: str) -> list[str]:
    """Return the names of the folders that are splits, none where all are classes. Raises: Undecided; CurationError."""
    if asked == "classes" or not named:
        if asked == "splits":
            raise CurationError(f"{where} has no folder with a split's name (train, test, …); it has: {names_of(node)}")
        return []
    chosen = _belonging_together(named, where)
    laid = [name for name in chosen if _has_classes(node.folders[name], named[name].split)]
    others = [name for name, inner in node.folders.items() if name not in chosen and inner.has_images()]
    several = len({named[name].split for name in laid}) > 1
    if not laid:
        if asked == "auto" and len(node.folders) > len(chosen) and not any(named[name].alone for name in chosen):
            return []  # "steam train" among others
        if asked == "auto" and others:
            raise Undecided(
                f"{where} has the folder {some_of(chosen)}, named like a split but without class folders inside, "
                f"beside {some_of(others)}",
                "layout",
                {"classes": f"every folder is a class, {chosen[0]!r} too"},
            )
        if not any(node.folders[name].may_hold_images() for name in chosen):
            raise CurationError(no_images(node.all_files(), where))
        folders = "folder" if len(chosen) == 1 else "folders"
        raise CurationError(
            f"{where} has the split {folders} {some_of(chosen)} without class folders inside, so nothing says the "
            "class of an image; put each class's images into a folder of its name inside, as in "
            f"{chosen[0]}/cat (if they are the classes: --option layout=classes)"
        )
    if asked == "auto" and others and not (several and _share_classes(node, laid, named)):
        raise Undecided(
            f"{where} has the folder{'s' * (len(chosen) > 1)} {some_of(chosen)}, named like a split, beside "
            f"{some_of(others)}",
            "layout",
            {
                "splits": f"{some_of(chosen)}: classes are the folders inside; the others are not read",
                "classes": "every folder is a class",
            },
        )
    return chosen


def _belonging_together(named: dict[str, Spelled], where: str) -> list[str]:
    """Return the folders that are splits of one set: those that say only the split, or the same besides it."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, said in named.items():
        groups.setdefault(said.besides, []).append(name)
    pairs = [names for names in groups.values() if len({named[name].split for name in names}) > 1]
    if () in groups and (groups[()] in pairs or not pairs):
        chosen = groups[()]
    elif len(pairs) > 1:
        raise Undecided(
            f"{where} has folders that are named after splits of several sets or classes: {some_of(list(named))}",
            "layout",
            {"classes": "every folder is a class"},
        )
    else:
        chosen = pairs[0] if pairs else list(named)
    for split in WORDS:
        spellings = {_unnumbered(name) for name in chosen if named[name].split == split}
        if len(spellings) > 1:
            twice = some_of([name for name in chosen if named[name].split == split])
            raise CurationError(f"{where} has several folders of the split {split}: {twice}; keep one, or merge them")
    return chosen


def _unnumbered(name: str) -> tuple[str, ...]:
    return tuple(word for word in words_of(name) if not word.isdigit())


def _has_classes(node: Node, split: str) -> bool:
    return bool(unwrapped(node, splits=False, split=split)[0].folders)


def _share_classes(node: Node, laid: list[str], named: dict[str, Spelled]) -> bool:
    """Whether the folders of two splits have a class in common."""
    first, *others = (set(unwrapped(node.folders[n], splits=False, split=named[n].split)[0].folders) for n in laid)
    return any(first & other for other in others)


def _require_classes(node: Node, chosen: list[str], where: str) -> None:
    """Raise Undecided where the folders are those of a set for detection or segmentation, not classes."""
    said = {name: found.split for name in chosen if (found := split_in(name))}
    tops = [unwrapped(node.folders[name], splits=False, split=split)[0] for name, split in said.items()]
    for top in tops or [node]:
        names = list(top.folders)
        if len(names) > 1 and {name.lower() for name in names} <= NO_CLASSES:
            raise Undecided(
                f"{where} has folders {some_of(names)}, as sets for detection or segmentation have them, and no folder "
                "a class",
                "layout",
                {"classes": f"the classes are {names_of(node)}"},
            )


def _splits_of_classes(node: Node, chosen: list[str]) -> Layout:
    parts: dict[str, Part] = {}
    remarks: list[str] = []
    for name in chosen:
        said = split_in(name)
        assert said is not None
        inner, inside = unwrapped(node.folders[name], splits=False, split=said.split)
        folder = f"{name}/{inside}".rstrip("/")
        if not inner.folders:
            remarks.append(
                f"the split folder {folder} has no class folders: its {count(inner)} have no labels and are not read"
            )
            continue
        remarks += loose(inner, f"{folder}/")
        before = parts.get(said.split)
        classes = {name: list(files) for name, files in before.classes.items()} if before else {}
        for label, files in _classes(inner):
            classes.setdefault(label, []).extend(files)
        parts[said.split] = Part(f"{before.called}, {folder}" if before else folder, classes)
    remarks += loose(node, "")
    remarks += [
        f"the folder {name} is beside the splits, and is not read ({count(inner)})"
        for name, inner in node.folders.items()
        if name not in chosen and any(inner.all_files())
    ]
    ordered = {split: parts[split] for split in WORDS if split in parts}
    words = ", ".join(f"{split} ({part.called})" for split, part in ordered.items())
    return Layout(f"splits {words}, each with a folder a class", ordered, tuple(remarks))


def _classes_of_splits(node: Node, where: str) -> bool:
    """Whether the folders of classes hold splits. Raises: Undecided: some do, or other folders are beside them."""
    inner = {name: [split_in(one) for one in folder.folders] for name, folder in node.folders.items()}
    splits = {said.split for some in inner.values() for said in some if said and said.alone}
    if not splits:
        return False
    whole = all(
        some
        and all(said and said.alone for said in some)
        and not any(file.is_image for file in node.folders[name].files)
        for name, some in inner.items()
        if node.folders[name].has_images()
    )
    if whole and len(splits) > 1:
        return True
    held = next(name for name, some in inner.items() if any(said and said.alone for said in some))
    raise Undecided(
        f"{where} has the folder {held} with {names_of(node.folders[held])} inside, of which some are named like "
        "splits",
        "layout",
        {"classes": f"all images below {held} are of one class and split"},
    )


def _inner_splits(node: Node) -> Layout:
    parts: dict[str, Part] = {}
    for label, folder in node.folders.items():
        for name, inner in folder.folders.items():
            said = split_in(name)
            if said is not None:
                part = parts.setdefault(said.split, Part(f"{label}/{name} and so on", {}))
                part.classes.setdefault(label, []).extend(inner.all_files())
    ordered = {split: parts[split] for split in WORDS if split in parts}
    words = ", ".join(f"{split} ({part.called})" for split, part in ordered.items())
    return Layout(f"a folder a class, each with the splits {words}", ordered, tuple(loose(node, "")))


def _only_classes(node: Node, named: dict[str, Spelled], asked: Choice, where: str) -> Layout:
    names = list(node.folders)
    if asked == "auto":
        _require_no_shared(node, where)
        if len(names) == 1 and len(node.folders[names[0]].folders) > 1:
            raise CurationError(
                f"{where} has only one class, {names[0]}; if the classes are the folders inside "
                f"({names_of(node.folders[names[0]])}), give the path of {names[0]}"
            )
    remarks = [f"the folder {name} is named like a split, and is read as a class" for name in named]
    if asked == "auto":
        remarks += inner_folders(node)
    part = Part("", dict(_classes(node)))
    return Layout("a folder a class, no splits", {"train": part}, (*remarks, *loose(node, "")))


def _require_no_shared(node: Node, where: str) -> None:
    """Raise Undecided where folders without images of their own have the same folders inside: which are the classes?"""
    inner = [set(folder.folders) - WRAPPERS for folder in node.folders.values()]
    times = Counter(name for names in inner for name in names)
    shared = sorted(name for name, count in times.items() if count > 1)
    direct = any(file.is_image for folder in node.folders.values() for file in folder.files)
    if shared and len(times) > 1 and not direct:
        each = "each has the same folders inside" if len({*map(frozenset, inner)}) == 1 else "some have the same inside"
        raise Undecided(
            f"{where} has the folders {names_of(node)}, and {each}: {some_of(shared)} (to read one of them, give its "
            "path)",
            "layout",
            {"classes": f"the classes are {names_of(node)}"},
        )


def _classes(node: Node) -> Iterator[tuple[str, list[File]]]:
    for name, folder in node.folders.items():
        yield name, list(folder.all_files())
