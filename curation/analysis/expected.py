"""What a recipe will take on a source that is not read yet: measured on a few of its images, told by the stages."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from curation.analysis.timing import shortest_run
from curation.embedding.spaces import width_of
from curation.models.architectures import Form
from curation.models.detector import detector_of
from curation.models.features import logits_and_features
from curation.models.prediction import to_device
from curation.pipeline import Pipeline
from curation.pipeline.carried import carries_weights
from curation.pipeline.expense import Expense, Scale, Speed
from curation.pipeline.fitting import network_of
from curation.pipeline.stages import in_order
from curation.pipeline.stages.coverage import choosing
from curation.progress import duration
from curation.readers.preview import LOOKED_AT
from curation.recipe import Recipe
from curation.selection import SELECTORS
from curation.selection.coverage import CoverageSelector, compared_with
from curation.selection.coverage_run import fitting_radius

PROBE = 16
"""Images on which speeds are measured."""

COVERED = 1000, 2000
"""Points on which a coverage strategy's speed is measured."""

NOT_KNOWN = 512
"""Width of a space in which nothing lies yet."""


MANIFEST_BYTES = 40
"""Of an image's row in an export's manifest."""


@dataclass(frozen=True)
class Expected:
    """What a recipe will take: each stage that it asks for by its title, and all of them; device: where."""

    stages: dict[str, Expense]
    device: str

    @property
    def total(self) -> Expense:
        """All stages, one after another."""
        return sum(self.stages.values(), Expense())

    @property
    def sentence(self) -> str:
        """In words."""
        total, longest = self.total, max(self.stages, key=lambda title: self.stages[title].seconds)
        return (
            f"about {duration(total.seconds)} on {self.device} (most of it: {longest.lower()}), "
            f"{size(total.disk_bytes)} on disk and {size(total.memory_bytes)} of memory besides the program's own"
        )


def expected(recipe: Recipe, *, device: str, seed: int = 0) -> Expected:
    """Return what the recipe will take where nothing is kept yet.

    Not counted is the time of UMAP, of looking for repeated images and of the export.
    Speeds are measured with a few images of the source, and networks that are not trained.
    Raises: CurationError: the source cannot be read.
    """
    scale = scale_of(recipe, device=device, seed=seed)
    found = {stage.title: stage.expected(recipe, scale) for stage in in_order().values() if stage.asked(recipe)}
    found["Export"] = exported(recipe, scale)
    return Expected({title: expense for title, expense in found.items() if expense != Expense()}, device)


def scale_of(recipe: Recipe, *, device: str, seed: int = 0, also: Iterable[Form] = ()) -> Scale:
    """Return what the work of a recipe is counted in, measured on a few images of its source.

    Args: also: networks whose speed is asked for beside those of the recipe.
    Raises: CurationError: the source cannot be read.
    """
    source = recipe.source.reader.look(most=LOOKED_AT, seed=seed)
    count = min(len(source), recipe.source.limit or len(source))
    start = time.perf_counter()
    images = source.read(0, PROBE).images
    read_s = (time.perf_counter() - start) / PROBE
    if not len(images):
        images = np.zeros((1, *source.shape), np.uint8)
    batch = to_device(images, device)
    asked = recipe.variants.corruption
    members = {member.name: member for member in (asked.members() if asked else [])}
    forms = dict.fromkeys([*forms_of(recipe), *also])
    networks = {form: _speed(form, len(source.classes), source.shape, batch) for form in forms}
    scale = Scale(
        samples=count,
        classes=len(source.classes),
        shape=source.shape,
        read_s=read_s,
        networks=networks,
        corrupt_s={
            name: shortest_run(partial(member, batch, seeds=torch.arange(len(batch))), device) / len(batch)
            for name, member in members.items()
        },
        exported_bytes=recipe.export.bytes_of(images, len(source.classes)),
    )
    candidates = scale.candidates(recipe)
    share = recipe.selection.budget / max(sum(candidates.values()), 1)
    largest = max(candidates.values()) // (scale.classes if recipe.selection.coverage.classwise else 1)
    pair_s = pair_seconds(recipe, share=share, largest=largest, width=scale.embedding(recipe)[1], device=device)
    return replace(scale, pair_s=pair_s)


