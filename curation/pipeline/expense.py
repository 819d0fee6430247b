"""What a recipe will take, before anything is computed: time, disk and memory of each stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from curation.models.architectures import Form
from curation.recipe import Recipe
from curation.storage.sample_header import SHARD_BYTES
from curation.training.settings import Training

_FLOAT_COPIES = 4
"""Of each image, while it is corrupted."""


DETECTOR_PASSES = 6
"""What an image costs in a step of a training with a detector, in passes through it: three forward, two back."""


@dataclass(frozen=True)
class Expense:
    """What a stage takes: seconds of work, bytes kept on disk, and bytes of memory at its highest."""

    seconds: float = 0.0
    disk_bytes: float = 0.0
    memory_bytes: float = 0.0

    def __add__(self, other: Expense) -> Expense:
        """Return both, one after the other."""
        highest = max(self.memory_bytes, other.memory_bytes)
        return Expense(self.seconds + other.seconds, self.disk_bytes + other.disk_bytes, highest)


@dataclass(frozen=True)
class Speed:
    """Of a network, as measured: seconds an image takes forward, and forward and back; its parameters and features.

    detector_s: seconds that an image takes through its detector, 0 where it has none.
    """

    pass_s: float
    step_s: float
    parameters: int
    features: int
    detector_s: float = 0.0


@dataclass(frozen=True)
class Scale:
    """What the work of a recipe is counted in, measured on a few images of the source.

    samples, classes, shape: of the source; read_s: seconds to read an image; networks: by form, those that the
    recipe uses; corrupt_s: seconds to corrupt an image, by kind; exported_bytes: of an image with its label in the
    recipe's format; pair_s: seconds that the recipe's coverage strategy spends on a pair of a group's candidates.
    """

    samples: int
    classes: int
    shape: tuple[int, int, int]
    read_s: float
    networks: Mapping[Form, Speed]
    corrupt_s: Mapping[str, float]
    exported_bytes: float
    pair_s: float = 0.0

    @property
    def image_bytes(self) -> int:
        """Bytes of an image as it is kept."""
        return int(np.prod(self.shape))

    @property
    def corrupting_bytes(self) -> int:
        """Bytes of memory that take the images of a shard while they are corrupted: a few float copies of them."""
        return SHARD_BYTES * _FLOAT_COPIES * 4

    def embedding(self, recipe: Recipe) -> tuple[float, int]:
        """Return the seconds to find where an image lies in the recipe's space, and the numbers that say it.

        Those of vectors from a file are not known before it is read: counted are as many as the goal model's.
        """
        space, goal = recipe.space, self.networks[recipe.goal_model.form]
        if space is None:
            return goal.pass_s, goal.features
        if space.form is None:
            return 0.0, goal.features
        return self.networks[space.form].pass_s, self.networks[space.form].features

    def corrupting_s(self, recipe: Recipe) -> float:
        """Return the seconds to make every corrupted copy of the recipe once."""
        asked = recipe.variants.corruption
        return self.varied(recipe) * sum(self.corrupt_s[member.name] for member in (asked.members() if asked else []))

    def varied(self, recipe: Recipe) -> int:
        """Return of how many samples the recipe makes variants."""
        asked = recipe.variants.samples
        count = self.samples if asked is None else len(asked) if isinstance(asked, list) else asked
        return min(count, self.samples)

    def candidates(self, recipe: Recipe) -> dict[str, int]:
        """Return how many candidates the recipe has, by family."""
        asked, varied = recipe.variants, self.varied(recipe)
        kinds = len(asked.corruption.members()) if asked.corruption else 0
        return {"clean": self.samples, "corruption": kinds * varied, "adversarial": len(asked.adversarial) * varied}

    def training_s(self, train: Training, network: Speed, *, images: int) -> float:
        """Return the seconds of one training on so many images, of which its sampler shows each epoch its share.

        What methods perturb or view otherwise counts more; samplers that ask the network pass over all images.
        """
        seconds = 0.0
        for epoch, shown in enumerate(train.shown(images)):
            how = train.how().at(epoch)
            steps = how.replays + how.views + (getattr(how, "steps", 0) if how.perturbs and how.replays == 1 else 0)
            detecting_s = DETECTOR_PASSES * network.detector_s if how.detects is not None else 0.0
            asking = images if train.sampling is not None and train.sampling.asks(epoch) else 0
            seconds += shown * (steps * network.step_s + detecting_s) + asking * network.pass_s
        return seconds
