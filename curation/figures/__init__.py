"""Plotly figures that pages and reports share."""
