"""The query of a search for similar samples: a candidate of the pool, or an uploaded picture."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from curation.analysis import similar
from curation.analysis.arrays import Array
from curation.analysis.candidates import just, variants_of_sample
from curation.errors import CurationError
from curation.pipeline.answers import features_and_logits
from curation.pipeline.stages.embed import embed
from curation.plugin import fingerprint
from curation.readers.pixels import Unreadable
from curation.storage.files import digest
from pages.ui import resources, session, state
from pages.ui.prepared import Opened

FORMATS = ["png", "jpg", "jpeg", "webp", "tif", "tiff"]
CLEAN = "clean"


@dataclass(frozen=True)
class Query:
    """What is compared with the samples.

    key: changes with the picture; title, note: for people; image: uint8 H×W×C; features: float32 D, in the recipe's
    space; probabilities: float32 K, the goal model's; row: in the pool, None: it is none of them; owner: its sample
    id; label: its class, None: unknown.
    """

    key: str
    title: str
    note: str
    image: Array
    features: Array
    probabilities: Array
    row: int | None = None
    owner: int | None = None
    label: int | None = None


def choose(opened: Opened) -> tuple[int, str]:
    """Draw the choice of a sample and of one of its variants, and return both."""
    pool, ids = opened.pool, opened.pipeline.samples.sample_ids
    text = state.linked("sample") or ""
    sample_id = int(text) if text.isdigit() else _first(opened)
    session.SIMILAR_SAMPLE.set(min(sample_id, int(ids[-1])))
    with st.container(width=150):
        sample_id = st.number_input(
            f"Sample (0 – {int(ids[-1])})",
            0,
            int(ids[-1]),
            key=session.SIMILAR_SAMPLE.key,
            on_change=lambda: look_at(int(session.SIMILAR_SAMPLE.get()), state.linked("variant") or CLEAN),
        )
    names = list(variants_of_sample(pool, int(sample_id)))
    asked = state.linked("variant") or ""
    session.SIMILAR_VARIANT.set(asked if asked in names else CLEAN)
    variant = st.selectbox(
        "Variant",
        names or [CLEAN],
        key=session.SIMILAR_VARIANT.key,
        on_change=lambda: look_at(int(sample_id), session.SIMILAR_VARIANT.get()),
        width=200,
    )
    return int(sample_id), str(variant)


def _first(opened: Opened) -> int:
    """Return the hardest sample that is chosen, or the first of all where none is."""
    rows = opened.selected.pool_rows
    return int(opened.pool["sample_id"].iloc[rows[0]] if len(rows) else opened.pipeline.samples.sample_ids[0])


def look_at(sample_id: int, variant: str) -> None:
    """Look at what is similar to a candidate; for callbacks. Args: variant: clean, fog/3, pgd, …"""
    state.set_linked("sample", str(sample_id))
    state.set_linked("variant", variant)
    take_away()


def take_away() -> None:
    """Forget the picture that was uploaded, and the words; for callbacks."""
    session.SIMILAR_WORDS.set("")
    session.UPLOAD_NUMBER.set(session.UPLOAD_NUMBER.get() + 1)


def candidate(opened: Opened, sample_id: int, variant: str) -> Query | None:
    """Return a candidate of the pool, or say that there is none."""
    samples, pool = opened.pipeline.samples, opened.pool
    mine = variants_of_sample(pool, sample_id)
    if not mine:
        near = " and ".join(map(str, similar.nearest_ids(samples.sample_ids, sample_id)))
        st.info(f"Sample {sample_id} is not in this workspace; the nearest ids: {near}.", icon=":material/search_off:")
        return None
    row = mine[variant]
    image = opened.pipeline.images(pool, just(row))[0]
    own = samples.row_of(sample_id) if variant == CLEAN else None
    try:
        seen, probabilities = _seen(_key(opened, row), opened, image, own)
    except CurationError as error:
        st.info(f"Nothing to compare {sample_id}/{variant} by: {error}.", icon=":material/search_off:")
        return None
    label = opened.recipe.selection.edits.relabel.get(sample_id, int(pool["label"].iloc[row]))
    return Query(
        f"candidate {row}", str(sample_id), "", image, seen, probabilities,
        row, sample_id, label,
    )  # fmt: skip


def uploaded(opened: Opened) -> Query | None:
    """Draw the field for a picture and return it as the goal model sees it; None where it is none, or unreadable."""
    file = st.file_uploader(
        "PNG, JPEG, WebP or TIFF; converted to the size and channels of the set",
        type=FORMATS,
        key=f"upload-{session.UPLOAD_NUMBER.get()}",
    )
    if file is None:
        return None
    content = file.getvalue()
    try:
        samples = opened.pipeline.samples
        image, notes = similar.fitted(content, samples.shape, white_level=samples.header.white_level)
    except Unreadable as error:
        st.error(f"{file.name} cannot be compared: {error}.", icon=":material/error:")
        return None
    key = digest(content)
    try:
        seen, probabilities = _seen(_key(opened, key), opened, image, None)
    except CurationError as error:
        st.error(f"{file.name} cannot be compared: {error}.", icon=":material/error:")
        return None
    return Query(f"upload {key}", file.name, "; ".join(notes), image, seen, probabilities)


def _key(opened: Opened, picture: int | str) -> str:
    return fingerprint([opened.pool_key, opened.pipeline.plan.features().folder.name, picture])


@st.cache_resource(max_entries=256, show_spinner=False)
def _seen(key: str, _opened: Opened, _image: Array, own: int | None) -> tuple[Array, Array]:
    """Return where one picture lies in the recipe's space, float32 D, and the goal model's probabilities, float32 K.

    Args: own: the row of the sample that it is, None: it is none of them.
    Raises: CurationError: the space has none of other pictures.
    """
    plan = _opened.pipeline.plan
    seen, logits = features_and_logits(_image[None], plan.model)
    if plan.recipe.space is not None:
        seen = embed(plan, _image[None]) if own is None else resources.features(_opened.pipeline)[own : own + 1]
    return seen[0], similar.probabilities(logits[0])
