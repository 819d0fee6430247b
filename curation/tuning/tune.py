"""The search: known points first, then Bayesian; every trial is stored, so that at most a killed one is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from curation.engine import Engine, choose
from curation.errors import CurationError, UsageError
from curation.evaluation.suite import check_held_out, check_surrogates, find_suite
from curation.evaluation.training_set import TrainingSet
from curation.progress import Cancelled, Progress, Report, ignore
from curation.randomness import stream_seeds
from curation.recipe import Recipe, differences, guides, in_words, recipe_differences
from curation.storage.workspace import Workspace
from curation.tuning.proxy import Proxy, key_of, pipelines_of
from curation.tuning.settings import Tuning
from curation.tuning.space import Span, is_banded
from curation.tuning.study import FIGURES, Study, StudyFolder, counts

if TYPE_CHECKING:
    import optuna


def tune(
    recipe: Recipe,
    settings: Tuning,
    workspace: Workspace,
    *,
    name: str = "tuning",
    engine: Engine | None = None,
    restart: bool = False,
    report: Report = ignore,
) -> Study:
    """Search a recipe's selection, and goal models, for the highest R on a cheap proxy; resume from stored trials.

    Every trial is a selection from candidates that are computed first, once for each goal model (nothing is corrupted,
    attacked or scored for a trial), trained on by a small network with a short schedule and measured on a subset of P.
    The first are the recipe as it is, clean images only, the recipe's mix at random, and the recipe as it is under each
    other goal model. What the search suggests is eased to fill the budget;
    kept is what was trained on. The winner was chosen by its R on few test images: measure it again, in an evaluation,
    before you report it.

    Args:
        name: under which the tuning is kept, found again and resumed.
        engine: where work runs, by default here on the fastest device.
        restart: discard the trials that are stored under this name.
        report: receives how many trials are done, and may raise ``Cancelled``.

    Stored trials that were measured on other candidates or test images, or by an older version, do not count: as many
    are made again.

    Raises: UsageError: a search that makes no sense for this recipe, or a tuning kept with other settings;
        CurationError: a recipe that cannot be filled; Cancelled.
    Source: the tree-structured Parzen estimator (Bergstra et al. 2011) and the median rule of Optuna.
    """
    begin(recipe, settings, workspace, name=name, restart=restart)
    return resume(workspace, name, engine=engine, report=report)


def begin(recipe: Recipe, settings: Tuning, workspace: Workspace, *, name: str, restart: bool = False) -> None:
    """Check what is asked and keep it under its name, so that ``resume`` can do it. Raises: UsageError."""
    folder = StudyFolder(workspace, name)
    for one in guides(recipe, settings.goal_models).values():
        check_surrogates(settings.suite, one.goal_model.architecture, [settings.target])
    check_held_out(settings.suite, recipe)
    kept = folder.asked
    if restart:
        folder.clear()
    elif kept is not None:
        before = Recipe.parse(kept["recipe"]), Tuning.parse(kept["tuning"])
        differ = in_words(differences(_decisive(*before), _decisive(recipe, settings)))
        if differ:
            raise UsageError(
                f"tuning {name!r} exists with other settings: {'; '.join(differ)}; continue with those, give another "
                "name, or start over (restart=True)"
            )
    folder.write(recipe, settings)


def _decisive(recipe: Recipe, settings: Tuning) -> dict[str, Any]:
    """Return what may not change between two runs: the number of trials may, and so may what only people read."""
    parts = {key: part for key, part in recipe.to_dict().items() if key not in ("name", "note", "export", "map")}
    return {"recipe": parts, "tuning": {key: part for key, part in settings.to_dict().items() if key != "trials"}}


def resume(workspace: Workspace, name: str, *, engine: Engine | None = None, report: Report = ignore) -> Study:
    """Run the remaining trials of a stored tuning. Raises: as ``tune``."""
    folder, engine = StudyFolder(workspace, name), engine or choose()
    asked = Study(folder)
    if asked.finished and _is_current(folder, asked, engine):
        return asked
    waiting = partial(report, Progress("tune", 0, asked.settings.trials, "trials", "waiting for another process"))
    with workspace.lock(f"study-{name}", waiting=waiting):
        folder.mend()
        proxy = Proxy(asked.recipe, asked.settings, workspace, engine=engine, report=report)
        folder.write(asked.recipe, asked.settings, measured=proxy.key)
        _search(folder, proxy, report)
    return Study(folder)


def _is_current(folder: StudyFolder, asked: Study, engine: Engine) -> bool:
    """Whether stored trials were measured as they would be now, as far as that is known without computing."""
    workspace, settings = folder.workspace, asked.settings
    suite = find_suite(settings.suite, asked.recipe, workspace, engine=engine)
    try:
        guided = guides(asked.recipe, settings.goal_models)
        now = suite and key_of(pipelines_of(guided, workspace, engine=engine), settings, suite.key)
    except CurationError:
        return False
    return now == folder.measured


def _search(folder: StudyFolder, proxy: Proxy, report: Report) -> None:
    import optuna
    from optuna.trial import TrialState

    settings = proxy.settings
    study = folder.open()
    for trial in study.trials:
        if trial.state in (TrialState.RUNNING, TrialState.WAITING):  # its process was killed
            study.tell(trial.number, state=TrialState.FAIL)
    while True:
        ended = [trial for trial in study.trials if counts(trial)]
        done = [trial.values[0] for trial in ended if trial.values]
        note = f"best R {max(done):.1%}" if done else ""
        tell = partial(report, Progress("tune", len(ended), settings.trials, "trials", note))
        tell()
        if len(ended) >= settings.trials:
            return
        started = {trial.user_attrs.get("start") for trial in ended}
        starts = iter([name for name in proxy.starts if name not in started])
        begun = []
        for number in range(len(ended), min(len(ended) + settings.together, settings.trials)):
            # A separate sampler for every trial: a resumed search draws what an uninterrupted one would.
            draws = int(stream_seeds(settings.seed, np.array([number]), "tune")[0]) & 0x7FFFFFFF
            study.sampler = optuna.samplers.TPESampler(seed=draws)
            start = next(starts, None)
            if start is not None:
                study.enqueue_trial(proxy.starts[start].parameters, user_attrs={"start": start})
            begun.append(_begun(study.ask(), start, proxy))
        try:
            _measure(study, begun, proxy, tell)
        except Cancelled:
            for one in begun:
                study.tell(one.trial, state=TrialState.FAIL)
            raise
        for one in begun:
            one.tell(study)


@dataclass
class _Begun:
    """One trial: the set that it chose, or why it has none; what was measured, None: it was stopped early."""

    trial: optuna.Trial
    data: TrainingSet | None
    seconds: float
    figures: dict[str, float] | None = None

    def tell(self, study: optuna.Study) -> None:
        """Store how it ended."""
        from optuna.trial import TrialState

        if self.data is None:
            study.tell(self.trial, state=TrialState.FAIL)
            return
        self.trial.set_user_attr("seconds", round(self.seconds, 2))
        if self.figures is None:
            study.tell(self.trial, state=TrialState.PRUNED)
        else:
            self.trial.set_user_attr("figures", self.figures)
            study.tell(self.trial, self.figures["R"])


def _begun(trial: optuna.Trial, start: str | None, proxy: Proxy) -> _Begun:
    """Draw a trial's parameters and choose its set."""
    clock = time.perf_counter()
    try:
        # A known point teaches the search what its parameters are worth, where it is a point of the space.
        names = proxy.space if start is None else proxy.starts[start].parameters
        parameters = _drawn(trial, {name: proxy.space[name] for name in names}, proxy.recipe)
        recipe = proxy.suggested(parameters) if start is None else proxy.starts[start].recipe
        if len(proxy.guided) > 1:
            trial.set_user_attr("goal_model", proxy.guide_of(recipe))
        found = recipe_differences(proxy.recipe, recipe)
        trial.set_user_attr("changes", {path: new for path, (_, new) in found.items() if path not in ("name", "note")})
        data = proxy.data(recipe)
        trial.set_user_attr("set", data.key)
    except CurationError as error:  # one combination that does not work is no reason to stop
        trial.set_user_attr("error", str(error))
        return _Begun(trial, None, 0.0)
    return _Begun(trial, data, time.perf_counter() - clock)


