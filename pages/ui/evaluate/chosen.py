"""The evaluation that is shown: its choice, its results, and what its figures mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from curation.evaluation.comparison import contest_words
from curation.evaluation.results import Results
from curation.plugin import fingerprint
from curation.storage.workspace import Workspace
from pages.ui import session
from pages.ui.shell import Done

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd


R_WORDS = (
    "The robustness **R** is the mean of the accuracies on the clean, adversarial and corrupted images of P. All are "
    "held out: no training set contains them, and the attacks were made on held-out surrogates{surrogates}. {sure}"
)

NEW = "a new one"
"""The option for a test suite that is not made yet; no evaluation can have a name with spaces."""


@dataclass(frozen=True)
class Chosen:
    """An evaluation; key: changes whenever something more of it is measured; target: None for all."""

    key: str
    results: Results
    target: str | None


def choose(found: Workspace, *, by_target: bool = True) -> Chosen:
    """Draw the choice of an evaluation (and of a target) and return it; where there is none, say what to do.

    Raises: Done.
    """
    names = found.evaluations()[::-1]
    if not names:
        with st.container(border=True, horizontal_alignment="center"):
            st.subheader("No evaluation yet")
            st.write("Start one in the Leaderboard view: it trains small networks on each set and on the baselines.")
        raise Done
    key, results = opened(found, pick(names))
    targets = results.evaluation.targets
    target = None
    if by_target and len(targets) > 1:
        target = st.segmented_control(
            "Target", ["all", *targets], default="all", key=f"target-{results.name}", required=True
        )
    return Chosen(key, results, None if target == "all" else target)


def pick(names: Sequence[str]) -> str:
    """Draw the choice of a kept evaluation."""
    session.offered(session.EVALUATION.key, names)
    name = st.selectbox("Evaluation", names, key=session.EVALUATION.key, bind="query-params", width=280)
    return str(name)


def opened(found: Workspace, name: str) -> tuple[str, Results]:
    """Return a kept evaluation and the key of how far it is."""
    fresh = Results(found, name)
    done = fresh.trials[["predictions", "state"]].to_numpy().tolist()
    key = fingerprint([str(found.root), name, fresh.record["evaluation"], fresh.record["suite"], fresh.sets, done])
    return key, _results(key, fresh)


@st.cache_resource(max_entries=8, show_spinner=False)
def _results(key: str, _fresh: Results) -> Results:
    return _fresh


@st.cache_resource(max_entries=32, show_spinner="Bootstrapping the intervals …")
def leaderboard(key: str, target: str | None, _results: Results) -> pd.DataFrame:
    """The table of all sets; treat as read-only."""
    return _results.leaderboard(target=target)


def suite(found: Workspace, key: str) -> dict[str, Any] | None:
    """Draw the choice of a test suite and return a kept evaluation's, as plain data, or None for a new one.

    Offered are those that are made.
    """
    kept = {name: found.evaluation(name) or {} for name in found.evaluations()[::-1]}
    made = {name: record for name, record in kept.items() if record.get("suite")}
    if not made:
        return None
    key = f"{key}-{found.name}"
    session.offered(key, [*made, NEW])
    name = st.selectbox(
        "Test suite P",
        [*made, NEW],
        format_func=lambda name: name if name == NEW else f"from evaluation “{name}”",
        key=key,
        help="Results are comparable only on the same test suite; an existing one also saves the time to make it.",
    )
    return made[name]["evaluation"]["suite"] if name in made else None


def ink() -> str:
    """Return the color in which numbers can be read on tinted cells of a light or dark page."""
    return "#e6e8ec" if st.context.theme.type == "dark" else "#1c2024"


def explain(it: Chosen) -> None:
    """Explain P, R and the intervals; drawn wherever R is shown."""
    results, evaluation = it.results, it.results.evaluation
    settings, white = evaluation.suite, evaluation.white_box.samples
    several = evaluation.seeds * (len(evaluation.targets) if it.target is None else 1) > 1
    sure = (
        "Intervals are 95 % over test images and trainings."
        if several
        else "Intervals are 95 % over test images alone; with one training each, other seeds may differ by more."
    )
    surrogates = "" if settings.path else f" ({', '.join(settings.surrogates)})"
    told = [suite_words(results), R_WORDS.format(surrogates=surrogates, sure=sure)]
    if white:
        clean = int(_images(results).get("clean", white))
        told.append(f"**White box**: each target itself is attacked, on {min(white, clean):,} images; not part of R.")
    if contest := contest_words(results):
        told.append(contest)
    st.caption("  \n".join(told))


def _images(results: Results) -> dict[str, int]:
    """Return how many images each part of P has, as far as it is known yet."""
    return (results.record.get("about_suite") or {}).get("images", {})


def suite_words(results: Results) -> str:
    """Return what P is, in one line."""
    about = _images(results)
    words = {
        "clean": "clean",
        "corruption": "corrupted",
        "adversarial": "attacked",
        "held_out": "with held-out corruptions",
    }
    counts = [f"{about[part]:,} {called}" for part, called in words.items() if about.get(part)]
    listed = f": {', '.join(counts)}" if counts else ""
    return f"**P** is the test suite, held-out images and their copies, the same for every set{listed}."
