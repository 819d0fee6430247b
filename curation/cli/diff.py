"""``curation diff``: in what two recipes, revisions or exports differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from curation.cli.terminal import AsJson, WorkspaceFolder, console, finish, open_workspace, sentences
from curation.errors import CurationError, UsageError

if TYPE_CHECKING:
    from curation.analysis.compared import Side
    from curation.recipe import Recipe
    from curation.storage.workspace import Workspace

HELP = "A recipe file, the folder of an export, or with --workspace the number of a revision."


def diff(
    a: Annotated[str, typer.Argument(help=HELP)],
    b: Annotated[str, typer.Argument(help=HELP)],
    workspace: WorkspaceFolder = None,
    as_json: AsJson = False,
) -> None:
    """Say in which settings two recipes differ, and how many images their sets share.

    An export's images are those of its manifest; a recipe's those that it selects, where --workspace names the
    workspace that has computed it. The exit code is 0 whether they differ or not.
    """
    with sentences():
        from curation.analysis.compared import shared
        from curation.recipe import recipe_differences, value_in_words

        where = None if workspace is None else open_workspace(workspace)
        before, after = (_side(name, where) for name in (a, b))
        found = recipe_differences(before.recipe, after.recipe)
        for path, (old, new) in found.items():
            _say(f"{path}: {value_in_words(old)} → {value_in_words(new)}")
        if not found:
            _say("the recipes say the same")
        table = None
        try:
            table, matched = shared(before, after)
            for row in table.to_dict("records"):
                _say(
                    f"{row['family']}: {row['both']:,} images in both, {row['only_a']:,} only in A, "
                    f"{row['only_b']:,} only in B, {row['shared']:.0%} shared"
                )
            _say(matched)
        except CurationError as error:
            _say(f"sets not compared: {error}")
        summary: dict[str, Any] = {"settings": {path: {"a": old, "b": new} for path, (old, new) in found.items()}}
        finish(summary | {"images": None if table is None else table.to_dict("records")}, as_json)


def _say(words: str) -> None:
    console.print(escape(words), highlight=False, soft_wrap=True)


def _side(name: str, where: Workspace | None) -> Side:
    """Return what a name on the command line means. Raises: UsageError: it means nothing."""
    from curation.analysis.compared import Side, of_export, of_recipe

    if Path(name).is_dir():
        return of_export(name, Path(name))
    recipe = _recipe(name, where)
    if where is None:
        return Side(name, recipe, why="say which workspace has computed it with --workspace")
    return of_recipe(name, recipe, where)


def _recipe(name: str, where: Workspace | None) -> Recipe:
    """Return the recipe that a name on the command line means. Raises: UsageError: it means none."""
    from curation.recipe import Recipe

    if name.isascii() and name.isdigit() and not Path(name).exists():
        if where is None:
            raise UsageError(f"{name} is a revision's number; say of which workspace with --workspace")
        if int(name) not in where.revisions():
            kept = where.revisions()
            raise UsageError(
                f"{where.root} has no revision {name}; " + (f"it has 1 to {kept[-1]}" if kept else "none was saved")
            )
        return Recipe.from_yaml(where.revision(int(name)), where=f"revision {name}")
    return Recipe.load(name)
