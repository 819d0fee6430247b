"""The sample that the Variants page looks at: its number, its neighbours, what it is."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.ui.opened import Done, Opened


def choose(opened: Opened) -> int:
    """Draw the choice of a sample and return its id; it stays when the view changes. Raises: Done for a skipped one."""
    samples = opened.pipeline.samples
    hardest = (
        int(opened.pool["sample_id"].iloc[opened.selected.rows[0]])
        if len(opened.selected.rows)
        else int(samples.sample_ids[0])
    )
    sample_id = st.number_input(
        "Sample", 0, int(samples.sample_ids[-1]), value=hardest, step=1, key="sample", bind="query-params", width=160
    )
    ids = samples.sample_ids
    at = int(np.searchsorted(ids, sample_id))
    if ids[min(at, len(ids) - 1)] != sample_id:
        near = " and ".join(str(int(i)) for i in ids[max(at - 1, 0) : at + 1])
        st.info(f"Sample {sample_id} is not in this workspace; the nearest: {near}.", icon=":material/search_off:")
        raise Done
    return int(sample_id)


def show(sample_id: int) -> None:
    """Look at another sample, in the view of one sample; for callbacks."""
    st.session_state["sample"] = sample_id
    st.session_state["variants-go"] = "One sample"


def verdict(opened: Opened, probabilities: np.ndarray, label: int, entropy: float, clean_entropy: float) -> None:
    """Draw what the goal model says of an image: its best guesses, its entropy, and how that changed."""
    classes = opened.pipeline.samples.classes
    guess = int(probabilities.argmax())
    most = np.log(len(classes))
    st.markdown(
        f"Seen as **{classes[guess]}** ({':green[right]' if guess == label else ':red[wrong]'}), entropy "
        f"**{entropy:.3f}** nats ({entropy / most:.0%} of ln K); the clean image has {clean_entropy:.3f}."
    )
    for index in np.argsort(-probabilities)[:4]:
        st.progress(float(probabilities[index]), text=f"{classes[index]} · {probabilities[index]:.1%}")


def words(kind: str, severity: int, parameters: str = "") -> str:
    """Return how people call a variant."""
    name = kind.replace("_", " ")
    return " ".join(part for part in (name, str(severity or ""), f"({parameters})" if parameters else "") if part)
