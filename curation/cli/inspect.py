"""The command ``labels``: which labels are suspicious."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
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
    RecipeFile,
    WorkspaceFolder,
    console,
    finish,
    open_pipeline,
    sentences,
    settled,
)

SHOWN = 20


def labels(
    recipe: RecipeFile,
    workspace: WorkspaceFolder = None,
    folds: Annotated[
        int | None, typer.Option(min=2, help="Number of cross-validation folds; by default the recipe's, or 4.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write the whole table (CSV).")] = None,
    changed_source: ChangedSource = None,
    as_json: AsJson = False,
    device: Device = None,
    engine: EngineOption = "local",
    ray_address: RayAddress = None,
    ray_gpus: RayGpus = None,
) -> None:
    """Look for wrong labels: train networks that did not learn a sample, ask its neighbors, and rank the suspects.

    Finished folds are kept: run it again after a stop. Decide on the page Labels, or with selection.edits in a recipe.
    """
    with sentences():
        from curation.pipeline.stages.labels import suspects_table
        from curation.recipe import LabelErrors

        pipeline = open_pipeline(recipe, workspace, device, engine, address=ray_address, gpus=ray_gpus)
        check = pipeline.recipe.label_errors or LabelErrors()
        if folds is not None:
            check = check.model_copy(update={"folds": folds})
        pipeline = pipeline.of(pipeline.recipe.with_changes(label_errors=check))

        def compute() -> None:
            with Bars() as bars:
                pipeline.run(("ingest", "goal_model", "embed", "labels"), report=bars)

        settled(compute, changed_source)
        table = suspects_table(pipeline.plan, check).table(0)
        classes = pipeline.samples.classes
        for column in ("given", "suggested"):
            table[column] = [classes[label] for label in table[column]]
        shown = Table("rank", "sample", "given", "looks like", "confidence", box=None)
        for row in table.head(SHOWN).to_dict("records"):
            shown.add_row(
                str(row["rank"]), str(row["sample_id"]), row["given"], row["suggested"], f"{row['confidence']:.0%}"
            )
        console.print(shown)
        alone = table[~table["checked"]]
        if len(alone):
            console.print(
                f"[yellow]not checked[/] {len(alone):,} samples, each the only one of its class: "
                f"{escape(', '.join(alone['given'].head(SHOWN)))}",
                highlight=False,
                soft_wrap=True,
            )
        if out is not None:
            table.drop(columns="row").to_csv(out, index=False)
            console.print(f"[bold green]written[/] {len(table):,} rows to {out}", highlight=False)
        pipeline.workspace.save_revision(pipeline.recipe.to_yaml())
        disagree = int((table["given"] != table["suggested"]).sum())
        summary = {"samples": len(table), "not_checked": len(alone), "look_like_another_class": disagree}
        finish(summary | {"out": out and str(out)}, as_json)
