"""One sample under every corruption and severity and under attack: what the goal model says, and what was changed."""

import numpy as np
import streamlit as st

from curation.inspection import Variants, enlarged, magnified, variants_of
from curation.plugin import fingerprint
from pages.ui.browse import notes
from pages.ui.components import gallery
from pages.ui.opened import Done, open_selection

opened = open_selection()


samples = opened.pipeline.samples
classes = samples.classes


@st.cache_resource(max_entries=64, show_spinner="Making its variants …")
def variants(_key: str, sample_id: int) -> Variants:
    return variants_of(opened.pipeline, sample_id)


hardest = (
    int(opened.pool["sample_id"].iloc[opened.selected.rows[0]])
    if len(opened.selected.rows)
    else int(samples.sample_ids[0])
)
with st.container(horizontal=True, vertical_alignment="bottom"):
    sample_id = st.number_input(
        "Sample", 0, int(samples.sample_ids[-1]), value=hardest, step=1, key="sample", bind="query-params", width=160
    )
    factor = st.slider("Magnify the change", 1, 30, 8, key="magnify", width=260)
if sample_id not in samples.sample_ids:
    st.info(f"Sample {sample_id} was skipped when the source was read; choose another.", icon=":material/search_off:")
    raise Done

found = variants(fingerprint([opened.pool_key, int(sample_id)]), int(sample_id))
table, clean = found.table, found.images[0]
label = int(samples.labels[samples.rows(np.array([sample_id]))[0]])
most = np.log(len(classes))

shown = min(st.session_state.get("variant", len(table) - 1), len(table) - 1)
if st.session_state.get("variant-of") != sample_id:
    shown = len(table) - 1
row = table.iloc[shown]
words = f"{row['kind'].replace('_', ' ')} {row['severity'] or ''}".strip()
words = words.upper() if row["family"] == "adversarial" else words.capitalize()

change = magnified(clean, found.images[shown], factor=factor)
panels, said = st.columns([3, 2], gap="medium")
panels.image(
    np.concatenate([enlarged(image, side_px=280) for image in (clean, found.images[shown], change)], axis=1),
    caption=f"Original, {classes[label]} · {words} · the change × {factor} (grey: none)",
    width="stretch",
)
with said:
    right = row["prediction"] == label
    st.markdown(
        f"**{words}** is seen as **{classes[int(row['prediction'])]}** "
        f"({':green[right]' if right else ':red[wrong]'}), entropy **{row['entropy']:.3f}** nats "
        f"({row['entropy'] / most:.0%} of ln K); the clean image has {table['entropy'].iloc[0]:.3f}."
    )
    order = np.argsort(-found.probabilities[shown])[:4]
    for index in order:
        st.progress(
            float(found.probabilities[shown][index]), text=f"{classes[index]} · {found.probabilities[shown][index]:.1%}"
        )


def open_variant(index: int) -> None:
    st.session_state["variant"] = index
    st.session_state["variant-of"] = sample_id


def grid(rows: np.ndarray, key: str, group: int) -> None:
    picked = table.iloc[rows]
    gallery(
        found.images[rows],
        key=key,
        ids=rows,
        labels=np.full(len(rows), label),
        class_names=classes,
        predictions=picked["prediction"].to_numpy(),
        entropy_shares=picked["entropy"].to_numpy() / most,
        families=picked["family"].tolist(),
        notes=notes(picked["kind"], picked["severity"]),
        selected=shown if shown in rows else None,
        group=group,
        editable=False,
        on_open=open_variant,
    )


corrupted = np.flatnonzero(table["family"] == "corruption")
others = np.flatnonzero(table["family"] != "corruption")
st.subheader("Clean and adversarial")
grid(others, "others", 1)
st.subheader("Corruptions")
st.caption("Severity 1 to 5 from left to right. The bar is the entropy as a share of ln K; → marks a wrong prediction.")
grid(corrupted, "corruptions", 5)
