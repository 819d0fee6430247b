"""Fine-tuning: the fields of ``goal_model.start_from``, and the offer of it for a checkpoint of other classes."""

from __future__ import annotations

from typing import Any

import streamlit as st

from curation.analysis import fine_tuning
from curation.errors import CurationError
from curation.pipeline.plan import Plan
from curation.plugin import fingerprint
from curation.recipe import StartFrom
from curation.recipe.start_from import PRETRAINED
from pages.ui import state
from pages.ui.forms import settings_form


def draw(chosen: StartFrom | None) -> dict[str, Any] | None:
    """Draw the fields inside the goal model's form and return the block, None where training starts from nothing."""
    fields = StartFrom.model_fields
    weights = st.text_input(
        "Start from",
        value=chosen.weights if chosen else "",
        placeholder="pretrained, or path of a file of weights; empty: fresh weights",
        help=f"Fine-tuning, where Weights is empty. {fields['weights'].description}",
    )
    freeze = st.text_input(
        "Freeze",
        value=", ".join(chosen.freeze) if chosen else "",
        placeholder="body, or names of layers; empty: none",
        help=fields["freeze"].description,
    )
    values = chosen.model_dump(mode="json") if chosen else {}
    # A widget with a key keeps its value: another start, from an offer or by undo, has others.
    rest = settings_form(StartFrom, values, key=f"start-{fingerprint(values)}", leave_out=("weights",))
    return {"weights": weights.strip(), "freeze": freeze, **rest} if weights.strip() else None


def file_of(start: dict[str, Any] | None) -> str | None:
    """Return the path that a block names, where it names one."""
    return None if start is None or start["weights"] == PRETRAINED else start["weights"]


def offer(plan: Plan) -> None:
    """Draw, where the recipe's checkpoint has a head of other classes, why it cannot be used and how it can."""
    if plan.recipe.goal_model.checkpoint is None:
        return
    try:
        said = _misfit(plan.model_key, plan)
    except CurationError:  # the stage says it when it runs
        return
    if said is not None:
        st.warning(f"{said[:1].upper()}{said[1:]}, or fine-tune it.", icon=":material/model_training:")
        st.button(
            "Fine-tune it with a new head",
            icon=":material/model_training:",
            key="fine-tune",
            on_click=_start,
            args=(plan,),
            help="All but its last layer is where training starts; the form below has its rates and frozen layers.",
        )


@st.cache_resource(max_entries=8, show_spinner=False)
def _misfit(key: str, _plan: Plan) -> str | None:
    return fine_tuning.misfit(_plan)


def _start(plan: Plan) -> None:
    state.change(goal_model=fine_tuning.fine_tuned(plan.recipe).model_dump(mode="json"))
