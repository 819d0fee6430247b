"""Networks that see and read: each half has its own weights of one file; without the package a sentence says which."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from curation.errors import CurationError, UsageError
from curation.models.architectures import Form, build
from curation.models.features import logits_and_features
from curation.models.image_text import text_features
from curation.models.loading import load_body
from curation.models.published import published_file, require_published
from tests import open_clip_stand_in as stand_in

NAME = f"open_clip/{stand_in.NAME}"


def test_both_halves_have_the_weights_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = stand_in.install(monkeypatch, tmp_path)
    theirs = stand_in.Clip()
    theirs.load_state_dict(torch.load(weights, weights_only=True))
    model = build(NAME, classes=3, shape=(28, 28, 1), published=True)
    load_body(model, weights)
    images = torch.rand(5, 1, 28, 28)
    small = torch.nn.functional.interpolate(images, size=(16, 16), mode="bilinear", antialias=True)
    with torch.inference_mode():
        seen = logits_and_features(model.eval(), images)[1]
        torch.testing.assert_close(seen, theirs.visual((small.expand(-1, 3, -1, -1) - 0.5) / 0.25))
        read = theirs.encode_text(stand_in.tokens(["one", "two"])).numpy()
    np.testing.assert_allclose(text_features(stand_in.NAME, weights, ["one", "two"], device="cpu"), read)


def test_weights_go_by_tag_and_come_from_the_hub_s_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in.install(monkeypatch, tmp_path)
    assert Form(f"{NAME}.first", published=True).side_px == stand_in.SIDE_PX
    assert require_published(f"{NAME}.first").name == "them/tiny/open_clip_model.safetensors"
    with pytest.raises(UsageError, match=r"no one file of weights .*; choose open_clip/tiny-clip\.first"):
        require_published(NAME)
    with pytest.raises(UsageError, match=r"has no weights 'second'; choose open_clip/tiny-clip\.first"):
        require_published(f"{NAME}.second")
    with pytest.raises(UsageError, match="unknown open_clip model 'tiny-clop'; nearest: tiny-clip"):
        build("open_clip/tiny-clop", classes=2, shape=(16, 16, 3))
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(
        CurationError, match=r"not on this machine .*download https://huggingface\.co/them/tiny/resolve"
    ):
        published_file(f"{NAME}.first")


def test_a_file_of_the_half_that_sees_cannot_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = stand_in.install(monkeypatch, tmp_path)
    whole = torch.load(weights, weights_only=True)
    torch.save({name: value for name, value in whole.items() if name.startswith("visual.")}, tmp_path / "half.pt")
    load_body(build(NAME, classes=3, shape=(28, 28, 1), published=True), tmp_path / "half.pt")
    with pytest.raises(CurationError, match=r"does not fit .*token_embedding\.weight .* is missing"):
        text_features(stand_in.NAME, tmp_path / "half.pt", ["one"], device="cpu")


def test_the_package_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(
        UsageError, match=r'open_clip/<name> needs the package open_clip_torch: pip install "curation\[te'
    ):
        build(NAME, classes=3, shape=(28, 28, 1))


def test_the_real_package_takes_the_place_of_the_stand_in(tmp_path: Path) -> None:
    package = pytest.importorskip("open_clip")
    vision = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16, "head_width": 32}
    text = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
    (tmp_path / "smallest.json").write_text(json.dumps({"embed_dim": 24, "vision_cfg": vision, "text_cfg": text}))
    package.add_model_config(tmp_path / "smallest.json")
    theirs = package.create_model("smallest", load_weights=False, pretrained_text=False).eval()
    torch.save(theirs.state_dict(), tmp_path / "weights.pt")
    model = build("open_clip/smallest", classes=3, shape=(32, 32, 3), published=True).eval()
    load_body(model, tmp_path / "weights.pt")
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        seen = theirs.encode_image((images - model.mean) / model.std)
        torch.testing.assert_close(logits_and_features(model, images)[1], seen)
        read = theirs.encode_text(package.get_tokenizer("smallest")(["a dog"])).numpy()
    found = text_features("smallest", tmp_path / "weights.pt", ["a dog"], device="cpu")
    np.testing.assert_allclose(found, read, atol=1e-5)
