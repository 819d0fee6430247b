"""The recipe's ``space`` where it is not the goal model's: what of it stands in keys, and the network of a backbone."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from curation.errors import UsageError
from curation.models import image_text
from curation.models.architectures import Form
from curation.models.folding import folded
from curation.models.loading import load_body
from curation.models.published import published_file, require_published
from curation.pipeline.fitting import network_of
from curation.readers.files import stamp
from curation.recipe import Space
from curation.storage.files import digest_of_file
from curation.storage.samples import Samples

VERSION = 1
"""Of what is computed of the same weights or vectors."""

NO_READER = (
    "search by words needs a backbone that reads, open_clip/<name>.<weights>, such as "
    f"open_clip/ViT-B-32.laion2b_s34b_b79k; it {image_text.NEEDS}"
)


class Backbone(NamedTuple):
    """A backbone by reference.

    form: its network's; weights: a file, None: those that its library publishes; digest: tells them from others; shape:
    of the images; device: where it is to run.
    """

    form: Form
    weights: str | None
    digest: str
    shape: tuple[int, int, int]
    device: str

    def load(self) -> nn.Module:
        """Return the network, its batch norms folded, with a head that means nothing. Raises: CurationError."""
        return _loaded(self)

    def file(self) -> Path:
        """Return the file of its weights, downloaded where that is needed. Raises: CurationError: it cannot be had."""
        return published_file(self.form.architecture) if self.weights is None else Path(self.weights).expanduser()

    def read(self, text: str) -> np.ndarray:
        """Return where a text lies among the images, float32 D: its direction counts.

        Raises: UsageError: the network does not read, or open_clip is absent. CurationError: as ``text_features``.
        """
        library, _, member = self.form.architecture.rpartition("/")
        if library != image_text.LIBRARY:
            raise UsageError(NO_READER)
        return image_text.text_features(member, self.file(), [text], device=self.device)[0]


@lru_cache(maxsize=2)
@torch.inference_mode(False)
def _loaded(ref: Backbone) -> nn.Module:
    network = network_of(ref.form, classes=2, shape=ref.shape)
    load_body(network, ref.file())
    return folded(network).to(ref.device)


def backbone(space: Space, samples: Samples, device: str) -> Backbone:
    """Return a space's backbone. Raises: UsageError: no such network, or no such weights."""
    form = space.form
    assert form is not None
    if space.file is None:
        return Backbone(form, None, require_published(form.architecture).name, samples.shape, device)
    return Backbone(form, str(space.file), _digest(str(space.file), "weights"), samples.shape, device)


def space_key(space: Space, samples: Samples) -> list[Any]:
    """Return what decides where images lie in a space, beside the images, as plain data; last, which file it is.

    Raises: UsageError: a file that it names is not there, or there is no such network.
    """
    if space.vectors is not None:
        return ["vectors", VERSION, space.column, samples.digest, _digest(space.vectors, "vectors")]
    found = backbone(space, samples, "cpu")
    return ["backbone", VERSION, found.form.architecture, found.form.side_px, found.form.published, found.digest]


def _digest(file: str, field: str) -> str:
    seen = stamp(file) if Path(file).expanduser().is_file() else None
    try:
        if seen is not None:
            return _digest_as(file, seen)
    except OSError:
        pass
    raise UsageError(f"space.{field}: there is no readable file {file}; give its path, or leave space out") from None


@lru_cache(maxsize=64)
def _digest_as(file: str, stamp: str) -> str:
    """Return the hash of a file, read once while its size and time stay the same: it may be gigabytes."""
    return digest_of_file(Path(file).expanduser())
