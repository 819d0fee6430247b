"""The command ``clean``: what a workspace takes on disk, and freeing what is made again by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from curation.cli.terminal import AsJson, WorkspaceFolder, console, finish, open_workspace, sentences

if TYPE_CHECKING:
    from curation.storage.workspace import Workspace


def clean(
    workspace: WorkspaceFolder = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Free the disk space of what is made again by itself: corrupted copies kept as files, tables of candidates.

    What each part of the workspace takes is listed before anything is removed.
    """
    with sentences():
        from curation.analysis.expected import size
        from curation.storage.disk import clean as free

        found = open_workspace(workspace)
        parts = show_disk(found)
        freeable = sum(part["bytes"] for part in parts if part["made_again"])
        freed = 0
        if not freeable:
            console.print("nothing to free: all that is kept took work to compute", highlight=False)
        elif yes or typer.confirm(f"Free {size(freeable)}? It is made again where it is needed.", err=True):
            freed = free(found)
            console.print(f"[bold green]freed[/] {size(freed)}", highlight=False)
        finish({"workspace": str(found.root), "parts": parts, "freed": freed}, as_json)


def show_disk(found: Workspace) -> list[dict[str, Any]]:
    """Print what each part of a workspace takes on disk, and return it."""
    from curation.analysis.expected import size
    from curation.storage.disk import parts

    table = Table("on disk", "size", "files", "", box=None)
    every = parts(found)
    for part in every:
        table.add_row(part.name, size(part.bytes), f"{part.files:,}", "freed by `clean`" if part.made_again else "")
    console.print(table)
    return [part._asdict() for part in every]
