"""The start page: the boundary samples once there are any, else the workspace."""

import streamlit as st

from pages.ui import state

found = state.workspace()
computed = found is not None and bool(found.kept("pools"))
st.switch_page("boundary.py" if computed else "workspace.py", query_params=st.query_params.to_dict())
