"""Charts of suspicious labels: Plotly figures built from arrays, without a background."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from curation.figures.curation import ACCENT, FAMILY_COLORS, plain
from curation.figures.evaluation import confusion

BINS = 50


def pairs(counts: np.ndarray, classes: Sequence[str], *, ink: str | None = None) -> go.Figure:
    """Return a matrix of how many samples of each given class look like each other one. Cells can be selected.

    Args: counts: int K×K, rows the given classes; ink: color of the numbers; None: that of the page's charts.
    """
    figure = confusion(counts, classes, by_row=False, ink=ink)
    figure.data[-1].hovertemplate = "given %{y}, looks like %{x}: %{customdata[0]:,}<extra></extra>"
    return figure


def suspicion(values: np.ndarray, wrong: np.ndarray | None = None, *, height_px: int = 230) -> go.Figure:
    """Return the histogram of a label score.

    Args: values: float N, larger is more suspicious; wrong: bool N, which labels are truly wrong, drawn apart.
    """
    edges = np.linspace(values.min(), max(values.max(), values.min() + 1e-9), BINS + 1)
    groups = {"": (values, ACCENT)}
    if wrong is not None:
        groups = {
            "label is right": (values[~wrong], ACCENT),
            "truly wrong": (values[wrong], FAMILY_COLORS["corruption"]),
        }
    figure = go.Figure(
        [
            go.Bar(
                x=(edges[:-1] + edges[1:]) / 2,
                y=np.histogram(some, edges)[0],
                width=edges[1] - edges[0],
                name=name,
                marker_color=color,
                opacity=1.0 if wrong is None else 0.75,  # over each other: on a logarithmic axis stacks mislead
                hovertemplate=f"%{{x:.3g}}: %{{y:,}} {name}<extra></extra>",
                showlegend=bool(name),
            )
            for name, (some, color) in groups.items()
        ]
    )
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(title="less suspicious → more suspicious")
    figure.update_yaxes(type="log", title="samples")
    return plain(figure, height_px=height_px)
