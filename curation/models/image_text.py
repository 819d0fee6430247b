"""Networks of open_clip, which see images and read text: both land in one space, where what fits is near.

Source: Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision" (CLIP).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

from curation.errors import CurationError, UsageError
from curation.models.loading import load_weights

LIBRARY = "open_clip"

NEEDS = 'needs the package open_clip_torch: pip install "curation[text]"'


def library() -> Any:
    """Return the package. Raises: UsageError: it is absent."""
    try:
        import open_clip
    except ImportError:
        raise UsageError(f"{LIBRARY}/<name> {NEEDS}") from None
    return open_clip


class Named(NamedTuple):
    """What open_clip says of ``name`` or ``name.tag``; about: of the tag's weights, or of the first tag's."""

    name: str
    tag: str
    tags: list[str]
    side_px: int
    about: dict[str, Any]


def named(member: str) -> Named:
    """Return what open_clip says of a model that it has. Raises: UsageError: open_clip is absent."""
    package = library()
    name, _, tag = member.partition(".")
    tags = [one for one in package.list_pretrained_tags_by_model(name) if "." not in one]
    side = package.get_model_config(name)["vision_cfg"]["image_size"]
    about = package.get_pretrained_cfg(name, tag or tags[0]) if tag or tags else {}
    return Named(name, tag, tags, side if isinstance(side, int) else side[0], about)


class Tower(nn.Module):
    """The half that sees images, under a head that makes a classifier of it."""

    unused = (
        *("transformer.", "token_embedding.", "positional_embedding", "ln_final.", "text_projection", "text."),
        *("logit_scale", "logit_bias", "attn_mask"),
    )
    """What files of weights have of the half that reads."""

    def __init__(self, member: str, classes: int) -> None:
        super().__init__()
        whole = _whole(member)
        self.visual = whole.visual
        self.head = nn.Linear(library().get_model_config(named(member).name)["embed_dim"], classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, float32 N×K, for normalized images."""
        return cast(Tensor, self.head(self.visual(images)))


def text_features(member: str, weights: Path, texts: Sequence[str], *, device: str) -> np.ndarray:
    """Return where texts lie in the space of a model's images, float32 N×D; what counts is their direction.

    Args: member: ``name`` or ``name.tag``; weights: the file that the images' half has its weights from.
    Raises: UsageError: open_clip is absent. CurationError: the weights do not fit, as where they lack the half that
        reads; or the words that it knows are not on this machine.
    """
    package = library()
    try:
        tokenize = package.get_tokenizer(named(member).name)
    except Exception:  # most have their words with them; others ask a hub, whose client has errors of its own
        raise CurationError(
            f"{LIBRARY}/{member} reads with a tokenizer that is not on this machine and could not be downloaded; "
            "choose one with the tokenizer of CLIP, such as ViT-B-32"
        ) from None
    model = _reader(member, str(weights), weights.stat().st_mtime_ns, device)
    with torch.inference_mode():
        return cast(np.ndarray, model.encode_text(tokenize(list(texts)).to(device)).float().cpu().numpy())


@lru_cache(maxsize=1)
@torch.inference_mode(False)
def _reader(member: str, weights: str, changed_ns: int, device: str) -> Any:
    model = _whole(member)
    load_weights(model, weights)
    return model.eval().to(device)


def _whole(member: str) -> Any:
    it = named(member)
    with _quiet():  # it warns that weights are random, which they are here
        return library().create_model(
            it.name,
            load_weights=False,
            pretrained_text=False,
            force_quick_gelu=bool(it.tag and it.about.get("quick_gelu")),
        )


@contextmanager
def _quiet() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
