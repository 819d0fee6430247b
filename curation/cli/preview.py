"""The command ``inspect``: what a source is, before it is read."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from curation.cli.terminal import AsJson, Device, ReaderOptions, console, finish, parameters_in, sentences
from curation.errors import CurationError

if TYPE_CHECKING:
    from curation.readers.preview import Preview

OPTION_USAGE = "--option takes a name and a value, e.g. layout=classes"
_CLASSES = 20


def inspect(
    source: Annotated[str, typer.Argument(help="A data set's name, or the path of a folder or file.")],
    split: Annotated[str, typer.Option(help="Which part of the source.")] = "train",
    option: ReaderOptions = None,
    estimate: Annotated[
        bool, typer.Option(help="Also say about how long a first recipe takes, with which disk and memory.")
    ] = True,
    recipe: Annotated[
        Path | None, typer.Option(help="The recipe whose time, disk and memory are told; by default a first one.")
    ] = None,
    as_json: AsJson = False,
    device: Device = None,
) -> None:
    """Say what a source is before it is read: layout, splits, classes, sizes, what is odd, and what is done about it.

    Nothing is written. Of a large source, some samples are looked at, and it is said how many.
    """
    with sentences():
        from curation.readers import READERS, recognize
        from curation.readers.preview import inspect as preview_of

        chosen = parameters_in(option or [], usage=OPTION_USAGE)
        about = recognize(source, reader=chosen.get("reader"))
        parameters = {**about, **chosen, "split": split}
        found = preview_of(READERS.build(parameters.pop("reader"), parameters))
        _show(found)
        summary = asdict(found)
        if estimate:
            summary["expected"] = _expected(about | parameters, recipe, device)
        finish(summary, as_json)


def _expected(source: dict[str, Any], file: Path | None, device: str | None) -> dict[str, Any]:
    """Say what a recipe takes on the source, or why it cannot run, and return it by stage."""
    from curation.analysis.expected import expected
    from curation.engine import choose
    from curation.recipe import Recipe

    recipe = Recipe.parse({"name": "a first recipe", "source": source, "selection": {"budget": 1}})
    if file is not None:
        recipe = Recipe.load(file).model_copy(update={"source": recipe.source})
    try:
        cost = expected(recipe, device=choose(device=device).device)
    except CurationError as error:
        console.print(f"[yellow]warning[/] {escape(recipe.name)} cannot run: {escape(str(error))}", soft_wrap=True)
        return {"error": str(error)}
    console.print(f"[bold]Takes[/] {escape(recipe.name)}: {cost.sentence}", highlight=False, soft_wrap=True)
    return {title: asdict(expense) for title, expense in cost.stages.items()}


def _show(found: Preview) -> None:
    for name, words in found.in_words().items():
        console.print(f"[bold]{name}[/] {escape(words)}", highlight=False, soft_wrap=True)
    table = Table("class", "samples", box=None)
    for name, count in list(found.classes.items())[:_CLASSES]:
        table.add_row(escape(name), "–" if count is None else f"{count:,}")
    console.print(table)
    if len(found.classes) > _CLASSES:
        console.print(f"… and {len(found.classes) - _CLASSES:,} more classes")
    for finding in found.findings:
        console.print(f"[yellow]{finding.level}[/] {escape(str(finding))}", highlight=False, soft_wrap=True)
