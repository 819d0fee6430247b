"""``curation verify``: whether an export is unchanged, and whether its recipe would give the same bytes here."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from curation.cli.terminal import AsJson, Device, WorkspaceFolder, console, finish, open_workspace, sentences

COLORS = {"equal": "green", "differs": "red", "unknown": "yellow"}


def verify(
    export: Annotated[str, typer.Argument(help="The folder of an export, or its address.")],
    workspace: WorkspaceFolder = None,
    as_json: AsJson = False,
    device: Device = None,
) -> None:
    """Check an export's files, and compare its source, its goal model and this machine with those it was made with.

    The source is compared where --workspace names a workspace that has read it. Exit code 1: a file is missing or was
    changed; other differences are only reported.
    """
    with sentences():
        from curation.engine.local import best_device
        from curation.exporters.environment import environment
        from curation.exporters.verification import verification
        from curation.storage.addresses import fetched

        folder = fetched(export)
        samples = None if workspace is None else _samples(folder, workspace)
        checks = verification(folder, samples=samples, here=environment(device or best_device()))
    for check in checks:
        color = COLORS[check.state]
        words = f"[{color}]{check.of}[/] {escape(check.words)}"
        console.print(words, highlight=False, soft_wrap=True)
    intact = checks[0].state == "equal"
    finish({"export": str(export), "intact": intact, "checks": [asdict(check) for check in checks]}, as_json)
    if not intact:
        raise typer.Exit(1)


def _samples(export: Path, folder: str) -> str | None:
    """Return the digest of the samples that a workspace has of an export's recipe, or None. Raises: UsageError."""
    from curation.errors import CurationError
    from curation.pipeline import Pipeline
    from curation.recipe import Recipe

    pipeline = Pipeline(Recipe.load(export / "recipe.yaml"), open_workspace(folder))
    try:
        return pipeline.samples.content
    except CurationError:
        return None
