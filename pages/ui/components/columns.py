"""The map's places, columns and copies as messages, each made once a fingerprint."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from curation.analysis.map_columns import (
    Column,
    Copies,
    bits,
    digest,
    encoded_column,
    encoded_copies,
    encoded_places,
    identify_copies,
)
from pages.ui.components.wire import pack_columns


@st.cache_resource(max_entries=8, show_spinner=False)
def send_places(identity: str, _xy: NDArray[Any], _ids: NDArray[Any] | None) -> bytes:
    """Return the message of all places; see ``encoded_places``."""
    header, arrays = encoded_places(_xy, _ids)
    return pack_columns(identity, header, padded=True, **arrays)


@st.cache_resource(max_entries=32, show_spinner=False)
def send_column(identity: str, _column: Column) -> bytes:
    """Return the message of one column; see ``encoded_column``."""
    header, arrays = encoded_column(_column)
    return pack_columns(identity, header, padded=True, **arrays)


def send_flags(flags: NDArray[np.bool_]) -> tuple[str, bytes]:
    """Return the fingerprint and the message of one bit a point."""
    packed = bits(flags)
    identity = f"f-{digest(packed)}"
    # Not padded to a length that the browser keeps: a few kilobytes are cheaper sent again than filled up to ten.
    return identity, pack_columns(identity, {}, padded=False, bits=packed)


def send_copies(copies: Copies, number: int) -> tuple[str, bytes]:
    """Return the fingerprint and the message of the copies; see ``encoded_copies``. Args: number: of points."""
    identity = identify_copies(copies)
    return identity, _copies(identity, copies, number)


@st.cache_resource(max_entries=16, show_spinner=False)
def _copies(identity: str, _copies: Copies, _number: int) -> bytes:
    header, arrays = encoded_copies(_copies, _number)
    return pack_columns(identity, header, padded=True, **arrays)
