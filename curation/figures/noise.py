"""Charts of noise: Plotly figures built from arrays, without a background."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from curation.figures.curation import plain


def losses(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    colors: Mapping[str, str],
    *,
    height_px: int = 300,
) -> go.Figure:
    """Return losses by step on a logarithmic axis; curves: name → mean, low and high, float T; the band is lighter."""
    figure = go.Figure()
    for name, (value, low, high) in curves.items():
        steps = np.arange(len(value))
        figure.add_scatter(
            x=np.concatenate([steps, steps[::-1]]),
            y=np.concatenate([high, low[::-1]]),
            fill="toself",
            mode="lines",
            line={"width": 0},
            fillcolor=colors[name],
            opacity=0.2,
            hoverinfo="skip",
            showlegend=False,
        )
        figure.add_scatter(
            x=steps,
            y=value,
            name=name,
            mode="lines",
            line={"color": colors[name], "width": 2},
            hovertemplate=f"{name}: %{{y:.2~g}} at step %{{x}}<extra></extra>",
        )
    figure.update_yaxes(type="log", exponentformat="power", dtick=1)
    figure.update_xaxes(title="step")
    return plain(figure, height_px=height_px)
