"""One sample at a time: its variants as they would be made for it, what the goal model says, what was changed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from curation.analysis.variants import finished, outdated, parameters
from curation.attacks.base import Attack
from curation.corruptions import kinds_of
from curation.models.prediction import predict, to_device
from curation.pipeline import Pipeline
from curation.pipeline.answers import Answers, answers, change_sizes, score_answers
from curation.pipeline.copies import Corrupted
from curation.pipeline.pixels import to_pixels, variant_seeds
from curation.pipeline.stages.adversarial import prepared
from curation.threads import torch_threads

SLIGHTLY = 0.1
"""Mean change of a pixel up to which an image counts as the attacked one."""


@dataclass(frozen=True)
class SampleVariants:
    """A sample and its variants.

    table: one row an image, the clean one first: family, kind, severity, parameters (of attacks), former (of
    attacks: the label that it moved away from, where the sample has another one now, else −1), prediction, every score,
    true_probability, linf, l2; images: uint8 M×H×W×C, in the same order; probabilities: float32 M×K.
    """

    table: pd.DataFrame
    images: np.ndarray
    probabilities: np.ndarray

    def of_family(self, family: str) -> list[int]:
        """Return the rows of one family."""
        return np.flatnonzero(self.table["family"] == family).tolist()

    def of_kinds(self, kinds: Sequence[str]) -> np.ndarray:
        """Return the rows of some kinds, int64."""
        return np.flatnonzero(self.table["kind"].isin(kinds))

    def find(self, kind: str, severity: int, parameters: str) -> int:
        """Return the row of a variant; where there is none such, the first attack, or the last row."""
        table = self.table
        same = (table["kind"] == kind) & (table["severity"] == severity) & (table["parameters"] == parameters)
        attacked = self.of_family("adversarial")
        if same.any():
            return int(np.flatnonzero(same)[0])
        return attacked[0] if attacked else len(table) - 1


def variants_of(pipeline: Pipeline, sample_id: int) -> SampleVariants:
    """Return a sample under every common corruption and severity, and under every attack kept of it.

    Corruptions are made now, for the seeds of the pool and whether or not the recipe asks for that kind; an attack is
    there when the database has it.
    Raises: CurationError when there is no such sample or no goal model yet.
    """
    samples, recipe = pipeline.samples, pipeline.recipe
    row = samples.rows(np.array([sample_id]))
    clean = samples.images(row)
    pixels = torch.from_numpy(np.array(clean)).to(pipeline.device)
    network = pipeline.plan.model.load()
    asked = recipe.variants.corruption
    constants = asked.constants if asked else "cifar"
    made = [("clean", "clean", 0, "", -1, clean)]
    for kind in kinds_of(constants):
        if min(samples.shape[:2]) < kind.minimum_side_px:
            continue
        for severity in range(1, 6):
            member = kind(severity=severity, constants=constants)
            found = Corrupted(samples, member, recipe.seed, pipeline.device).of(pixels, row).cpu().numpy()
            made.append(("corruption", kind.name, severity, "", -1, found))
    again = {images.plugin: images for images in pipeline.plan.attacked_again() if images.ready()}
    for kept in finished(pipeline.plan):
        if kept.family == "adversarial" and np.isin(row, kept.sample_rows)[0]:
            newer = again.get(kept.plugin, kept)
            shown = newer if np.isin(row, newer.sample_rows)[0] else kept
            old = outdated(pipeline.plan, shown)[np.searchsorted(shown.sample_rows, row[0])]
            former = int(samples.labels_with(shown.relabel)[row[0]]) if old else -1
            made.append(("adversarial", kept.kind, kept.severity, parameters(kept.plugin), former, shown.gather(row)))
    images = np.concatenate([image for *_, image in made])
    table = pd.DataFrame([entry[:5] for entry in made], columns=["family", "kind", "severity", "parameters", "former"])
    labels = np.repeat(pipeline.plan.labels[row], len(images))
    early = [pipeline.plan.model_at(epoch).load() for epoch in recipe.goal_model.early]
    said = answers(network, images, pipeline.device, pipeline.plan.dropout, early)
    sizes = change_sizes(np.repeat(clean, len(images), axis=0), images)
    whole = pd.concat([table, score_answers(said, labels), sizes], axis=1)
    return SampleVariants(whole, images, said.logits.softmax(1).numpy())


@dataclass(frozen=True)
class Live:
    """An attack on one sample, watched.

    image: uint8 H×W×C; logits: float32 T×K, what the goal model said at each pass; label: of the sample;
    probabilities: float32 K, of the final image; clean_entropy, entropy: nats, of the original and of the final image;
    linf, l2: size of the change, pixels in [0, 1].
    """

    image: np.ndarray
    logits: np.ndarray
    label: int
    probabilities: np.ndarray
    clean_entropy: float
    entropy: float
    linf: float
    l2: float

    @property
    def fooled(self) -> bool:
        """Whether the goal model misclassifies the final image."""
        return int(self.probabilities.argmax()) != self.label

    @property
    def path(self) -> pd.DataFrame:
        """The scores at each pass, T rows; see ``answers.score_answers``."""
        return score_answers(Answers(torch.from_numpy(self.logits)), np.full(len(self.logits), self.label))


class _Watched(nn.Module):
    """A model that remembers what it said of an image at every pass that showed it, but slightly changed."""

    def __init__(self, model: nn.Module, original: Tensor) -> None:
        super().__init__()
        self.model = model
        self.original = original
        self.answers: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.model(images)
        # Transfer shows it shifted, style transfer asks about another image first: neither belongs to the path.
        same = images.shape[1:] == self.original.shape
        if same and (images[0].detach() - self.original).abs().mean() < SLIGHTLY:
            self.answers.append(logits[0].detach().float().cpu())
        return logits


def live(pipeline: Pipeline, sample_id: int, attack: Attack) -> Live:
    """Attack one sample now, and watch every pass through the goal model.

    The image is the one that a job would make, but for the last bits of the arithmetic (see ``multiple`` of
    ``Attack.__call__``).
    Raises: CurationError when there is no such sample, no goal model yet, or the attack does not fit them.
    """
    samples, device = pipeline.samples, pipeline.device
    row = samples.rows(np.array([sample_id]))
    original, labels = samples.images(row), pipeline.plan.labels[row]
    network = pipeline.plan.model.load()
    tensor = to_device(original, device)
    watched = _Watched(network, tensor[0])
    with torch_threads(1):  # for one small image, more cost more than they bring, on a busy machine ten times
        found = to_pixels(
            prepared(pipeline.plan.equipped(attack), samples, pipeline.plan.donors(attack), device)(
                watched,
                tensor,
                torch.tensor(labels, device=device),
                seeds=variant_seeds(attack, pipeline.recipe.seed, np.array([sample_id])),
                multiple=1,
            )
        )
    size = change_sizes(original, found).iloc[0]
    both = predict(network, np.concatenate([original, found]), device=device)
    label = int(labels[0])
    before, after = score_answers(Answers(both), np.full(2, label))["entropy"].tolist()
    return Live(
        image=found[0],
        logits=torch.stack(watched.answers or [both[1]]).numpy(),
        label=label,
        probabilities=both[1].softmax(0).numpy(),
        clean_entropy=before,
        entropy=after,
        linf=float(size["linf"]),
        l2=float(size["l2"]),
    )


def pass_seconds(pipeline: Pipeline) -> float:
    """Return how long the goal model takes for one image, seconds; the shortest of four. Raises: CurationError."""
    network, image = pipeline.plan.model.load(), pipeline.samples.images(np.array([0]))
    times = []
    for _ in range(4):
        start = time.perf_counter()
        predict(network, image, device=pipeline.device)
        times.append(time.perf_counter() - start)
    return min(times)


def affordable_steps(attack: Attack, *, classes: int, pass_s: float, within_s: float) -> int | None:
    """Return how many steps of an attack take at most about ``within_s`` seconds: its own number or less, 1 or more.

    None: the attack has no steps.
    """
    steps = getattr(attack, "steps", None)
    if steps is None:
        return None
    passes, most = attack.most_passes(classes), within_s / pass_s
    return int(steps) if passes <= most else max(1, int(steps * most / passes))


def spectrum(original: np.ndarray, variant: np.ndarray) -> np.ndarray:
    """Return the power of the change by frequency, uint8 H×W: zero frequency in the middle, on a logarithmic scale.

    Black is a millionth (−60 dB) of the strongest frequency or less, white the strongest. Gray mean over channels.
    """
    change = (variant.astype(np.float64) - original.astype(np.float64)).mean(axis=2)
    power = np.abs(np.fft.fftshift(np.fft.fft2(change))) ** 2
    strongest = power.max()
    if not strongest:
        return np.zeros(change.shape, dtype=np.uint8)
    decibels = 10 * np.log10(np.maximum(power / strongest, 1e-6))
    return np.rint((decibels + 60) / 60 * 255).astype(np.uint8)


def magnified(original: np.ndarray, variant: np.ndarray, *, factor: float) -> np.ndarray:
    """Return the perturbation around mid-gray, ``factor`` times as strong; all uint8, same shape."""
    change = variant.astype(np.float32) - original.astype(np.float32)
    return np.clip(np.rint(127.5 + change * factor), 0, 255).astype(np.uint8)


def enlarged(image: np.ndarray, *, side_px: int) -> np.ndarray:
    """Return an image, uint8 H×W×C, repeated by a whole factor to at least about ``side_px``, its pixels crisp."""
    factor = max(1, side_px // max(image.shape[:2]))
    large = image.repeat(factor, axis=0).repeat(factor, axis=1)
    return large[..., 0] if large.shape[-1] == 1 else large


def visible_factor(linf: float, *, most: int) -> int:
    """Return by how much a change can be magnified around mid-gray without clipping: at most ``most``, at least 1.

    Args: linf: its largest change of a pixel, in [0, 1].
    """
    return min(most, max(1, int(127 / max(255 * linf, 1))))


def largest_change(original: np.ndarray, variant: np.ndarray) -> float:
    """Return the L∞ distance of two uint8 images of one shape, pixels in [0, 1]."""
    return float(np.abs(variant.astype(int) - original.astype(int)).max()) / 255


def side_by_side(images: Sequence[np.ndarray], *, side_px: int) -> np.ndarray:
    """Return images of one size, each enlarged to about ``side_px``, in one row; uint8, H×W or H×W×3.

    Args: images: uint8 H×W, H×W×1 or H×W×3; gray ones are repeated over channels where any has color.
    """
    parts = [image[:, :, None] if image.ndim == 2 else image for image in images]
    channels = max(part.shape[2] for part in parts)
    same = [part if part.shape[2] == channels else np.repeat(part, channels, axis=2) for part in parts]
    return np.concatenate([enlarged(part, side_px=side_px) for part in same], axis=1)


def likeliest(probabilities: np.ndarray, *, count: int, label: int | None = None) -> list[tuple[int, float]]:
    """Return the likeliest classes and their probabilities, falling; the label, where one is given, is always there.

    Args: probabilities: float K; count: at most so many classes; the label takes the last place where it is not among
        them.
    """
    shown = np.argsort(-probabilities, kind="stable")[:count].tolist()
    if label is not None and label not in shown:
        shown[-1] = label
    return [(index, float(probabilities[index])) for index in shown]
