"""The choice of where a workspace's background work runs: on this machine, or on a Ray cluster."""

from __future__ import annotations

import importlib.util
import os

import streamlit as st

from curation.engine import ENGINES
from curation.storage.workspace import Workspace
from pages.ui import session

TITLES = {"local": "This machine", "ray": "A Ray cluster"}


def choice(found: Workspace) -> None:
    """Draw the choice; jobs take it when they are started, whichever page starts them."""
    chosen = found.engine
    name = chosen.get("name", "local")

    session.ENGINE.set(name)
    session.RAY_ADDRESS.set(chosen.get("address") or "")
    session.RAY_GPUS.set(chosen.get("gpus") or 1.0)

    def keep() -> None:
        of_ray = {"address": session.RAY_ADDRESS.get().strip() or None, "gpus": session.RAY_GPUS.get()}
        found.write_engine({"name": session.ENGINE.get(), **(of_ray if session.ENGINE.get() == "ray" else {})})

    with st.expander(f"Runs on: {TITLES[name].lower()}", icon=":material/dns:"):
        st.segmented_control(
            "Background work runs on",
            ENGINES,
            required=True,
            format_func=TITLES.__getitem__,
            key=session.ENGINE.key,
            on_change=keep,
            help="The results are the same, to the byte.",
        )
        if name == "ray":
            st.text_input(
                "Address",
                placeholder=os.environ.get("RAY_ADDRESS") or "empty: a cluster of its own on this machine",
                key=session.RAY_ADDRESS.key,
                on_change=keep,
                help="auto, host:6379 or ray://host:10001. Its nodes must see the workspace and the source at the "
                "same paths; a job says so before it starts.",
            )
            st.number_input(
                "GPUs for each task",
                min_value=0.01,
                key=session.RAY_GPUS.key,
                on_change=keep,
                help="Where the nodes have GPUs; with 0.5 two tasks share one.",
            )
            if importlib.util.find_spec("ray") is None:
                st.warning("Ray is not installed: `pip install 'curation[ray]'`.", icon=":material/warning:")
