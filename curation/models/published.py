"""The weights that torchvision, timm and open_clip publish: what they take, and their file, from a cache or downloaded.

Libraries read them with code of their own; here they are read as anybody's file is, see ``loading``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from curation.errors import CurationError, UsageError
from curation.models import image_text
from curation.models.classifier import CLIP, IMAGENET, Statistics
from curation.models.members import choice_of_weights, known_member

HALVES: Statistics = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""Of networks that were shown pixels in [−1, 1]."""


NEWER = "open_clip_model.safetensors"

OLDER = {NEWER: ("open_clip_pytorch_model.bin",)}
"""Names of files that some repositories have instead."""


class Published(NamedTuple):
    """Weights of one model, as its library describes them; nothing is downloaded to know it.

    name: unlike that of any other weights; url: where they are; side_px: of the square images they were trained for;
    statistics: mean and std of each color, in [0, 1].
    """

    name: str
    url: str
    side_px: int
    statistics: Statistics


def torchvision(member: str) -> Published | None:
    """Return torchvision's default weights of a model, None where it has none."""
    from torchvision import models

    known = list(models.get_model_weights(member))
    if not known:
        return None
    weights = models.get_model_weights(member).DEFAULT
    taken = weights.transforms()
    # These two bring pixels to [−1, 1] themselves where torchvision loads the weights, which no state dict tells.
    statistics = HALVES if member in ("googlenet", "inception_v3") else (tuple(taken.mean), tuple(taken.std))
    return Published(weights.url.rpartition("/")[2], weights.url, taken.crop_size[0], statistics)


def timm(member: str) -> Published | None:
    """Return timm's weights of a model (``name`` or ``name.tag``), None where it has none."""
    import timm

    about = timm.get_pretrained_cfg(member)
    if about is None or not (about.hf_hub_id or about.url):
        return None
    url, name = str(about.url), str(about.url).rpartition("/")[2]
    if about.hf_hub_id:
        repository, file = about.hf_hub_id, about.hf_hub_filename or "model.safetensors"
        url, name = f"https://huggingface.co/{repository}/resolve/main/{file}", f"{repository}/{file}"
    mean, std = (tuple(about.mean), tuple(about.std)) if len(about.mean) == 3 else IMAGENET
    return Published(name, url, about.input_size[-1], (mean, std))


def open_clip(member: str) -> Published:
    """Return open_clip's weights of a model (``name.tag``); without a tag, what it takes, and no name and address."""
    it = image_text.named(member)
    mean, std = (tuple(it.about[part]) for part in ("mean", "std")) if it.about else CLIP
    repository, _, file = str(it.about.get("hf_hub", "")).rpartition("/")
    if not it.tag:
        return Published("", "", it.side_px, (mean, std))
    if not repository:
        return Published(str(it.about["url"]).rpartition("/")[2], str(it.about["url"]), it.side_px, (mean, std))
    name = f"{repository}/{file or NEWER}"
    url = f"https://huggingface.co/{repository}/resolve/main/{name.rpartition('/')[2]}"
    return Published(name, url, it.side_px, (mean, std))


ABOUT: Mapping[str, Callable[[str], Published | None]] = {
    "torchvision": torchvision,
    "timm": timm,
    image_text.LIBRARY: open_clip,
}
"""Library → what it publishes of a model."""


def published(name: str) -> Published | None:
    """Return what a library publishes of ``torchvision/<name>``, …; None: nothing, or it is of none.

    Raises: UsageError: the library has no such model, or the package is absent.
    """
    library, _, member = name.rpartition("/")
    if library not in ABOUT:
        return None
    known_member(library, member)
    return ABOUT[library](member)


def require_published(name: str) -> Published:
    """Return ``published``. Raises: UsageError, too, where there is nothing."""
    found = published(name)
    if found is None or not found.url:
        which = "no weights of" if found is None else "no one file of weights of"
        raise UsageError(f"{which} {name} {'are' if found is None else 'is'} published; {choice_of_weights(name)}")
    return found


def published_file(name: str) -> Path:
    """Return the file of the weights that a library publishes: the one in its cache, else downloaded to there.

    Raises: UsageError as ``require_published``. CurationError: it is not there and cannot be downloaded; what to do.
    """
    weights = require_published(name)
    if weights.url.startswith("https://huggingface.co/"):
        return _from_hub(name, weights)
    import torch

    place = Path(torch.hub.get_dir()) / "checkpoints" / weights.name
    if not place.is_file():
        checked = re.search(r"-([0-9a-f]{8,})\.", weights.name)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(weights.url, str(place), checked and checked[1], progress=False)
        except (OSError, RuntimeError):  # no connection, or a file of another hash
            raise CurationError(
                f"the published weights of {name} are not on this machine and could not be downloaded; download "
                f"{weights.url} elsewhere and put it at {place}"
            ) from None
    return place


def _from_hub(name: str, weights: Published) -> Path:
    repository, _, file = weights.name.rpartition("/")
    for one in (file, *OLDER.get(file, ())):
        try:
            from huggingface_hub import hf_hub_download, try_to_load_from_cache

            found = try_to_load_from_cache(repository, one)
            return Path(found if isinstance(found, str) else hf_hub_download(repository, one))
        except Exception:  # the client raises errors of its own and of the packages that it connects with
            continue
    raise CurationError(
        f"the published weights of {name} are not on this machine and could not be downloaded; download "
        f"{weights.url} elsewhere and name that file instead of pretrained"
    )
