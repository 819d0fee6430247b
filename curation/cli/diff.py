"""``curation diff``: in what two recipes, revisions or exports differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from curation.cli.terminal import AsJson, WorkspaceFolder, console, finish, open_workspace, sentences
from curation.errors import CurationError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from curation.analysis.changes import Chosen
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

    Two exports are compared by their manifests; recipes by what they select, where --workspace has computed it. The
    exit code is 0 whether they differ or not.
    """
    with sentences():
        from curation.recipe import in_words, recipe_differences

        where = None if workspace is None else open_workspace(workspace)
        recipes = [_recipe(name, where) for name in (a, b)]
        found = recipe_differences(*recipes)
        for path, pair in found.items():
            (words,) = in_words({path: pair})
            console.print(
                escape(words.replace(" was ", ": ").replace(", now ", " → ")), highlight=False, soft_wrap=True
            )
        if not found:
            console.print("the recipes say the same")
        table, unknown = _overlap((a, b), recipes, where)
        for row in [] if table is None else table.to_dict("records"):
            console.print(
                f"{row['family']}: {row['both']:,} images in both, {row['only_a']:,} only in A, "
                f"{row['only_b']:,} only in B, {row['shared']:.0%} shared",
                highlight=False,
                soft_wrap=True,
            )
        if table is None:
            console.print(f"[yellow]sets not compared[/] {escape(unknown)}", highlight=False, soft_wrap=True)
        summary: dict[str, Any] = {"settings": {path: {"a": old, "b": new} for path, (old, new) in found.items()}}
        finish(summary | {"images": None if table is None else table.to_dict("records")}, as_json)


def _recipe(name: str, where: Workspace | None) -> Recipe:
    """Return the recipe that a name on the command line means. Raises: UsageError: it means none."""
    from curation.recipe import Recipe

    if Path(name).is_dir():
        return Recipe.load(Path(name) / "recipe.yaml")
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


def _overlap(names: tuple[str, str], recipes: list[Recipe], where: Workspace | None) -> tuple[pd.DataFrame | None, str]:
    """Return how many images two sets share, or None and why that is not known."""
    from curation.analysis.changes import changes
    from curation.analysis.compared import overlap_of_manifests, overlap_of_sets

    manifests = [Path(name) / "manifest.parquet" for name in names]
    if all(path.is_file() for path in manifests):
        import pandas as pd

        return overlap_of_manifests(*(pd.read_parquet(path) for path in manifests)), ""
    if where is None:
        return None, "give two exports, or the workspace that has computed the recipes with --workspace"
    try:
        before, after = (_chosen(recipe, where) for recipe in recipes)
        return overlap_of_sets(before, after, changes(before, after)), ""
    except CurationError as error:
        return None, str(error)


def _chosen(recipe: Recipe, where: Workspace) -> Chosen:
    from curation.analysis.changes import Chosen
    from curation.pipeline import Pipeline

    pipeline = Pipeline(recipe, where)
    pool = pipeline.pool()
    return Chosen(pipeline, pool, pipeline.select(pool))
