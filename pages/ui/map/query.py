"""What similar samples are looked for: a candidate of the pool, or a picture that was uploaded."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch
from PIL import Image, ImageOps

from curation.pipeline.answers import features_and_logits
from curation.plugin import fingerprint
from curation.readers.pixels import Unreadable, decode
from curation.selection.pool import variant_name
from curation.storage.files import digest
from pages.ui import session, state
from pages.ui.opened import Opened

FORMATS = ["png", "jpg", "jpeg", "webp"]
CLEAN = "clean"


@dataclass(frozen=True)
class Query:
    """What is compared with the samples.

    key: changes with the picture; title, note: for people; image: uint8 H×W×C; features: float32 D; probabilities:
    float32 K; row: in the pool, None: it is none of them; owner: its sample id; label: its class, None: unknown.
    """

    key: str
    title: str
    note: str
    image: np.ndarray
    features: np.ndarray
    probabilities: np.ndarray
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
    mine = pool[pool["sample_id"].to_numpy() == sample_id]
    names = [
        variant_name(str(kind), int(severity)) for kind, severity in zip(mine["kind"], mine["severity"], strict=True)
    ]
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
    rows = opened.selected.rows
    return int(opened.pool["sample_id"].iloc[rows[0]] if len(rows) else opened.pipeline.samples.sample_ids[0])


def look_at(sample_id: int, variant: str) -> None:
    """Look at what is similar to a candidate; for callbacks. Args: variant: clean, fog/3, pgd, …"""
    state.set_linked("sample", str(sample_id))
    state.set_linked("variant", variant)
    take_away()


def take_away() -> None:
    """Forget the picture that was uploaded; for callbacks."""
    session.UPLOAD_NUMBER.set(session.UPLOAD_NUMBER.get() + 1)


def candidate(opened: Opened, sample_id: int, variant: str) -> Query | None:
    """Return a candidate of the pool, or say that there is none."""
    samples, pool = opened.pipeline.samples, opened.pool
    ids = samples.sample_ids
    at = int(np.searchsorted(ids, sample_id).clip(max=len(ids) - 1))
    if ids[at] != sample_id:
        near = " and ".join(str(int(one)) for one in ids[max(at - 1, 0) : at + 1])
        st.info(f"Sample {sample_id} is not in this workspace; the nearest: {near}.", icon=":material/search_off:")
        return None
    kind, _, severity = variant.partition("/")
    mine = np.flatnonzero(pool["sample_id"].to_numpy() == sample_id)
    named = pool.iloc[mine]
    hit = (named["kind"].astype(str) == kind) & (named["severity"] == int(severity or 0))
    row = int(mine[hit.to_numpy()][0])
    image = opened.pipeline.images(pool, np.array([row]))[0]
    seen, probabilities = _seen(fingerprint([opened.pool_key, row]), opened, image)
    label = opened.recipe.selection.edits.relabel.get(sample_id, int(samples.labels[at]))
    return Query(
        f"candidate {row}", str(sample_id), "", image, seen, probabilities,
        row, sample_id, label,
    )  # fmt: skip


def uploaded(opened: Opened) -> Query | None:
    """Draw the field for a picture and return it as the goal model sees it; None where it is none, or unreadable."""
    file = st.file_uploader(
        "PNG, JPEG or WebP; brought to the size and colors of the set",
        type=FORMATS,
        key=f"upload-{session.UPLOAD_NUMBER.get()}",
    )
    if file is None:
        return None
    content = file.getvalue()
    try:
        image, notes = as_seen(content, opened.pipeline.samples.shape)
    except Unreadable as error:
        st.error(f"{file.name} cannot be compared: {error}.", icon=":material/error:")
        return None
    key = digest(content)
    seen, probabilities = _seen(fingerprint([opened.pool_key, key]), opened, image)
    return Query(f"upload {key}", file.name, "; ".join(notes), image, seen, probabilities)


def as_seen(content: bytes, shape: tuple[int, int, int]) -> tuple[np.ndarray, list[str]]:
    """Return a picture in the shape of a set, uint8 H×W×C, and what was changed. Raises: Unreadable with the reason."""
    height, width, channels = shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        image, notes = decode(content, side_px=height if height == width else None, channels=channels)
    if image.shape[:2] != (height, width):
        picture = Image.fromarray(image[..., 0] if channels == 1 else image)
        image = np.asarray(ImageOps.fit(picture, (width, height), method=Image.Resampling.BICUBIC))
    with Image.open(io.BytesIO(content)) as original:
        if original.size != (width, height):
            notes.insert(0, f"from {original.width}×{original.height} to {width}×{height}")
    return image.reshape(shape), notes


@st.cache_resource(max_entries=256, show_spinner=False)
def _seen(key: str, _opened: Opened, _image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the goal model's features of one picture, float32 D, and its probabilities, float32 K."""
    seen, logits = features_and_logits(_image[None], _opened.pipeline.plan.model)
    return seen[0], torch.from_numpy(logits[0]).softmax(0).numpy()
