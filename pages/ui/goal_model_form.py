"""The form of the goal model: a preset and a few fields first, the rest by what it is about."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import streamlit as st

from curation.models.architectures import ARCHITECTURES
from curation.plugin import fingerprint
from curation.recipe import GoalModel, kept_epochs
from curation.training.methods import METHODS
from curation.training.samplers import SAMPLERS
from curation.training.settings import PRESETS, Training
from pages.ui import start_from, state
from pages.ui.forms import settings_form

PRESET_WORDS = {
    "fast": ("Fast", "good accuracy in few epochs, for a first look"),
    "contest": ("Contest", "the fixed schedule of the AAAI-2022 challenge: 200 epochs"),
    "rebuffi": ("Robust", "TRADES with CutMix and averaged weights after Rebuffi et al.: 400 epochs, for a GPU"),
}

FIRST = ("method", "epochs", "batch_size", "learning_rate")

GROUPS = {
    "Attack": ("epsilon", "steps", "beta"),
    "Schedule": (
        "warm_up",
        "anneal",
        "momentum",
        "nesterov",
        "weight_decay",
        "decay_norms",
        "average",
        "last_batch",
        "seed",
    ),
    "Loss": ("loss", "huber_delta", "label_smoothing", "entropy_weight", "entropy_order"),
    "Augmentation": (
        "augment",
        "crop_padding_px",
        "flip",
        "rotation_degrees",
        "zoom",
        "color",
        "cutout_px",
        "cutmix",
        "mixup",
        "noise",
    ),
    "Network": ("dropout", "drop_block", "layer_noise"),
}

REST = "Machine"
"""The group of all fields that no other has."""


def draw(chosen: GoalModel) -> None:
    """Draw presets and form; what is sent becomes the recipe's goal model, if the recipe allows it."""
    st.caption(
        "Start from a preset, then change what you need: "
        + "; ".join(f"**{title}**: {words}" for title, words in PRESET_WORDS.values())
        + "."
    )
    with st.container(horizontal=True):
        for name, (title, _) in PRESET_WORDS.items():
            st.button(title, key=f"preset-{name}", on_click=_preset, args=(name,), icon=":material/bolt:")
    with st.form("goal-model", border=False):
        first, *tabs = st.tabs(["Basics", *GROUPS, "Images and scores", REST])
        with first:
            about = _basics(chosen)
            train = _train(chosen, FIRST)
        for tab, fields in zip(tabs, GROUPS.values(), strict=False):
            with tab:
                train |= _train(chosen, fields)
        method = METHODS[chosen.train.method]
        with tabs[0]:
            own = settings_form(
                method,
                chosen.train.model_dump(mode="json"),
                key=f"train-{method.name}",
                leave_out=Training.model_fields,
            )
            st.caption(f"They count where the method is one that attacks; now: {method.title}.")
        if train["method"] == method.name:
            train |= own
        with tabs[-2]:
            train["sampling"] = _sampling(chosen)
            more = _images_and_scores(chosen)
        with tabs[-1]:
            listed = {*FIRST, *(field for fields in GROUPS.values() for field in fields), "preset", "sampling", "decay"}
            train |= _train(chosen, [field for field in Training.model_fields if field not in listed])
        train["decay"] = chosen.train.decay
        if st.form_submit_button("Use these settings", type="primary"):
            _use({**about, "train": train, **more})


def _preset(name: str) -> None:
    assert name in PRESETS
    state.change(**{"goal_model.train": {"preset": name}})


def _train(chosen: GoalModel, fields: Collection[str]) -> dict[str, Any]:
    """Draw some fields of the training."""
    values: dict[str, Any] = chosen.train.model_dump(mode="json")
    others = [name for name in Training.model_fields if name not in fields]
    # A widget with a key keeps its value: another preset, or undo, has others.
    found: dict[str, Any] = settings_form(Training, values, key=f"train-{fingerprint(values)}", leave_out=others)
    return found


def _basics(chosen: GoalModel) -> dict[str, Any]:
    names, current = [*ARCHITECTURES], chosen.architecture
    architecture = st.selectbox(
        "Architecture",
        names if current in names else [*names, current],
        index=names.index(current) if current in names else len(names),
        help="Also torchvision/<name> and timm/<name>, where installed.",
        accept_new_options=True,
    )
    checkpoint = st.text_input(
        "Weights",
        value=chosen.checkpoint or "",
        placeholder="path of a .safetensors file or a state dict; empty: train",
        help=GoalModel.model_fields["checkpoint"].description,
    )
    start = start_from.draw(chosen.start_from)
    return {"architecture": architecture, "checkpoint": checkpoint.strip() or None, "start_from": start}


def _sampling(chosen: GoalModel) -> dict[str, Any] | None:
    now = chosen.train.sampling
    offered = ["", *(sampler.name for sampler in SAMPLERS if not sampler.of_variants)]
    sampling = st.selectbox(
        "Images of an epoch",
        offered,
        index=offered.index(now.name if now else ""),
        format_func=lambda name: SAMPLERS[name].title if name else "All, shuffled",
        help="Which images each epoch shows, in which order and with which weights.",
    )
    sampled = {"method": sampling} if sampling else None
    if now is not None:
        own = settings_form(type(now), now.model_dump(mode="json"), key=f"train-{now.name}")
        sampled = {**sampled, **own} if sampled and now.name == sampling else sampled
    return sampled


def _images_and_scores(chosen: GoalModel) -> dict[str, Any]:
    which = settings_form(
        GoalModel,
        chosen.model_dump(mode="json"),
        key="goal",
        leave_out=("architecture", "checkpoint", "start_from", "train", "dropout", "early_epochs"),
    )
    st.caption("Monte Carlo dropout: with 2 passes or more there are three more scores to rank by.")
    dropout = settings_form(type(chosen.dropout), chosen.dropout.model_dump(mode="json"), key="dropout")
    early = st.multiselect(
        "Epochs for the score EL2N",
        kept_epochs(chosen.train.epochs),
        default=chosen.early_epochs,
        help="Early epochs of the training, over which the length of the error p − y is averaged; one more score "
        "to rank by. Empty: no such score.",
    )
    return {**which, "dropout": dropout, "early_epochs": early}


def _use(goal_model: dict[str, Any]) -> None:
    files = (goal_model["checkpoint"], start_from.file_of(goal_model["start_from"]))
    wrong = next((name for name in files if name and not Path(name).is_file()), None)
    if wrong:
        st.error(f"There is no file {wrong}; give the path of a safetensors file or a state dict.")
    elif state.change(goal_model=goal_model):
        st.rerun()
