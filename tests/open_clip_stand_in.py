"""Stands in for the package open_clip: one tiny model, of random weights, that sees pixels and reads letters."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

NAME, SIDE_PX, WIDTH = "tiny-clip", 16, 8
TAGS = {"first": {"mean": (0.5,) * 3, "std": (0.25,) * 3, "hf_hub": "them/tiny/", "url": ""}}


class Clip(nn.Module):
    """As open_clip's: ``visual`` sees, the rest reads."""

    def __init__(self) -> None:
        super().__init__()
        self.visual = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE_PX**2, WIDTH))
        self.token_embedding = nn.Embedding(256, WIDTH)
        self.logit_scale = nn.Parameter(torch.ones([]))

    def encode_text(self, tokens: Tensor) -> Tensor:
        return self.token_embedding(tokens).mean(1)


def tokens(texts: list[str]) -> Tensor:
    return torch.tensor([list(text.ljust(20)[:20].encode()) for text in texts])


def install(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Put the package in open_clip's place. Returns: a file of weights of its model, which differ from fresh ones."""
    package: Any = ModuleType("open_clip")
    package.list_models = lambda: [NAME]
    package.list_pretrained_tags_by_model = lambda _: list(TAGS)
    package.get_model_config = lambda _: {"embed_dim": WIDTH, "vision_cfg": {"image_size": SIDE_PX}}
    package.get_pretrained_cfg = lambda _, tag: TAGS[tag]
    package.create_model = lambda *_, **__: Clip()
    package.get_tokenizer = lambda _: tokens
    monkeypatch.setitem(sys.modules, "open_clip", package)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        torch.save(Clip().state_dict(), folder / "clip.pt")
    return folder / "clip.pt"
