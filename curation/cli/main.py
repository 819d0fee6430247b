"""The ``curation`` command."""

from __future__ import annotations

import os
import shutil
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from curation.cli.clean import clean, show_disk
from curation.cli.diff import diff
from curation.cli.evaluate import evaluate, tune
from curation.cli.inspect import labels
from curation.cli.preview import OPTION_USAGE, inspect
from curation.cli.report import report
from curation.cli.stability import stability
from curation.cli.surrogates import surrogates
from curation.cli.terminal import (
    CACHE,
    AsJson,
    Bars,
    ChangedSource,
    Device,
    EngineOption,
    Overwrite,
    RayAddress,
    RayGpus,
    ReaderOptions,
    RecipeFile,
    WorkspaceFolder,
    console,
    finish,
    open_pipeline,
    open_workspace,
    parameters_in,
    safe_name,
    sentences,
    settled,
    warn_of_change,
    warn_of_doubts,
)
from curation.cli.verify import verify
from curation.errors import CurationError, UsageError, warn_of_balance
from curation.progress import duration
from curation.registries import KINDS

if TYPE_CHECKING:
    from curation.pipeline import Pipeline
    from curation.selection.select import Selected
    from curation.storage.samples import Samples

app = typer.Typer(
    name="curation",
    help="Make image training sets that give robust classifiers: choose the boundary samples below a hardness offset.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_selection(pipeline: Pipeline, selected: Selected) -> dict[str, Any]:
    table = Table("family", "quota", "chosen", "candidates", "too hard", "band", "per class", box=None)
    summary = selected.summary()
    for family, part in summary.items():
        band = f"{part['lower']:.3f} – {part['upper']:.3f}" if part["upper"] is not None else "–"
        counts = part["class_counts"]
        table.add_row(
            family,
            f"{part['quota']:,}",
            f"{part['chosen']:,}",
            f"{part['candidates']:,}",
            f"{part['passed_over']:,}",
            band,
            f"{min(counts):,}–{max(counts):,}" if counts else "–",
        )
    console.print(table)
    for sentence in selected.unbalanced(pipeline.samples.classes):
        warn_of_balance(sentence)
    _show_coverage(pipeline)
    return summary


def _show_coverage(pipeline: Pipeline) -> None:
    """Print, if the recipe asks for it, how well the chosen images of each family cover the others, against chance."""
    from curation.pipeline.stages.coverage import Cover, coverage_of

    groups = coverage_of(pipeline.plan) if Cover().asked(pipeline.recipe) else []
    for family in dict.fromkeys(group["family"] for group in groups):
        mine = [group for group in groups if group["family"] == family]
        offered = sum(group["offered"] for group in mine)
        covered, chance = (
            sum(group[name][-1] * group["offered"] for group in mine) / offered for name in ("curve", "by_chance")
        )
        reached = sum(group["share"] * group["offered"] for group in mine) / offered
        console.print(
            f"{family}: {covered:.1%} of {offered:,} covered (at random {chance:.1%}), value {reached:.1%} of all, "
            f"{sum(group['seconds'] for group in mine):.1f} s; {mine[0]['guarantee']}",
            highlight=False,
            soft_wrap=True,
        )


@app.command()
def run(
    recipe: RecipeFile,
    workspace: WorkspaceFolder = None,
    out: Annotated[
        str | None, typer.Option(metavar="PATH", help="Folder, or address, to write; by default exports/<recipe name>.")
    ] = None,
    map: Annotated[bool, typer.Option(help="Also compute the map for the dashboard, after the export.")] = True,
    overwrite: Overwrite = False,
    changed_source: ChangedSource = None,
    as_json: AsJson = False,
    device: Device = None,
    engine: EngineOption = "local",
    ray_address: RayAddress = None,
    ray_gpus: RayGpus = None,
) -> None:
    """Compute every missing stage of a recipe, then export the curated set."""
    from curation.pipeline import FOR_SELECTION

    with sentences():
        pipeline = open_pipeline(recipe, workspace, device, engine, address=ray_address, gpus=ray_gpus)
        destination = out or Path("exports") / safe_name(pipeline.recipe.name)

        def compute() -> dict[str, float]:
            with Bars() as bars:
                return pipeline.run(FOR_SELECTION, report=bars)

        seconds = settled(compute, changed_source)
        _remark(pipeline)
        with Bars() as bars:
            pool = pipeline.pool()
            start = time.monotonic()
            selected = pipeline.select(pool)
            seconds["select"] = round(time.monotonic() - start, 3)
            start = time.monotonic()
            pipeline.export(destination, overwrite=overwrite, report=bars)
            seconds["export"] = round(time.monotonic() - start, 2)
            if map:
                seconds |= pipeline.run(("embed", "map"), report=bars)
        families = _show_selection(pipeline, selected)
        pipeline.workspace.save_revision(pipeline.recipe.to_yaml())
        console.print(f"[bold green]exported[/] {len(selected.pool_rows):,} images to {destination}", highlight=False)
        finish(
            {"out": str(destination), "images": len(selected.pool_rows), "families": families, "seconds": seconds},
            as_json,
        )


@app.command()
def select(recipe: RecipeFile, workspace: WorkspaceFolder = None, as_json: AsJson = False) -> None:
    """Select only: counts, score band and class balance for each family. Nothing is written."""
    with sentences():
        pipeline = open_pipeline(recipe, workspace)
        warn_of_change(pipeline)
        warn_of_doubts(pipeline)
        selected = pipeline.select()
        families = _show_selection(pipeline, selected)
        for shortage in selected.shortages:
            console.print(f"[yellow]short:[/] {escape(shortage.sentence)}", highlight=False, soft_wrap=True)
        finish({"images": len(selected.pool_rows), "families": families}, as_json)
        selected.require()


@app.command()
def export(
    recipe: RecipeFile,
    out: Annotated[str, typer.Option(metavar="PATH", help="The folder, or address (s3://bucket/folder), to write.")],
    workspace: WorkspaceFolder = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Select and export from what is already computed."""
    with sentences():
        pipeline = open_pipeline(recipe, workspace)
        warn_of_change(pipeline)
        warn_of_doubts(pipeline)
        with Bars() as bars:
            pipeline.export(out, overwrite=overwrite, report=bars)
        console.print(f"[bold green]exported[/] to {out}", highlight=False)
        finish({"out": str(out)}, as_json)


@app.command()
def ingest(
    source: Annotated[str, typer.Argument(help="A data set's name, an image folder, .npz, npy folder or Parquet.")],
    workspace: WorkspaceFolder = None,
    split: Annotated[str, typer.Option(help="Split of the source.")] = "train",
    limit: Annotated[int | None, typer.Option(min=1, help="Use this many samples, drawn by class.")] = None,
    option: ReaderOptions = None,
    changed_source: ChangedSource = None,
    as_json: AsJson = False,
    engine: EngineOption = "local",
    ray_address: RayAddress = None,
    ray_gpus: RayGpus = None,
) -> None:
    """Read a source into a workspace, and write a first recipe for it."""
    with sentences():
        from curation.analysis.conversions import conversions
        from curation.analysis.duplicates import told
        from curation.engine import choose
        from curation.pipeline import Pipeline
        from curation.readers import recognize
        from curation.recipe import LONGEST_NAME, Recipe
        from curation.storage.workspace import Workspace

        chosen = parameters_in(option or [], usage=OPTION_USAGE)
        block = {**recognize(source, reader=chosen.get("reader")), **chosen, "split": split, "limit": limit}
        called = Path(source).stem or source
        recipe = Recipe.parse({"name": called[:LONGEST_NAME], "source": block, "selection": {"budget": 1}})
        folder = workspace or CACHE / safe_name(called)
        pipeline = Pipeline(recipe, Workspace(folder), engine=choose(engine, address=ray_address, gpus=ray_gpus))
        settled(partial(_ingested, pipeline), changed_source, unasked="read")
        samples = pipeline.samples
        recipe = recipe.with_changes(**{"selection.budget": max(1, len(samples) // 2)})
        pipeline.workspace.save_revision(recipe.to_yaml())
        skipped = samples.positions[~samples.positions["read"]]
        console.print(f"[bold green]{len(samples):,} images[/] of {_classes_in(samples)} in {folder}", highlight=False)
        converted = conversions(samples.table["note"])
        for remark in (*samples.header.remarks, *converted):
            console.print(f"[yellow]note[/] {escape(remark)}", highlight=False, soft_wrap=True)
        for row in skipped.head(10).itertuples():
            console.print(f"[yellow]skipped[/] {escape(str(row.name))}: {escape(str(row.note))}", soft_wrap=True)
        if len(skipped) > 10:
            console.print(f"… and {len(skipped) - 10} more; all are listed on the Workspace page")
        repeated = told(pipeline.plan)
        for line in repeated:
            console.print(f"[yellow]repeated[/] {escape(line)}", soft_wrap=True)
        summary = {
            "workspace": str(folder),
            "images": len(samples),
            "classes": samples.classes,
            "remarks": list(samples.header.remarks),
            "converted": converted,
            "repeated": repeated,
            "skipped": [{"name": row.name, "reason": row.note} for row in skipped.itertuples()],
        }
        finish(summary, as_json)


@app.command()
def variants(
    recipe: RecipeFile,
    workspace: WorkspaceFolder = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(help="A corruption; repeat the option for more. Without --kind and --attack: the recipe's."),
    ] = None,
    severity: Annotated[
        list[int] | None, typer.Option(help="1 to 5; repeat the option for more. By default the recipe's.")
    ] = None,
    attack: Annotated[
        list[str] | None, typer.Option(help='An attack: "apgd epsilon=4/255 loss=ce"; repeat the option for more.')
    ] = None,
    samples: Annotated[
        str | None, typer.Option(help="Number of samples, drawn by class, or ids: 3,17,40. By default the recipe's.")
    ] = None,
    changed_source: ChangedSource = None,
    estimate: Annotated[bool, typer.Option(help="Only print the estimated time and disk space.")] = False,
    as_json: AsJson = False,
    device: Device = None,
    engine: EngineOption = "local",
    ray_address: RayAddress = None,
    ray_gpus: RayGpus = None,
) -> None:
    """Compute corrupted and adversarial copies into the workspace's variant database, and show what they do.

    Finished ones are kept: run it again after a stop, or with more kinds, and only what is missing is computed.
    """
    from curation.analysis import effects
    from curation.analysis import variants as database

    with sentences():
        pipeline = open_pipeline(recipe, workspace, device, engine, address=ray_address, gpus=ray_gpus)
        asked = _asked(pipeline.recipe, kind or [], severity or [], attack or [], samples)
        pipeline = pipeline.of(asked)
        settled(partial(_ingested, pipeline), changed_source)
        _remark(pipeline)
        cost = database.estimate(pipeline.plan)
        missing = int(cost["missing"].sum())
        console.print(
            f"{cost['images'].sum():,} variants, {missing:,} of them to compute: about {cost['megabytes'].sum():,.1f} "
            f"MB on disk and {duration(cost['seconds'].sum())} on {pipeline.device}, besides the goal model",
            highlight=False,
        )
        if estimate:
            table = Table("kind", "severity", "images", "missing", "MB", "time", "parameters", box=None)
            for row in cost.to_dict("records"):
                counts = (f"{row['images']:,}", f"{row['missing']:,}", f"{row['megabytes']:,.1f}")
                table.add_row(
                    row["kind"], str(row["severity"] or ""), *counts, duration(row["seconds"]), row["parameters"]
                )
            console.print(table)
            finish({"variants": cost.to_dict("records")}, as_json)
            return
        with Bars() as bars:
            seconds = pipeline.run(("goal_model", "corruption", "adversarial", "score"), report=bars)
        found = effects.summary(pipeline.plan, [*pipeline.plan.corrupted(), *pipeline.plan.attacked()])
        table = Table("kind", "severity", "images", "accuracy", "success rate", "entropy", "L∞", "L2", box=None)
        for row in found.sort_values("accuracy").to_dict("records"):
            rates = (f"{row['accuracy']:.1%}", f"{row['success']:.1%}", f"{row['entropy']:.3f}", f"{row['linf']:.3f}")
            table.add_row(row["kind"], str(row["severity"] or ""), f"{row['images']:,}", *rates, f"{row['l2']:.2f}")
        console.print(table)
        finish({"variants": found.to_dict("records"), "seconds": seconds}, as_json)


def _ingested(pipeline: Pipeline) -> None:
    with Bars() as bars:
        pipeline.run(("ingest", "duplicates"), report=bars)


def _classes_in(samples: Samples) -> str:
    """Say how many classes the samples are of, and of how many there could be where some have no image."""
    present, known = len(set(samples.labels.tolist())), len(samples.classes)
    return f"{known} classes" if present == known else f"{present} of {known} classes"


def _asked(recipe: Any, kinds: list[str], severities: list[int], attacks: list[str], samples: str | None) -> Any:
    """Return the recipe with the variants that the command's options ask for. Raises: UsageError."""
    changes: dict[str, Any] = {}
    block = recipe.to_dict()["variants"]
    if kinds or attacks:
        corruption = {**(block["corruption"] or {}), "kinds": kinds}
        changes["variants.corruption"] = corruption if kinds else None
        changes["variants.adversarial"] = [_attack(text) for text in attacks]
    if severities:
        if not changes.get("variants.corruption", block["corruption"]):
            raise UsageError("--severity applies to corruptions; give --kind too")
        changes["variants.corruption"] = {
            **changes.get("variants.corruption", block["corruption"]),
            "severities": severities,
        }
    if samples is not None:
        parts = [part.strip() for part in samples.split(",")]
        if not all(part.isdigit() for part in parts):
            raise UsageError(f"--samples takes a number or ids such as 3,17,40; got {samples!r}")
        changes["variants.samples"] = int(parts[0]) if len(parts) == 1 else [int(part) for part in parts]
    return recipe.with_changes(**changes)


def _remark(pipeline: Pipeline) -> None:
    """Say what people should know of the recipe's attacks on so many classes."""
    from curation.attacks.losses import remark

    for attack in pipeline.recipe.variants.adversarial:
        note = remark(getattr(attack, "loss", "ce"), len(pipeline.samples.classes))
        if note:
            console.print(f"[yellow]note[/] {attack.name}: {note}", highlight=False, soft_wrap=True)


def _attack(text: str) -> dict[str, Any]:
    """Return an attack written as ``name parameter=value …``. Raises: UsageError."""
    usage = '--attack takes a name and parameters, e.g. "pgd epsilon=4/255 steps=40"'
    name, *parameters = text.split()
    return {"attack": name, **parameters_in(parameters, usage=usage)}


app.command()(evaluate)
app.command()(tune)
app.command()(diff)
app.command()(inspect)
app.command()(labels)
app.command()(clean)
app.command()(report)
app.command()(stability)
app.command()(verify)
app.add_typer(surrogates, name="surrogates")


@app.command()
def status(workspace: WorkspaceFolder = None, as_json: AsJson = False) -> None:
    """Show what is computed for the newest saved recipe of a workspace, and what each part takes on disk."""
    with sentences():
        from curation.pipeline import Pipeline, titles
        from curation.recipe import Recipe

        found = open_workspace(workspace)
        numbers = found.revisions()
        if not numbers:
            raise UsageError(f"workspace {found.root} has no saved recipe yet; run `curation run RECIPE` on it")
        recipe = Recipe.from_yaml(found.revision(numbers[-1]))
        table = Table("stage", "state", "done", "of", "", box=None)
        pipeline = Pipeline(recipe, found)
        stages, words = pipeline.status(), titles()
        for stage in stages:
            table.add_row(
                words[stage.stage], stage.state, f"{stage.done:,}", f"{stage.total:,} {stage.unit}", stage.note
            )
        console.print(f"{found.root}, recipe {recipe.name!r}", highlight=False)
        warn_of_doubts(pipeline)
        console.print(table)
        disk = show_disk(found)
        about = {"workspace": str(found.root), "stages": [stage.__dict__ for stage in stages], "disk": disk}
        finish(about, as_json)


@app.command()
def jobs(workspace: WorkspaceFolder = None, as_json: AsJson = False) -> None:
    """List the background jobs of a workspace, or of all in cache/."""
    with sentences():
        from curation import jobs as background
        from curation.storage.workspace import Workspace, workspaces

        folders = [open_workspace(workspace).root] if workspace else workspaces(CACHE)
        table = Table("workspace", "job", "does", "state", "stage", "done", "left", box=None)
        rows = []
        for folder in folders:
            for job in background.jobs(Workspace(folder)):
                at = job.progress
                done = f"{at.done:,} / {at.total:,}" if at else ""
                left = f"{at.eta_s:.0f} s" if at and at.eta_s is not None and job.active else ""
                does = f"{job.does} {job.subject}".strip()
                table.add_row(str(folder), job.id, does, job.state, at.stage if at else "", done, left)
                about = {"does": job.does, "subject": job.subject, "state": job.state, "error": job.error}
                rows.append({"workspace": str(folder), "job": job.id, **about})
        console.print(table)
        finish({"jobs": rows}, as_json)


@app.command("list")
def list_plugins(
    kind: Annotated[str, typer.Argument(help=f"{', '.join(KINDS[:-1])} or {KINDS[-1]}.")],
    as_json: AsJson = False,
) -> None:
    """List the plug-ins of one kind, with their parameters."""
    with sentences():
        from curation.registries import registries

        known = registries()
        if kind not in known:
            from curation.errors import unknown_name

            raise UsageError(unknown_name("kind", kind, known))
        table = Table("name", "what", "parameters", box=None)
        for name, (title, parameters) in known[kind].items():
            table.add_row(name, title, ", ".join(f"{field}={value}" for field, value in parameters.items()))
        console.print(table)
        finish({name: {"title": title, **parameters} for name, (title, parameters) in known[kind].items()}, as_json)


@app.command(name="app")
def dashboard(
    workspace: WorkspaceFolder = None,
    port: Annotated[int | None, typer.Option(help="Port of the dashboard; by default 8501.")] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
) -> None:
    """Open the dashboard."""
    with sentences():
        launch(workspace, port=port, browser=browser)


@app.command()
def demo(
    port: Annotated[int | None, typer.Option(help="Port of the dashboard; by default 8501.")] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
    dashboard: Annotated[bool, typer.Option(help="Open the dashboard once the demo is computed.")] = True,
) -> None:
    """Build (or reuse) the demo workspace from 5,000 real handwritten digits, then open the dashboard."""
    typer.echo(
        "The demo: 5,000 handwritten digits. Loading the numerical libraries, then about a minute of work …", err=True
    )
    from curation import jobs as background
    from curation.pipeline import FOR_SELECTION

    with sentences():
        folder = CACHE / "demo"
        pipeline = open_pipeline(shipped_recipe("demo"), folder)
        with Bars() as bars:
            pipeline.run((*FOR_SELECTION, "embed"), report=bars)
        recipe = pipeline.recipe
        pipeline.workspace.save_revision(recipe.to_yaml())
        _show_selection(pipeline, pipeline.select())
        if dashboard:
            background.submit(pipeline.workspace, recipe, ("map",))
            launch(folder, port=port, browser=browser)


def launch(workspace: str | Path | None, *, port: int | None, browser: bool) -> None:
    """Run the dashboard's server in this process. Raises: CurationError when the port is taken."""
    import importlib
    import runpy
    import socket

    home = package_root()
    port = port or int(os.environ.get("STREAMLIT_SERVER_PORT", "8501"))
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise CurationError(f"port {port} is in use; choose another with --port, e.g. --port {port + 1}") from None
    environment = {
        "STREAMLIT_SERVER_PORT": str(port),
        "STREAMLIT_SERVER_HEADLESS": "false" if browser and _has_display() else "true",
        "CURATION_CACHE": str(CACHE.resolve()),
    }
    if workspace is not None:
        environment["CURATION_WORKSPACE"] = str(open_workspace(workspace).root)
    os.environ.update(environment)
    console.print("starting …")
    importlib.import_module("curation.pipeline")  # here, so that the first page need not wait for it
    console.print(f"dashboard at [bold]http://127.0.0.1:{port}[/]  (Ctrl+C stops it; computed results stay)")
    sys.path.insert(0, str(home))
    sys.argv = ["streamlit", "run", str(home / "app.py")]
    runpy.run_module("streamlit", run_name="__main__")


def package_root() -> Path:
    """Return the folder that holds app.py, pages/ and recipes/: the repository, or where the wheel put them."""
    inside = Path(__file__).resolve().parents[1] / "_dashboard"
    return inside if inside.is_dir() else inside.parent.parent


def shipped_recipe(name: str) -> Path:
    """Return the path of a shipped recipe."""
    return package_root() / "recipes" / f"{name}.yaml"


def _has_display() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY")) or shutil.which("wslview") is not None
