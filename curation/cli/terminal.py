"""What every command shares on the terminal: its options, error sentences, progress bars and the closing summary."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer
from click import Choice
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichBars

from curation.errors import CurationError, UsageError, notes_told
from curation.progress import WORDS, Meter, Progress, duration
from curation.storage.addresses import refusal

if TYPE_CHECKING:
    from curation.pipeline import Pipeline
    from curation.recipe import Recipe
    from curation.storage.workspace import Workspace

T = TypeVar("T")

console = Console(stderr=True)

CACHE = Path(os.environ.get("CURATION_CACHE", "cache"))
RecipeFile = Annotated[Path, typer.Argument(help="A recipe file (YAML); shipped ones are in recipes/.")]
WorkspaceFolder = Annotated[
    str | None,
    typer.Option(
        "--workspace",
        "-w",
        metavar="PATH",
        help="Folder, or address (s3://bucket/folder), where everything computed is stored; by default cache/<source>.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON summary as the last line.")]
ReaderOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        "-o",
        help="A parameter of the reader, as in layout=classes; again for more (`curation list reader`).",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier export in that folder.")]
ChangedSource = Annotated[
    Literal["read", "keep"] | None,
    typer.Option(
        "--changed-source",
        help="If the source has changed since it was read: read it again, or keep the images as they were read. "
        "By default you are asked.",
    ),
]
Device = Annotated[str | None, typer.Option(help="cuda, mps or cpu; by default the fastest one available.")]
EngineOption = Annotated[
    Literal["local", "ray"],
    typer.Option("--engine", help="Where work runs: in this process, or on a Ray cluster; the results are the same."),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        help="auto, host:6379 or ray://host:10001; by default that of RAY_ADDRESS, or a cluster of its own here."
    ),
]
RayGpus = Annotated[
    float | None, typer.Option(min=0.01, help="GPUs that each task asks for; by default 1, with 0.5 two share one.")
]


@contextmanager
def sentences() -> Iterator[None]:
    """Turn errors meant for people into one line and the right exit code, and notes into lines."""
    try:
        with notes_told(_note):
            yield
    except UsageError as error:
        console.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from None
    except CurationError as error:
        console.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        console.print("stopped; everything finished so far is kept, run the same command again to resume")
        raise typer.Exit(1) from None
    except Exception as error:
        words = refusal(error)
        if words is None:
            raise
        console.print(f"[bold red]error:[/] {escape(words)}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None


def _note(word: str, sentence: str) -> None:
    console.print(f"[yellow]{word}[/] {escape(sentence)}", highlight=False, soft_wrap=True)


EVERY_S = 5.0
"""Without a terminal, a line on a stage that goes on comes this often at most."""


class Bars:
    """How far each stage is, with rate and time left: a bar a stage; without a terminal, a line now and then."""

    def __init__(self) -> None:
        from curation.pipeline import titles

        self._titles = {**titles(), **WORDS}
        self._bars = RichBars(
            TextColumn("{task.description:<22}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[note]}"),
            console=console,
        )
        self._meter = Meter()
        self._tasks: dict[str, Any] = {}
        self._said: tuple[str, bool, float] = ("", False, 0.0)
        """Of the last line: stage, whether it was done, when."""

    def __enter__(self) -> Bars:
        if console.is_terminal:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if console.is_terminal:
            self._bars.stop()

    def __call__(self, progress: Progress) -> None:
        """Show a report."""
        measured = self._meter(progress)
        title = self._titles[progress.stage]
        if not console.is_terminal:
            self._line(title, measured)
            return
        if progress.stage not in self._tasks:
            self._tasks[progress.stage] = self._bars.add_task(title, total=progress.total, rate="", note="")
        self._bars.update(
            self._tasks[progress.stage],
            completed=progress.done,
            total=progress.total,
            rate=measured.speed,
            note=progress.note,
        )

    def _line(self, title: str, measured: Progress) -> None:
        stage, was_done, when = self._said
        done, now = measured.done >= measured.total, time.monotonic()
        if measured.stage == stage and (was_done or (not done and now - when < EVERY_S)):
            return
        self._said = (measured.stage, done, now)
        left = "" if done or measured.eta_s is None else f"{duration(measured.eta_s)} left"
        parts = [f"{measured.done:,} of {measured.total:,} {measured.unit}", measured.speed, left, measured.note]
        typer.echo(f"{title}: {', '.join(part for part in parts if part)}", err=True)


def open_pipeline(
    recipe_file: Path, folder: str | Path | None, device: str | None = None, engine: str = "local", **ray: Any
) -> Pipeline:
    """Return the pipeline of a recipe file, by default on the workspace that is named like its source.

    Args: engine, ray: see ``engine.choose``.
    """
    from curation.engine import choose
    from curation.pipeline import Pipeline
    from curation.recipe import Recipe

    recipe = Recipe.load(recipe_file)
    return Pipeline(recipe, workspace_of(recipe, folder), engine=choose(engine, device=device, **ray))


def settled(work: Callable[[], T], answer: Literal["read", "keep"] | None, *, unasked: str | None = None) -> T:
    """Do some work; where a source has changed since it was read, read it again or keep what was read, and go on.

    Args: answer: of the option; None: ask, where somebody is there to answer; unasked: the answer where nobody is.
    Raises: CurationError: the source has changed, and nobody says what to do.
    """
    from curation.pipeline.freshness import SourceChanged

    while True:
        try:
            return work()
        except SourceChanged as changed:
            chosen = answer or (_asked(changed) if sys.stdin.isatty() else unasked)
            if chosen is None:
                raise CurationError(
                    f"{changed}: add --changed-source read or --changed-source keep to the command"
                ) from None
            _note("note", f"{changed}: {'reading it again' if chosen == 'read' else 'kept as they were read'}")
            changed.read_again() if chosen == "read" else changed.keep()


def _asked(changed: CurationError) -> str:
    console.print(escape(str(changed)), highlight=False, soft_wrap=True)
    return str(typer.prompt("read or keep", type=Choice(["read", "keep"])))


def warn_of_doubts(pipeline: Pipeline) -> None:
    """Say what speaks against the recipe's goal model, if it is there; a stage that makes it says so by itself."""
    from curation.pipeline.trust import tell

    tell(pipeline.plan)


