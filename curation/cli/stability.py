"""The command ``stability``: how much of the set another training of the goal model would choose again."""

from __future__ import annotations

from typing import Annotated

import typer
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


def stability(
    recipe: RecipeFile,
    workspace: WorkspaceFolder = None,
    trainings: Annotated[
        int, typer.Option(min=2, help="Number of trainings of the goal model, including the recipe's own.")
    ] = 2,
    changed_source: ChangedSource = None,
    as_json: AsJson = False,
    device: Device = None,
    engine: EngineOption = "local",
    ray_address: RayAddress = None,
    ray_gpus: RayGpus = None,
) -> None:
    """Estimate how many of the chosen images another training of the same goal model would choose again.

    Each training costs about as much as the recipe did: the goal model, its adversarial copies and all scores are
    computed again; only corrupted copies are made once for all that lack their scores. The result is stored: the
    Boundary page and the datasheets of exports show it.
    """
    with sentences():
        from curation.analysis import stability as analysis

        pipeline = open_pipeline(recipe, workspace, device, engine, address=ray_address, gpus=ray_gpus)

        def compute() -> analysis.Stability:
            with Bars() as bars:
                return analysis.stability(pipeline, trainings=trainings, report=bars)

        found = settled(compute, changed_source)
        table = Table("family", "chosen", "chosen again", "share", "at random", box=None)
        for name, part in found.families.items():
            chance = f"{part.by_chance / part.chosen:.0%}"
            table.add_row(name, f"{part.chosen:,}", f"{part.again:,.0f}", f"{part.share:.0%}", chance)
        console.print(table)
        console.print(found.sentence, highlight=False, soft_wrap=True)
        finish(found.to_dict(), as_json)
