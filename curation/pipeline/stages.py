"""The work of one shard, stage by stage: read it, corrupt it, attack it, score it, embed it, keep it.

Every function is a whole ``engine`` task once its arguments are bound: it depends on nothing but them and the
workspace, writes its shard, and returns how many images it handled.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from curation.attacks.base import Attack
from curation.corruptions.base import Corruption
from curation.embedding.spaces import SpaceName, space
from curation.label_errors.noise import noisy
from curation.models.dropout import dropout_logits
from curation.models.features import logits_and_features
from curation.models.prediction import predict, to_device
from curation.pipeline.fitting import load
from curation.randomness import stream_seeds
from curation.readers.base import Source
from curation.recipe import LabelNoise
from curation.scores import scores_of
from curation.storage.image_set import ImageSet
from curation.storage.samples import SampleHeader, Samples
from curation.storage.shards import Shards
from curation.storage.workspace import Workspace

BATCH = 256

Place = tuple[str, str, int | None, str]
"""Where a goal model is kept and is to run: workspace, key, epoch (None: the last), device."""


def best_device() -> str:
    """Return cuda, mps or cpu: the fastest there is."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def to_pixels(images: Tensor) -> np.ndarray:
    """Return float32 N×C×H×W in [0, 1] as uint8 N×H×W×C, rounded to the nearest level."""
    return images.mul(255).round_().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


@lru_cache(maxsize=4)
@torch.inference_mode(False)  # it is kept for attacks, too, whoever asks first
def goal_model(root: str, key: str, epoch: int | None, device: str) -> nn.Module:
    """Return a kept goal model as it was after an epoch (None: the last), its batch norms folded, ready to classify.

    Raises: CurationError when it is missing or damaged.
    """
    missing = "the goal model is not ready yet; run the goal-model stage first"
    return load(Workspace(root).model(key), epoch=epoch, missing=missing).to(device)


def ingest_shard(
    workspace: Workspace, key: str, header: SampleHeader, source: Source, noise: LabelNoise | None, index: int
) -> int:
    """Read one shard of samples; with noise, put wrong labels in and keep the right ones beside them."""
    chosen = header.chosen[index * header.shard_rows : (index + 1) * header.shard_rows]
    runs = np.split(chosen, np.flatnonzero(np.diff(chosen) > 1) + 1)
    chunks = [source.read(int(run[0]), int(run[-1]) + 1) for run in runs]
    rows: list[tuple[int, int, str, str, bool]] = []
    for chunk in chunks:
        for sample_id, label, name in zip(chunk.sample_ids.tolist(), chunk.labels.tolist(), chunk.names, strict=True):
            rows.append((sample_id, label, name, chunk.notes.get(sample_id, ""), True))
        rows += [(skipped.sample_id, -1, skipped.name, skipped.reason, False) for skipped in chunk.skipped]
    table = pd.DataFrame(sorted(rows), columns=["sample_id", "label", "name", "note", "read"])
    table = table.astype({"sample_id": np.int64, "label": np.int64, "name": str, "note": str, "read": bool})
    if noise is not None:
        table["true_label"] = table["label"]
        read, ids = table["read"].to_numpy(), table["sample_id"].to_numpy()
        wrong = noisy(
            table["label"].to_numpy()[read],
            classes=header.classes,
            share=noise.share,
            kind=noise.kind,
            seed=noise.seed,
            sample_ids=ids[read],
        )
        table.loc[read, "label"] = wrong
    workspace.pixels(key, header.shards).write(index, np.concatenate([chunk.images for chunk in chunks]))
    workspace.sample_tables(key, header.shards).write(index, table)
    return len(chosen)


def corrupt_shard(samples: Samples, out: ImageSet, seed: int, device: str, index: int) -> int:
    """Make the corrupted copies of one shard."""
    corruption: Corruption = out.plugin
    rows = out.rows_of(index)
    images = samples.images(rows)
    seeds = variant_seeds(corruption, seed, samples.sample_ids[rows])
    parts = [
        to_pixels(corruption(to_device(images[at : at + BATCH], device), seeds=seeds[at : at + BATCH]))
        for at in range(0, len(images), BATCH)
    ]
    out.pixels.write(index, np.concatenate(parts) if parts else images)
    return len(images)


def attack_shards(samples: Samples, out: ImageSet, model: Place, seed: int, indices: Sequence[int]) -> int:
    """Make the adversarial copies of some shards at once."""
    network, device = goal_model(*model), model[-1]
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


def copy_shards(whole: ImageSet, out: ImageSet, indices: Sequence[int]) -> int:
    """Take the copies of some samples from a finished set of more of them."""
    for index in indices:
        out.pixels.write(index, whole.gather(out.rows_of(index)))
    return int(out.sizes[list(indices)].sum())


