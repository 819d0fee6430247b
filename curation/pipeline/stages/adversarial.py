"""Making adversarial copies: each sample attacked against the goal model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch

from curation.attacks.base import Attack
from curation.models.prediction import to_device
from curation.pipeline.execution import Execution, Result, Work
from curation.pipeline.expense import Expense, Scale
from curation.pipeline.model_ref import ModelRef
from curation.pipeline.pixels import shards_in_block, to_pixels, variant_seeds
from curation.pipeline.plan import ATTACK_ROWS, Donors, Plan
from curation.pipeline.stages.base import Stage, Status
from curation.pipeline.stages.described import describe
from curation.pipeline.stages.taken import taken
from curation.recipe import Recipe
from curation.storage.differences import TIMES_SMALLER
from curation.storage.image_set import ImageSet
from curation.storage.samples import Samples
from curation.threads import aside


class AttackSamples(Stage):
    """Every sample under every attack of the recipe."""

    name = "adversarial"
    title = "Adversarial copies"
    needs = ("ingest", "goal_model", "surrogates")
    makes = "candidates"

    def asked(self, recipe: Recipe) -> bool:
        """See ``Stage.asked``."""
        return bool(recipe.variants.adversarial)

    def used(self, recipe: Recipe) -> bool:
        """See ``Stage.used``."""
        return recipe.selection.mix.adversarial > 0

    def results(self, plan: Plan) -> list[Result]:
        """See ``Stage.results``."""
        return [Result(images.pixels, images.sizes) for images in [*plan.attacked(), *plan.attacked_again()]]

    def status(self, plan: Plan, *, verify: bool = False) -> Status:
        """See ``Stage.status``: says so where copies were made for labels that were changed since."""
        found = super().status(plan, verify=verify)
        again = [images for images in plan.attacked_again() if not images.ready()]
        if not again or not all(images.ready() for images in plan.attacked()):
            return found
        count = sum(len(images.sample_rows) for images in again)
        return replace(found, state="stale", note=f"{count:,} to be made again, away from their samples' new labels")

    def expected(self, recipe: Recipe, scale: Scale) -> Expense:
        """See ``Stage.expected``: at most, for many samples are done earlier."""
        images, attacks = scale.varied(recipe), recipe.variants.adversarial
        passes = sum(attack.most_passes(scale.classes) for attack in attacks)
        seconds = images * passes * scale.networks[recipe.goal_model.form].pass_s * recipe.goal_model.members
        return Expense(seconds, images * len(attacks) * scale.image_bytes / TIMES_SMALLER)

    def run(self, execution: Execution) -> None:
        """See ``Stage.run``."""
        plan = execution.plan
        together = shards_in_block(plan.device, plan.samples.shape, ATTACK_ROWS)
        work = []
        for images in [*plan.attacked(), *plan.attacked_again()]:
            if not images.relabel:  # those are known by the recipe alone
                describe(plan, images)
            donors = plan.donors(images.plugin)
            equipped = replace(images, plugin=plan.equipped(images.plugin))
            task = partial(attack_shards, plan.samples, donors, equipped, plan.model, plan.recipe.seed)
            work.append(Work(Result(images.pixels, images.sizes), taken(plan, images) or task, together))
        execution.shards(work)


def attack_shards(
    samples: Samples, donors: Donors, out: ImageSet, model: ModelRef, seed: int, indices: Sequence[int]
) -> int:
    """Make the adversarial copies of some shards at once."""
    network, device = model.load(), model.device
    attack = prepared(out.plugin, samples, donors, device)
    rows = out.rows_of(*indices)
    found = to_pixels(
        attack(
            network,
            to_device(samples.images(rows), device),
            torch.tensor(samples.labels_with(out.relabel)[rows], device=device),
            seeds=variant_seeds(attack, seed, samples.sample_ids[rows]),
        )
    )
    with aside(device) as later:
        for index, images in out.split(found, indices):
            later(out.pixels.write, index, images)
    return len(rows)


def prepared(attack: Attack, samples: Samples, donors: Donors, device: str) -> Attack:
    """Return the attack with the samples that it borrows from, where it does."""
    if not len(donors.rows):
        return attack
    return attack.with_donors(
        to_device(samples.images(donors.rows), device), torch.tensor(donors.labels, device=device)
    )
