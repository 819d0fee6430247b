"""What a step of a story is made of: text, numbers, pictures, charts, small tables. Text is data, never markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import plotly.graph_objects as go

Mark = Literal["", "right", "wrong"]


@dataclass(frozen=True)
class Numbers:
    """Large numbers, each with what it is: (value, words)."""

    items: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Shares:
    """One bar that is divided: (words, value, color)."""

    items: Sequence[tuple[str, float, str]]
    caption: str = ""


@dataclass(frozen=True)
class Chart:
    """A Plotly figure; name: unique in its step; caption: what is seen, which also stands where it cannot be drawn."""

    name: str
    figure: go.Figure
    caption: str


@dataclass(frozen=True)
class Pictures:
    """Pictures in a row or grid.

    images: uint8 M×H×W×C; captions: M, of one or two lines each; marks: M, what a classifier makes of each; size: how
    large they are shown, a strip all in one row where there is room; caption: of all of them.
    """

    images: np.ndarray
    captions: Sequence[tuple[str, ...]]
    caption: str = ""
    marks: Sequence[Mark] = ()
    size: Literal["small", "large", "strip"] = "small"


@dataclass(frozen=True)
class Table:
    """Rows of text under named columns."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""


@dataclass(frozen=True)
class Points:
    """Sentences that stand each for itself."""

    sentences: Sequence[str]


Block = Numbers | Shares | Chart | Pictures | Table | Points


@dataclass(frozen=True)
class Told:
    """What a step says and shows. lead: the one sentence to remember; terms: those of the glossary that it uses."""

    lead: str
    sentences: Sequence[str] = ()
    blocks: Sequence[Block] = ()
    terms: Sequence[str] = ()


@dataclass(frozen=True)
class Missing:
    """Why a step cannot be told yet, and the command after which it can."""

    why: str
    command: str
