"""The colors that charts and components share; the theme of the widgets themselves is in .streamlit/config.toml."""

from __future__ import annotations

from curation.figures.curation import FAMILY_COLORS as FAMILY_COLORS

CATEGORICAL: tuple[str, ...] = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
"""Ten class colors. Source: Petroff, "Accessible Color Sequences for Data Visualization", arXiv 2107.02270."""

SEQUENTIAL: tuple[str, ...] = (
    "#0d0887",
    "#46039f",
    "#7201a8",
    "#9c179e",
    "#bd3786",
    "#d8576b",
    "#ed7953",
    "#fb9f3a",
    "#fdca26",
)
"""Plasma without its palest tenth, perceptually uniform; read backwards on light ground, so that high stands out."""
