"""Making adversarial copies: each sample attacked against the goal model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch

from curation.attacks.base import Attack
from curation.models.prediction import to_device
from curation.pipeline.execution import Execution, Result, Work
from curation.pipeline.model_ref import ModelRef
from curation.pipeline.pixels import to_pixels, variant_seeds
from curation.pipeline.plan import Plan
from curation.pipeline.stages.base import Stage
from curation.pipeline.stages.taken import taken
from curation.recipe import Recipe
from curation.sampling import subset
from curation.storage.image_set import ImageSet
from curation.storage.samples import Samples

ACCELERATOR_SHARDS = 16
"""Shards attacked at once on an accelerator: 1,024 images keep it busy."""


class AttackSamples(Stage):
    """Every sample under every attack of the recipe."""

    name = "adversarial"
    title = "Adversarial copies"
    needs = ("ingest", "goal_model")
    makes = "candidates"

    def asked(self, recipe: Recipe) -> bool:
        """See ``Stage.asked``."""
        return bool(recipe.variants.adversarial)

    def used(self, recipe: Recipe) -> bool:
        """See ``Stage.used``."""
        return recipe.selection.mix.adversarial > 0

    def results(self, plan: Plan) -> list[Result]:
        """See ``Stage.results``."""
        return [Result(images.pixels, images.sizes) for images in plan.attacked()]

    def run(self, execution: Execution) -> None:
        """See ``Stage.run``."""
        plan = execution.plan
        together = 1 if plan.device == "cpu" else ACCELERATOR_SHARDS
        work = []
        for images in plan.attacked():
            plan.workspace.describe_pixels(images.pixels.folder.name, plan.description(images))
            task = partial(attack_shards, plan.samples, images, plan.model, plan.recipe.seed)
            work.append(Work(Result(images.pixels, images.sizes), taken(plan, images) or task, together))
        execution.shards(work)


def attack_shards(samples: Samples, out: ImageSet, model: ModelRef, seed: int, indices: Sequence[int]) -> int:
    """Make the adversarial copies of some shards at once."""
    network, device = model.load(), model.device
    attack = prepared(out.plugin, samples, device)
    rows = np.concatenate([out.rows_of(index) for index in indices])
    found = to_pixels(
        attack(
            network,
            to_device(samples.images(rows), device),
            torch.tensor(samples.labels[rows], device=device),
            seeds=variant_seeds(attack, seed, samples.sample_ids[rows]),
            batch_size=len(rows),
        )
    )
    for index, images in zip(indices, np.split(found, np.cumsum(out.sizes[list(indices)])[:-1]), strict=True):
        out.pixels.write(index, images)
    return len(rows)


def prepared(attack: Attack, samples: Samples, device: str) -> Attack:
    """Return the attack with the samples that it borrows from, where it does: some of each class."""
    if not attack.donors_per_class:
        return attack
    rows: list[int] = []
    for label in range(len(samples.classes)):
        mine = np.flatnonzero(samples.labels == label)
        rows += mine[subset(samples.sample_ids[mine], attack.donors_per_class)].tolist()
    chosen = np.array(rows)
    labels = torch.tensor(samples.labels[chosen], device=device)
    return attack.with_donors(to_device(samples.images(chosen), device), labels)