def warn_of_change(pipeline: Pipeline) -> None:
    """Say that the source is gone or has changed since it was read, where a command reads nothing of it again."""
    from curation.pipeline.freshness import note_change

    with Bars() as bars:
        note_change(pipeline.plan, report=bars)


def workspace_of(recipe: Recipe, folder: str | Path | None) -> Workspace:
    """Return the workspace in a folder, new or not; None: the one in the cache that is named like the source."""
    from curation.storage.workspace import Workspace

    return Workspace(folder or CACHE / recipe.source.reader.name)


def parameters_in(texts: Iterable[str], *, usage: str) -> dict[str, Any]:
    """Return parameters written as ``name=value``, values as in a recipe. Raises: UsageError that says the usage."""
    import yaml

    texts = list(texts)
    wrong = [text for text in texts if "=" not in text]
    if wrong:
        raise UsageError(f"{usage}; got {wrong[0]!r}")
    return {name: yaml.safe_load(value) for name, value in (text.split("=", 1) for text in texts)}


def save_recipe(recipe: Recipe, workspace: Workspace, out: Path | None) -> str:
    """Keep a recipe as a workspace's newest revision and, if asked for, in a file; return where it is, in words."""
    text = recipe.to_yaml()
    workspace.save_revision(text)
    if out is not None:
        out.write_text(text, encoding="utf-8")
    return f"is the newest revision of {workspace.root}" + (f" and in {out}" if out else "")


def finish(summary: dict[str, Any], as_json: bool) -> None:
    """Print the one line of JSON that scripts read."""
    if as_json:
        print(json.dumps(summary))


def open_workspace(folder: str | Path | None) -> Workspace:
    """Return an existing workspace; None: the only one in the cache. Raises: UsageError."""
    from curation.storage.workspace import Workspace, workspaces

    if folder is None:
        found = workspaces(CACHE)
        if len(found) != 1:
            names = ", ".join(str(path) for path in found) or "none yet"
            raise UsageError(f"choose a workspace with --workspace; in {CACHE}/ there are: {names}")
        folder = found[0]
    workspace = Workspace(folder)
    if not workspace.exists:
        raise UsageError(f"there is no workspace {folder}; create one with `curation ingest` or `curation run`")
    return workspace


def safe_name(name: str) -> str:
    """Return a name as a file name."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name).strip(".-").lower() or "set"
