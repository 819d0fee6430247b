"""The sample that the Variants page looks at: its number, its neighbors, what it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from curation.analysis.inspection import likeliest, side_by_side
from curation.errors import CurationError
from curation.scores.entropy import Entropy
from pages.ui import resources, session
from pages.ui.prepared import Prepared
from pages.ui.shell import Done

if TYPE_CHECKING:
    import numpy as np


def choose(prepared: Prepared) -> int:
    """Draw the choice of a sample and return its id; it stays when the view changes. Raises: Done for a skipped one."""
    samples = prepared.pipeline.samples
    sample_id = st.number_input(
        f"Sample (0 – {int(samples.sample_ids[-1])})",
        0,
        int(samples.sample_ids[-1]),
        value=_hardest(prepared),
        step=1,
        key=session.SAMPLE.key,
        bind="query-params",
        width=190,
    )
    near = samples.around(sample_id)
    if sample_id not in near:
        words = " and ".join(map(str, near))
        st.info(f"Sample {sample_id} is not in this workspace; nearest: {words}.", icon=":material/search_off:")
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
    rows = resources.selected(prepared.recipe, pipeline, pool, key).pool_rows
    return int(pool["sample_id"].iloc[rows[0]] if len(rows) else pipeline.samples.sample_ids[0])


def show(sample_id: int, variant: tuple[str, int, str]) -> None:
    """Look at a variant of a sample, by its kind, severity and parameters, in its own view; for callbacks."""
    session.SAMPLE.set(sample_id)
    session.VARIANT.set(variant)
    session.VARIANTS_GO.set("One sample")


def left_out(count: int) -> None:
    """Say how many copies are not shown because their samples' labels changed since an attack made them."""
    if count:
        st.markdown(
            f":orange[:material/history:] **{count:,}** adversarial cop{'ies' if count > 1 else 'y'} made for labels "
            f"that you have changed since {'are' if count > 1 else 'is'} left out."
        )


def compared(images: Sequence[np.ndarray], *, side_px: int, caption: str | None = None, where: Any = st) -> None:
    """Draw images of one size side by side, enlarged so that their pixels are crisp."""
    where.image(side_by_side(images, side_px=side_px), caption=caption, width="stretch")


def verdict(prepared: Prepared, probabilities: np.ndarray, label: int, entropy: float, clean_entropy: float) -> None:
    """Draw what the goal model says of an image: its best guesses, its entropy, and how that changed."""
    classes = prepared.pipeline.samples.classes
    first, *_ = guesses = likeliest(probabilities, count=4)
    st.markdown(
        f"Predicted as **{classes[first[0]]}** ({':green[correct]' if first[0] == label else ':red[wrong]'}), entropy "
        f"**{entropy:.3f}** nats ({entropy / Entropy.hardest(len(classes)):.0%} of the maximum); clean image: "
        f"{clean_entropy:.3f}."
    )
    for index, probability in guesses:
        st.progress(probability, text=f"{classes[index]} · {probability:.1%}")
