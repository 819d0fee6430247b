"""Charts of presentations: few words, no units that need explaining; Plotly figures built from arrays."""

from __future__ import annotations

import html
from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from curation.figures.curation import FAMILY_COLORS, plain
from curation.figures.evaluation import GRAY

_PALE = "rgba(139,147,161,.35)"


def literal(text: str, *, most: int = 28) -> str:
    """Return a name as a figure shows it letter by letter: Plotly reads tags and entities in its texts."""
    return html.escape(text if len(text) <= most else text[: most - 1] + "…", quote=False)


def larger(figure: go.Figure, *, font_px: int = 14) -> go.Figure:
    """Return a copy of a figure with larger letters, for those who sit far away."""
    large = go.Figure(figure).update_layout(font_size=font_px, legend_font_size=font_px)
    large.update_xaxes(tickfont_size=font_px, title_font_size=font_px)
    return large.update_yaxes(tickfont_size=font_px, title_font_size=font_px)


def hardness(shares: np.ndarray, *, family: str, upper: float, lower: float, height_px: int = 260) -> go.Figure:
    """Return how many candidates are how uncertain: those chosen from in color, those too hard dark, the others pale.

    Args: shares: float N in [0, 1], the candidates' uncertainty; upper, lower: the edges of the band, likewise.
    """
    figure = go.Figure()
    edges = np.linspace(0, 1, 41)
    parts = (
        ("too hard, skipped", shares > upper, GRAY),
        ("where images are chosen", (shares <= upper) & (shares >= lower), FAMILY_COLORS[family]),
        ("surer than needed", shares < lower, _PALE),
    )
    for name, of, color in parts:
        counts = np.histogram(np.clip(shares[of], 0, 1), edges)[0]
        figure.add_bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=counts,
            name=name,
            marker={"color": color, "line": {"width": 0}},
            hovertemplate="uncertainty %{x:.0%}: %{y:,} images<extra>" + name + "</extra>",
        )
    figure.update_xaxes(title="uncertainty of the goal model", tickformat=".0%", range=[0, 1], zeroline=False)
    # A few sure images too many would flatten all that matters.
    figure.update_yaxes(title="images", type="log", dtick=1, exponentformat="none", separatethousands=True)
    plain(figure, height_px=height_px)
    figure.update_layout(barmode="stack", bargap=0.06)
    return figure


def overlaid(shares: Mapping[str, np.ndarray], colors: Mapping[str, str], *, height_px: int = 280) -> go.Figure:
    """Return how uncertain the images of some sets are, an outline each; shares: by name, float N in [0, 1]."""
    figure = go.Figure()
    edges = np.linspace(0, 1, 21)
    for name, values in shares.items():
        counts = np.histogram(np.clip(values, 0, 1), edges)[0]
        figure.add_scatter(
            x=edges,
            y=np.append(counts, counts[-1]) / max(1, counts.sum()),
            name=literal(name),
            mode="lines",
            fill="tozeroy",
            line={"shape": "hv", "width": 2.5, "color": colors[name]},
            opacity=0.7,
            hovertemplate="uncertainty %{x:.0%}: %{y:.0%} of the images<extra>" + literal(name) + "</extra>",
        )
    figure.update_xaxes(title="uncertainty of the goal model", tickformat=".0%", range=[0, 1], zeroline=False)
    figure.update_yaxes(title="share of the set", tickformat=".0%", rangemode="tozero")
    return plain(figure, height_px=height_px)
