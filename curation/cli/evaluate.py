"""The commands ``evaluate`` and ``tune``: compare curated sets, and search for a better one."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from curation.cli.terminal import (
    AsJson,
    Bars,
    ChangedSource,
    Device,
    EngineOption,
    RayAddress,
    RayGpus,
    WorkspaceFolder,
    console,
    finish,
    save_recipe,
    sentences,
    settled,
    workspace_of,
)
from curation.errors import CurationError, UsageError
from curation.plugin import plain_name
from curation.progress import duration

if TYPE_CHECKING:
    import pandas as pd

    from curation.engine import Engine
    from curation.evaluation.results import Results
    from curation.evaluation.settings import Evaluation
    from curation.recipe import Recipe
    from curation.storage.workspace import Workspace
    from curation.tuning.settings import Tuning
    from curation.tuning.study import Study


HeldOut = Annotated[
    str | None,
    typer.Option(
        help="Comma-separated corruptions that no recipe has copies with, or none: reported separately from R."
    ),
]

Sampling = Annotated[
    str | None,
    typer.Option(help="Which images each epoch shows, by a sampler (see `curation list samplers`)."),
]

GoalModels = Annotated[
    str | None,
    typer.Option(
        metavar="WORDS",
        help="Goal models beside the recipe's own (of several recipes the first's), with commas: 6 (after that epoch), "
        "4/255 (adversarially trained), plain, rebuffi, resnet20, 24 epochs, or several with colons "
        "(plain:6,trades:8/255,resnet20:24 epochs:12).",
    ),
]

WIDE = 140
"""Columns that the table of results needs, and gets where it is written to a file."""


def evaluate(
    recipes: Annotated[list[Path], typer.Argument(help="Recipe files of one source and one budget.")],
    workspace: WorkspaceFolder = None,
    settings: Annotated[
        Path | None,
        typer.Option(help="An evaluation file (YAML); the other options override it."),
    ] = None,
    targets: Annotated[str | None, typer.Option(help="Architectures to train: resnet18,preact_resnet18.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Number of trainings of each target on each set.")] = None,
    schedule: Annotated[str | None, typer.Option(help="fast or contest: how every target is trained.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of the schedule.")] = None,
    sampling: Sampling = None,
    curve: Annotated[
        bool, typer.Option("--curve", help="Also measure the clean test images after each epoch, top-1 and top-5.")
    ] = False,
    goal_models: GoalModels = None,
    baselines: Annotated[
        str | None,
        typer.Option(help="Comma-separated names (see `curation list baselines`), or none."),
    ] = None,
    suite: Annotated[Path | None, typer.Option(help="Your own test suite: a folder or .npz.")] = None,
    samples: Annotated[
        int | None, typer.Option(min=1, help="Number of test images of the test suite that is built.")
    ] = None,
    held_out: HeldOut = None,
    name: Annotated[str, typer.Option(help="Name under which the evaluation is stored and resumed.")] = "evaluation",
    replace: Annotated[
        bool, typer.Option("--replace", help="Use these settings even if that evaluation exists with others.")
    ] = False,
    changed_source: ChangedSource = None,
    as_json: AsJson = False,
    device: Device = None,
    engine: EngineOption = "local",
    ray_address: RayAddress = None,
    ray_gpus: RayGpus = None,
) -> None:
    """Train target models on each recipe's set and on baselines of the same budget, and print a table of their
    robustness R.

    R is the mean of the accuracies on the clean, adversarial and corrupted part of a test suite of held-out images.
    Finished trainings are kept: run it again after a stop, or with more seeds, and only what is missing is done.
    """
    with sentences():
        from curation.engine import choose
        from curation.evaluation.evaluate import begin, resume
        from curation.recipe import guides
        from curation.recipe.strength import OWN

        opened = _recipes(recipes)
        title, first = next(iter(opened.items()))
        under = guides(first, _split(goal_models or ""))
        opened |= {f"{title}, {words}": recipe for words, recipe in under.items() if words != OWN}
        found = workspace_of(first, workspace)
        asked = _asked(settings, targets, seeds, schedule, epochs, sampling, curve, baselines, suite, samples, held_out)
        try:
            begin(opened, asked, found, name=name, replace=replace)
        except UsageError as error:
            if found.evaluation(name) is None or not sys.stdin.isatty():
                raise
            console.print(escape(str(error)), highlight=False, soft_wrap=True)
            if not typer.confirm("Use the new settings?"):
                raise typer.Exit(1) from None
            begin(opened, asked, found, name=name, replace=True)

        runs = choose(engine, device=device, address=ray_address, gpus=ray_gpus)

        def compute() -> Results:
            with Bars() as bars:
                return resume(found, name, engine=runs, report=bars)

        results = settled(compute, changed_source)
        table = results.leaderboard()
        _show(results, table)
        finish({"name": name, "suite": results.record["suite"], "sets": table.to_dict("records")}, as_json)


def tune(
    recipe: Annotated[Path, typer.Argument(help="The recipe to start from; its missing stages are computed first.")],
    workspace: WorkspaceFolder = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Total number of trials; raising it continues from the finished ones.")
    ] = None,
    together: Annotated[
        int | None, typer.Option(min=1, help="Trials drawn at once and trained side by side, on an engine that can.")
    ] = None,
    search: Annotated[
        str | None, typer.Option(help="Any of offset,floor,mix,severity,strategy; none: only the goal models.")
    ] = None,
    goal_models: GoalModels = None,
    target: Annotated[str | None, typer.Option(help="The small network trained in every trial.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of the short schedule.")] = None,
    sampling: Sampling = None,
    samples: Annotated[
        int | None, typer.Option(min=1, help="Number of test images on which trials are compared.")
    ] = None,
    settings: Annotated[Path | None, typer.Option(help="An evaluation file (YAML) whose test suite is used.")] = None,
    held_out: HeldOut = None,
    out: Annotated[Path | None, typer.Option(help="Where to write the best recipe (YAML).")] = None,
    name: Annotated[str, typer.Option(help="Name under which the tuning is stored and resumed.")] = "tuning",
    restart: Annotated[bool, typer.Option("--restart", help="Discard the trials stored under this name.")] = False,
    changed_source: ChangedSource = None,
    as_json: AsJson = False,
    device: Device = None,
    engine: EngineOption = "local",
    ray_address: RayAddress = None,
    ray_gpus: RayGpus = None,
) -> None:
    """Search hardness band, mix, severities, strategy and goal model for the best robustness R on a cheap proxy, and
    save the best recipe.

    Every trial selects from candidates that are computed once for each goal model; finished trials are stored: run it
    again to resume.
    """
    with sentences():
        from curation.engine import choose
        from curation.evaluation.settings import Evaluation
        from curation.pipeline import Pipeline
        from curation.recipe import Recipe
        from curation.tuning.settings import Tuning
        from curation.tuning.tune import begin, resume

        asked = Recipe.load(recipe)
        found = workspace_of(asked, workspace)
        options = {
            "trials": trials,
            "together": together,
            "target": target,
            "suite_samples": samples,
            "search": search and _names(search),
            "goal_models": goal_models and _split(goal_models),
        }
        value: dict[str, Any] = {key: option for key, option in options.items() if option is not None}
        if settings is not None:
            value["suite"] = Evaluation.load(settings).to_dict()["suite"]
        if held_out is not None:
            value.setdefault("suite", {})["held_out"] = _names(held_out)
        if epochs is not None or sampling is not None:
            value["schedule"] = {"preset": "fast", "epochs": epochs or Tuning().schedule.epochs}
        if sampling is not None:
            value["schedule"]["sampling"] = {"method": sampling}
        tuning = Tuning.parse(value, where="options")
        runs = choose(engine, device=device, address=ray_address, gpus=ray_gpus)

        begin(asked, tuning, found, name=name, restart=restart)
        if tuning.goal_models:
            _tell_cost(asked, tuning, found, runs)

        def compute() -> Study:
            with Bars() as bars:
                Pipeline(asked, found, engine=runs).run(("ingest",), report=bars)
                return resume(found, name, engine=runs, report=bars)

        study = settled(compute, changed_source)
        best, table = study.best(), study.table()
        guided = ["goal model"] if tuning.goal_models else []
        shown = Table("trial", "R", "clean", "adversarial", "corrupted", "mix", *guided, box=None)
        for row in table[table["state"] == "done"].nlargest(10, "R").to_dict("records"):
            mix = " : ".join(f"{row[f'mix_{family}']:.2f}" for family in ("clean", "corruption", "adversarial"))
            parts = [f"{100 * row[part]:.1f}" for part in ("R", "clean", "adversarial", "corruption")]
            shown.add_row(str(row["number"]), *parts, mix, *([str(row["goal_model"])] if guided else []))
        console.print(shown)
        if study.left_out:
            console.print(
                f"[yellow]note[/] {study.left_out:,} kept trials are left out: they were measured on other candidates "
                "or test images, or by an older version",
                highlight=False,
                soft_wrap=True,
            )
        where = save_recipe(best, found, out)
        console.print(
            f"[bold green]{escape(best.name)}[/] {where}; it was chosen by its R on the proxy: measure it with "
            "`curation evaluate` before you rely on it",
            highlight=False,
            soft_wrap=True,
        )
        finish({"recipe": best.to_dict(), "trials": table.to_dict("records")}, as_json)


def _tell_cost(recipe: Recipe, tuning: Tuning, workspace: Workspace, engine: Engine) -> None:
    """Print what a tuning will take, where its source can be read."""
    from curation.analysis.tuning_cost import beforehand, measured

    with suppress(CurationError):  # the pipeline says what is wrong
        cost = beforehand(recipe, tuning, workspace, measured(recipe, tuning, device=engine.device), engine=engine)
        console.print(f"[bold]Takes[/] {cost.sentence} ({engine.device})", highlight=False, soft_wrap=True)


def _recipes(paths: list[Path]) -> dict[str, Recipe]:
    """Return recipes by name; two of one name are told apart by their file's."""
    from curation.recipe import Recipe

    found: dict[str, Recipe] = {}
    for path in paths:
        recipe = Recipe.load(path)
        title = recipe.name if recipe.name not in found else path.stem
        if title in found:
            raise UsageError(f"{path}: another recipe is also named {title!r}; give each a different name")
        found[title] = recipe
    return found


