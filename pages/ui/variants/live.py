"""Any attack on any sample, live: move epsilon and see what the goal model predicts, pass by pass."""

from __future__ import annotations

from typing import Any

import streamlit as st

from curation.analysis.inspection import Live, affordable_steps, live, magnified, pass_seconds, spectrum
from curation.attacks import ATTACKS
from curation.attacks.base import Attack
from curation.attacks.losses import LOSSES, remark
from curation.errors import CurationError, UsageError
from curation.figures import curation as figures
from curation.plugin import fingerprint
from curation.progress import duration
from curation.scores.entropy import Entropy
from pages.ui import session
from pages.ui.forms import settings_form
from pages.ui.prepared import Prepared
from pages.ui.variants import subject

AT_ONCE_S = 0.8
"""An attack that costs more waits for a click, and the number of steps offered first costs less."""

PANEL_PX = 240


def draw(prepared: Prepared) -> None:
    """Draw the view."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        sample_id = subject.choose(prepared)
        name = st.selectbox(
            "Attack",
            ATTACKS.names,
            index=ATTACKS.names.index("pgd"),
            format_func=lambda n: ATTACKS[n].title,
            key="live-attack",
            width=300,
        )
        factor = st.slider("Magnify perturbation", 1, 30, session.MAGNIFY.default, key=session.MAGNIFY.key, width=200)
    pass_s = _pass_s(prepared.pipeline.plan.model_key, prepared)
    classes = prepared.pipeline.samples.classes
    try:
        attack = _parameters(name, pass_s, len(classes))
    except UsageError as error:
        st.error(str(error))
        return
    note = remark(getattr(attack, "loss", "ce"), len(classes))
    if note:
        st.caption(note)
    cost_s = attack.most_passes(len(classes)) * pass_s
    plan = prepared.pipeline.plan
    given = prepared.recipe.selection.edits.relabel.get(sample_id, plan.samples.label_of(sample_id))
    of = [plan.samples.digest, sample_id, given, [column.tolist() for column in plan.donors(attack)]]
    key = fingerprint(
        [plan.model_digest, prepared.recipe.seed, *of, prepared.pipeline.plan.equipped(attack).identity()]
    )
    if cost_s > 2 * AT_ONCE_S and key not in session.ATTACKED.get():
        st.caption(f"This attack takes up to about {duration(cost_s)}.")
        if not st.button("Attack", type="primary", icon=":material/bolt:"):
            return
        session.ATTACKED.set(session.ATTACKED.get() | {key})
    try:
        found = _attacked(key, prepared, sample_id, attack)
    except CurationError as error:
        st.error(str(error))
        return
    _show(prepared, sample_id, attack, found, factor)


@st.cache_resource(max_entries=16, show_spinner=False)
def _pass_s(model_key: str, _prepared: Prepared) -> float:
    return pass_seconds(_prepared.pipeline)


def _parameters(name: str, pass_s: float, classes: int) -> Attack:
    """Draw an attack's parameters. Raises: UsageError."""
    fields = ATTACKS[name].model_fields
    values: dict[str, Any] = {}
    steps = affordable_steps(ATTACKS.build(name), classes=classes, pass_s=pass_s, within_s=AT_ONCE_S)
    if steps is not None:
        values["steps"] = steps
    shown = []
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if "norm" in fields:
            shown.append("norm")
            values["norm"] = st.segmented_control(
                "Norm",
                ["linf", "l2"],
                default="linf",
                required=True,
                key=f"live-{name}-norm",
                format_func=lambda norm: {"linf": "L∞", "l2": "L2"}[norm],
            )
        if "epsilon" in fields:
            shown.append("epsilon")
            if values.get("norm") == "l2":
                values["epsilon"] = st.slider(
                    "ε (L2)",
                    0.1,
                    5.0,
                    0.5,
                    0.1,
                    key=f"live-{name}-l2",
                    width=320,
                    help="The root of the squared changes of all pixels: 0.5 is usual at 32×32 px, 3 at 224×224.",
                )
            else:
                level = st.slider("ε, in 255ths", 1, 64, 8, key=f"live-{name}-linf", width=320)
                values["epsilon"] = f"{level}/255"
        if "loss" in fields:
            shown.append("loss")
            names = list(LOSSES)
            usual_loss = names.index(ATTACKS[name].model_fields["loss"].get_default())
            values["loss"] = st.selectbox("Loss", names, usual_loss, key=f"live-{name}-loss", width=110)
        if "steps" in fields:
            shown.append("steps")
            values["steps"] = st.number_input("Steps", 1, 10_000, values["steps"], key=f"live-{name}-steps", width=130)
    others = [field for field in fields if field not in shown]
    if others:
        with st.expander("More parameters"):
            values |= settings_form(ATTACKS[name], {}, key=f"live-{name}", leave_out=shown)
    return ATTACKS.build(name, values)


@st.cache_resource(max_entries=128, show_spinner="Attacking …")
def _attacked(key: str, _prepared: Prepared, sample_id: int, _attack: Attack) -> Live:
    return live(_prepared.pipeline, sample_id, _attack)


def _show(prepared: Prepared, sample_id: int, attack: Attack, found: Live, factor: int) -> None:
    samples = prepared.pipeline.samples
    clean, label, final = samples.image_of(sample_id), found.label, found.probabilities
    panels, said = st.columns([3, 2], gap="medium")
    subject.compared(
        (clean, found.image, magnified(clean, found.image, factor=factor), spectrum(clean, found.image)),
        side_px=PANEL_PX,
        caption=f"Original, {samples.classes[label]} · attacked · perturbation × {factor} · its spectrum",
        where=panels,
    )
    with said:
        st.markdown(f"**{attack.title}** changes pixels by L∞ {found.linf * 255:.0f}/255, L2 {found.l2:.2f}.")
        if not found.fooled:
            st.caption("The goal model is still correct: try a larger ε, more steps or another loss (ce).")
        subject.verdict(prepared, final, label, found.entropy, found.clean_entropy)
    if len(found.logits) < 2:
        return
    st.markdown("**The goal model's prediction, pass by pass**")
    path, most = found.path, Entropy.hardest(len(samples.classes))
    st.plotly_chart(
        figures.attack_path(path["entropy"].to_numpy(), path["true_probability"].to_numpy(), top=most),
        config={"displayModeBar": False},
        key="attack-path",
    )
