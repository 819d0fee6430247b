"""How a component reaches the browser: its code once, its columns once a fingerprint, then only parameters.

Streamlit sends the whole message of an element, code included, on every rerun, unless the browser still holds an
identical message of at least 10 kB, to which it then only refers. So each component is three elements: one carries the
code, one the columns (both always identical, so they are sent once), and the visible one a loader of 200 bytes and its
parameters. ``wire.js`` brings the three together in the page.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.ui import theme

_HERE = Path(__file__).parent
_CACHED_FROM_BYTES = 10_240
_ALIGNMENT = 8
_LOADER = """export default (component) => {
  (globalThis.curation ??= []).push(["%s", component]);
  return () => globalThis.curation.push(["remove", component]);
};"""

_cargo = st.components.v2.component("curation_cargo", js=_LOADER % "cargo")

Value = TypeVar("Value")


def pack(header: Mapping[str, Any], **arrays: NDArray[Any]) -> bytes:
    """Return one byte string of a JSON header and named flat arrays, which ``unpack`` in wire.js reads.

    Args:
        header: plain JSON.
        arrays: uint8, uint16, uint32 or float32, any shape; read in C order.
    """
    body = bytearray()
    blocks: dict[str, tuple[int, int, str]] = {}
    for name, array in arrays.items():
        body += b"\0" * (-len(body) % _ALIGNMENT)
        blocks[name] = (len(body), int(array.size), array.dtype.name)
        body += np.ascontiguousarray(array).tobytes()
    text = json.dumps({**header, "blocks": blocks}, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-(4 + len(text)) % _ALIGNMENT)
    return len(text).to_bytes(4, "little") + text + bytes(body)


def pack_columns(fingerprint: str, header: Mapping[str, Any], *, padded: bool = True, **arrays: NDArray[Any]) -> bytes:
    """Like ``pack``, deflated, after a line with the fingerprint that parameters refer to; long enough to be kept.

    Without ``padded``, the browser keeps it only if it happens to be that long.
    """
    packed = zlib.compress(pack(header, **arrays))
    message = f"{fingerprint} {len(packed)}\n".encode() + packed
    return message + b"\0" * (max(0, _CACHED_FROM_BYTES - len(message)) if padded else 0)


def _lean(file: str) -> str:
    """Return a file without the lines and the margins that are for readers alone: a fifth of the bytes."""
    return re.sub(r"^\s*(//.*\n)?", "", (_HERE / file).read_text("utf-8"), flags=re.MULTILINE)


class Part:
    """One visible component: ``<name>.js``, which defines ``create(root, send)``, and ``<name>.css``."""

    def __init__(self, name: str, *helpers: str) -> None:
        """Args: name: of the component; helpers: names of the .js files that its code builds on."""
        colors = {"families": theme.FAMILY_COLORS, "categorical": theme.CATEGORICAL, "sequential": theme.SEQUENTIAL}
        css = "".join(_lean(file) for file in ("wire.css", f"{name}.css"))
        module = [
            _lean("wire.js"),
            f"const THEME = {json.dumps(colors)};",
            *(_lean(f"{file}.js") for file in (*helpers, name)),
            f"hub.connect({json.dumps(f'curation_{name}')}, {json.dumps(css)}, create);",
            "export default () => {};",
        ]
        self._code = st.components.v2.component(f"curation_{name}_code", js="\n".join(module))
        self._view = st.components.v2.component(f"curation_{name}", js=_LOADER % "view")

    def mount(
        self,
        parameters: bytes,
        *,
        key: str,
        columns: bytes,
        more: Mapping[str, bytes] | None = None,
        events: Mapping[str, Callable[[], None] | None],
    ) -> Mapping[str, Any]:
        """Draw the component and return its state and triggers.

        Args:
            parameters: from ``pack``; sent on every rerun.
            key: unique on the page; also the key of the state in ``st.session_state``.
            columns: from ``pack_columns``; sent when the browser does not have them. The component is drawn once it
                has those that the parameters' ``columns`` names.
            more: further ones, by name, which come and go; the parameters' ``more`` has the fingerprint of each.
            events: the names of states and triggers, each with the callback to run before the script, or None.
        """
        callbacks: dict[str, Any] = {f"on_{name}_change": callback or _nothing for name, callback in events.items()}
        with st.container(gap=None):
            self._code(key=f"{key}-code")
            _cargo(key=f"{key}-cargo", data=columns)
            if more is not None:
                # A container of its own, so that what comes and goes does not move the component.
                with st.container(gap=None):
                    for name, message in more.items():
                        _cargo(key=f"{key}-cargo-{name}", data=message)
            return self._view(key=key, data=parameters, **callbacks)


def _nothing() -> None:
    pass


def last_writer(key: str, argument: Value, written: Value | None) -> Value:
    """Return what counts now: the page's argument if it is not what was returned last, else what the user set since.

    Call ``remember`` with the result once the component is mounted: a run that is interrupted before has told no one.

    Args:
        key: of the component.
        argument: what the page passes in this run; it is expected to pass what it was returned, until it changes it.
        written: the state that the user's last gesture left, or None when there was no gesture.
    """
    value, seen = st.session_state.get(f"{key}-memory", (argument, None))
    if argument != value:
        return argument
    return written if written is not None and written != seen else value


def remember(key: str, value: Value, written: Value | None) -> None:
    """Keep what was returned to the page, and the user's state at that time, for the next ``last_writer``."""
    st.session_state[f"{key}-memory"] = (value, written)
