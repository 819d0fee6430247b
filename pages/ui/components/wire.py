"""How a component reaches the browser: its columns once a fingerprint, then only parameters.

Its code is served by ``pages.ui.assets`` and kept by the browser. Streamlit sends the whole message of an element on
every rerun, unless the browser still holds an identical message of at least 10 kB, to which it then only refers. So a
component is two elements or more: carriers, one for each set of columns, whose message is always identical, and the
visible one, whose message is a loader of 150 bytes and the parameters. ``web/part.js`` brings them together.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.ui import assets

_CACHED_FROM_BYTES = 10_240
_ALIGNMENT = 8
_LOADER = f"""const all = import(new URL("{assets.address}", document.baseURI));
export default async (component) => (await all).%s(component);"""

_cargo = st.components.v2.component("curation_cargo", js=_LOADER % "cargo")

Value = TypeVar("Value")


def pack(header: Mapping[str, Any], **arrays: NDArray[Any]) -> bytes:
    """Return one byte string of a JSON header and named flat arrays, which ``unpack`` in web/message.js reads.

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


class Part:
    """One visible component: ``web/<name>.js``, named in ``web/components.js``, and ``web/<name>.css``."""

    def __init__(self, name: str) -> None:
        """Args: name: of the component and of its module."""
        self._view = st.components.v2.component(f"curation_{name}", js=_LOADER % name)

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