def choice(pipeline: Pipeline, pool: pd.DataFrame) -> Expense:
    """Return what the recipe's coverage strategy takes to choose from a pool, once it is known where all lie."""
    recipe, asked, classes = pipeline.recipe, pipeline.recipe.selection.coverage, len(pipeline.samples.classes)
    offered = pool[pool["family"].isin(asked.families)]
    groups = offered.groupby(["family", "label"] if asked.classwise else ["family"], observed=True).size().tolist()
    features = pipeline.plan.features()
    known = features.array(0).shape[1] if 0 in features.known() else NOT_KNOWN
    width = width_of(asked.space, features=known, classes=classes) * max(1, len(asked.epochs))
    share = recipe.selection.budget / max(len(pool), 1)
    largest = max(groups, default=0)
    pair_s = pair_seconds(recipe, share=share, largest=largest, width=width, device=pipeline.device)
    return choosing(recipe, groups, width=width, pair_s=pair_s)


def pair_seconds(recipe: Recipe, *, share: float, largest: int, width: int, device: str) -> float:
    """Return the seconds that the recipe's coverage strategy spends on a pair of a group's candidates; 0: it has none.

    Measured on made-up points of two numbers, of which it chooses a share, so that what does not grow is left out.

    Args: largest: candidates in the largest group.
    """
    selector, asked = SELECTORS.build(recipe.selection.strategy), recipe.selection.coverage
    if not isinstance(selector, CoverageSelector):
        return 0.0
    took = []
    for size in COVERED:
        points = np.random.default_rng(0).standard_normal((size, width), dtype=np.float32)
        count = min(max(round(share * size), 1), size)
        radius = fitting_radius(points, count=count, metric=asked.metric, device=device)
        choose = partial(
            selector.choose,
            points,
            settings=asked.model_copy(update={"radius": radius, "neighbors": compared_with(asked, largest)}),
            count=count,
            given=np.empty(0, np.int64),
            owners=None,
            seed=0,
            device=device,
            on_progress=lambda done, total: None,
        )
        took.append(shortest_run(choose, device))
    return max(took[1] - took[0], 0.0) / (COVERED[1] ** 2 - COVERED[0] ** 2)


def exported(recipe: Recipe, scale: Scale) -> Expense:
    """Return what an export of the recipe's set takes: images, labels, manifest and the goal model's weights."""
    weights = 4 * scale.networks[recipe.goal_model.form].parameters * recipe.goal_model.members
    soft = 0 if recipe.labels.mode == "hard" else 4 * scale.classes
    each = scale.exported_bytes + MANIFEST_BYTES + soft
    return Expense(disk_bytes=recipe.selection.budget * each + (weights if carries_weights(recipe) else 0))


def forms_of(recipe: Recipe) -> list[Form]:
    """Return the networks whose speed the recipe's stages ask for."""
    found = [recipe.goal_model.form]
    found += [Form(one.architecture) for attack in recipe.variants.adversarial for one in attack.untrained]
    if recipe.label_errors is not None:
        found.append(Form(recipe.label_errors.architecture))
    if recipe.selection.strategy == "self_correction":
        found.append(Form(recipe.self_correction.architecture))
    if recipe.space is not None and recipe.space.form is not None:
        found.append(recipe.space.form)
    return list(dict.fromkeys(found))


def _speed(form: Form, classes: int, shape: tuple[int, int, int], batch: torch.Tensor) -> Speed:
    network = network_of(form, classes=classes, shape=shape).to(batch.device)
    device, labels = batch.device.type, torch.zeros(len(batch), dtype=torch.int64, device=batch.device)
    step_s = shortest_run(partial(_step, network, batch, labels), device) / len(batch)
    network.eval()
    with torch.inference_mode():
        pass_s = shortest_run(partial(network, batch), device) / len(batch)
        _, features = logits_and_features(network, batch[:1])
        detector = detector_of(network)
        detector_s = shortest_run(partial(detector, batch), device) / len(batch) if detector else 0.0
    return Speed(pass_s, step_s, sum(part.numel() for part in network.parameters()), features.shape[1], detector_s)


def _step(network: nn.Module, batch: torch.Tensor, labels: torch.Tensor) -> None:
    cross_entropy(network(batch), labels).backward()


def size(count: float) -> str:
    """Return a number of bytes as people say it."""
    if count < 1e6:
        return f"{max(count, 1e3) / 1e3:.0f} kB"
    return f"{count / 1e6:,.0f} MB" if count < 1e9 else f"{count / 1e9:,.1f} GB"
