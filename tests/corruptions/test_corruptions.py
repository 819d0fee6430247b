"""Corruptions: one contract for every kind, parity with the published code's outputs, and the pieces underneath."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage, stats
from torch import Tensor, nn

from curation import compilation
from curation.corruptions import CORRUPTIONS, Corruption, base, filters
from curation.corruptions.blur import _glass_source
from curation.corruptions.frost_texture import frost_textures
from curation.corruptions.jpeg import jpeg
from curation.corruptions.liquid import edge_distance_px
from curation.corruptions.plasma import plasma
from curation.corruptions.poisson import _alias_table, poisson
from curation.errors import CurationError, UsageError
from curation.models.architectures import build
from curation.models.folding import folded
from curation.models.loading import load_weights
from curation.randomness import SampleRandom, stream_seeds

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
needs_golden = pytest.mark.skipif(
    not (SHARED / "golden").is_dir(), reason="the reference outputs (shared/golden) are not here"
)
DETERMINISTIC = {
    "defocus_blur",
    "zoom_blur",
    "brightness",
    "contrast",
    "pixelate",
    "jpeg_compression",
    "gaussian_blur",
    "saturate",
}
ROUNDED_BY_REFERENCE = {"pixelate", "jpeg_compression"}
OF_IMGAUG = {"rain", "snowflakes", "dropout", "coarse_dropout", "color_quantization"}
"""Not in the reference outputs; tests/test_imgaug_kinds.py has their parity."""
PUBLISHED = [kind.name for kind in CORRUPTIONS if kind.table.cifar != (1, 2, 3, 4, 5)]
RANDOM = [name for name in PUBLISHED if name not in DETERMINISTIC | OF_IMGAUG]
CPU = torch.device("cpu")

every_kind = pytest.mark.parametrize("kind", list(CORRUPTIONS), ids=lambda kind: kind.name)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Many small steps: on a busy machine threads would spend their time waiting for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def photos(number: int, channels: int, height: int, width: int, *, seed: int = 0) -> Tensor:
    """Smooth 8-bit pictures with full contrast."""
    rough = np.random.default_rng(seed).normal(size=(number, channels, height, width))
    smooth = ndimage.gaussian_filter(rough, (0, 0, 3, 3), mode="wrap")
    smooth -= smooth.min(axis=(1, 2, 3), keepdims=True)
    smooth /= smooth.max(axis=(1, 2, 3), keepdims=True)
    return torch.from_numpy(np.round(smooth * 255).astype(np.float32) / 255)


def seeds_of(number: int, *, seed: int = 0) -> Tensor:
    return stream_seeds(seed, np.arange(number), "test")


def levels(images: Tensor) -> Tensor:
    return (images * 255).round()


def sets_of(kind: type[Corruption]) -> list[str]:
    return [name for name, rows in kind.table._asdict().items() if rows is not None]


# The contract


@every_kind
def test_output_keeps_shape_range_and_input(kind: type[Corruption]) -> None:
    for constants in sets_of(kind):
        for shape in ((3, 3, 32, 32), (2, 1, 24, 40), (1, 3, 40, 24), (1, 1, 16, 16), (1, 3, 70, 20)):
            images = photos(*shape)
            before = images.clone()
            corrupted = kind(severity=5, constants=constants)(images, seeds=seeds_of(len(images)))
            assert corrupted.shape == images.shape
            assert corrupted.dtype == torch.float32
            assert torch.isfinite(corrupted).all()
            assert corrupted.min() >= 0
            assert corrupted.max() <= 1
            assert torch.equal(images, before)
            assert corrupted.data_ptr() != images.data_ptr()


@every_kind
@pytest.mark.parametrize("constants", ["cifar", "imagenet", "imgaug"])
def test_a_sample_depends_on_nothing_but_itself(
    kind: type[Corruption], constants: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches of one, another order and smaller sub-batches give the same bits as one large batch."""
    if constants not in sets_of(kind):
        pytest.skip(f"{kind.name} has no {constants} constants")
    images, seeds = photos(90, 3, 32, 32), seeds_of(90)
    corruption = kind(severity=3, constants=constants)
    together = corruption(images, seeds=seeds)
    order = torch.randperm(90, generator=torch.Generator().manual_seed(0))
    shuffled = corruption(images[order], seeds=seeds[order])
    assert torch.equal(shuffled, together[order])
    for number in (0, 41, 89):
        alone = corruption(images[number : number + 1], seeds=seeds[number : number + 1])
        assert torch.equal(alone[0], together[number])
    monkeypatch.setitem(base._VALUES_AT_ONCE, "cpu", 7 * 3 * 32 * 32)
    assert torch.equal(corruption(images, seeds=seeds), together)