def prepared(attack: Attack, samples: Samples, device: str) -> Attack:
    """Return the attack with the samples that it borrows from, where it does: evenly spaced ones of each class."""
    if not attack.donors_per_class:
        return attack
    rows: list[int] = []
    for label in range(len(samples.classes)):
        mine = np.flatnonzero(samples.labels == label)
        count = min(attack.donors_per_class, len(mine))
        rows += mine[np.arange(count) * len(mine) // max(count, 1)].tolist()
    chosen = np.array(rows)
    labels = torch.tensor(samples.labels[chosen], device=device)
    return attack.with_donors(to_device(samples.images(chosen), device), labels)


def variant_seeds(plugin: Corruption | Attack, seed: int, sample_ids: np.ndarray) -> Tensor:
    """Return the seed, int64 M, from which all that is random in each sample's variant comes."""
    stream = (plugin.severity,) if isinstance(plugin, Corruption) else ()
    first_name = (*plugin.former_names, plugin.name)[0]  # a new name draws the same numbers
    return stream_seeds(seed, sample_ids, first_name, *stream)


@torch.inference_mode()
def answers(
    network: nn.Module, images: np.ndarray, device: str, dropout: Mapping[str, Any] | None = None
) -> tuple[Tensor, Tensor | None]:
    """Return what a network says of uint8 images N×H×W×C: logits N×K and, with dropout, its passes T×N×K, on the CPU.

    Args: dropout: rate, passes and seed, as ``dropout_logits`` takes them.
    """
    if dropout is None:
        return (predict(network, images, device=device) if len(images) else torch.empty(0, 2)), None
    if not len(images):
        return torch.empty(0, 2), torch.empty(dropout["passes"], 0, 2)
    batches = [to_device(images[at : at + BATCH], device) for at in range(0, len(images), BATCH)]
    parts = [dropout_logits(network, batch, **dropout) for batch in batches]
    logits, passes = zip(*parts, strict=True)
    return torch.cat(logits).float().cpu(), torch.cat(passes, dim=1).float().cpu()


def score_images(
    network: nn.Module, images: np.ndarray, labels: np.ndarray, device: str, dropout: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """Return ``score_logits`` of what a network says of uint8 images N×H×W×C; dropout: as ``answers`` has it."""
    logits, passes = answers(network, images, device, dropout)
    return score_logits(logits, labels, passes)


def score_logits(logits: Tensor, labels: np.ndarray, passes: Tensor | None = None) -> pd.DataFrame:
    """Return prediction, the label's probability and every score, one row an image.

    Args: logits: N×K; passes: T×N×K, without which the scores that use them are left out.
    """
    table = {"prediction": logits.argmax(1).to(torch.int32).numpy()}
    chosen = torch.tensor(np.asarray(labels))[:, None]
    table["true_probability"] = logits.double().softmax(1).gather(1, chosen)[:, 0].float().numpy()
    for score in scores_of(passes=passes is not None):
        table[score.name] = score()(logits if score.uses == "logits" or passes is None else passes).numpy()
    return pd.DataFrame(table)


def change_sizes(originals: np.ndarray, images: np.ndarray) -> pd.DataFrame:
    """Return how much images differ from their originals, uint8 N×H×W×C: linf and l2, float32, pixels in [0, 1]."""
    change = (images.astype(np.int32) - originals).reshape(len(images), math.prod(images.shape[1:]))
    linf = np.abs(change).max(axis=1) / 255
    l2 = np.sqrt((change.astype(np.int64) ** 2).sum(axis=1)) / 255
    return pd.DataFrame({"linf": linf.astype(np.float32), "l2": l2.astype(np.float32)})


def score_shard(
    samples: Samples, images: ImageSet, out: Shards, model: Place, dropout: Mapping[str, Any] | None, index: int
) -> int:
    """Score the images of one shard of samples under the goal model, and say how much they differ from them."""
    rows = images.of_samples(samples, index)
    pixels = images.gather(rows)
    scores = score_images(goal_model(*model), pixels, samples.labels[rows], model[-1], dropout)
    out.write(index, pd.concat([scores, change_sizes(samples.images(rows), pixels)], axis=1))
    return len(rows)


def features(images: np.ndarray, model: Place) -> np.ndarray:
    """Return the goal model's penultimate-layer features, float32 N×D, of uint8 images N×H×W×C."""
    return features_and_logits(images, model)[0]


@torch.inference_mode()
def features_and_logits(images: np.ndarray, model: Place) -> tuple[np.ndarray, np.ndarray]:
    """Return ``features`` and the logits, float32 N×K, that the goal model makes of them."""
    network = goal_model(*model)
    found = [
        logits_and_features(network, to_device(images[at : at + BATCH], model[-1]))
        for at in range(0, max(len(images), 1), BATCH)
    ]
    logits, seen = (torch.cat(parts).float().cpu().numpy() for parts in zip(*found, strict=True))
    return seen, logits


def embed_shard(samples: Samples, images: ImageSet, out: Shards, model: Place, of: SpaceName, index: int) -> int:
    """Keep where one shard of an image set lies in a space of the goal model, float32."""
    pixels = images.pixels.array(index)
    seen, logits = features_and_logits(pixels, model)
    out.write(index, space(seen, logits, samples.labels[images.rows_of(index)], of=of))
    return len(pixels)
