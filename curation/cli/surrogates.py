"""The command ``surrogates train``: the further networks that a recipe's transfer attack uses beside the goal model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    save_recipe,
    sentences,
    settled,
    workspace_of,
)
from curation.errors import UsageError

if TYPE_CHECKING:
    from curation.pipeline.plan import Plan
    from curation.recipe import Recipe

surrogates = typer.Typer(no_args_is_help=True, help="Networks that transfer attacks use beside the goal model.")


@surrogates.command()
def train(
    recipe: RecipeFile,
    workspace: WorkspaceFolder = None,
    architectures: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Write these into the recipe's transfer attacks: names with commas, each with its weight in the "
            "ensemble after a colon (resnet50:.24,vgg16_bn:.14). By default those that the recipe lists.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the recipe with its surrogates to this file.")] = None,
    changed_source: ChangedSource = None,
    as_json: AsJson = False,
    device: Device = None,
    engine: EngineOption = "local",
    ray_address: RayAddress = None,
    ray_gpus: RayGpus = None,
) -> None:
    """Train the surrogates of a recipe's transfer attacks on its samples, as goal_model.train says.

    `curation run` trains them too: a surrogate without a checkpoint is a part of the recipe. The recipe with the
    surrogates is saved as the workspace's newest revision.
    """
    with sentences():
        from curation.engine import choose
        from curation.pipeline import STAGES, Pipeline
        from curation.recipe import Recipe

        asked = Recipe.load(recipe)
        if architectures is not None:
            asked = _with_surrogates(asked, _ensemble(architectures))
        if not STAGES["surrogates"]().asked(asked):
            raise UsageError(
                f"{recipe} has no surrogates to train; give --architectures resnet18,vgg16_bn, say, and an attack that "
                "uses them (attack: transfer)"
            )
        found = workspace_of(asked, workspace)
        runs = choose(engine, device=device, address=ray_address, gpus=ray_gpus)
        pipeline = Pipeline(asked, found, engine=runs)

        def compute() -> dict[str, float]:
            with Bars() as bars:
                return pipeline.run(("ingest", "surrogates"), report=bars)

        settled(compute, changed_source)
        rows = _trained(pipeline.plan)
        table = Table("surrogate", "weight", "accuracy, test split", "on samples", box=None)
        for row in rows:
            accuracies = ("–" if row[name] is None else f"{row[name]:.1%}" for name in ("test", "samples"))
            table.add_row(row["architecture"], f"{row['weight']:g}", *accuracies)
        console.print(table)
        where = save_recipe(asked, found, out)
        console.print(
            f"[bold green]{escape(asked.name)}[/] with its surrogates {where}", highlight=False, soft_wrap=True
        )
        finish({"recipe": asked.to_dict(), "surrogates": rows}, as_json)


def _ensemble(text: str) -> list[dict[str, Any]]:
    """Return the surrogates written as ``name:weight,name``. Raises: UsageError."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, weight = part.partition(":")
        try:
            found.append({"architecture": name, "weight": float(weight or 1)})
        except ValueError:
            raise UsageError(
                f"--architectures takes names with weights, e.g. resnet50:.24,vgg16_bn:.14; got {part!r}"
            ) from None
    return found


def _with_surrogates(recipe: Recipe, ensemble: list[dict[str, Any]]) -> Recipe:
    """Return the recipe whose attacks with surrogates have these. Raises: UsageError."""
    attacks = [
        {"attack": attack.name, **attack.model_dump(mode="json")}
        | ({"surrogates": ensemble} if "surrogates" in type(attack).model_fields else {})
        for attack in recipe.variants.adversarial
    ]
    return recipe.with_changes(**{"variants.adversarial": attacks})


def _trained(plan: Plan) -> list[dict[str, Any]]:
    rows = []
    for attack in plan.recipe.variants.adversarial:
        for surrogate, training in zip(attack.untrained, plan.surrogates(attack), strict=True):
            about = plan.workspace.model(training.model_key).about or {}
            rows.append(
                {
                    "architecture": surrogate.architecture,
                    "weight": surrogate.weight,
                    "samples": about.get("train_accuracy"),
                    "test": about.get("test_accuracy"),
                    "seconds": about.get("seconds"),
                }
            )
    return rows
