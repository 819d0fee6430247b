"""A story as one HTML file that needs nothing else: no network, no server; it prints as it is."""

from __future__ import annotations

import plotly.graph_objects as go
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from curation.presentation.markup import FOLDER, style, templates
from curation.presentation.step import Chart, Told
from curation.presentation.story import Story

FONT = "ui-sans-serif, system-ui, -apple-system, Segoe UI, Roboto, sans-serif"


def report(story: Story) -> str:
    """Return the story as an HTML document. Plotly stands in it once, and only where there is a chart."""
    told = [step.told for step in story.steps if isinstance(step.told, Told)]
    charts = any(isinstance(block, Chart) for one in told for block in one.blocks)
    return (
        templates()
        .get_template("report.html.j2")
        .render(
            story=story,
            style=Markup(style() + (FOLDER / "report.css").read_text(encoding="utf-8")),
            charts=charts,
            plotly=Markup(get_plotlyjs()) if charts else "",
            figure=_figure,
        )
    )


def _figure(figure: go.Figure) -> Markup:
    """Return a figure as JSON that cannot end the element in which it stands."""
    shown = go.Figure(figure).update_layout(
        template="none", font={"family": FONT, "size": 12}, hoverlabel_bgcolor="#1c2024"
    )
    shown.update_xaxes(automargin=True, zeroline=False, ticks="", showline=False, title_standoff=10)
    shown.update_yaxes(automargin=True, zeroline=False, ticks="", showline=False, title_standoff=10)
    return Markup(shown.to_json().replace("<", "\\u003c"))
