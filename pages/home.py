"""Where the bare address leads: to the boundary samples when they are computed, else to the workspace."""

import contextlib

import streamlit as st

from curation.errors import CurationError
from pages.ui import resources, state

ready = False
if state.workspace() is not None:
    with contextlib.suppress(CurationError):
        ready = bool(resources.pipeline().pool_key)
st.switch_page("boundary.py" if ready else "workspace.py", query_params=st.query_params.to_dict())
