"""The form that starts an evaluation: recipes, training, baselines, and its cost."""

from __future__ import annotations

from typing import Any

import streamlit as st
import yaml

from curation import jobs
from curation.analysis.evaluations import evaluation_differences, free_name, usual_level
from curation.corruptions import CORRUPTIONS
from curation.errors import CurationError, UsageError
from curation.evaluation.baselines import BASELINES
from curation.evaluation.comparison import cost
from curation.evaluation.evaluate import begin, document, kept_document
from curation.evaluation.settings import Evaluation
from curation.models.architectures import ARCHITECTURES
from curation.progress import duration
from curation.recipe import Recipe, guides
from curation.recipe.strength import OWN
from curation.storage.workspace import Workspace
from curation.training.methods import METHODS
from curation.training.samplers import SAMPLERS
from curation.training.samplers.dynamic import DynamicSampling
from curation.training.settings import PRESETS
from pages.ui import panel, session, state
from pages.ui.evaluate import chosen, strengths
from pages.ui.fields import kept
from pages.ui.forms import settings_form

WORKING = "the working recipe"


def show() -> None:
    """Show the form instead of the leaderboard."""
    session.NEW_EVALUATION.set(True)
    session.NEW_EVALUATION_NAME.pop()


def hide() -> None:
    """Show the leaderboard again."""
    session.NEW_EVALUATION.set(False)


def draw(found: Workspace) -> None:
    """Draw the form."""
    st.subheader("New evaluation")
    st.caption(
        "Small networks are trained from scratch on each recipe's set and on baselines of the same budget, all with "
        "one schedule, and measured on the test suite P: held-out images, clean, corrupted and attacked. Runs in the "
        "background and can be resumed."
    )
    left, right = st.columns(2, gap="large")
    try:
        with left:
            recipes = _recipes(found)
        with right:
            evaluation = _settings(found)
        with left:
            name = kept(
                st.text_input,
                "Name",
                key=session.NEW_EVALUATION_NAME.key,
                default=free_name("evaluation", found.evaluations()),
                help="The results are stored under this name.",
            )
        if not recipes:
            st.info("Choose at least one recipe.", icon=":material/playlist_add:")
        else:
            _start(found, name.strip(), recipes, evaluation)
    except CurationError as error:
        st.error(str(error), icon=":material/error:")
    if found.evaluations():
        st.button("Back to the leaderboard", on_click=hide, type="tertiary", key="back-evaluation")


def _recipes(found: Workspace) -> dict[str, Recipe]:
    """Draw the choice of recipes and return them by title. Raises: UsageError for a broken file."""
    offered: dict[str, Recipe] = {WORKING: state.recipe()}
    for number in found.revisions()[::-1]:
        saved = Recipe.from_yaml(found.revision(number), where=f"revision {number}")
        offered[f"revision {number}"] = saved
    picked = kept(
        st.multiselect,
        "Recipes",
        list(offered),
        default=[WORKING],
        format_func=lambda title: f"{offered[title].name} ({title})",
        key=session.new_evaluation_recipes(found.name).key,
        wrap=True,
        help="All need the same budget; the baselines are derived from the first.",
    )
    chosen = [(offered[title].name, title, offered[title]) for title in picked]
    files = st.file_uploader(
        "Other recipe files",
        type=["yaml", "yml"],
        accept_multiple_files=True,
        key="recipe-files",
    )
    for file in files:
        try:
            text = file.getvalue().decode("utf-8")
        except UnicodeDecodeError:
            raise UsageError(f"{file.name} is not a text file; give a recipe in YAML") from None
        recipe = Recipe.from_yaml(text, where=file.name)
        chosen.append((recipe.name, file.name, recipe))
    named: dict[str, Recipe] = {}
    for name, origin, recipe in chosen:
        named[name if name not in named else f"{name}, {origin}"] = recipe
    return named | _under_others(named)


def _under_others(named: dict[str, Recipe]) -> dict[str, Recipe]:
    """Draw under which other goal models the first recipe is measured, and return it by title. Raises: UsageError."""
    first = next(iter(named.items()), None)
    if first is None:
        return {}
    title, recipe = first
    words = strengths.choose(
        "The first recipe under other goal models",
        recipe.goal_model,
        key="begin-goal-models",
        instead="None; for the last of the steps",
    )
    return {f"{title}, {name}": one for name, one in guides(recipe, words).items() if name != OWN}


