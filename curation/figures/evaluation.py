"""Charts of evaluations and goal models: Plotly figures built from arrays, without a background."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from curation.figures.curation import ACCENT, FAMILY_COLORS, FAMILY_WORDS, plain

GRAY = "#8b93a1"
"""Of what is there to compare with, such as a baseline."""

PART_WORDS = {**FAMILY_WORDS, "held_out": "Held-out corruptions", "white_box": "White box"}
"""The parts of P, and the attack on each target itself, with the words people see."""

PART_SHORT = {**PART_WORDS, "held_out": "Held out"}
"""The same where there is little room."""

PART_COLORS = {
    **FAMILY_COLORS,
    "held_out": FAMILY_COLORS["corruption"],
    "white_box": FAMILY_COLORS["adversarial"],
}

_ERRORS = [[0.0, "rgba(225,50,20,.65)"], [0.5, "rgba(230,120,60,.4)"], [1.0, "rgba(128,128,128,.08)"]]
_MORE = [[0.0, "rgba(128,128,128,.08)"], [1.0, "rgba(99,90,240,.65)"]]
_DIFFERENCE = [[0.0, "rgba(225,50,20,.65)"], [0.5, "rgba(128,128,128,.08)"], [1.0, "rgba(13,148,136,.65)"]]


def signed(value: float, digits: int = 1) -> str:
    """Return a number with its sign, a true minus; none where it rounds to 0."""
    text = f"{value:+.{digits}f}"
    return text.replace("-", "−") if float(text) else text[1:]


def gains(table: pd.DataFrame, *, height_px: int | None = None) -> go.Figure:
    """Return horizontal bars of what each set gains on the clean baseline, with its interval.

    table: set, role, gain, gain_low, gain_high (shares in [−1, 1]); NaN rows are left out; the first is drawn on top.
    """
    known = table[table["gain"].notna()]
    value = 100 * known["gain"].to_numpy(float)
    low, high = (100 * known[name].to_numpy(float) for name in ("gain_low", "gain_high"))
    figure = go.Figure(
        go.Bar(
            x=value,
            y=known["set"].to_numpy(str),
            orientation="h",
            marker_color=np.where(known["role"] == "recipe", ACCENT, "rgba(139,147,161,.6)"),
            error_x={"array": high - value, "arrayminus": value - low, "color": "rgba(128,128,128,.9)", "thickness": 2},
            customdata=[
                f"{signed(a)} points ({signed(b)} to {signed(c)})" for a, b, c in zip(value, low, high, strict=True)
            ],
            hovertemplate="%{y}: %{customdata}<extra></extra>",
        )
    )
    figure.add_vline(x=0, line={"color": "rgba(128,128,128,.8)", "width": 1})
    figure.update_xaxes(title="points of robustness R over clean images", zeroline=False)
    figure.update_yaxes(autorange="reversed", type="category")
    return plain(figure, height_px=height_px or 80 + 34 * max(1, len(known)))


def curves_by_epoch(table: pd.DataFrame, column: str, *, height_px: int = 320) -> go.Figure:
    """Return a curve of test accuracy by epoch for each set, the recipes' thicker.

    table: set, role, epoch and the column, shares in [0, 1].
    """
    figure = go.Figure()
    for (name, role), mine in table.groupby(["set", "role"], sort=False):
        figure.add_scatter(
            x=mine["epoch"].to_numpy(),
            y=mine[column].to_numpy(float),
            mode="lines",
            name=str(name),
            line={"width": 3 if role == "recipe" else 1.5, "dash": "solid" if role == "recipe" else "dot"},
            hovertemplate=f"{name}, epoch %{{x}}: %{{y:.1%}}<extra></extra>",
        )
    figure.update_xaxes(title="epoch")
    figure.update_yaxes(tickformat=".0%")
    return plain(figure, height_px=height_px)


def parts(table: pd.DataFrame, figures: Sequence[str], *, height_px: int | None = None) -> go.Figure:
    """Return one line of dots a set: R as a diamond, and its accuracy on each part with its interval.

    The axis begins at the lowest that is shown; the white box, usually far below, has a column of its own.

    table: set, R, and of each of ``figures`` the value, ``_low`` and ``_high``; NaN is left out.
    """
    names = table["set"].to_numpy(str)
    apart = "white_box" in figures
    figure = make_subplots(
        cols=1 + apart, shared_yaxes=True, column_widths=[0.7, 0.3] if apart else None, horizontal_spacing=0.12
    )
    lowest = 1.0
    for part in figures:
        value, low, high = (
            table[part + end].to_numpy(float) if part + end in table else np.full(len(table), np.nan)
            for end in ("", "_low", "_high")
        )
        if part != "white_box":
            lowest = min(lowest, float(np.nanmin([value, low], initial=1.0)))
        main = part == "R"
        words = "R" if main else PART_SHORT[part]
        trace = go.Scatter(
            x=value,
            y=names,
            mode="markers",
            name=words,
            marker={
                "symbol": "diamond" if main else "circle" if part in FAMILY_COLORS else "circle-open",
                "size": 13 if main else 10,
                "color": ACCENT if main else PART_COLORS[part],
            },
            error_x={"array": high - value, "arrayminus": value - low, "thickness": 1, "width": 3},
            hovertemplate=f"%{{y}}, {words}: %{{x:.1%}}<extra></extra>",
        )
        figure.add_trace(trace, row=1, col=1 + (part == "white_box"))
    first = max(0.0, np.floor(20 * lowest) / 20)
    step = 0.05 if first >= 0.8 else 0.1 if first >= 0.6 else 0.2
    figure.update_xaxes(tickformat=".0%", title_font_size=12)
    margin = (1 - first) / 25
    figure.update_xaxes(range=[first - margin, 1 + margin], tick0=1, dtick=step, zeroline=False, col=1)
    if apart:
        figure.update_xaxes(range=[-0.04, 1.04], tickvals=[0, 0.5, 1], title="white box", zeroline=False, col=2)
        figure.update_xaxes(title="R and its parts", col=1)
    figure.update_yaxes(autorange="reversed", type="category")
    plain(figure, height_px=height_px or 170 + 34 * max(1, len(names)))
    figure.update_layout(legend={"yref": "container", "y": 1, "yanchor": "top"}, margin={"t": 68, "r": 18})
    return figure


def grid(
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    counts: np.ndarray,
    *,
    difference: bool = False,
    ink: str | None = None,
) -> go.Figure:
    """Return a heat table of accuracies or of their differences, float M×C with NaN where there is nothing.

    Errors stand out in an accuracy; a difference is green where it is above 0, red below. Cells can be selected.

    Args: counts: M×C, of how many images each is; ink: color of the numbers; None: that of the page's charts.
    """
    most = max(0.01, float(np.nanmax(np.abs(values), initial=0.01))) if difference else 1.0
    digits = [
        ["" if np.isnan(value) else signed(100 * value, 0) if difference else f"{100 * value:.0f}" for value in row]
        for row in values
    ]
    figure = _table(
        values,
        rows,
        columns,
        text=digits,
        colors=_DIFFERENCE if difference else _ERRORS,
        limits=(-most if difference else 0, most),
        cells=_told(values, counts, difference),
        hover="%{y} %{x}: %{customdata}",
        ink=ink,
    )
    figure.update_xaxes(tickangle=-35 if max(map(len, columns), default=0) > 6 else 0)
    return figure


def _told(values: np.ndarray, counts: np.ndarray, difference: bool) -> np.ndarray:
    """Return what a cell says when it is pointed at."""
    out = np.full(values.shape, "", dtype=object)
    for at in np.argwhere(~np.isnan(values)):
        row, column = at
        value = 100 * values[row, column]
        words = f"{signed(value)} points" if difference else f"{value:.1f} %"
        out[row, column] = f"{words}, of {counts[row, column]:,.0f} images"
    return out


def confusion(counts: np.ndarray, classes: Sequence[str], *, by_row: bool = True, ink: str | None = None) -> go.Figure:
    """Return how often label i (a row) was predicted as class j; counts: int K×K. Cells can be selected.

    Color is the share of the row, the diagonal left out, so that a class's usual confusions stand out; unless
    ``by_row``, of the largest cell.
    """
    total = np.maximum(counts.sum(1, keepdims=True), 1)
    wrong = counts * (1 - np.eye(len(counts)))
    shares = wrong / (total if by_row else max(1, wrong.max(initial=0)))
    few = len(classes) <= 25
    return _table(
        shares,
        classes,
        classes,
        text=np.where(counts > 0, counts.astype(str), "") if few else None,
        colors=_MORE,
        limits=(0, max(0.01, float(shares.max(initial=0.0)))),
        cells=np.stack([counts, counts / total], axis=-1),
        hover="%{y} predicted as %{x}: %{customdata[0]:,} (%{customdata[1]:.1%} of the row)",
        ink=ink,
        cell_px=34 if few else 14,
    )


def shares(values: np.ndarray, names: Sequence[str], *, ink: str | None = None) -> go.Figure:
    """Return a heat table of shares between things of the same names, float M×M in [0, 1], NaN: none."""
    return _table(
        values,
        names,
        names,
        text=np.where(np.isnan(values), "", np.char.mod("%.0f", 100 * np.nan_to_num(values))),
        colors=_MORE,
        limits=(0, 1),
        cells=values,
        hover="%{y} and %{x}: %{customdata:.1%}",
        ink=ink,
        cell_px=40,
    )


def _table(
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    text: Any,
    colors: Any,
    limits: tuple[float, float],
    cells: np.ndarray,
    hover: str,
    ink: str | None,
    cell_px: int = 24,
) -> go.Figure:
    """Return a heat table with its header above.

    Unseen markers make its cells selectable, which heat maps are not; theirs is the text.

    cells: what ``hover`` tells of each, M×C or M×C×D; cells that are NaN in ``values`` have neither.
    """
    figure = go.Figure(
        go.Heatmap(
            z=values,
            x=list(columns),
            y=list(rows),
            zmin=limits[0],
            zmax=limits[1],
            colorscale=colors,
            showscale=False,
            hoverinfo="skip",
            xgap=1,
            ygap=1,
        )
    )
    down, across = np.nonzero(~np.isnan(values))
    figure.add_scatter(
        x=np.array(columns, dtype=str)[across],
        y=np.array(rows, dtype=str)[down],
        mode="markers" if text is None else "markers+text",
        text=None if text is None else np.array(text, dtype=str).reshape(values.shape)[down, across],
        textfont={"size": 11, "color": ink},
        marker={"size": cell_px, "symbol": "square", "opacity": 0, "color": GRAY},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}, "textfont": {"color": ink or GRAY}},
        customdata=cells[down, across],
        hovertemplate=f"{hover}<extra></extra>",
        showlegend=False,
    )
    figure.update_xaxes(
        type="category", side="top", range=[-0.5, len(columns) - 0.5], showgrid=False, tickfont={"size": 10}
    )
    figure.update_yaxes(type="category", range=[len(rows) - 0.5, -0.5], showgrid=False, ticks="")
    plain(figure, height_px=40 + cell_px * max(1, len(rows)))
    figure.update_layout(margin={"t": 28})
    figure.update_xaxes(automargin=True)
    return figure


def steps(
    names: Sequence[str],
    values: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    over: np.ndarray | None = None,
    height_px: int = 320,
) -> go.Figure:
    """Return a staircase: R of the first set, then what each further step adds, with its interval.

    A step whose interval takes in 0 is gray. The axis begins at the lowest that is shown, in round numbers.

    Args: values: float S, R in [0, 1]; low, high: float S, bounds of the step's gain, NaN of the first; over: int S,
        the step that each adds to, None: the one before.
    """
    reached = 100 * values
    before = np.append(reached[:1], reached[:-1]) if over is None else reached[over]
    ends = before + 100 * low, before + 100 * high
    first = max(0.0, 10 * np.floor((np.nanmin([reached, ends[0]], initial=100.0) - 2) / 10))
    change = reached - before
    clear = np.where(low > 0, FAMILY_COLORS["clean"], np.where(high < 0, "#bd1f01", GRAY))
    figure = go.Figure(
        go.Bar(
            x=list(names),
            y=np.append(reached[:1] - first, change[1:]),
            base=np.append(np.full(min(1, len(values)), first), before[1:]),
            marker_color=clear,
            customdata=values,
            hovertemplate="%{x}: R %{customdata:.1%}<extra></extra>",
        )
    )
    figure.add_scatter(
        x=list(names),
        y=reached,
        mode="markers",
        marker={"size": 1, "color": "rgba(128,128,128,.9)"},
        error_y={"array": ends[1] - reached, "arrayminus": reached - ends[0], "color": "rgba(128,128,128,.9)"},
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=list(names),
        y=np.fmax(np.fmax(reached, before), ends[1]),
        mode="text",
        text=[f"{value:.1f} %" if at == 0 else signed(change[at]) for at, value in enumerate(reached)],
        textposition="top center",
        hoverinfo="skip",
        cliponaxis=False,
    )
    top = float(np.nanmax([reached, ends[1]], initial=first + 1))
    figure.update_yaxes(
        title="R, %", range=[first, top + (top - first) / 8], tickvals=np.arange(first, 101, 5 if first > 60 else 10)
    )
    figure.update_xaxes(type="category")
    plain(figure, height_px=height_px)
    figure.update_layout(margin={"t": 24}, showlegend=False)
    return figure


def published(names: Sequence[str], points: Sequence[float], *, height_px: int = 320) -> go.Figure:
    """Return horizontal bars of published gains, in points of the contest's score; the first on top."""
    figure = go.Figure(
        go.Bar(
            x=list(points),
            y=list(names),
            orientation="h",
            marker_color=GRAY,
            text=[signed(value, 2) for value in points],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{text} points<extra></extra>",
        )
    )
    figure.update_xaxes(title="points of contest score", range=[0, 1.2 * max(points, default=1)])
    figure.update_yaxes(type="category", autorange="reversed")
    return plain(figure, height_px=height_px)


def histograms(counts: Mapping[str, np.ndarray], edges: np.ndarray, *, height_px: int = 220) -> go.Figure:
    """Return one outline a name of the share of images in each bin; counts: name → int B; edges: float B + 1."""
    figure = go.Figure()
    middle = (edges[:-1] + edges[1:]) / 2
    for name, values in counts.items():
        share = values / max(1, values.sum())
        figure.add_scatter(
            x=middle,
            y=share,
            name=name,
            mode="lines",
            line={"shape": "hvh", "width": 2},
            hovertemplate=f"{name}: %{{y:.1%}} at %{{x:.2f}} nats<extra></extra>",
        )
    figure.update_xaxes(title="entropy, nats", rangemode="tozero")
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    return plain(figure, height_px=height_px)
