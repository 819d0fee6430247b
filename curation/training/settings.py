"""How a classifier is trained: the ``train`` block of a goal model, and the one schedule of an evaluation's targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import torch
from pydantic import AfterValidator, ConfigDict, Field, field_validator, model_validator

from curation.errors import UsageError, unknown_name
from curation.plugin import PixelFloat, Settings, name_field, plugin_field
from curation.training.methods import METHODS, Method
from curation.training.methods.base import BETA, EPSILON, STEPS, Beta, Radius, Steps
from curation.training.precision import Precision, resolved
from curation.training.samplers import SAMPLERS

if TYPE_CHECKING:
    from curation.training.samplers import Sampler

    MethodName = str
else:
    MethodName = name_field(METHODS)
    Sampler = plugin_field(SAMPLERS, "method", usual="dynamic")

PRESETS: dict[str, dict[str, Any]] = {
    "contest": {
        "epochs": 200,
        "batch_size": 256,
        "last_batch": "smaller",
        "momentum": 0.9,
        "nesterov": False,
        "weight_decay": 1e-4,
        "warm_up": 0.0,
        "anneal": "epoch",
        "crop_padding_px": 4,
        "flip": True,
        "precision": "float32",
        "seed": 11037,
    },
    "fast": {
        "epochs": 24,
        "batch_size": 64,
        "learning_rate": 0.2,
        "warm_up": 0.2,
        "weight_decay": 1e-3,
        "decay_norms": False,
        "average": 0.99,
        "label_smoothing": 0.1,
        "crop_padding_px": 2,
        "flip": True,
    },
    "rebuffi": {
        "method": "trades",
        "epsilon": 8 / 255,
        "steps": 10,
        "beta": 6.0,
        "search": "adam",
        "epochs": 400,
        "batch_size": 1024,
        "learning_rate": 0.4,
        "warm_up": 0.025,
        "weight_decay": 5e-4,
        "decay_norms": False,
        "average": 0.995,
        "crop_padding_px": 4,
        "flip": True,
        "cutmix": 1.0,
    },
}
"""Named schedules; explicit fields override the preset.

