"""What speaks against the goal model: a warning on every page, and a question before more is computed with it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from curation import jobs
from curation.errors import CurationError
from curation.models.chance import Doubt
from curation.pipeline import in_order
from curation.pipeline.trust import doubts_of
from pages.ui import resources, session, state


def warn() -> None:
    """Draw the doubts about the working recipe's goal model, and the question that a start is waiting for."""
    found = doubts()
    for doubt in found:
        st.warning(f"{doubt.sentence[:1].upper()}{doubt.sentence[1:]}.", icon=":material/warning:")
    stages = session.ASKED_STAGES.get()
    if stages and found:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown("Compute the rest with this goal model all the same?")
            st.button("Compute all the same", on_click=_accept, key="doubt-accept", type="primary")
            st.button("Not now", on_click=_decline, key="doubt-decline")


def doubts() -> list[Doubt]:
    """Return what speaks against the working recipe's goal model; nothing where there is none yet."""
    if state.workspace() is None:
        return []
    try:
        return doubts_of(resources.pipeline().plan)
    except CurationError:  # the page says what is wrong
        return []


def asks(stages: Sequence[str]) -> bool:
    """Whether to ask before these stages are computed; the question is then drawn by ``warn``, on whatever page."""
    order = list(in_order())
    guided = any(order.index(stage) > order.index("goal_model") for stage in stages)
    waiting = guided and any(doubt.grave for doubt in doubts())
    session.ASKED_STAGES.set(tuple(stages) if waiting else ())
    return waiting


def _decline() -> None:
    session.ASKED_STAGES.pop()


def _accept() -> None:
    found, stages = state.workspace(), session.ASKED_STAGES.pop()
    assert found is not None
    jobs.submit(found, state.recipe(), stages, accept_doubts=True)
