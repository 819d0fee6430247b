"""Charts of tunings: Plotly figures built from arrays, without a background."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from curation.figures.curation import ACCENT, FAMILY_COLORS, plain
from curation.figures.evaluation import GRAY


def search(
    values: np.ndarray, reached: np.ndarray, *, name: str, color: str, share: bool = True, height_px: int = 240
) -> go.Figure:
    """Return R of each trial against one searched parameter.

    Args: values, reached: float T, reached in [0, 1]; share: the number is a share too, so that its axis has all of it.
    """
    figure = go.Figure(
        go.Scatter(
            x=values,
            y=reached,
            mode="markers",
            marker={"color": color, "size": 10, "opacity": 0.75},
            hovertemplate=f"{name} %{{x:{'.1%' if share else '.3g'}}}: R %{{y:.1%}}<extra></extra>",
        )
    )
    figure.update_xaxes(title=name, rangemode="tozero", zeroline=False)
    if share:
        figure.update_xaxes(range=[-0.03, 1.03], tickformat=".0%", dtick=0.25)
    figure.update_yaxes(tickformat=".0%", range=[-0.03, 1.03], zeroline=False)
    plain(figure, height_px=height_px)
    figure.update_layout(margin={"r": 18})
    return figure


def progress(numbers: np.ndarray, reached: np.ndarray, *, height_px: int = 220) -> go.Figure:
    """Return R of each trial in order, and the best so far; numbers: int T; reached: float T in [0, 1]."""
    figure = go.Figure(
        [
            go.Scatter(
                x=numbers,
                y=reached,
                mode="markers",
                name="one trial",
                marker={"color": GRAY, "size": 8},
                hovertemplate="trial %{x}: R %{y:.1%}<extra></extra>",
            ),
            go.Scatter(
                x=numbers,
                y=np.maximum.accumulate(reached) if len(reached) else reached,
                mode="lines",
                name="best so far",
                line={"color": ACCENT, "width": 2.5, "shape": "hv"},
                hoverinfo="skip",
            ),
        ]
    )
    figure.update_xaxes(title="trial", dtick=max(1, int(np.max(numbers, initial=0)) // 10), rangemode="nonnegative")
    figure.update_yaxes(tickformat=".0%", range=[-0.03, 1.03], zeroline=False)
    return plain(figure, height_px=height_px)


def goal_models(reached: Mapping[str, np.ndarray], as_it_is: Mapping[str, float], *, height_px: int = 280) -> go.Figure:
    """Return R of the trials under each goal model, and of the recipe that differs in nothing else.

    Args: reached: float T in [0, 1] by goal model; as_it_is: R by goal model, of those where it was measured.
    """
    names = [name for name, found in reached.items() for _ in found]
    values = np.concatenate([*reached.values()]) if reached else np.empty(0)
    figure = go.Figure(
        [
            go.Scatter(
                x=names,
                y=values,
                mode="markers",
                name="one trial",
                marker={"color": GRAY, "size": 8, "opacity": 0.75},
                hovertemplate="%{x}: R %{y:.1%}<extra></extra>",
            ),
            go.Scatter(
                x=list(as_it_is),
                y=list(as_it_is.values()),
                mode="markers",
                name="the recipe otherwise as it is",
                marker={"color": ACCENT, "size": 13, "symbol": "diamond"},
                hovertemplate="%{x}, the recipe otherwise as it is: R %{y:.1%}<extra></extra>",
            ),
        ]
    )
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=list(reached), showgrid=False)
    figure.update_yaxes(title="R", tickformat=".0%", zeroline=False)
    return plain(figure, height_px=height_px)


LIGHT_ENOUGH = sample_colorscale("Plasma", np.linspace(0.25, 0.95, 9))
"""Colors of which neither end is lost on a dark or a light page."""


def mixes(
    shares: np.ndarray, reached: np.ndarray, *, marked: Mapping[str, int] | None = None, height_px: int = 320
) -> go.Figure:
    """Return the triangle of mixes, colored by R.

    shares: float T×3, of clean, corrupted and adversarial images; reached: float T in [0, 1]; marked: rings by what
    they are called and the trial they are around.
    """
    figure = go.Figure(
        go.Scatterternary(
            a=shares[:, 0],
            b=shares[:, 1],
            c=shares[:, 2],
            mode="markers",
            marker={
                "size": 11,
                "color": 100 * reached,
                "colorscale": LIGHT_ENOUGH,
                "colorbar": {"title": "R, %", "thickness": 12, "outlinewidth": 0},
                "line": {"width": 0.5, "color": "rgba(128,128,128,.8)"},
            },
            hovertemplate="clean %{a:.2f}, corrupted %{b:.2f}, adversarial %{c:.2f}: R %{marker.color:.1f} %"
            "<extra></extra>",
            cliponaxis=False,
            showlegend=False,
        )
    )
    for ring, (words, at) in enumerate((marked or {}).items()):
        figure.add_scatterternary(
            a=shares[[at], 0],
            b=shares[[at], 1],
            c=shares[[at], 2],
            mode="markers",
            name=words,
            # Unlike sizes, so that two rings around one mix are both seen.
            marker={
                "symbol": "circle-open",
                "size": 19 + 8 * ring,
                "line": {"width": 2.5},
                "color": (ACCENT, FAMILY_COLORS["corruption"])[ring % 2],
            },
            hoverinfo="skip",
            cliponaxis=False,
        )
    axis = {"showticklabels": False, "gridcolor": "rgba(128,128,128,.3)", "linecolor": "rgba(128,128,128,.8)"}
    figure.update_layout(
        ternary={
            "bgcolor": "rgba(0,0,0,0)",
            "sum": 1,
            "aaxis": {**axis, "title": "Clean"},
            "baxis": {**axis, "title": "Corrupted"},
            "caxis": {**axis, "title": "Adversarial"},
        }
    )
    plain(figure, height_px=height_px)
    figure.update_layout(
        margin={"t": 66, "b": 28, "l": 40, "r": 40}, legend={"yref": "container", "y": 1, "yanchor": "top"}
    )
    return figure
