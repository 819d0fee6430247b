"""Charts that both the dashboard and reports show: Plotly figures built from arrays, without a background."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from curation.plugin import plain_name

FAMILY_COLORS: dict[str, str] = {"clean": "#0d9488", "corruption": "#d97706", "adversarial": "#c026a8"}
"""One color per family, legible on light and dark backgrounds and distinguishable with color blindness."""

FAMILY_WORDS = {"clean": "Clean", "corruption": "Corrupted", "adversarial": "Adversarial"}
ACCENT = "#4f46e5"


def plain(figure: go.Figure, *, height_px: int) -> go.Figure:
    """Return the figure without background and margins, its legend above; the same for every chart."""
    figure.update_layout(
        height=height_px,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        bargap=0.25,
        legend={"orientation": "h", "y": 1.12, "x": 0, "title": None},
        hovermode="closest",
    )
    return figure


def class_counts(counts: np.ndarray, classes: Sequence[str], *, height_px: int = 220) -> go.Figure:
    """Return bars of samples per class; counts: int K."""
    figure = go.Figure(
        go.Bar(x=list(classes), y=counts, marker_color=ACCENT, hovertemplate="%{x}: %{y:,}<extra></extra>")
    )
    figure.update_xaxes(type="category")
    return plain(figure, height_px=height_px)


def composition(counts: Mapping[str, np.ndarray], classes: Sequence[str], *, height_px: int = 300) -> go.Figure:
    """Return bars of selected images per class, stacked by family; counts: family → int K."""
    figure = go.Figure(
        [
            go.Bar(
                x=list(classes),
                y=values,
                name=FAMILY_WORDS[family],
                marker_color=FAMILY_COLORS[family],
                hovertemplate=f"%{{x}}, {FAMILY_WORDS[family].lower()}: %{{y:,}}<extra></extra>",
            )
            for family, values in counts.items()
        ]
    )
    figure.update_layout(barmode="stack")
    figure.update_xaxes(type="category")
    return plain(figure, height_px=height_px)


def kinds(names: Sequence[str], chosen: np.ndarray, offered: np.ndarray, *, height_px: int = 380) -> go.Figure:
    """Return horizontal bars of the share of each kind's candidates that was chosen; chosen, offered: int M."""
    share = np.divide(chosen, offered, out=np.zeros(len(names)), where=offered > 0)
    figure = go.Figure(
        go.Bar(
            x=share,
            y=[plain_name(name) for name in names],
            orientation="h",
            marker_color=FAMILY_COLORS["corruption"],
            customdata=np.column_stack([chosen, offered]),
            hovertemplate="%{y}: %{customdata[0]:,} of %{customdata[1]:,}<extra></extra>",
        )
    )
    figure.update_xaxes(tickformat=".0%", rangemode="tozero")
    figure.update_yaxes(autorange="reversed")
    return plain(figure, height_px=height_px)


