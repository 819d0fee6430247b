"""The page that `benchmarks.map` measures: the same points by one renderer, `?renderer=ours&points=50000`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import streamlit as st

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from curation.analysis.map_columns import Column
from pages.ui import theme
from pages.ui.components import embedding_map

CLASSES = [f"class {label}" for label in range(10)]
HEIGHT_PX = 560


@st.cache_resource
def clustered(number: int) -> dict[str, np.ndarray]:
    """Return bent and stretched blobs of different size, as UMAP draws them: xy, labels and three more columns."""
    generator = np.random.default_rng(0)
    blobs = 70
    shares = generator.dirichlet(np.full(blobs, 1.2))
    blob = generator.choice(blobs, number, p=shares)
    labels = np.arange(blobs) % 10
    homes = 5.5 * np.stack([np.cos(labels * 0.63), np.sin(labels * 0.63)], 1)
    centers = homes + generator.normal(0, 1.5, (blobs, 2))
    along = generator.normal(0, 0.75, number) * (0.4 + generator.random(blobs))[blob]
    across = generator.normal(0, 0.16, number) * (0.5 + generator.random(blobs))[blob]
    across = across + generator.normal(0, 0.5, blobs)[blob] * along**2
    angle = generator.uniform(0, np.pi, blobs)[blob]
    turned = [along * np.cos(angle) - across * np.sin(angle), along * np.sin(angle) + across * np.cos(angle)]
    wrong = generator.random(number) < 0.07
    return {
        "xy": (centers[blob] + np.stack(turned, 1)).astype(np.float32),
        "label": np.where(wrong, generator.integers(0, 10, number), labels[blob]),
        "prediction": labels[blob],
        "entropy": np.clip(np.abs(across) + 0.5 * wrong + generator.gamma(0.4, 0.2, number), 0, 2.3),
        "blob": blob,
    }


def ours(points: dict[str, np.ndarray]) -> None:
    """The dashboard's own map."""
    events = embedding_map(
        points["xy"],
        key="map",
        fingerprint=f"clustered-{len(points['xy'])}",
        columns=[
            Column("label", "Label", points["label"], "category", CLASSES),
            Column("prediction", "Prediction", points["prediction"], "category", CLASSES),
            Column("entropy", "Entropy", points["entropy"], unit="nats"),
            Column("blob", "Cluster", points["blob"], "category"),
        ],
        height_px=HEIGHT_PX,
    )
    st.text(f"inside {int(events.inside.sum())}")


def plotly(points: dict[str, np.ndarray]) -> None:
    """Plotly's scattergl, one trace a class."""
    import plotly.graph_objects as go

    figure = go.Figure(layout={"height": HEIGHT_PX, "dragmode": "pan"})
    for label, name in enumerate(CLASSES):
        x, y = points["xy"][points["label"] == label].T
        marker = {"size": 2, "color": theme.CATEGORICAL[label]}
        figure.add_scattergl(x=x, y=y, mode="markers", name=name, marker=marker, hoverinfo="skip")
    st.plotly_chart(figure, key="map", on_select="rerun", theme=None)


def deckgl(points: dict[str, np.ndarray]) -> None:
    """deck.gl's ScatterplotLayer, as Streamlit brings it."""
    import pandas as pd
    import pydeck

    colors = np.array([[int(name[i : i + 2], 16) for i in (1, 3, 5)] for name in theme.CATEGORICAL])
    x, y = points["xy"].T.round(4)
    red, green, blue = colors[points["label"]].T
    table = pd.DataFrame({"x": x, "y": y, "r": red, "g": green, "b": blue})
    layer = pydeck.Layer(
        "ScatterplotLayer",
        table,
        get_position="[x, y]",
        get_fill_color="[r, g, b]",
        get_radius=1,
        radius_units="'pixels'",
    )
    view = pydeck.ViewState(longitude=0, latitude=0, zoom=4.6)
    st.pydeck_chart(pydeck.Deck(layer, initial_view_state=view, map_provider=None), height=HEIGHT_PX)


REGL = """
const sources = SOURCES;
const address = (source) => URL.createObjectURL(new Blob([source], {type: "text/javascript"}));
const loaded = (async () => {
  globalThis.createPubSub = (await import(address(sources[0]))).default;
  sources.slice(1).forEach((source) => (0, eval)(source));
})();
export default async ({ data, parentElement }) => {
  await loaded;
  const [canvas, columns] = [document.createElement("canvas"), new Float32Array(data.slice().buffer)];
  canvas.className = "regl";
  canvas.style = "width: 100%; height: HEIGHTpx";
  parentElement.append(canvas);
  const number = columns.length / 3;
  const [x, y, category] = [0, 1, 2].map((part) => columns.subarray(part * number, (part + 1) * number));
  const plot = createScatterplot.default({
    canvas, width: "auto", height: HEIGHT, pointSize: 2, colorBy: "category", pointColor: COLORS, opacity: 0.5,
    spatialIndexUseWorker: false, // its worker fails in version 1.16
  });
  plot.draw({ x, y, z: category });
};"""


@st.cache_resource
def _regl(folder: str) -> object:
    files = ["pub-sub-es/dist/index.js", "regl/dist/regl.min.js", "regl-scatterplot/dist/regl-scatterplot.min.js"]
    sources = json.dumps([(Path(folder) / file).read_text() for file in files])
    code = REGL.replace("HEIGHT", str(HEIGHT_PX)).replace("COLORS", json.dumps(theme.CATEGORICAL))
    return st.components.v2.component("regl", js=code.replace("SOURCES", sources))


def regl(points: dict[str, np.ndarray]) -> None:
    """regl-scatterplot, its columns as raw bytes."""
    low, span = points["xy"].min(0), np.ptp(points["xy"], axis=0)
    x, y = (2 * (points["xy"] - low) / span - 1).T
    columns = np.stack([x, y, points["label"]]).astype(np.float32)
    _regl(os.environ["NODE_MODULES"])(key="regl", data=columns.tobytes())  # type: ignore[operator]


if __name__ == "__main__":
    st.set_page_config(layout="wide")
    st.text("ready")
    shown = clustered(int(st.query_params.get("points", "50000")))
    {"ours": ours, "plotly": plotly, "deckgl": deckgl, "regl": regl}[st.query_params.get("renderer", "ours")](shown)
