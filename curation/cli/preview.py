"""The command ``inspect``: what a source is, before it is read."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from curation.cli.terminal import AsJson, ReaderOptions, console, finish, parameters_in, sentences

if TYPE_CHECKING:
    from curation.readers.preview import Preview

OPTION_USAGE = "--option takes a name and a value, e.g. layout=classes"
_CLASSES = 20


def inspect(
    source: Annotated[str, typer.Argument(help="A data set's name, or the path of a folder or file.")],
    split: Annotated[str, typer.Option(help="Which part of the source.")] = "train",
    option: ReaderOptions = None,
    as_json: AsJson = False,
) -> None:
    """Say what a source is before it is read: layout, splits, classes, sizes, what is odd, and what is done about it.

    Nothing is written. Of a large source, some samples are looked at, and it is said how many.
    """
    with sentences():
        from curation.readers import READERS, recognize
        from curation.readers.preview import inspect as preview_of

        about = recognize(source)
        parameters = {**about, **parameters_in(option or [], usage=OPTION_USAGE), "split": split}
        found = preview_of(READERS.build(parameters.pop("reader"), parameters))
        _show(found)
        finish(asdict(found), as_json)


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
