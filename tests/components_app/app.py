"""A page with each component once, on synthetic columns; driven by test_components_browser.py."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import streamlit as st

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pages.ui.components import embedding_map, gallery, hardness_band, points_in_polygon

POINTS = int(st.query_params.get("points", "50000"))
PAGE = 60
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

st.set_page_config(layout="wide")


@st.cache_resource
def columns(number: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, number)
    angles = labels * 2 * np.pi / 10
    centres = 5 * np.stack([np.cos(angles), np.sin(angles)], 1)
    return {
        "labels": labels,
        "xy": (centres + generator.normal(0, 1, (number, 2))).astype(np.float32),
        "clusters": (labels * 3 + generator.integers(0, 3, number)) % 24,
        "scores": generator.beta(0.6, 1.5, number).astype(np.float32),
    }


def pictures(positions: np.ndarray) -> np.ndarray:
    rows = np.arange(32)[None, :, None, None]
    across = np.arange(32)[None, None, :, None]
    hue = np.asarray(positions)[:, None, None, None] * np.array([37, 61, 91])
    return ((rows * 5 + across * 3 + hue) % 256).astype(np.uint8)


def remember(edits: tuple) -> None:
    for edit in edits:
        st.session_state.setdefault("states", {})[edit.id] = {"include": "included", "exclude": "excluded"}.get(
            edit.action, "relabelled" if edit.action == "relabel" else ""
        )
        st.session_state.setdefault("heard", []).append(f"{edit.action}:{edit.id}:{edit.label}")


pool = columns(POINTS)
st.session_state["runs"] = st.session_state.get("runs", 0) + 1
threshold = st.slider("threshold", 0.0, 1.0, 0.5)
map_events = embedding_map(
    pool["xy"],
    key="map",
    fingerprint=f"pool-{POINTS}",
    labels=pool["labels"],
    class_names=CLASSES,
    clusters=pool["clusters"],
    scores=pool["scores"],
    selected=pool["scores"] > threshold,
)
inside = points_in_polygon(pool["xy"], map_events.polygon)
band = hardness_band(
    {
        "clean": pool["scores"][::3] * np.log(10),
        "corruption": np.sqrt(pool["scores"]) * np.log(10),
        "adversarial": np.sqrt(np.sqrt(pool["scores"])) * np.log(10),
    },
    key="band",
    fingerprint=f"pool-{POINTS}",
    family="corruption",
    class_count=10,
    quota=12_000,
    offset=st.session_state.get("offset", 0.05),
    floor=None,
    previews=pictures,
)
page = int(st.number_input("page", 0, 9, 0))
ids = np.arange(page * PAGE, (page + 1) * PAGE)
events = gallery(
    pictures(ids),
    key="gallery",
    ids=ids,
    labels=ids % 10,
    class_names=CLASSES,
    predictions=(ids + ids % 2) % 10,
    entropy_shares=1 - ids / 600,
    families=[("clean", "corruption", "adversarial")[i % 3] for i in ids],
    states=[st.session_state.get("states", {}).get(int(i), "") for i in ids],
    on_edit=remember,
)
st.text(f"inside {int(inside.sum())} corners {len(map_events.polygon or [])} picked {map_events.picked}")
st.text(f"band {band.offset:.4f} {band.floor}")
st.text(f"opened {events.opened} heard {' '.join(st.session_state.get('heard', []))}")
st.text(f"run {st.session_state['runs']}")