def _measure(study: optuna.Study, begun: Sequence[_Begun], proxy: Proxy, on_step: Callable[[], None]) -> None:
    """Train and measure what some trials chose: every set once, and none that an earlier trial had."""
    from optuna.trial import TrialState

    earlier = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    known = {trial.user_attrs["set"]: trial.user_attrs["figures"] for trial in earlier}
    new = {one.data.key: one.data for one in begun if one.data is not None and one.data.key not in known}
    # Known points are what others are compared with, hence never stopped early.
    starts = {one.data.key for one in begun if one.data is not None and "start" in one.trial.user_attrs}
    compared = [None if key in starts else earlier for key in new]
    curves = dict(zip(new, proxy.curves(list(new.values()), compared, on_step=on_step), strict=True))
    for one in begun:
        if one.data is None:
            continue
        mine = curves.get(one.data.key)
        if mine is None:
            one.figures = known[one.data.key]
            continue
        one.seconds += sum(curve.seconds for curve in mine)
        for epoch, figures in mine[0].figures.items():
            if epoch < proxy.settings.schedule.epochs:
                one.trial.report(figures["R"], epoch)
        errors = [curve.error for curve in mine if curve.error]
        if errors:
            one.data = None
            one.trial.set_user_attr("error", errors[0])
        elif not mine[0].lags:
            one.figures = {name: float(np.mean([curve.last[name] for curve in mine])) for name in FIGURES}


def _drawn(trial: optuna.Trial, space: Mapping[str, Span], recipe: Recipe) -> dict[str, Any]:
    """Draw parameters; edges of the band only for a strategy that has one."""
    drawn: dict[str, Any] = {}
    for name, span in space.items():
        if not name.startswith(("offset_", "width_")) or is_banded(recipe.selection, drawn):
            drawn[name] = _draw(trial, name, span)
    return drawn


def _draw(trial: optuna.Trial, name: str, span: Span) -> Any:
    low, high = span[0], span[-1]
    if isinstance(low, str) or isinstance(high, str):
        return trial.suggest_categorical(name, span)
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(name, low, high)
    return trial.suggest_float(name, low, high)
