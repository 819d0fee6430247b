"""Class names as they are shown, compared and written: one spelling each, and an order that people expect."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from curation.errors import CurationError

_ESCAPED = ("Cc", "Cs", "Zl", "Zp")
"""Unicode categories that cannot be written to a file or a table: control characters, lone surrogates, line breaks."""


def shown(text: str) -> str:
    r"""Return a name as it can be shown and written anywhere.

    Composed (Unicode's NFC); bytes of a file name that are not UTF-8, and control characters, are spelled: ``caf\xe9``.
    """
    composed = unicodedata.normalize("NFC", text)
    return "".join(_escape(c) if unicodedata.category(c) in _ESCAPED else c for c in composed)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte of a file name that it could not decode
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("ascii", "backslashreplace").decode() if code > 0x7F else f"\\x{code:02x}"


def class_names(names: Sequence[str], *, where: str) -> list[str]:
    """Return names of classes as they are shown, in their order.

    Raises: CurationError naming both where two become the same, or where one is empty.
    """
    first: dict[str, str] = {}
    for name in names:
        same = first.setdefault(shown(name), name)
        if not name.strip():
            raise CurationError(f"{where} has a class with an empty name; give it one")
        if same != name:
            raise CurationError(
                f"{where} has two classes named {shown(name)!r}, spelled {same!a} and {name!a}; rename one, "
                "or merge them"
            )
    if len(first) < len(names):
        twice = next(name for at, name in enumerate(names) if name in names[:at])
        raise CurationError(f"{where} names two classes {shown(twice)!r}; give each its own name")
    return list(first)


_NO_LABEL = frozenset("nan none null n/a na -1 unlabeled unlabelled undefined".split())


def no_label_remark(names: Iterable[str]) -> str | None:
    """Return what a person should know where names of classes read as if there were no label."""
    some = [name for name in names if name.strip().lower() in _NO_LABEL]
    if not some:
        return None
    return f"{', '.join(some)}: read as a class of that name; where it means that there is no label, leave it out"


def are_numbers(names: Iterable[str]) -> bool:
    """Say whether all names are whole numbers, so that 2 goes before 10."""
    return all(name.isascii() and name.removeprefix("-").isdigit() for name in names)


def ordered(names: Iterable[str]) -> list[str]:
    """Return different names in the order of their classes: numbers by value, else as text."""
    by_text = sorted(set(names))
    return sorted(by_text, key=int) if are_numbers(by_text) else by_text


def number_order_remark(names: Sequence[str]) -> str | None:
    """Return what a person should know where numbers are not in the order that torchvision gives to folders."""
    if not are_numbers(names) or list(names) == sorted(names):
        return None
    theirs = ", ".join(sorted(names)[:4])
    return (
        f"class names are numbers, so the classes are in numeric order ({', '.join(names[:4])}, …); torchvision's "
        f"ImageFolder sorts them as text ({theirs}, …): a checkpoint trained with it has its outputs in that order"
    )