def _asked(
    path: Path | None,
    targets: str | None,
    seeds: int | None,
    schedule: str | None,
    epochs: int | None,
    sampling: str | None,
    curve: bool,
    baselines: str | None,
    suite: Path | None,
    samples: int | None,
    held_out: str | None,
) -> Evaluation:
    """Return the evaluation that file and options ask for. Raises: UsageError."""
    from curation.evaluation.settings import Evaluation

    value = (Evaluation.load(path) if path else Evaluation()).to_dict()
    if targets is not None:
        value["targets"] = _split(targets)
    if seeds is not None:
        value["seeds"] = seeds
    if schedule is not None:
        value["schedule"] = {"preset": schedule}
    if epochs is not None:
        value["schedule"]["epochs"] = epochs
    if sampling is not None:
        value["schedule"]["sampling"] = {"method": sampling}
    if curve:
        value["curve"] = True
    if baselines is not None:
        value["baselines"] = _names(baselines)
    if suite is not None:
        value["suite"]["path"] = str(suite)
    if samples is not None:
        value["suite"]["samples"] = samples
    if held_out is not None:
        value["suite"]["held_out"] = _names(held_out)
    return Evaluation.parse(value, where="options")


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def _names(names: str) -> list[str]:
    """Return names of which there may be none, written so."""
    return [] if names == "none" else _split(names)


