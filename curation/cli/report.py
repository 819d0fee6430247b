"""The command ``report``: the story of a recipe as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from curation.cli.terminal import (
    AsJson,
    Device,
    RecipeFile,
    WorkspaceFolder,
    console,
    finish,
    open_pipeline,
    sentences,
    warn_of_doubts,
)
from curation.errors import CurationError, UsageError

_USAGE = "--redact takes files, or class=NAME; repeat it for more"


def report(
    recipe: RecipeFile,
    workspace: WorkspaceFolder = None,
    out: Annotated[Path, typer.Option(help="The HTML file to write; an earlier one is replaced.")] = Path(
        "report.html"
    ),
    redact: Annotated[
        list[str] | None,
        typer.Option(
            metavar="files|class=NAME",
            help="Leave out names of files and folders, or the name and pictures of a class; again for more.",
        ),
    ] = None,
    as_json: AsJson = False,
    device: Device = None,
) -> None:
    """Write what is in the data, what was chosen and whether it helps, as one HTML file to send or print.

    The steps, their order and the presenter's sentences are those of the workspace's presentation (the page Present).
    Nothing is computed: a step that cannot be told yet says what to run.
    """
    with sentences():
        from curation.presentation.report import report as written
        from curation.presentation.settings import Presentation
        from curation.presentation.step import Missing
        from curation.presentation.story import story
        from curation.presentation.subject import Subject

        pipeline = open_pipeline(recipe, workspace, device)
        files, classes = _redacted(redact or [])
        kept = Presentation.parse(pipeline.workspace.presentation() or {})
        settings = kept.model_copy(
            update={
                "redact_files": kept.redact_files or files,
                "redact_classes": list(dict.fromkeys([*kept.redact_classes, *classes])),
            }
        )
        warn_of_doubts(pipeline)
        told = story(Subject(pipeline, settings, recipe_file=str(recipe)))
        text = written(told)
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CurationError(f"cannot write {out}: {error.strerror or error}; choose another --out") from None
        missing = [step.name for step in told.steps if isinstance(step.told, Missing)]
        if missing:
            console.print(f"[yellow]note[/] not told yet: {', '.join(missing)}; the report says what to run")
        console.print(f"[bold green]{out}[/]: {len(told.steps)} steps, {len(text) / 1e6:.1f} MB", highlight=False)
        finish({"report": str(out), "steps": [step.name for step in told.steps], "missing": missing}, as_json)


def _redacted(asked: list[str]) -> tuple[bool, list[str]]:
    """Return whether files are to be left out, and which classes. Raises: UsageError."""
    classes = [words.removeprefix("class=") for words in asked if words.startswith("class=")]
    others = [words for words in asked if not words.startswith("class=")]
    wrong = next((words for words in others if words != "files"), None)
    if wrong is not None:
        raise UsageError(f"{_USAGE}; got {wrong!r}")
    return bool(others), classes
