"""Forms generated from the schemas of plug-ins and settings: one widget per field, with name, range and help."""

from __future__ import annotations

import types
import typing
from collections.abc import Collection
from fractions import Fraction
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from curation.plugin import MemberOf, PixelFloat, Settings


def settings_form(schema: type[Settings], values: dict[str, Any], *, key: str, leave_out: Collection[str] = ()) -> Any:
    """Draw a form of the fields of ``schema`` and return their values as plain data, checked when the recipe is.

    Args:
        values: what the fields hold now, as in a recipe; missing ones take their default.
        key: prefix of the widgets' keys.
        leave_out: fields not to show; lists and blocks of further fields, too, are for recipes only.
    """
    out: dict[str, Any] = {}
    shown = [
        (name, field)
        for name, field in schema.model_fields.items()
        if name not in leave_out and not _of_several(_kind(field.annotation)[0])
    ]
    columns = st.columns(min(3, max(1, len(shown))))
    for index, (name, field) in enumerate(shown):
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        with columns[index % len(columns)]:
            out[name] = _widget(name, field, values.get(name, default), f"{key}-{name}")
    return out


def _widget(name: str, field: FieldInfo, value: Any, key: str) -> Any:
    kind, optional = _kind(field.annotation)
    label, explained = name.replace("_", " ").removesuffix(" px").capitalize(), field.description
    if get_origin(kind) is Literal:
        options = [*([None] if optional else []), *get_args(kind)]
        return st.selectbox(
            label, options, index=options.index(value), key=key, help=explained, format_func=lambda v: v or "none"
        )
    family = next((mark.registry for mark in field.metadata if isinstance(mark, MemberOf)), None)
    if family is not None:
        names = family.names
        return st.selectbox(
            label, names, index=names.index(value), key=key, help=explained, format_func=lambda n: family[n].title
        )
    if kind is bool:
        return st.toggle(label, value=bool(value), key=key, help=explained)
    if kind is int:
        low, high = _bounds(field)
        number = st.number_input(
            label, low, high, None if value is None else int(value), step=1, key=key, help=explained
        )
        return None if number is None and optional else number
    if kind is float:
        spelled = _spell(value) if _in_pixels(field) else "" if value is None else _number(value)
        text = st.text_input(label, value=spelled, key=key, help=explained, placeholder="automatic")
        return text.strip() or None
    text = st.text_input(label, value="" if value is None else str(value), key=key, help=explained)
    return text.strip() or (None if optional else "")


def _kind(annotation: Any) -> tuple[Any, bool]:
    """Return a field's type without None, and whether None is allowed."""
    if get_origin(annotation) in (typing.Union, types.UnionType):
        parts = [part for part in get_args(annotation) if part is not type(None)]
        return (_kind(parts[0])[0] if len(parts) == 1 else str), True
    if get_origin(annotation) is typing.Annotated:
        return _kind(get_args(annotation)[0])
    return annotation, False


def _of_several(kind: Any) -> bool:
    """Whether a type has several values: a list, or a block of fields."""
    return get_origin(kind) in (tuple, list, dict) or (isinstance(kind, type) and issubclass(kind, Settings))


def _in_pixels(field: FieldInfo) -> bool:
    """Whether a field is a length in pixel units, which people write as 8/255."""
    marks = get_args(PixelFloat)[1:]
    return any(mark in field.metadata for mark in marks) or any(
        mark in get_args(part) for part in get_args(field.annotation) for mark in marks
    )


def _bounds(field: FieldInfo) -> tuple[int | None, int | None]:
    low = next((int(str(part.ge)) for part in field.metadata if isinstance(part, Ge)), None)
    high = next((int(str(part.le)) for part in field.metadata if isinstance(part, Le)), None)
    return low, high


def _spell(value: Any) -> str:
    """Write k/255 as such, other numbers as they are."""
    if value is None or isinstance(value, str):
        return value or ""
    levels = Fraction(value * 255).limit_denominator(1)
    return f"{levels}/255" if levels and abs(float(levels) / 255 - value) < 1e-9 else _number(value)


def _number(value: float) -> str:
    """Write a number so that it is read again as the same: six digits where they are all."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)
