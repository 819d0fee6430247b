"""One candidate in detail: its label, the goal model's prediction, its variants, and edits."""

from __future__ import annotations

import streamlit as st

from curation.analysis.arrays import Array
from curation.analysis.bands import standing
from curation.analysis.candidates import described, just, most_probable, relatives
from curation.analysis.inspection import enlarged
from curation.models.prediction import predict
from curation.plugin import fingerprint
from pages.ui import annotated, edits, resources, session
from pages.ui.components import gallery
from pages.ui.prepared import Opened
from pages.ui.ranking import ranked

TOP = 5
RELATIVES = 30
SIDE_PX = 320


def candidate(opened: Opened, row: int, *, key: str) -> None:
    """Draw the candidate in one row of the pool."""
    pool, samples = opened.pool, opened.pipeline.samples
    it, classes = pool.iloc[row], samples.classes
    sample_id = int(it["sample_id"])
    shown = described(pool, just(row), class_count=len(classes), relabel=opened.recipe.selection.edits.relabel)
    name, label = shown.names[0], int(shown.labels[0])
    source_name = samples.table["name"].iloc[samples.rows(just(sample_id))[0]]
    chosen = row in opened.selected.pool_rows
    with st.container(border=True):
        image = resources.thumbnails(
            fingerprint([opened.pool_key, row]), lambda: opened.pipeline.images(opened.pool, just(row))
        )
        left, right = st.columns([1, 1], vertical_alignment="top")
        left.image(enlarged(image[0], side_px=SIDE_PX), width="stretch")
        with right:
            st.markdown(f"**{name}**  \n:gray[{source_name}]")
            verdict = ":green[correct]" if int(it["prediction"]) == label else ":red[wrong]"
            st.markdown(
                f"Label **{classes[label]}**  \n"
                f"Predicted **{classes[int(it['prediction'])]}**, {verdict}  \n"
                f"Entropy **{it['entropy']:.3f}** nats ({shown.entropy_shares[0]:.0%} of ln K)  \n"
                f"{':green-badge[in the set]' if chosen else ':gray-badge[not in the set]'}"
            )
        family = str(it["family"])
        why = standing(opened.pool, ranked(opened, family), opened.recipe.selection, family, row, chosen=chosen)
        st.caption(why)
        _probabilities(opened, image, row)
        with st.container(horizontal=True):
            for action, icon in (
                ("include", ":material/add:"),
                ("exclude", ":material/remove:"),
                ("clear", ":material/backspace:"),
            ):
                st.button(
                    {"include": "Include", "exclude": "Exclude", "clear": "Clear"}[action],
                    icon=icon,
                    key=f"{key}-{action}",
                    on_click=edits.decide,
                    args=(pool, just(row), action),
                )

        relabeling = session.relabel(key)

        def relabeled() -> None:
            edits.decide(pool, just(row), "relabel", classes.index(relabeling.get()))

        relabeling.set(classes[label])
        st.selectbox("Relabel the sample", classes, key=relabeling.key, on_change=relabeled)
        annotated.fields(name, key=key)
        _similar(name)
    _relatives(opened, sample_id, row, key=key)


def _probabilities(opened: Opened, image: Array, row: int) -> None:
    @st.cache_resource(max_entries=256, show_spinner=False)
    def probabilities(key: str) -> Array:
        network = opened.pipeline.plan.model.load()
        return predict(network, image, device=opened.pipeline.device).softmax(1)[0].numpy()

    found = probabilities(fingerprint([opened.pool_key, row]))
    classes = opened.pipeline.samples.classes
    for index, share in most_probable(found, TOP):
        st.progress(share, text=f"{classes[index]} · {share:.1%}")


def _relatives(opened: Opened, sample_id: int, row: int, *, key: str) -> None:
    """Draw the other candidates of the same sample, the most uncertain first."""
    pool = opened.pool
    rows = relatives(pool, row, most=RELATIVES)
    if not len(rows):
        return
    classes = opened.pipeline.samples.classes
    shown = described(pool, rows, class_count=len(classes), relabel=opened.recipe.selection.edits.relabel)
    st.caption(f"Other candidates of sample {sample_id}, the most uncertain first")
    gallery(
        resources.thumbnails(fingerprint([opened.pool_key, rows.tolist()]), lambda: opened.pipeline.images(pool, rows)),
        key=f"{key}-relatives",
        class_names=classes,
        **vars(shown),
        editable=False,
    )
    st.page_link(
        "variants.py",
        label="All corruptions and attacks of this sample",
        icon=":material/grid_view:",
        query_params={"sample": str(sample_id)},
    )


def _similar(name: str) -> None:
    sample, *variant = name.split("/", 1)
    st.page_link(
        "map.py",
        label="Similar samples",
        icon=":material/bubble_chart:",
        query_params={"map-view": "Similar", "sample": sample, "variant": (variant or ["clean"])[0]},
    )
