"""The colors that charts and components share; the theme of the widgets themselves is in .streamlit/config.toml.

The components read them from ``components/web/theme.js``, which ``python -m pages.ui.theme`` writes.
"""

from __future__ import annotations

import json
from pathlib import Path

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

MODULE = Path(__file__).parent / "components" / "web" / "theme.js"


def module() -> str:
    """Return the JavaScript module of these colors."""
    colors = {"FAMILIES": FAMILY_COLORS, "CATEGORICAL": CATEGORICAL, "SEQUENTIAL": SEQUENTIAL}
    lines = ["// The colors that components share with the charts: written by `python -m pages.ui.theme`.\n"]
    for name, value in colors.items():
        kind = "Record<string, string>" if isinstance(value, dict) else "string[]"
        written = json.dumps(value, indent=2).replace('"\n', '",\n')
        lines.append(f"/** @type {{{kind}}} */\nexport const {name} = {written};\n")
    return "\n".join(lines)


if __name__ == "__main__":
    MODULE.write_text(module(), "utf-8")