def training(history: Sequence[Mapping[str, float]], *, height_px: int = 220) -> go.Figure:
    """Return the curves of a goal model's loss and accuracy; history: one row per epoch."""
    epochs = [row["epoch"] for row in history]
    figure = go.Figure(
        [
            go.Scatter(
                x=epochs, y=[row["loss"] for row in history], name="Loss", line_color=FAMILY_COLORS["corruption"]
            ),
            go.Scatter(
                x=epochs, y=[row["accuracy"] for row in history], name="Accuracy", yaxis="y2", line_color=ACCENT
            ),
        ]
    )
    figure.update_layout(yaxis2={"overlaying": "y", "side": "right", "tickformat": ".0%", "showgrid": False})
    figure.update_xaxes(title="epoch", dtick=max(1, len(epochs) // 10))
    return plain(figure, height_px=height_px)


def severity_curves(
    table: pd.DataFrame, column: str, *, highlight: str | None, top: float, height_px: int = 260
) -> go.Figure:
    """Return one curve per corruption over the severities; table: kind, severity and the column; highlight: a kind."""
    figure = go.Figure()
    names = list(dict.fromkeys(table["kind"]))
    for name in sorted(names, key=lambda name: name == highlight):
        mine = table[table["kind"] == name].sort_values("severity")
        strong = name == highlight
        figure.add_scatter(
            x=mine["severity"].to_numpy(),
            y=mine[column].to_numpy(),
            mode="lines+markers" if strong else "lines",
            name=plain_name(name),
            line={
                "color": FAMILY_COLORS["corruption"] if strong else "rgba(128,128,128,.45)",
                "width": 3 if strong else 1.2,
            },
            hovertemplate=f"{plain_name(name)} %{{x}}: %{{y:.3f}}<extra></extra>",
            showlegend=strong,
        )
    figure.update_xaxes(dtick=1, range=[0.9, 5.1], title="severity")
    figure.update_yaxes(range=[0, top * 1.03])
    return plain(figure, height_px=height_px)


def coverage_curves(groups: Sequence[Mapping[str, Any]], *, height_px: int = 260) -> go.Figure:
    """Return the share of candidates covered against the share chosen, a curve a family, and by chance, dashed.

    Args: groups: of ``Pipeline.coverage``; a family's classes are averaged by how many candidates they have.
    """
    figure = go.Figure()
    grid = np.linspace(0, 1, 101)
    for family in dict.fromkeys(group["family"] for group in groups):
        mine = [group for group in groups if group["family"] == family]
        offered = np.array([group["offered"] for group in mine], dtype=np.float64)
        most = max(group["chosen"] / max(group["offered"], 1) for group in mine)
        for name, dash in (("curve", "solid"), ("by_chance", "dash")):
            curves = [np.interp(grid * group["chosen"], group["steps"], group[name]) for group in mine]
            figure.add_scatter(
                x=grid * most,
                y=np.average(curves, axis=0, weights=offered),
                name=FAMILY_WORDS[family] + (" at random" if name == "by_chance" else ""),
                line={"color": FAMILY_COLORS[family], "dash": dash, "width": 1.5 if dash == "dash" else 2.5},
                hovertemplate="%{x:.1%} chosen cover %{y:.1%}<extra></extra>",
            )
    figure.update_xaxes(title="share of the candidates chosen", tickformat=".0%", rangemode="tozero")
    figure.update_yaxes(title="within the radius", tickformat=".0%", range=[0, 1.02])
    return plain(figure, height_px=height_px)


def attack_path(entropies: np.ndarray, probabilities: np.ndarray, *, top: float, height_px: int = 260) -> go.Figure:
    """Return how entropy (nats, left) and the true class's probability (right) change pass by pass; float T each."""
    passes = np.arange(1, len(entropies) + 1)
    figure = go.Figure(
        [
            go.Scatter(x=passes, y=entropies, name="Entropy, nats", line_color=FAMILY_COLORS["adversarial"]),
            go.Scatter(x=passes, y=probabilities, name="P(true class)", yaxis="y2", line_color=ACCENT),
        ]
    )
    figure.update_layout(
        yaxis={"range": [0, top * 1.03]},
        yaxis2={
            "overlaying": "y",
            "side": "right",
            "range": [0, 1.03],
            "tickformat": ".0%",
            "dtick": 0.25,
            "showgrid": False,
        },
    )
    figure.update_xaxes(title="pass through the goal model")
    return plain(figure, height_px=height_px)


def class_rates(rates: np.ndarray, classes: Sequence[str], *, family: str, height_px: int = 260) -> go.Figure:
    """Return bars of the share of each class's samples that a variant makes wrong; rates: float K, NaN: none."""
    figure = go.Figure(
        go.Bar(
            x=list(classes),
            y=rates,
            marker_color=FAMILY_COLORS[family],
            hovertemplate="%{x}: %{y:.1%}<extra></extra>",
        )
    )
    figure.update_xaxes(type="category")
    figure.update_yaxes(tickformat=".0%", range=[0, 1])
    return plain(figure, height_px=height_px)


def two_histograms(a: np.ndarray, b: np.ndarray, *, names: tuple[str, str], height_px: int = 240) -> go.Figure:
    """Draw two sets' shares of images by uncertainty over each other; a, b: of bins from 0 to the largest."""
    edges = np.linspace(0, 1, len(a) + 1)
    figure = go.Figure()
    for values, name, color in zip((a, b), names, ("#6b7280", ACCENT), strict=True):
        figure.add_scatter(
            x=edges,
            y=np.append(values, values[-1:]),
            name=name,
            mode="lines",
            line={"shape": "hv", "color": color, "width": 2},
        )
    figure.update_xaxes(title="entropy, of ln K", tickformat=".0%")
    figure.update_yaxes(title="share of the set", tickformat=".0%", rangemode="tozero")
    return plain(figure, height_px=height_px)