def _show_detection(name: str, tables: list[pd.DataFrame]) -> None:
    """Print what the detectors of a set's trainings tell apart, where they have one."""
    from curation.evaluation.metrics import detection

    found = detection(tables)
    if found is None:
        return
    kinds = zip(found.kinds["kind"], found.kinds["flagged"], strict=True)
    told = ", ".join(f"{plain_name(kind)} {100 * flagged:.0f}" for kind, flagged in kinds)
    console.print(
        f"Detector of {escape(name)}: {100 * found.accuracy:.1f} % right (mean of clean and altered images); look "
        f"attacked, %: {told}",
        highlight=False,
        soft_wrap=True,
    )


def _show(results: Results, table: pd.DataFrame) -> None:
    """Print the leaderboard: mean ± spread over trainings, and the gain with its interval."""
    from curation.evaluation.comparison import contest_words, leader

    shown = Table(
        "set", "images", "R", "clean", "adversarial", "corrupted", "held out", "white box", "gain", "cost", box=None
    )
    for row in table.to_dict("records"):
        spread = f" ± {100 * row['R_spread']:.2f}" if row["trainings"] > 1 else ""
        cells = [f"{100 * row['R']:.2f}{spread}"]
        cells += [f"{100 * row[part]:.1f}" for part in ("clean", "adversarial", "corruption", "held_out", "white_box")]
        gain = "–"
        if row["gain"] == row["gain"]:
            gain = f"{100 * row['gain']:+.1f} [{100 * row['gain_low']:+.1f}, {100 * row['gain_high']:+.1f}]"
        cost = f"{duration(row['curation_s'])} + {duration(row['training_s'])}"
        name = f"[bold]{escape(row['set'])}[/]" if row["role"] == "recipe" else row["set"]
        shown.add_row(name, f"{row['images']:,}", *cells, gain, cost)
    wide = console if console.is_terminal else Console(stderr=True, width=max(console.width, WIDE))
    wide.print(shown)
    trainings = int(table["trainings"].max())
    mean = f"mean ± spread over {trainings} trainings per set" if trainings > 1 else "of one training per set"
    bound = "test images and trainings" if trainings > 1 else "test images; another training may differ more"
    about = results.record["about_suite"]
    images = f"{about['test_images']:,} held-out test images" if "test_images" in about else str(about.get("path"))
    left_out = about.get("left_out", [])
    other = sum(bool(entry.get("other_label")) for entry in left_out)
    differ = f", {other} of them under another label" if other else ""
    images += f" ({len(left_out)} left out that are also trained on{differ})" if left_out else ""
    console.print(
        f"R in %, {mean}; gain over the clean baseline with its 95 % interval over {bound}; cost: curating + one "
        f"training. P: {images}, with attacks on held-out surrogates; held out are corruptions apart from R.",
        highlight=False,
        soft_wrap=True,
    )
    if contest := contest_words(results):
        console.print(contest, highlight=False, soft_wrap=True)
    for name in table["set"]:
        _show_detection(name, results.predictions(name))
    found = leader(results, table)
    if found and found.rival and found.over_rival:
        over = found.over_rival
        console.print(
            f"{escape(found.set)} against the best baseline, {found.rival}: {100 * over.value:+.1f} points of R "
            f"[{100 * over.low:+.1f}, {100 * over.high:+.1f}]",
            highlight=False,
        )