@every_kind
def test_compiled_loops_give_the_bits_of_torch(kind: type[Corruption], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Numba torch does the work, as on an accelerator."""
    images = photos(3, 3, 45, 37)
    chosen = [kind(severity=severity, constants=constants) for constants in sets_of(kind) for severity in (2, 5)]
    compiled = [corruption(images, seeds=seeds_of(3)) for corruption in chosen]
    monkeypatch.setattr(compilation, "_numba_is_here", lambda: False)
    for corruption, expected in zip(chosen, compiled, strict=True):
        assert torch.equal(corruption(images, seeds=seeds_of(3)), expected)


@every_kind
def test_levels_are_what_floats_round_to(kind: type[Corruption], monkeypatch: pytest.MonkeyPatch) -> None:
    """From 8-bit pixels to 8-bit pixels, at any size, in parts of any size, compiled or not."""
    for number, channels, height, width in ((5, 3, 45, 37), (2, 1, 24, 40), (1, 3, 224, 224), (3, 3, 16, 70)):
        pixels = np.concatenate(
            [
                noise_pictures(2, height, width, channels),
                levels(photos(number, channels, height, width)).permute(0, 2, 3, 1).numpy().astype(np.uint8),
            ]
        )[:number]
        given, seeds = torch.from_numpy(pixels.copy()), seeds_of(number)
        for constants in sets_of(kind):
            corruption = kind(severity=2 if height == 45 else 5, constants=constants)
            expected = levels(corruption(as_tensor(pixels), seeds=seeds)).permute(0, 2, 3, 1).to(torch.uint8)
            found = corruption.levels(given, seeds=seeds)
            assert found.dtype == torch.uint8
            assert torch.equal(found, expected)
            assert np.array_equal(given.numpy(), pixels)
            with monkeypatch.context() as patched:
                patched.setitem(base._VALUES_AT_ONCE, "cpu", 2 * channels * height * width)
                assert torch.equal(corruption.levels(given, seeds=seeds), expected)
                if height == 45:
                    patched.setattr(compilation, "_numba_is_here", lambda: False)
                    assert torch.equal(corruption.levels(given, seeds=seeds), expected)


@every_kind
def test_seeds_decide(kind: type[Corruption]) -> None:
    images = photos(8, 3, 32, 32)
    corruption = kind(severity=5)
    first = corruption(images, seeds=seeds_of(8))
    assert torch.equal(first, corruption(images, seeds=seeds_of(8)))
    other = corruption(images, seeds=seeds_of(8, seed=1))
    differ = (levels(first) != levels(other)).flatten(1).any(dim=1)
    assert not differ.any() if kind.name in DETERMINISTIC else differ.all() or not differ.any()
    assert differ.all() or kind.name not in RANDOM


@every_kind
def test_empty_batch_and_bad_input(kind: type[Corruption]) -> None:
    corruption = kind()
    assert corruption(torch.zeros(0, 3, 32, 32), seeds=seeds_of(0)).shape == (0, 3, 32, 32)
    with pytest.raises(CurationError, match=rf"{kind.name} needs images of at least 16 px a side, got 32×15"):
        corruption(torch.zeros(1, 3, 15, 32), seeds=seeds_of(1))
    with pytest.raises(CurationError, match=r"pixels in \[0, 1\].*divide uint8 by 255"):
        corruption(torch.full((1, 3, 32, 32), 200.0), seeds=seeds_of(1))
    with pytest.raises(CurationError, match=r"pixels in \[0, 1\]"):
        corruption(torch.full((1, 3, 32, 32), torch.nan), seeds=seeds_of(1))
    with pytest.raises(CurationError, match="float32 images N×C×H×W"):
        corruption(torch.zeros(1, 4, 32, 32), seeds=seeds_of(1))
    with pytest.raises(CurationError, match="one seed per sample, got 2 for 1"):
        corruption(torch.zeros(1, 3, 32, 32), seeds=seeds_of(2))
    pixels = torch.zeros(1, 15, 32, 3, dtype=torch.uint8)
    assert corruption.levels(pixels[:0], seeds=seeds_of(0)).shape == (0, 15, 32, 3)
    with pytest.raises(CurationError, match=rf"{kind.name} needs images of at least 16 px a side, got 32×15"):
        corruption.levels(pixels, seeds=seeds_of(1))
    with pytest.raises(CurationError, match=r"uint8 pixels N×H×W×C with C = 1 or 3, got torch.float32 1×15×32×3"):
        corruption.levels(pixels.float(), seeds=seeds_of(1))
    with pytest.raises(CurationError, match="one seed per sample, got 2 for 1"):
        corruption.levels(pixels, seeds=seeds_of(2))


@pytest.mark.parametrize(
    "complaint",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
    ],
)
def test_too_little_memory_means_fewer_at_a_time(complaint: RuntimeError, monkeypatch: pytest.MonkeyPatch) -> None:
    images, seeds = photos(23, 3, 32, 32), seeds_of(23)
    contrast = CORRUPTIONS.build("contrast")
    expected, whole = contrast(images, seeds=seeds), type(contrast).corrupt
    sizes, room = [], 3

    def cramped(self: Corruption, part: Tensor, random: SampleRandom) -> Tensor:
        sizes.append(len(part))
        if len(part) > room:
            raise complaint
        return whole(self, part, random)

    monkeypatch.setattr(type(contrast), "corrupt", cramped)
    assert torch.equal(contrast(images, seeds=seeds), expected)
    assert sizes == [23, 11, 5, *[2] * 11, 1]
    room = 0
    with pytest.raises(CurationError, match="contrast ran out of memory on cpu with a single image of 32×32 px"):
        contrast(images, seeds=seeds)


def test_other_failures_are_not_mistaken_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Corruption, part: Tensor, random: SampleRandom) -> Tensor:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(CORRUPTIONS["contrast"], "corrupt", broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        CORRUPTIONS.build("contrast")(photos(2, 3, 32, 32), seeds=seeds_of(2))


@every_kind
@pytest.mark.parametrize("severity", [0, 6])
def test_wrong_severity_is_one_sentence(kind: type[Corruption], severity: int) -> None:
    with pytest.raises(UsageError, match=rf"corruption {kind.name}: severity: .*, got {severity}$") as caught:
        CORRUPTIONS.build(kind.name, {"severity": severity})
    assert "\n" not in str(caught.value)


@every_kind
def test_json_round_trip_and_documentation(kind: type[Corruption]) -> None:
    corruption = kind(severity=4, constants="imagenet")
    assert kind.model_validate_json(corruption.model_dump_json()) == corruption
    assert "Source: " in (kind.__doc__ or "")
    assert all(len(getattr(kind.table, constants)) == 5 for constants in sets_of(kind))


def test_constants_a_kind_has_not_are_one_sentence() -> None:
    with pytest.raises(UsageError) as caught:
        CORRUPTIONS.build("fog", {"constants": "imgaug"})
    assert str(caught.value) == (
        "corruption fog: constants: fog has no such constants; choose cifar or imagenet, got imgaug"
    )
    assert sum(kind.table.imgaug is not None for kind in CORRUPTIONS) >= 9


def test_the_fifteen_kinds_and_those_held_out() -> None:
    assert sum(not kind.held_out for kind in CORRUPTIONS) == 15
    of_cifar_c = {"speckle_noise", "gaussian_blur", "spatter", "saturate"}
    assert {kind.name for kind in CORRUPTIONS if kind.held_out} == of_cifar_c | OF_IMGAUG | {"augmix"}


@every_kind
def test_higher_severity_changes_more(kind: type[Corruption]) -> None:
    """The mildest and the strongest of each table are in the right order, so that no row is out of place."""
    images, seeds = photos(60, 3, 32, 32), seeds_of(60)
    mild, strong = (kind(severity=severity)(images, seeds=seeds) - images for severity in (1, 5))
    if kind.name not in {"saturate", "elastic_transform"}:  # these two trade one effect for another
        assert strong.abs().mean() > mild.abs().mean()


@settings(deadline=None, max_examples=60)
@given(
    name=st.sampled_from(CORRUPTIONS.names),
    severity=st.integers(1, 5),
    choice=st.integers(0, 2),
    channels=st.sampled_from([1, 3]),
    height=st.integers(16, 50),
    width=st.integers(16, 50),
    flat=st.sampled_from([None, 0.0, 0.5, 1.0]),
)
def test_any_size_any_picture(
    name: str, severity: int, choice: int, channels: int, height: int, width: int, flat: float | None
) -> None:
    """Flat black, gray and white pictures (no edge, no spread, no mean to divide by) and odd sides are no exception."""
    images = photos(2, channels, height, width) if flat is None else torch.full((2, channels, height, width), flat)
    sets = sets_of(CORRUPTIONS[name])
    corruption = CORRUPTIONS.build(name, {"severity": severity, "constants": sets[choice % len(sets)]})
    corrupted = corruption(images, seeds=seeds_of(2))
    assert corrupted.shape == images.shape
    assert torch.isfinite(corrupted).all()
    assert 0 <= corrupted.min() <= corrupted.max() <= 1


def test_gray_is_what_color_makes_of_equal_channels() -> None:
    gray = photos(4, 1, 32, 32)
    for name in ("defocus_blur", "motion_blur", "glass_blur", "snow", "fog", "brightness", "contrast", "pixelate"):
        corruption = CORRUPTIONS.build(name, {"severity": 4})
        color = corruption(gray.expand(-1, 3, -1, -1), seeds=seeds_of(4))
        assert torch.allclose(corruption(gray, seeds=seeds_of(4)).expand_as(color), color, atol=1e-6), name


# Parity with the published code


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(SHARED / "golden" / "corruptions_16.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def first_thousand() -> np.ndarray:
    sprite = np.asarray(Image.open(SHARED / "data" / "cifar10" / "test_00.webp").convert("RGB"))
    return sprite.reshape(25, 32, 40, 32, 3).swapaxes(1, 2).reshape(-1, 32, 32, 3)


def as_reference(name: str, severity: int, images: np.ndarray, *, draw: int = 0) -> np.ndarray:
    """Return int32 N×H×W×C: our output, made whole numbers the way the reference code does it."""
    corruption = CORRUPTIONS.build(name, {"severity": severity})
    batch = torch.from_numpy(images.copy()).permute(0, 3, 1, 2).to(torch.float32) / 255
    corrupted = corruption(batch, seeds=stream_seeds(draw, np.arange(len(images)), name, severity)) * 255
    whole = corrupted.round() if name in ROUNDED_BY_REFERENCE else (corrupted + 1e-3).floor()
    return whole.permute(0, 2, 3, 1).to(torch.int32).numpy()


@needs_golden
@pytest.mark.parametrize("name", sorted(DETERMINISTIC))
def test_deterministic_kinds_equal_the_reference(name: str, golden: dict[str, np.ndarray]) -> None:
    """Measured: at most 0.10 of a level, one level at the worst pixel; pixelate and JPEG are equal."""
    for severity in range(1, 6):
        ours = as_reference(name, severity, golden["original"])
        apart = np.abs(ours - golden[f"{name}_{severity}"].astype(np.int32))
        assert apart.mean() <= (0 if name in ROUNDED_BY_REFERENCE else 0.12)
        assert apart.max() <= 1


def band_power(change: np.ndarray) -> np.ndarray:
    """Mean power of the change in five radial bands of frequency, as in the golden file."""
    edges = [0, 0.0625, 0.125, 0.25, 0.375, 0.75]
    frequency = np.fft.fftfreq(32)
    radius = np.hypot(frequency[:, None], frequency[None, :])
    power = (torch.fft.fft2(torch.from_numpy(change.mean(axis=3))).abs() ** 2).mean(dim=0).numpy()
    return np.array([power[(radius >= low) & (radius < high)].mean() for low, high in pairwise(edges)])


@needs_golden
@pytest.mark.parametrize("severity", [1, 3, 5])
@pytest.mark.parametrize("name", RANDOM)
def test_random_kinds_have_the_statistics_of_the_reference(
    name: str, severity: int, first_thousand: np.ndarray
) -> None:
    """Mean (to half a level), spread and spectrum of the change over 1,000 images, each within 5 % of the reference's
    one draw; ours are two, of frost, whose textures differ most, four."""
    expected = json.loads((SHARED / "golden" / "corruptions.json").read_text())[f"{name}_{severity}"]
    draws = [
        as_reference(name, severity, first_thousand, draw=draw) - first_thousand
        for draw in range(4 if name == "frost" else 2)
    ]
    changes = [draw.astype(np.float32) / 255 for draw in draws]
    assert np.mean(changes) == pytest.approx(expected["mean_change"], rel=0.05, abs=0.6 / 255)
    assert np.abs(changes).mean() == pytest.approx(expected["mean_abs_change"], rel=0.05)
    assert np.std(changes) == pytest.approx(expected["std_change"], rel=0.05)
    assert np.mean([band_power(change) for change in changes], axis=0) == pytest.approx(expected["spectrum"], rel=0.05)


@pytest.fixture(scope="module")
def reference_classifier() -> nn.Module:
    model = build("resnet20", classes=10, shape=(32, 32, 3))
    load_weights(model, next((SHARED / "data" / "weights").glob("resnet20*")))
    return folded(model)


@needs_golden
@pytest.mark.parametrize("name", RANDOM)
def test_the_reference_classifier_errs_as_on_the_published_images(
    name: str, first_thousand: np.ndarray, reference_classifier: nn.Module
) -> None:
    """Accuracy within 3 points; ``benchmarks/corruption_parity.py`` prints every kind and severity."""
    golden = json.loads((SHARED / "golden" / "corruptions.json").read_text())
    labels = torch.from_numpy(np.load(SHARED / "data" / "cifar10" / "test_labels.npy")[:1000].astype(np.int64))
    for severity in (2, 5):
        images = as_tensor(as_reference(name, severity, first_thousand).astype(np.uint8))
        with torch.inference_mode():
            answers = torch.cat([reference_classifier(part).argmax(1) for part in images.split(100)])
        accuracy = (answers == labels).double().mean().item()
        assert accuracy == pytest.approx(golden[f"{name}_{severity}"]["accuracy"], abs=0.03)


# The pieces


def noise_pictures(number: int, height: int, width: int, channels: int) -> np.ndarray:
    """Uniform noise, and black-and-white noise that overflows the range."""
    pixels = np.random.default_rng(0).integers(0, 256, (number, height, width, channels), dtype=np.uint8)
    pixels[::2] = np.where(pixels[::2] > 127, 255, 0)
    return pixels


def as_tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels.copy()).permute(0, 3, 1, 2).to(torch.float32) / 255


def through_pil(pixels: np.ndarray, quality: int) -> np.ndarray:
    file = BytesIO()
    Image.fromarray(pixels.squeeze()).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file)).reshape(pixels.shape)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), [(32, 32), (16, 17), (47, 33), (25, 70)])
def test_jpeg_equals_pil_bit_for_bit(height: int, width: int, channels: int) -> None:
    smooth = levels(photos(4, channels, height, width)).permute(0, 2, 3, 1).numpy().astype(np.uint8)
    for pixels in (noise_pictures(6, height, width, channels), smooth):
        for quality in (1, 7, 10, 25, 40, 58, 80, 95, 100):
            expected = np.stack([through_pil(picture, quality) for picture in pixels])
            ours = levels(jpeg(as_tensor(pixels), quality=quality)).permute(0, 2, 3, 1)
            assert np.array_equal(ours.numpy(), expected)


@pytest.mark.parametrize("constants", ["cifar", "imagenet"])
@pytest.mark.parametrize(("height", "width"), [(32, 32), (45, 37), (16, 64)])
def test_pixelation_equals_pil_bit_for_bit(height: int, width: int, constants: str) -> None:
    pixels = noise_pictures(4, height, width, 3)
    for severity in range(1, 6):
        pixelate = CORRUPTIONS.build("pixelate", {"severity": severity, "constants": constants})
        small = int(width * pixelate.strength), int(height * pixelate.strength)
        expected = [
            np.asarray(
                Image.fromarray(picture)
                .resize(small, Image.Resampling.BOX)
                .resize((width, height), Image.Resampling.BOX)
            )
            for picture in pixels
        ]
        ours = levels(pixelate(as_tensor(pixels), seeds=seeds_of(4))).permute(0, 2, 3, 1)
        assert np.array_equal(ours.numpy(), np.stack(expected))


@pytest.mark.parametrize("rate", [3, 60, 500])
def test_poisson_has_its_distribution(rate: int) -> None:
    """The table holds every count's chance to 32 bits, and what is drawn from it follows."""
    table, column_bits = _alias_table(rate, CPU)
    columns, room = 1 << column_bits, 1 << (32 - column_bits)
    entries = table.numpy().view(np.uint32).reshape(256, columns).astype(np.int64)
    own, other = entries >> column_bits, entries % columns
    alone = other == np.arange(columns)
    for level in (0, 1, 40, 255):
        chances = np.where(alone[level], room, own[level])
        np.add.at(chances, other[level], np.where(alone[level], 0, room - own[level]))
        expected = stats.poisson.pmf(np.arange(columns), level / 255 * rate)
        assert np.abs(chances / 2.0**32 - expected).max() < 1e-9
    white = poisson(SampleRandom(seeds_of(200)), torch.ones(200, 1, 32, 32), rate=rate).numpy()
    counts = np.bincount(white.ravel().astype(int), minlength=columns)
    likely = stats.poisson.pmf(np.arange(columns), rate) * white.size
    common = likely > 20
    assert stats.chisquare(counts[common], likely[common] * counts[common].sum() / likely[common].sum()).pvalue > 1e-3
    assert (poisson(SampleRandom(seeds_of(2)), torch.zeros(2, 3, 16, 16), rate=rate) == 0).all()


@pytest.mark.parametrize("reach_px", [1, 2, 4])
def test_glass_equals_the_sequential_loop(reach_px: int) -> None:
    number, height, width = 4, 20, 27
    source = _glass_source(SampleRandom(seeds_of(number)), height, width, reach_px)
    offset = SampleRandom(seeds_of(number)).integers(2, height, width, low=-reach_px, high=reach_px).numpy()
    for sample in range(number):
        shown = np.arange(height * width).reshape(height, width)
        for row in range(height - reach_px, reach_px, -1):
            for column in range(width - reach_px, reach_px, -1):
                down, right = offset[sample, :, row, column]
                shown[row, column] = shown[row + down, column + right]
        assert np.array_equal(source[sample].numpy(), shown.ravel())


@pytest.mark.parametrize(
    ("border", "mode"), [("replicate", "nearest"), ("reflect", "mirror"), ("symmetric", "reflect")]
)
@pytest.mark.parametrize("sigma_px", [0.4, 1.5, 6.0])
def test_gaussian_blur_equals_scipy(border: filters.Border, mode: str, sigma_px: float) -> None:
    images = photos(2, 3, 17, 22)
    ours = filters.gaussian_blur(images, sigma_px=sigma_px, border=border)
    theirs = ndimage.gaussian_filter(images.double().numpy(), (0, 0, sigma_px, sigma_px), mode=mode)
    assert np.abs(ours.numpy() - theirs).max() < 1e-5


@pytest.mark.parametrize("factor", [1.01, 1.25, 2.25, 4.5])
def test_clipped_zoom_equals_scipy(factor: float) -> None:
    image = photos(1, 1, 32, 32)
    cut = -(-32 // factor)
    top = int((32 - cut) // 2)
    grown = ndimage.zoom(image[0, 0].double().numpy()[top : top + int(cut), top : top + int(cut)], factor, order=1)
    trim = (len(grown) - 32) // 2
    assert np.abs(filters.clipped_zoom(image, factor)[0, 0].numpy() - grown[trim:, trim:][:32, :32]).max() < 1e-5


def test_motion_blur_smears_along_its_angle() -> None:
    point = torch.zeros(3, 1, 31, 31)
    point[:, :, 15, 15] = 1
    blurred = filters.motion_blur(
        point, radius_px=6, sigma_px=2, angle_deg=torch.tensor([0.0, 90.0, -45.0]), widest_deg=(-45, 90)
    )
    assert blurred.sum(dim=(1, 2, 3)) == pytest.approx([1, 1, 1], abs=1e-5)
    reached = [set(map(tuple, (smear > 0).nonzero()[:, 1:].tolist())) for smear in blurred]
    # A picture that samples to its right moves its points to the left.
    assert reached[0] <= {(15, column) for column in range(16)}
    assert reached[1] <= {(row, 15) for row in range(16)}
    assert reached[2] <= {(15 + step, 15 - step) for step in range(13)}


def test_plasma_spans_its_range_and_roughens() -> None:
    smooth, rough = (plasma(SampleRandom(seeds_of(30)), side_px=32, decay=decay) for decay in (3, 1.75))
    for clouds in (smooth, rough):
        assert torch.equal(clouds.amin(dim=(1, 2)), torch.zeros(30))
        assert torch.equal(clouds.amax(dim=(1, 2)), torch.ones(30))
    assert rough.diff(dim=2).abs().mean() > 1.3 * smooth.diff(dim=2).abs().mean()


def test_edge_distance_is_a_distance() -> None:
    edges = torch.zeros(1, 1, 60, 60, dtype=torch.bool)
    edges[0, 0, 10, 10] = edges[0, 0, 30, 41] = True
    exact = np.minimum(ndimage.distance_transform_edt(~edges[0, 0].numpy()), 20)
    assert np.abs(edge_distance_px(edges)[0, 0].numpy() - exact).max() < 0.5


def test_frost_textures_cover_any_crop() -> None:
    for scale, cover_px in ((0.2, 32), (0.2, 224), (1.1, 700)):
        textures = frost_textures(scale=scale, cover_px=cover_px, device=CPU)
        assert textures.shape[:2] == (6, 3)
        assert min(textures.shape[2:]) > cover_px
        assert 0 <= textures.min() <= textures.max() <= 1
