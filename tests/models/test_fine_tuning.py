"""Networks that start from somebody's weights: the head is new, the rest is theirs, and what they take is kept to."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from curation.errors import CurationError, UsageError
from curation.models.architectures import Form, build
from curation.models.checkpoint import read_weights
from curation.models.classifier import Classifier
from curation.models.fine_tuning import rates
from curation.models.loading import OtherClasses, head_of, load_body, load_weights, save_weights
from curation.models.published import published, published_file
from curation.models.resizing import Resize

COLOR = (32, 32, 3)


def tiny(seed: int, *, classes: int = 3) -> nn.Module:
    return build("tiny_resnet", classes=classes, shape=COLOR, seed=seed)


def copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("classes", [7, 3])
def test_all_but_the_head_is_taken_over(classes: int, tmp_path: Path) -> None:
    theirs, ours = tiny(1, classes=classes), tiny(2)
    save_weights(theirs, tmp_path / "theirs.safetensors")
    before = copied(ours)
    _, new = load_body(ours, tmp_path / "theirs.safetensors")
    assert new == ["network.linear.weight", "network.linear.bias"]
    for name, value in ours.state_dict().items():
        assert torch.equal(value, before[name] if name in new else theirs.state_dict()[name]), name


def test_a_file_without_a_head_will_do(tmp_path: Path) -> None:
    theirs, ours = tiny(1), tiny(2)
    assert isinstance(theirs, Classifier)
    body = {name: value for name, value in theirs.network.state_dict().items() if not name.startswith("linear.")}
    torch.save(body, tmp_path / "body.pt")
    load_body(ours, tmp_path / "body.pt")
    images = torch.rand(2, *COLOR[::-1])
    assert not torch.equal(ours.eval()(images), theirs.eval()(images))
    assert torch.equal(ours.state_dict()["network.stem.0.weight"], theirs.state_dict()["network.stem.0.weight"])
    del body["stem.0.weight"]
    torch.save(body, tmp_path / "part.pt")
    with pytest.raises(CurationError, match=r"part\.pt does not fit the architecture: stem\.0\.weight .* is missing"):
        load_body(ours, tmp_path / "part.pt")


def test_auxiliary_heads_of_other_classes_are_new_too(tmp_path: Path) -> None:
    class TwoHeads(nn.Module):
        def __init__(self, classes: int) -> None:
            super().__init__()
            self.first = nn.Linear(4, 5)
            self.helper, self.head = nn.Linear(5, classes), nn.Linear(5, classes)

    torch.save(TwoHeads(7).state_dict(), tmp_path / "two.pt")
    _, new = load_body(TwoHeads(3), tmp_path / "two.pt")
    assert new == ["helper.weight", "helper.bias", "head.weight", "head.bias"]


def test_a_head_of_other_classes_is_told_from_other_misfits(tmp_path: Path) -> None:
    save_weights(tiny(1, classes=7), tmp_path / "seven.safetensors")
    with pytest.raises(OtherClasses, match="of a model with 7 classes, the data has 3"):
        load_weights(tiny(2), tmp_path / "seven.safetensors")
    with pytest.raises(CurationError, match="does not fit") as caught:
        load_weights(build("resnet20", classes=3, shape=COLOR), tmp_path / "seven.safetensors")
    assert not isinstance(caught.value, OtherClasses)


def test_layers_are_frozen_by_name() -> None:
    model = tiny(0)
    found = rates(model, body_rate=0.1, freeze=["stem", "blocks.0"])
    assert {found[name] for name in found if ".stem." in name or ".blocks.0." in name} == {0.0}
    assert {found[name] for name in found if ".blocks.1." in name} == {0.1}
    assert found["network.linear.weight"] == 1
    assert rates(model, body_rate=0.1, freeze=["body"]) == {
        name: float(name.startswith(head_of(model))) for name, _ in model.named_parameters()
    }
    assert rates(model, body_rate=0.1, freeze=[], new=["network.stem.0.weight"])["network.stem.0.weight"] == 1
    with pytest.raises(UsageError, match=r"freeze: unknown layer 'block'; did you mean 'blocks'\?"):
        rates(model, body_rate=0.1, freeze=["block"])
    with pytest.raises(UsageError, match="nothing is left that learns; leave out the head, linear"):
        rates(model, body_rate=0.1, freeze=["body", "linear"])


@pytest.mark.parametrize(("height", "width", "side_px"), [(32, 32, 64), (40, 24, 17)])
def test_resizing_is_bilinear_and_antialiased(height: int, width: int, side_px: int) -> None:
    images = torch.rand(2, 3, height, width, requires_grad=True)
    ours = Resize(height=height, width=width, side_px=side_px)(images)
    theirs = F.interpolate(images, size=(side_px, side_px), mode="bilinear", antialias=True)
    torch.testing.assert_close(ours, theirs)
    weights = torch.rand_like(ours)
    gradients = [torch.autograd.grad((found * weights).sum(), images)[0] for found in (ours, theirs)]
    torch.testing.assert_close(*gradients)


def test_images_are_resized_inside_the_network_and_its_weights_stay_the_same() -> None:
    plain, resized = (build("resnet20", classes=3, shape=COLOR, seed=4, input_px=side) for side in (None, 16))
    images = torch.rand(2, *COLOR[::-1])
    half = F.interpolate(images, size=(16, 16), mode="bilinear", antialias=True)
    torch.testing.assert_close(resized.eval()(images), plain.eval()(half))
    assert list(plain.state_dict()) == list(resized.state_dict())
    assert isinstance(build("resnet20", classes=3, shape=COLOR, input_px=32).resize, nn.Identity)


def test_published_weights_bring_their_size_and_normalization() -> None:
    weights = published("torchvision/inception_v3")
    assert weights is not None
    assert (weights.side_px, weights.statistics) == (299, ((0.5,) * 3, (0.5,) * 3))
    assert weights.name in weights.url
    assert published("tiny_resnet") is None
    assert Form("torchvision/resnet18", published=True).side_px == 224
    assert Form("torchvision/resnet18", input_px=64, published=True).side_px == 64
    assert Form("torchvision/resnet18").side_px is None
    model = build("torchvision/mobilenet_v2", classes=3, shape=(32, 40, 1), published=True)
    assert isinstance(model.resize, Resize)
    assert model.eval()(torch.rand(1, 1, 32, 40)).shape == (1, 3)


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("features.denseblock1.denselayer2.norm1.weight", "features.denseblock1.denselayer2.norm.1.weight"),
        ("encoder.layers.encoder_layer_3.mlp.0.bias", "encoder.layers.encoder_layer_3.mlp.linear_1.bias"),
        ("encoder.layers.encoder_layer_3.mlp.3.bias", "encoder.layers.encoder_layer_3.mlp.linear_2.bias"),
    ],
)
def test_torchvision_s_former_names_are_read(now: str, then: str, tmp_path: Path) -> None:
    torch.save({then: torch.ones(3)}, tmp_path / "old.pt")
    assert list(read_weights(tmp_path / "old.pt", {now: torch.zeros(3)}).tensors) == [now]


def test_published_weights_are_those_of_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    place = tmp_path / "checkpoints" / "resnet18-f37072fd.pth"
    place.touch()
    assert published_file("torchvision/resnet18") == place


@pytest.mark.parametrize("failure", [OSError("no route"), RuntimeError("invalid hash value")])
def test_published_weights_that_cannot_be_downloaded_are_a_sentence(
    failure: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    place = tmp_path / "checkpoints" / "resnet18-f37072fd.pth"
    with pytest.raises(
        CurationError, match=rf"download https://\S+resnet18-f37072fd\.pth elsewhere and put it at {place}"
    ):
        published_file("torchvision/resnet18")
    with pytest.raises(UsageError, match="no weights of tiny_resnet are published"):
        published_file("tiny_resnet")
