"""The sample that the Variants page looks at: its number, its neighbors, what it is."""

from __future__ import annotations

import numpy as np
import streamlit as st

from curation.analysis.variants import parameters
from curation.errors import CurationError
from curation.storage.image_set import ImageSet
from pages.ui import resources
from pages.ui.opened import Prepared
from pages.ui.shell import Done


def choose(prepared: Prepared) -> int:
    """Draw the choice of a sample and return its id; it stays when the view changes. Raises: Done for a skipped one."""
    samples = prepared.pipeline.samples
    sample_id = st.number_input(
        f"Sample (0 – {int(samples.sample_ids[-1])})",
        0,
        int(samples.sample_ids[-1]),
        value=_hardest(prepared),
        step=1,
        key="sample",
        bind="query-params",
        width=190,
    )
    ids = samples.sample_ids
    at = int(np.searchsorted(ids, sample_id))
    if ids[min(at, len(ids) - 1)] != sample_id:
        near = " and ".join(str(int(i)) for i in ids[max(at - 1, 0) : at + 1])
        st.info(f"Sample {sample_id} is not in this workspace; the nearest: {near}.", icon=":material/search_off:")
        raise Done
    return int(sample_id)


def _hardest(prepared: Prepared) -> int:
    """Return the hardest sample chosen, or the first of all before there is a selection."""
    pipeline = prepared.pipeline
    try:
        key = pipeline.pool_key
    except CurationError:
        return int(pipeline.samples.sample_ids[0])
    pool = resources.pool(key, pipeline)
    rows = resources.selected(prepared.recipe, pipeline, pool, key).rows
    return int(pool["sample_id"].iloc[rows[0]] if len(rows) else pipeline.samples.sample_ids[0])


Variant = tuple[str, int, str]
"""Kind, severity and parameters (of attacks): what tells the variants of a sample apart."""


def show(sample_id: int, variant: Variant) -> None:
    """Look at a variant of a sample, in the view of one sample; for callbacks."""
    st.session_state["sample"] = sample_id
    st.session_state["variant-shown"] = variant
    st.session_state["variants-go"] = "One sample"


def verdict(prepared: Prepared, probabilities: np.ndarray, label: int, entropy: float, clean_entropy: float) -> None:
    """Draw what the goal model says of an image: its best guesses, its entropy, and how that changed."""
    classes = prepared.pipeline.samples.classes
    guess = int(probabilities.argmax())
    most = np.log(len(classes))
    st.markdown(
        f"Seen as **{classes[guess]}** ({':green[right]' if guess == label else ':red[wrong]'}), entropy "
        f"**{entropy:.3f}** nats ({entropy / most:.0%} of the maximum); the clean image has {clean_entropy:.3f}."
    )
    for index in np.argsort(-probabilities)[:4]:
        st.progress(float(probabilities[index]), text=f"{classes[index]} · {probabilities[index]:.1%}")


def told_apart(images: ImageSet) -> str:
    """Return the parameters by which people tell an attack's sets apart; nothing for a corruption."""
    return parameters(images.plugin) if images.family == "adversarial" else ""


def words(kind: str, severity: int, parameters: str = "") -> str:
    """Return how people call a variant."""
    name = kind.replace("_", " ")
    return f"{name} ({parameters})" if parameters else " ".join(part for part in (name, str(severity or "")) if part)
