"""Scoring every candidate under the goal model."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from curation.engine import Tell
from curation.pipeline.answers import change_sizes, score_images
from curation.pipeline.copies import Corrupted
from curation.pipeline.execution import Execution, Result
from curation.pipeline.expense import Expense, Scale
from curation.pipeline.model_ref import MODELS_HELD, ModelRef
from curation.pipeline.plan import SCORE_COLUMNS, Plan
from curation.pipeline.stages.base import Stage, Status
from curation.pipeline.stages.described import describe
from curation.recipe import Recipe
from curation.scores import scores_of
from curation.selection import SELECTORS
from curation.storage.image_set import ImageSet
from curation.storage.samples import Samples
from curation.storage.shards import Shards


class Score(Stage):
    """Prediction, uncertainty and size of the change of every candidate."""

    name = "score"
    title = "Score candidates"
    needs = ("ingest", "goal_model", "surrogates")
    makes = "candidates"
    folder: ClassVar = "scores"

    def used(self, recipe: Recipe) -> bool:
        """See ``Stage.used``: a selection at random looks at no score."""
        return ranks(recipe)

    def results(self, plan: Plan) -> list[Result]:
        """See ``Stage.results``: of the sets of images that can be read."""
        ready = (images for images in plan.image_sets() if images.ready())
        return [Result(plan.scores(images), images.sizes_of_samples(plan.samples)) for images in ready]

    def status(self, plan: Plan, *, verify: bool = False) -> Status:
        """See ``Stage.status``: out of all candidates, made or not."""
        found = super().status(plan, verify=verify)
        total = sum(len(images.sample_rows) for images in plan.image_sets())
        return self._status("partial" if found.done and found.done < total else found.state, found.done, total)

    def expected(self, recipe: Recipe, scale: Scale) -> Expense:
        """See ``Stage.expected``."""
        images = sum(scale.candidates(recipe).values())
        passes = recipe.goal_model.members * (1 + len(recipe.goal_model.early_epochs))
        seconds = images * scale.networks[recipe.goal_model.form].pass_s * passes
        corruption, memory = recipe.variants.corruption, 0
        if corruption and corruption.keep == "none":  # they are made where they are scored
            seconds, memory = seconds + scale.corrupting_s(recipe), scale.corrupting_bytes
        return Expense(seconds, images * 8 * (len(SCORE_COLUMNS) + len(scores_of(passes=False))), memory)

    def run(self, execution: Execution) -> None:
        """See ``Stage.run``: one pass over the samples, in which every copy is made or read, scored and dropped."""
        score_all(execution, [execution.plan])


class Part(NamedTuple):
    """A set of images, where its scores are kept, and under which goal model; dropout and early: as ``score_images``
    has them."""

    images: ImageSet
    out: Shards
    model: ModelRef
    dropout: Mapping[str, Any] | None
    early: tuple[ModelRef, ...] = ()


def score_all(execution: Execution, plans: Sequence[Plan]) -> None:
    """Score the candidates of plans on the same samples: what several goal models see is made once for all of them.

    More models than are held at once take a pass each so many.
    """
    for at in range(0, len(plans), MODELS_HELD):
        parts, samples = dict[str, Part](), execution.plan.samples
        for plan in plans[at : at + MODELS_HELD]:
            for images in plan.corrupted():
                describe(plan, images)
            for images in plan.image_sets():
                out = plan.scores(images)
                parts[out.folder.name] = Part(
                    images.frozen(),
                    out,
                    plan.model,
                    plan.dropout,
                    tuple(map(plan.model_at, plan.recipe.goal_model.early)),
                )
        results = [Result(part.out, part.images.sizes_of_samples(samples)) for part in parts.values()]
        locks = [f"score-{plan.model_digest}" for plan in plans[at : at + MODELS_HELD]]
        execution.blocks(results, partial(score_block, samples, list(parts.values())), locks=locks)


def ranks(recipe: Recipe) -> bool:
    """Whether the recipe's selection looks at scores."""
    selection = recipe.selection
    covers = SELECTORS[selection.strategy].by_coverage or recipe.weights.asked
    return covers or selection.strategy != "random" or selection.within == "boundary"


def score_block(
    samples: Samples, parts: Sequence[Part], index: int, places: Sequence[int], tell: Tell
) -> tuple[int, dict[int, float]]:
    """Score the images that some sets have of one shard of samples, and say how much they differ from them.

    The samples are read and go to the device once, and so does a set under however many models; scores are kept as
    soon as they are there.
    Args: places: of those parts that lack this shard.
    Returns: images scored, and the seconds of each place; those of making a set are shared.
    """
    wanted = {place: parts[place].images.of_samples(samples, index) for place in places}
    read, sets = np.unique(np.concatenate(list(wanted.values()))), defaultdict[str, list[int]](list)
    wanted_models = {model for place in places for model in (parts[place].model, *parts[place].early)}
    networks = {model: model.load() for model in wanted_models}
    originals = torch.from_numpy(np.array(samples.images(read))).to(parts[0].model.device)
    done, total, spent = 0, sum(map(len, wanted.values())), dict[int, float]()
    for place in places:
        sets[parts[place].images.key].append(place)
    for together in sets.values():
        start, images, rows = time.monotonic(), parts[together[0]].images, wanted[together[0]]
        before = originals if len(rows) == len(read) else originals[np.searchsorted(read, rows)]
        levels, labels = levels_of(images, before, rows, index), samples.labels_with(images.relabel)[rows]
        sizes = change_sizes(before, levels)
        making_s = time.monotonic() - start
        for place in together:
            start, (_, out, model, dropout, early) = time.monotonic(), parts[place]
            then = [networks[it] for it in early]
            scores = score_images(networks[model], levels, labels, model.device, dropout, then)
            out.write(index, pd.concat([scores, sizes], axis=1))
            spent[place] = time.monotonic() - start + making_s / len(together)
            done += len(rows)
            tell(done, total, "")
    return done, spent


def levels_of(images: ImageSet, before: Tensor, rows: np.ndarray, index: int) -> Tensor:
    """Return a set's images, uint8 M×H×W×C on the device, of samples by their rows: as ``ImageSet.gather`` has them.

    Args: before: the samples' own images, likewise; index: of the shard of samples that they are from.
    """
    if images.family == "clean":
        return before
    if isinstance(images.make, Corrupted) and index not in images.pixels.known():
        return images.make.of(before, rows)
    return torch.from_numpy(np.array(images.gather(rows))).to(before.device)
