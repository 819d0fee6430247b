"""Where the images come from, how far each stage is, and which goal model guides the curation."""

from functools import partial

import streamlit as st

from curation.analysis.candidates import class_counts
from curation.analysis.goal_model_comparison import goal_model_of
from curation.errors import CurationError
from curation.figures import curation as figures
from curation.pipeline.trust import remarks_of
from curation.sampling import subset
from curation.storage.samples import Samples
from curation.storage.workspace import Workspace
from pages.ui import goal_model_form, new_workspace, panel, resources, runs_on, session, start_from, state
from pages.ui.components import gallery
from pages.ui.shell import Done

STRIP = 24

found = state.workspace()
if found is None or session.NEW_WORKSPACE.get():
    new_workspace.draw()
    raise Done


recipe, pipeline = state.recipe(), resources.pipeline()
reader = recipe.source.reader
with st.container(horizontal=True, vertical_alignment="center"):
    st.markdown(f"**{reader.title}** · `{found.root.name}` · split {reader.split}")
    st.button("New workspace", icon=":material/add:", on_click=new_workspace.begin, type="tertiary")

stages, data = st.columns([3, 2], gap="large")
with stages:
    st.subheader("Stages")
    panel.stages_panel(found)
    runs_on.choice(found)

with data:
    st.subheader("Samples")
    samples: Samples | None = None
    try:
        samples = pipeline.samples
    except CurationError:
        st.info("Not read yet: run the first stage.", icon=":material/image_search:")
    if samples is not None:
        skipped = samples.positions[~samples.positions["read"]]
        converted = samples.table[samples.table["note"] != ""]
        height, width, channels = samples.shape
        left, middle, right = st.columns(3)
        left.metric("Samples", f"{len(samples):,}")
        middle.metric("Classes", f"{len(samples.classes):,}")
        right.metric("Image", f"{width}×{height}{' gray' if channels == 1 else ''}")
        rows = subset(samples.sample_ids, STRIP, labels=samples.labels)
        gallery(
            resources.thumbnails(f"strip-{samples.digest}", partial(samples.images, rows)),
            key="strip",
            ids=samples.sample_ids[rows],
            labels=pipeline.plan.labels[rows],
            class_names=samples.classes,
            editable=False,
        )
        st.markdown("**Images per class**")
        counts = class_counts(pipeline.plan.labels, len(samples.classes))
        st.plotly_chart(figures.class_counts(counts, samples.classes), config={"displayModeBar": False})
        if len(skipped) or len(converted):
            with st.expander(f"{len(skipped):,} skipped, {len(converted):,} converted", icon=":material/warning:"):
                st.dataframe(
                    samples.positions[samples.positions["note"] != ""][["sample_id", "name", "note", "read"]],
                    hide_index=True,
                )

with stages:
    panel.disk(found)
    st.subheader("Goal model")
    models = found.models()
    chosen = recipe.goal_model
    kept = found.model(pipeline.plan.model_key) if samples is not None else None
    about = kept.about_at(pipeline.plan.epoch) if kept else None
    history = kept.history() if kept else []
    if about:
        left, middle, right = st.columns(3)
        left.metric("Architecture", about["architecture"])
        middle.metric("Accuracy, these samples", f"{about['train_accuracy']:.1%}")
        test = about["test_accuracy"]
        right.metric("Accuracy, test split", "–" if test is None else f"{test:.1%}")
        for remark in remarks_of(pipeline.plan):
            st.caption(remark)
    if samples is not None and not about:
        start_from.offer(pipeline.plan)
    if history:
        with st.expander("Training curve", expanded=not about):
            st.plotly_chart(figures.training(history), config={"displayModeBar": False})
    others = {key: other for key, other in models.items() if not about or key != pipeline.plan.model_key}
    if others:

        def use(place: Workspace, key: str) -> None:
            """Make a kept goal model that of the recipe."""
            state.change(goal_model=goal_model_of(place, key).model_dump(mode="json"))

        with st.expander(f"{len(others)} other goal model{'s' * (len(others) > 1)} in this workspace"):
            for key, other in others.items():
                with st.container(horizontal=True, vertical_alignment="center"):
                    test = other["test_accuracy"]
                    method = "loaded" if other["settings"]["checkpoint"] else other["settings"]["train"]["method"]
                    st.markdown(
                        f"`{key[:8]}` {other['architecture']}, {method}, accuracy {other['train_accuracy']:.1%}"
                        + (f", test {test:.1%}" if test is not None else "")
                    )
                    st.button("Use", key=f"use-{key}", on_click=use, args=(found, key), type="tertiary")
            st.page_link("evaluate.py", label="Compare them", query_params={"look": "Goal models"})

    with st.expander("Change the goal model", expanded=False):
        goal_model_form.draw(chosen)
