"""The curated set as files: format, destination, progress, download, and how to load it."""

from typing import Any

import streamlit as st

from curation import jobs
from curation.exporters import EXPORTERS
from curation.figures.curation import FAMILY_WORDS
from curation.storage.addresses import is_address, local_or_remote
from pages.ui import panel, session, state
from pages.ui.downloads import offer
from pages.ui.fields import bound
from pages.ui.opened import open_selection, warn_of_shortages

LABELS = {
    "hard": "One-hot",
    "smoothed": "Smoothed",
    "goal_model": "The goal model's softmax",
    "source": "The source's own soft labels",
}

opened = open_selection()


def of_mode(mode: str) -> dict[str, Any]:
    """Return the recipe's labels in another mode; a temperature goes with the goal model's alone."""
    block = recipe.labels.model_dump(mode="json")
    return {**block, "mode": mode} if mode == "goal_model" else {**block, "mode": mode, "temperature": 1}


found = opened.workspace
recipe = opened.recipe
warn_of_shortages(opened)
controls, result = st.columns([2, 3], gap="large")
with controls:
    bound(
        st.radio,
        "Format",
        EXPORTERS.names,
        path="export",
        format_func=lambda name: EXPORTERS[name].title,
        to=lambda value: value["format"],
        back=lambda name: {"format": name},
    )
    bound(
        st.selectbox,
        "Labels",
        [mode for mode in LABELS if mode != "source" or opened.pipeline.samples.soft_labels is not None],
        path="labels",
        format_func=LABELS.get,
        to=lambda labels: labels["mode"],
        back=of_mode,
    )
    if recipe.labels.mode == "smoothed":
        most = max(0.5, recipe.labels.smoothing)
        bound(st.slider, "Smoothing", 0.0, most, path="labels.smoothing", step=0.01)
    elif recipe.labels.mode == "goal_model":
        bound(
            st.number_input,
            "Temperature",
            0.05,
            100.0,
            path="labels.temperature",
            step=0.5,
            format="%g",
            help="The goal model's logits are divided by this before the softmax: above 1 labels get softer.",
        )
    default = (
        state.cache_folder().resolve().parent / "exports" / found.name / f"{recipe.name}-{recipe.fingerprint()[:8]}"
    )
    typed = session.destination(default.name)
    destination = st.text_input(
        "Destination",
        value=str(default),
        key=typed.key,
        help="A folder on the machine that runs this server, or an address: s3://bucket/folder.",
    )

total = len(opened.selected.pool_rows)
with result:
    summary = opened.selected.summary()
    parts = ", ".join(
        f"{part['chosen']:,} {FAMILY_WORDS[family].lower()}" for family, part in summary.items() if part["chosen"]
    )
    st.markdown(f"**{total:,} images**: {parts}")
    name = jobs.job_id(recipe, (), destination)

    def begin() -> None:
        """Save the recipe and start the export in the background."""
        # Read again here: a destination that was just typed arrives together with the click.
        now = state.recipe()
        found.save_revision(now.to_yaml())
        jobs.submit(found, now, (), destination=typed.get())

    job = jobs.status(found, name)
    working = job.active

    @st.fragment(run_every=0.5 if working else None)
    def progress() -> None:
        """Draw how far the export is."""
        now = jobs.status(found, name)
        if now.active != working:
            st.rerun()
        if now.active:
            at = now.progress
            done = at.done / max(at.total, 1) if at else 0.0
            st.progress(min(1.0, done), text=panel.progress_text(at) if at else "Starting …")
            st.button("Cancel", on_click=jobs.cancel, args=(found, name), key="cancel-export")

    if working:
        progress()
    else:
        st.button(
            "Export",
            type="primary",
            icon=":material/download:",
            on_click=begin,
            key="export",
            disabled=bool(opened.selected.shortages) or not total,
        )
    if job.state == "failed":
        st.error(job.error, icon=":material/error:")
    folder = local_or_remote(destination)
    if job.state == "done" and (folder / "SHA256SUMS").exists():
        st.success(f"Written to {folder}", icon=":material/check_circle:")
        if not is_address(destination):
            st.link_button("Download as zip", offer(folder), icon=":material/folder_zip:")
        with st.expander("Datasheet"):
            st.markdown((folder / "datasheet.md").read_text())
        with st.expander("Checksums"):
            st.code((folder / "SHA256SUMS").read_text()[:4000], language=None)
    st.markdown("**Load it in Python**")
    st.code(EXPORTERS[recipe.export.name].snippet(str(folder)), language="python")
    st.markdown("**The same set without the dashboard**")
    out = destination if is_address(destination) else folder.name
    st.code(f"curation export recipe.yaml --workspace {found.root} --out {out}", language="bash")