contest: the AAAI-2022 Security AI Challenger's fixed training; its learning rate is ``RATES``', else the usual .1.
fast: the same accuracy in a fraction of the time, after Jordan 2024, "94 % on CIFAR-10 in 3.29 seconds"; its small
batches suit a few thousand images, on an accelerator with many more a batch_size of 256 is quicker.
rebuffi: a robust network by TRADES, CutMix and averaged weights, after Rebuffi et al. 2021, "Fixing Data Augmentation
to Improve Adversarial Robustness" (their rate is .1 · batch size / 256); on few images take fewer epochs and a smaller
batch_size, with the rate in proportion.
"""

RATES: dict[str, dict[str, float]] = {"contest": {"preact_resnet18": 0.01}}
"""The learning rates that a preset has for some architectures; for the others it has the usual one."""


class StepDecay(Settings):
    """A learning rate that falls in steps. Source: He et al. 2016, "Deep Residual Learning", section 4.2."""

    at: tuple[int, ...] = Field(min_length=1, description="numbers of epochs after which the learning rate falls")
    factor: float = Field(0.1, gt=0, lt=1, description="by which it is multiplied each time")

    @field_validator("at")
    @classmethod
    def _rising(cls, at: tuple[int, ...]) -> tuple[int, ...]:
        if not all(before < after for before, after in zip((0, *at), at, strict=False)):
            raise ValueError(f"must be numbers of epochs above 0, each above the one before, got {list(at)}")
        return at


class Training(Settings):
    """How a classifier is trained: SGD with momentum, a warm-up, then a cosine to zero, or steps down.

    Fields besides these are the training method's own parameters, checked by it.
    """

    model_config = ConfigDict(extra="allow")

    preset: Literal["fast", "contest", "rebuffi"] | None = Field(
        None, description="a named schedule; explicit fields override it"
    )
    method: MethodName = Field(
        "plain", description="the training method; its own parameters are further fields of this block"
    )
    epsilon: Radius = EPSILON
    steps: Steps = STEPS
    beta: Beta = BETA
    epochs: int = Field(6, ge=1, description="passes over the images")
    batch_size: int = Field(128, ge=2, description="batch size: images per step")
    last_batch: Literal["even", "smaller"] = Field(
        "even",
        description="even: all batches of about one size; smaller: full batches, and the last has what remains",
        exclude_if=lambda value: value == "even",  # recipes and keys from before it was a field stay what they were
    )
    sampling: Sampler | None = Field(
        None,
        description="which images each epoch shows, by a sampler and its parameters; see `curation list samplers`; "
        "None: all, shuffled",
        exclude_if=lambda value: value is None,  # recipes and keys from before it was a field stay what they were
    )
    learning_rate: float = Field(0.1, gt=0, description="maximum learning rate")
    warm_up: float = Field(
        0.1, ge=0, lt=1, description="fraction of the steps over which the learning rate rises linearly to its maximum"
    )
    anneal: Literal["step", "epoch"] = Field(
        "step", description="how often the learning rate is annealed along the cosine"
    )
    decay: StepDecay | None = Field(
        None,
        description="steps down in place of the cosine, after some epochs and by a factor; None: the cosine",
        exclude_if=lambda value: value is None,  # recipes and keys from before it was a field stay what they were
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="momentum; 0: none")
    nesterov: bool = Field(True, description="use Nesterov momentum")
    weight_decay: float = Field(5e-4, ge=0, description="weight decay (L2 penalty)")
    decay_norms: bool = Field(True, description="apply weight decay to biases and batch norms too")
    average: float = Field(
        0.0, ge=0, lt=1, description="decay of the exponential moving average of the weights; 0: no averaging"
    )
    loss: Literal["cross_entropy", "huber"] = Field(
        "cross_entropy",
        description="how a prediction is held against its label, hard or soft; huber: the Huber loss of the "
        "probabilities, which a wrong label pulls less",
        exclude_if=lambda value: value == "cross_entropy",  # recipes and keys from before it was a field stay
    )
    huber_delta: float = Field(
        0.5,
        gt=0,
        le=1,
        description="of the Huber loss: errors of a probability up to this count by their square, above linearly; 1: "
        "all by their square",
        exclude_if=lambda value: value == 0.5,  # recipes and keys from before it was a field stay what they were
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="label smoothing: share of each label that is spread over all classes"
    )
    entropy_weight: float = Field(
        0.0,
        ge=0,
        description="entropy regularization: weight of the predictions' entropy, which is subtracted from the loss",
    )
    entropy_order: float = Field(
        1.0,
        gt=0,
        le=100,
        description="order (α) of that entropy, which is Rényi's; 1: Shannon's; above, likely classes count more",
        exclude_if=lambda value: value == 1,  # recipes and keys from before it was a field stay what they were
    )
    augment: bool = Field(True, description="augment: shift the images at random, and mirror them if flip is set")
    crop_padding_px: int = Field(2, ge=0, description="largest random shift in pixels, padded with black")
    flip: bool = Field(False, description="mirror images horizontally with probability ½; not for digits and letters")
    rotation_degrees: float = Field(
        0.0,
        ge=0,
        le=180,
        description="largest random rotation to either side in degrees; 0: none",
        exclude_if=lambda value: value == 0,  # recipes and keys from before it was a field stay what they were
    )
    zoom: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="random zoom by a factor between 1 − zoom and 1 + zoom; 0: none",
        exclude_if=lambda value: value == 0,  # recipes and keys from before it was a field stay what they were
    )
    color: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="color jitter: brightness, contrast and saturation are each multiplied by a factor between 1 − "
        "color and 1 + color; 0: none",
        exclude_if=lambda value: value == 0,  # recipes and keys from before it was a field stay what they were
    )
    cutout_px: int = Field(0, ge=0, description="Cutout: side of the randomly placed black square in pixels; 0: none")
    cutmix: float = Field(0.0, ge=0, description="CutMix: α of Beta(α, α), one box per batch; 0: none")
    mixup: float = Field(0.0, ge=0, description="mixup: α of Beta(α, α); 0: none")
    noise: PixelFloat = Field(0.0, ge=0, le=1, description="standard deviation of Gaussian noise added to the pixels")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout probability of the features before the last layer")
    drop_block: float = Field(
        0.0, ge=0, lt=1, description="DropBlock: share of the last feature map that is dropped, in squares"
    )
    layer_noise: float = Field(
        0.0,
        ge=0,
        le=10,
        description="noise layers: Gaussian noise added to what each convolution puts out, as a share of that output's "
        "standard deviation; 0: none",
        exclude_if=lambda value: value == 0,  # recipes and keys from before it was a field stay what they were
    )
    precision: Precision = Field(
        "float32",
        description="of the network's arithmetic; auto: bfloat16 where the processor has it (CUDA; CPUs with "
        "AVX512-BF16 or AMX), else float32; which of them it was is written into the recipe",
    )
    threads: int = Field(
        2, ge=1, le=256, description="number of CPU threads, independent of the machine, because it affects rounding"
    )
    compile: bool = Field(
        False,
        description="compile the network first (torch.compile); takes about a minute, worthwhile for long runs on CUDA",
    )
    seed: int | None = Field(None, ge=0, lt=2**31, description="random seed; None: the recipe's")

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and value.get("preset") in PRESETS:
            return {**PRESETS[value["preset"]], **value}
        return value

    @model_validator(mode="after")
    def _method_takes_the_rest(self) -> Training:
        """Check the fields that are the method's own, and write them all out: its defaults too are in fingerprints."""
        own, known = self.__pydantic_extra__, METHODS[self.method].model_fields
        assert own is not None  # empty, but there: extra fields are allowed
        for name in own:
            if name not in known:
                raise ValueError(unknown_name("field", name, [*type(self).model_fields, *known]))
        try:
            own.update(self.how().model_dump(mode="json", exclude=set(type(self).model_fields)))
        except UsageError as error:
            raise ValueError(str(error)) from None
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> Training:
        if self.cutmix and self.mixup:
            raise ValueError("cutmix and mixup cannot both be above 0; choose one")
        if self.sampling is not None:
            self.sampling.check(self.epochs)
        if self.decay is not None and self.decay.at[-1] >= self.epochs:
            raise ValueError(
                f"decay.at must be below the {self.epochs} epochs of the training, or it never falls, got "
                f"{self.decay.at[-1]}"
            )
        if self.compile and (self.dropout or self.drop_block or self.layer_noise):
            raise ValueError("compile cannot be combined with dropout, drop_block or layer_noise; leave one out")
        if self.how().detects and (self.cutmix or self.mixup or self.compile):
            raise ValueError(
                f"method {self.method} cannot be combined with cutmix or mixup, whose images are neither clean nor "
                "attacked, or with compile; leave them out"
            )
        return self

    def how(self) -> Method:
        """Return the training method with its parameters: those of these fields that it has."""
        known = METHODS[self.method].model_fields
        return METHODS.build(self.method, {name: value for name, value in self if name in known})

    def shown(self, images: int) -> list[int]:
        """Return how many of so many images each epoch shows at most, by the sampler; without one all of them."""
        return [images if self.sampling is None else self.sampling.most(images, at) for at in range(self.epochs)]

    def of(self, architecture: str) -> Self:
        """Return the settings with the preset's learning rate for an architecture, unless one was written."""
        rate = RATES.get(self.preset or "", {}).get(architecture)
        if rate is None or "learning_rate" in self.model_fields_set:
            return self
        return self.model_copy(update={"learning_rate": rate})

    def resolved(self, device: str) -> Self:
        """Return the settings with the precision that ``auto`` means on a device, for others may mean another."""
        return self.model_copy(update={"precision": resolved(self.precision, torch.device(device))})

    @property
    def versions(self) -> list[Any]:
        """What keys of trained weights have beside the settings: versions of plug-ins, once they are past the first."""
        method = METHODS[self.method]
        sampler = [["sampler", self.sampling.version]] if self.sampling and self.sampling.version > 1 else []
        return [*([method.version] if method.version > 1 else []), *sampler]


def _no_variants(training: Training) -> Training:
    if training.sampling is not None and training.sampling.of_variants:
        raise ValueError(
            f"{training.sampling.name} sampling draws among the variants of a curated set, which this network is not "
            "trained on; write it in the schedule of an evaluation"
        )
    return training


WholeTraining = Annotated[Training, AfterValidator(_no_variants)]
"""Settings of a network that is trained on images without variants: no ``sampling`` among those."""