def _settings(found: Workspace) -> Evaluation:
    """Draw how targets are trained and measured, and return it. Raises: UsageError."""
    recipe = state.recipe()
    usual = Evaluation()
    targets = kept(
        st.multiselect,
        "Target architectures",
        list(ARCHITECTURES),
        default=usual.targets,
        accept_new_options=True,
        key="begin-targets",
        wrap=True,
        help="Trained from scratch on every set. Also torchvision/<name> and timm/<name>, where installed.",
    )
    titles = [baseline.title for baseline in BASELINES]
    baselines = kept(
        st.pills,
        "Baselines",
        BASELINES.names,
        default=usual.baselines,
        format_func=lambda name: BASELINES[name].called[0].upper() + BASELINES[name].called[1:],
        selection_mode="multi",
        wrap=True,
        key="begin-baselines",
        help=f"Gains are relative to clean images; without that baseline there are none. {'; '.join(titles)}.",
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        seeds = kept(
            st.number_input,
            "Seeds",
            1,
            100,
            default=usual.seeds,
            key="begin-seeds",
            width=110,
            help="Number of trainings of each target on each set.",
        )
        preset = kept(st.selectbox, "Schedule", list(PRESETS), default="fast", key="begin-preset", width=130)
        usual_epochs = PRESETS[str(preset)]["epochs"]
        epochs = kept(
            st.number_input, "Epochs", 1, 10_000, default=usual_epochs, key=f"begin-epochs-{preset}", width=120
        )
        flip = kept(
            st.toggle,
            "Horizontal flips",
            default=recipe.goal_model.train.flip or recipe.source.reader.name.startswith("cifar"),
            key="begin-flip",
            help="Random, during training. Not for digits and letters.",
        )
        curve = kept(
            st.toggle,
            "Curve by epoch",
            default=False,
            key="begin-curve",
            help="Also measure the clean test images after each epoch: top-1 and top-5 accuracy.",
        )
    method = _method()
    sampling = _sampling()
    suite = chosen.suite(found, "begin-suite")
    held_out = _held_out(usual.to_dict()["suite"]) if suite is None else {}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if suite is None:
            suite = {**_suite(usual.to_dict()["suite"], flip=flip), **held_out}
        white_box = kept(
            st.number_input,
            "White-box images",
            0,
            1_000_000,
            default=usual.white_box.samples,
            step=50,
            key="begin-white",
            width=190,
            help="Each target itself is also attacked on this many images, with the test suite's ε; not part of R. 0: "
            "none.",
        )
    of_linf = (attack for attack in suite["adversarial"] if "epsilon" in attack and attack.get("norm") == "linf")
    first: dict[str, Any] = next(of_linf, {})
    schedule = {"preset": preset, "epochs": epochs, "flip": flip, "sampling": sampling, **method}
    strength = {"epsilon": first["epsilon"]} if first else {}
    return Evaluation.parse(
        {
            "targets": targets,
            "seeds": seeds,
            "schedule": schedule,
            "curve": curve,
            "baselines": baselines,
            "suite": suite,
            "white_box": {"samples": white_box, **strength},
        }
    )


def _method() -> dict[str, Any]:
    """Draw the training method and its own settings, and return both as plain data."""
    name = kept(
        st.selectbox,
        "Training method",
        METHODS.names,
        default="plain",
        format_func=lambda name: METHODS[name].title,
        key="begin-method",
        help="How targets learn from the sets. The cooperative one needs dynamic sampling.",
    )
    method = METHODS[str(name)]
    if not method.model_fields:
        return {"method": method.name}
    with st.expander("Settings of the method"):
        own = settings_form(method, {}, key=f"begin-{method.name}", leave_out=("epochs",))
    return {"method": method.name, **own}


def _sampling() -> dict[str, Any] | None:
    """Draw which images an epoch shows, and return it as plain data; None: all. Raises: UsageError."""
    name = kept(
        st.selectbox,
        "Images of an epoch",
        [None, *SAMPLERS.names],
        default=None,
        format_func=lambda name: SAMPLERS[name].title if name else "All, shuffled",
        placeholder="All, shuffled",
        key="begin-sampling",
        help="Which images each epoch shows, in which order and with which weights. Dynamic sampling shows one image "
        "of every sample, its clean one or a variant: for sets that have both of some samples.",
    )
    if name is None:
        return None
    if name != DynamicSampling.name:
        return {"method": name, **settings_form(SAMPLERS[name], {}, key=f"begin-sampling-{name}")}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        ratio = kept(
            st.slider,
            "Probability of a variant",
            0.0,
            1.0,
            step=0.05,
            default=DynamicSampling().ratio,
            key="begin-ratio",
            width=280,
            help="Drawn anew every epoch between these bounds; constant where they are equal.",
        )
        weights = kept(
            st.text_input,
            "Weights of kinds",
            default="",
            placeholder="fog: 2, pgd: 0.5",
            key="begin-weights",
            width=240,
            help="On the wheel that is spun for a variant; a kind that is not named has 1.",
        )
    return {"method": name, "ratio": ratio, "weights": _weights(str(weights))}


def _weights(text: str) -> Any:
    """Return weights by kind as people write them in one line. Raises: UsageError."""
    try:
        return yaml.safe_load(f"{{{text}}}")
    except yaml.YAMLError:
        raise UsageError(f"weights of kinds are written as fog: 2, pgd: 0.5; got {text}") from None


def _suite(usual: dict[str, Any], *, flip: bool) -> dict[str, Any]:
    """Draw how large a new P is and how strongly it is attacked, and return it as plain data."""
    samples = kept(
        st.number_input,
        "Test images",
        1,
        1_000_000,
        default=usual["samples"],
        step=100,
        key="begin-samples",
        width=140,
        help="The test suite has the clean, all corrupted and all attacked copies of each of these.",
    )
    level = kept(
        st.number_input,
        "ε of attacks, in 255ths",
        1,
        255,
        default=usual_level(state.recipe()),
        key="begin-epsilon",
        width=180,
        help="L∞ radius of the attacks on the surrogates.",
    )
    attacks = [{**attack, "epsilon": f"{level}/255"} for attack in usual["adversarial"]]
    return {**usual, "samples": samples, "adversarial": attacks, "training": {**usual["training"], "flip": flip}}


def _held_out(suite: dict[str, Any]) -> dict[str, Any]:
    """Draw what of a new P no set may be trained on, and return it as plain data."""
    surrogates = kept(
        st.multiselect,
        "Surrogates",
        list(ARCHITECTURES),
        default=suite["surrogates"],
        accept_new_options=True,
        key="begin-surrogates",
        wrap=True,
        help="Networks whose attacked images are the adversarial part; neither the goal model, nor a target, nor a "
        "surrogate of the recipe's own attacks may be of such an architecture.",
    )
    held_out = kept(
        st.multiselect,
        "Held-out corruptions",
        [kind.name for kind in CORRUPTIONS if kind.held_out],
        default=suite["held_out"],
        format_func=lambda name: CORRUPTIONS[name].title,
        key="begin-held-out",
        wrap=True,
        help="Reported apart from R; no recipe may have copies with them.",
    )
    return {"surrogates": surrogates, "held_out": held_out}


def _start(found: Workspace, name: str, recipes: dict[str, Recipe], evaluation: Evaluation) -> None:
    """Draw the cost and what starts it. Raises: UsageError."""
    found_cost = cost(recipes, evaluation, found)
    before = found.evaluation(name) if name else None
    differ = evaluation_differences(kept_document(before), document(recipes, evaluation)) if before else []
    with st.container(border=True):
        left, middle, right = st.columns(3)
        left.metric("Trainings, at most", f"{found_cost.trainings:,}", help="Finished ones are reused.")
        middle.metric("Images seen, at most", f"{found_cost.images:,}", help="Fewer where an epoch does not show all.")
        right.metric(
            "Estimated training time",
            "not measured yet" if found_cost.seconds is None else duration(found_cost.seconds),
            help="From earlier trainings of these targets in this workspace; making the test suite and evaluating "
            "take extra time.",
        )
        if differ:
            st.markdown(f":orange[:material/warning:] “{name}” exists with other settings: {'; '.join(differ)}.")
        with st.container(horizontal=True):
            if differ and st.button("Continue with its settings", key="keep-evaluation", icon=":material/play_arrow:"):
                _go(found, name)
            words = "Use the new settings" if differ else "Resume" if before else "Start"
            busy = "Another job is running; this one will be queued." if panel.active_job(found) else ""
            if st.button(
                words, type="primary", icon=":material/play_arrow:", key="start-evaluation", help=busy or None
            ):
                begin(recipes, evaluation, found, name=name, replace=bool(differ))
                _go(found, name)
        if busy:
            st.caption(busy)


def _go(found: Workspace, name: str) -> None:
    jobs.submit_kept(found, "evaluation", name)
    hide()
    session.EVALUATION.set(name)
    st.rerun()
