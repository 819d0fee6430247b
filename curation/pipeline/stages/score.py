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
from curation.pipeline.answers import Answers, answers, change_sizes, score_answers
from curation.pipeline.copies import Corrupted
from curation.pipeline.execution import Execution, Result
from curation.pipeline.expense import Expense, Scale
from curation.pipeline.model_ref import MODELS_HELD, ModelRef
from curation.pipeline.pixels import shards_in_block
from curation.pipeline.plan import SCORE_COLUMNS, Plan
from curation.pipeline.stages.base import Stage, Status
from curation.pipeline.stages.described import describe
from curation.recipe import Recipe
from curation.scores import scores_of
from curation.selection import SELECTORS
from curation.storage.image_set import ImageSet
from curation.storage.samples import Samples
from curation.storage.shards import Shards
from curation.threads import aside


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
        network, passes = scale.networks[recipe.goal_model.form], 1 + len(recipe.goal_model.early_epochs)
        seconds = images * recipe.goal_model.members * (passes * network.pass_s + network.detector_s)
        corruption, memory = recipe.variants.corruption, 0
        if corruption and corruption.keep == "none":  # they are made where they are scored
            seconds, memory = seconds + scale.corrupting_s(recipe), scale.corrupting_bytes
        return Expense(seconds, images * 8 * (len(SCORE_COLUMNS) + len(scores_of(passes=False))), memory)

    def run(self, execution: Execution) -> None:
        """See ``Stage.run``: one pass over the samples, in which every copy is made or read, scored and dropped."""
        score_all(execution, [execution.plan])


class Part(NamedTuple):
    """A set of images, where its scores are kept, and under which goal model; dropout: as ``answers`` has it;
    early: its networks after early epochs."""

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
        header, task = samples.header, partial(score_block, samples, list(parts.values()))
        together = shards_in_block(execution.plan.device, header.shape, header.shard_rows)
        execution.blocks(results, task, locks=locks, together=together)


def ranks(recipe: Recipe) -> bool:
    """Whether the recipe's selection looks at scores."""
    selection = recipe.selection
    covers = SELECTORS[selection.strategy].by_coverage or recipe.weights.asked
    return covers or selection.strategy != "random" or selection.within == "boundary"


def score_block(
    samples: Samples, parts: Sequence[Part], indices: Sequence[int], places: Sequence[int], tell: Tell
) -> tuple[int, dict[int, float]]:
    """Score the images that some sets have of some shards of samples, and say how much they differ from them.

    The samples are read and go to the device once, and so does a set under however many models; scores are kept as
    soon as they are there.
    Args: places: of those parts that lack these shards.
    Returns: images scored, and the seconds of each place; those of making a set are shared.
    """
    cut = {place: [parts[place].images.of_samples(samples, index) for index in indices] for place in places}
    wanted = {place: np.concatenate(rows) for place, rows in cut.items()}
    read, sets = np.unique(np.concatenate(list(wanted.values()))), defaultdict[str, list[int]](list)
    wanted_models = {model for place in places for model in (parts[place].model, *parts[place].early)}
    networks, device = {model: model.load() for model in wanted_models}, parts[0].model.device
    originals = torch.from_numpy(np.array(samples.images(read))).to(device)
    done, total, spent = 0, sum(map(len, wanted.values())), dict[int, float]()
    for place in places:
        sets[parts[place].images.key].append(place)
    with aside(device) as later:
        for together in sets.values():
            start, images, rows = time.monotonic(), parts[together[0]].images, wanted[together[0]]
            before = originals if len(rows) == len(read) else originals[np.searchsorted(read, rows)]
            levels, labels = levels_of(images, before, rows, indices), samples.labels_with(images.relabel)[rows]
            sizes = change_sizes(before, levels)
            making_s = time.monotonic() - start
            for place in together:
                start, (_, out, model, dropout, early) = time.monotonic(), parts[place]
                said = answers(networks[model], levels, device, dropout, [networks[it] for it in early])
                later(keep, out, dict(zip(indices, map(len, cut[place]), strict=True)), said, labels, sizes)
                spent[place] = time.monotonic() - start + making_s / len(together)
                done += len(rows)
                tell(done, total, "")
    return done, spent


def keep(
    out: Shards,
    counts: Mapping[int, int],
    said: Answers,
    labels: np.ndarray,
    sizes: pd.DataFrame,
) -> None:
    """Write the scores of images with how much they differ.

    Args: counts: images by shard.
    """
    table, at = pd.concat([score_answers(said, labels), sizes], axis=1), 0
    for index, count in counts.items():
        out.write(index, table[at : at + count])
        at += count


def levels_of(images: ImageSet, before: Tensor, rows: np.ndarray, indices: Sequence[int]) -> Tensor:
    """Return a set's images, uint8 M×H×W×C on the device, of samples by their rows: as ``ImageSet.gather`` has them.

    Args: before: the samples' own images, likewise; indices: of the shards of samples that they are from.
    """
    if images.family == "clean":
        return before
    if isinstance(images.make, Corrupted) and not set(indices) & {*images.pixels.known()}:
        return images.make.of(before, rows)
    return torch.from_numpy(np.array(images.gather(rows))).to(before.device)
