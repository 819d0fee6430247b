"""One step at a time, in large type; nothing here changes the recipe."""

from __future__ import annotations

from typing import Any

import streamlit as st

from curation.figures.story import larger
from curation.plugin import fingerprint
from curation.presentation import markup
from curation.presentation.report import report
from curation.presentation.step import Block, Chart, Missing, Numbers, Pictures
from curation.presentation.steps.boundary import family_of
from curation.presentation.story import Step
from curation.presentation.subject import Subject
from curation.storage.workspace import Workspace
from pages.ui import state
from pages.ui.components import hardness_band, stage
from pages.ui.present import kept

BESIDE = 2
"""Pictures and charts that stand beside what a step says; the others stand below."""

LIVE = "hardness"
"""The chart in whose place the band stands, which can be moved."""

_STYLE = """
.st-key-story { font-size: 17px; }
.st-key-story :is(.story-numbers, .story-strip, .story-table) { margin-bottom: .8em !important; }
.st-key-story [data-testid="stHtml"], .st-key-story [data-testid="stMarkdownContainer"] { font-size: 1em; }
.st-key-present-stage {
  border-bottom: 1px solid color-mix(in srgb, currentColor 12%, transparent); padding-bottom: 10px;
}
html.presenting :is([data-testid="stSidebar"], [data-testid="stHeader"], [data-testid="stHeading"]),
html.presenting .st-key-present-bar { display: none !important; }
html.presenting .stMainBlockContainer { max-width: none; padding: 1vh 5vw 6rem; }
html.presenting .st-key-story { font-size: clamp(17px, 1.35vw, 34px); }
html.presenting .st-key-present-stage {
  position: fixed; inset: auto 0 0; z-index: 10; width: auto; padding: 10px 5vw; border: 0;
}
@media (max-width: 640px) { .st-key-story { font-size: 16px; } .st-key-story h2 { font-size: 1.6em !important; } }
"""


def style() -> None:
    """Write the style sheet of steps and of the stage."""
    st.html(f"<style>{markup.style()}{_STYLE}</style>")


def draw(found: Workspace, beside: Any) -> None:
    """Draw the stage and the step it is at. Args: beside: a place for the button that gives the report."""
    chosen = kept.settings(found)
    subject, story = kept.told(found, chosen)
    if not story.steps:
        st.info("Every step is left out; take one in under Arrange.", icon=":material/slideshow:")
        return
    names = [step.name for step in story.steps]
    wanted = state.linked("step")
    at = next((index for index, name in enumerate(names) if name == wanted), 0)
    with st.container(key="present-stage"):
        at = stage(
            [step.title for step in story.steps],
            key="stage",
            at=at,
            on_change=lambda to: state.set_linked("step", names[min(to, len(names) - 1)]),
        )
    with st.container(key="story"):
        _step(subject, story.steps[at], at + 1, len(names))
    beside.download_button(
        "Report",
        data=lambda: report(story),
        file_name=f"{found.name}-report.html",
        mime="text/html",
        icon=":material/download:",
        on_click="ignore",
        key="report",
        help="The whole story as one HTML file, to send or to print.",
    )


def _step(subject: Subject, step: Step, number: int, of: int) -> None:
    st.html(markup.head(step, number, of))
    blocks = [] if isinstance(step.told, Missing) else list(step.told.blocks)
    for block in [block for block in blocks if _wide(block)]:
        _block(subject, step, block)
    seen = [block for block in blocks if isinstance(block, Chart | Pictures) and not _wide(block)]
    said = [block for block in blocks if not isinstance(block, Chart | Pictures | Numbers)]
    left, right = st.columns([5, 7], gap="large")
    with left:
        st.html(markup.text(step))
        for block in said if seen else []:
            _block(subject, step, block)
    with right:
        for block in seen[:BESIDE] or said:
            _block(subject, step, block)
    rest = seen[BESIDE:]
    for start in range(0, len(rest), 2):
        for column, block in zip(st.columns(2, gap="large"), rest[start : start + 2], strict=False):
            with column:
                _block(subject, step, block)


def _wide(block: Block) -> bool:
    return isinstance(block, Numbers) or (isinstance(block, Pictures) and block.size == "strip")


def _block(subject: Subject, step: Step, block: Block) -> None:
    if not isinstance(block, Chart):
        st.html(markup.block(block))
    elif block.name == LIVE and not subject.redaction.hidden:  # its previews are of every class
        _band(subject)
    else:
        st.html(markup.caption(block.caption))
        st.plotly_chart(larger(block.figure), config={"displayModeBar": False}, key=f"{step.name}-{block.name}")


def _band(subject: Subject) -> None:
    """Draw the band, which can be moved to see what would be chosen, and moves nothing else."""
    family = family_of(subject)
    hard = {name: subject.ranked(name) for name in subject.families}
    offset, floor = subject.edges(family)
    st.html(markup.caption("Move the edges: the images that would be chosen follow. Nothing is changed by it."))
    hardness_band(
        {name: it.nats for name, it in hard.items()},
        key="present-band",
        fingerprint=fingerprint([subject.pipeline.pool_key, subject.recipe.selection.model_dump(mode="json"), family]),
        family=family,
        class_count=len(subject.classes),
        quota=subject.selected.quotas[family],
        offset=offset,
        floor=floor,
        previews=lambda positions: subject.pictures(subject.pool, hard[family].pool_rows[positions]),
    )
