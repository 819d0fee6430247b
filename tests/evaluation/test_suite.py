"""The test suite P: built once from held-out images, found again, never half; or a person's own in many formats."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from curation.engine import LocalEngine
from curation.errors import CurationError, UsageError
from curation.evaluation.leakage import guard
from curation.evaluation.measure import predictions_of
from curation.evaluation.metrics import robustness
from curation.evaluation.settings import SuiteSettings, WhiteBox
from curation.evaluation.suite import Suite, check_surrogates, find_suite, make_suite
from curation.evaluation.white_box import KIND, attacks, kind_of, white_box
from curation.models.architectures import build
from curation.models.prediction import predict, to_device
from curation.pipeline import Pipeline
from curation.pipeline.reading import positions
from curation.progress import Cancelled, Progress
from curation.randomness import stream_seeds
from curation.readers.digits import Digits
from curation.recipe import Recipe
from curation.storage.workspace import Workspace
from curation.training.settings import Training
from curation.training.trainer import train

CPU = LocalEngine("cpu")
RECIPE = Recipe.parse(
    {
        "source": {"reader": "digits", "limit": 600},
        "goal_model": {"architecture": "tiny_resnet"},
        "selection": {"budget": 10, "mix": {"clean": 1}},
    }
)
TINY: dict[str, Any] = {
    "samples": 50,
    "corruption": {"kinds": ["fog", "contrast", "pixelate"], "severities": [1, 3, 5]},
    "held_out": ["speckle_noise", "saturate"],  # digits are gray: the suite goes without saturate
    "adversarial": [{"attack": "pgd", "loss": "ce", "steps": 2, "epsilon": 0.1}, {"attack": "fgsm", "epsilon": 0.1}],
    "surrogates": ["tiny_convnet"],
    "training": {"epochs": 1, "batch_size": 64},
}


def made(workspace: Workspace, recipe: Recipe = RECIPE, **changes: Any) -> Suite:
    return make_suite(SuiteSettings(**{**TINY, **changes}), recipe, workspace, engine=CPU)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("suite") / "w")


@pytest.fixture(scope="module")
def tiny(workspace: Workspace) -> Suite:
    return made(workspace)


def test_p_holds_every_part_of_held_out_images(tiny: Suite) -> None:
    assert [(part.part, part.kind, part.severity, len(part)) for part in tiny.parts] == [
        ("clean", "clean", 0, 50),
        ("adversarial", "pgd/tiny_convnet", 0, 50),
        ("adversarial", "fgsm/tiny_convnet", 0, 50),
        *[("corruption", kind, severity, 50) for kind in ("contrast", "fog", "pixelate") for severity in (1, 3, 5)],
        *[("held_out", "speckle_noise", severity, 50) for severity in (1, 3, 5)],
    ]
    test = Digits(split="test").open().read(0, 1000)
    clean, attacked = tiny.parts[0], tiny.parts[1]
    order = np.random.default_rng(0).permutation(50)
    assert np.array_equal(clean.images(order), test.images[clean.sample_ids[order]])
    for part in tiny.parts:
        assert np.array_equal(part.labels, test.labels[part.sample_ids])
    change = attacked.images(np.arange(50)).astype(int) - clean.images(np.arange(50))
    assert 0 < np.abs(change).max() <= 25
    assert tiny.about["surrogates"][0]["architecture"] == "tiny_convnet"
    assert tiny.about["images"] == {"clean": 50, "adversarial": 100, "corruption": 450, "held_out": 150}


def test_p_is_found_again_and_nothing_is_computed_twice(
    tiny: Suite, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something was computed again")

    for module, name in (
        ("ingest", "ingest_shard"),
        ("corruption", "corrupt_shards"),
        ("adversarial", "attack_shards"),
    ):
        monkeypatch.setattr(importlib.import_module(f"curation.pipeline.stages.{module}"), name, refuse)
    monkeypatch.setattr("curation.evaluation.left_out.duplicates", refuse)
    again = made(workspace)
    found = find_suite(SuiteSettings(**TINY), RECIPE, workspace, engine=CPU)
    assert found is not None
    assert again.key == found.key == tiny.key
    assert np.array_equal(found.parts[1].images(np.arange(50)), tiny.parts[1].images(np.arange(50)))


def test_another_workspace_gives_the_same_p_after_a_stop_in_the_middle(tiny: Suite, tmp_path: Path) -> None:
    workspace, settings = Workspace(tmp_path / "w"), SuiteSettings(**TINY)
    seen: list[Progress] = []

    def stop(progress: Progress) -> None:
        seen.append(progress)
        if "attacking" in progress.note:
            raise Cancelled

    assert find_suite(settings, RECIPE, workspace, engine=CPU) is None
    with pytest.raises(Cancelled):
        make_suite(settings, RECIPE, workspace, engine=CPU, report=stop)
    assert find_suite(settings, RECIPE, workspace, engine=CPU) is None
    counted = [progress for progress in seen if progress.unit == "passes"]
    assert all(progress.stage == "suite" for progress in seen)
    assert [p.done for p in counted] == sorted(p.done for p in counted)
    assert {p.total for p in counted} == {counted[0].total}
    assert made(workspace).key == tiny.key


@pytest.mark.parametrize(
    "change",
    [
        {"samples": 49},
        {"corruption": {"kinds": ["fog", "contrast"], "severities": [1, 3, 5]}},
        {"corruption": {**TINY["corruption"], "severities": [2]}},
        {"held_out": []},
        {"adversarial": {"attack": "fgsm", "epsilon": 0.2}},
        {"training": {"epochs": 1, "batch_size": 64, "learning_rate": 0.05}},
    ],
)
def test_other_settings_make_another_p(tiny: Suite, workspace: Workspace, change: dict[str, Any]) -> None:
    assert made(workspace, **change).key != tiny.key


def test_a_recipe_that_selects_otherwise_has_the_same_p(tiny: Suite, workspace: Workspace) -> None:
    other = RECIPE.with_changes(**{"selection.budget": 99, "variants.adversarial": None, "name": "other"})
    found = find_suite(SuiteSettings(**TINY), other, workspace, engine=CPU)
    assert found is not None
    assert found.key == tiny.key


def test_predictions_are_those_of_the_network_on_every_image(tiny: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curation.evaluation.measure.VALUES_AT_ONCE", 16 * 28 * 28)
    network = build("tiny_convnet", classes=10, shape=tiny.shape, seed=1).train()
    seen: list[Progress] = []
    table = predictions_of(network, tiny, device="cpu", report=seen.append)
    assert network.training
    assert len(table) == len(tiny) == seen[-1].done == seen[-1].total
    part = tiny.parts[4]
    logits = predict(network, part.images(np.arange(50)))
    rows = table[(table["part"] == part.part) & (table["kind"] == part.kind) & (table["severity"] == part.severity)]
    assert rows["sample_id"].tolist() == part.sample_ids.tolist()
    assert rows["prediction"].tolist() == logits.argmax(1).tolist()
    expected = logits.softmax(1)[torch.arange(50), torch.from_numpy(part.labels)]
    assert rows["true_probability"].to_numpy() == pytest.approx(expected.numpy(), abs=1e-5)
    assert 0 <= robustness(table)["R"] <= 1


def with_copies(file: Path, count: int) -> Recipe:
    """Write 300 training and 40 test images, and mirrored copies of some training images among the test images."""
    source = Digits(split="train").open().read(0, 300)
    test = Digits(split="test").open().read(0, 40)
    np.savez(
        file,
        x_train=source.images,
        y_train=source.labels,
        x_test=np.concatenate([test.images, source.images[:count, :, ::-1]]),
        y_test=np.concatenate([test.labels, source.labels[:count]]),
    )
    return RECIPE.with_changes(source={"reader": "npz", "path": str(file)})


def test_a_few_test_images_that_are_trained_on_are_left_out(tmp_path: Path) -> None:
    recipe, workspace = with_copies(tmp_path / "own.npz", 3), Workspace(tmp_path / "w")
    suite = made(workspace, recipe, samples=None)
    assert {len(part) for part in suite.parts} == {40}
    assert all(part.sample_ids.max() < 40 for part in suite.parts)
    assert [(entry["test"], entry["training"]) for entry in suite.about["left_out"]] == [(40 + i, i) for i in range(3)]
    samples = Pipeline(recipe, workspace, device="cpu").samples
    guard(samples, samples.sample_ids, suite)


def test_many_are_refused_loudly(tmp_path: Path) -> None:
    recipe = with_copies(tmp_path / "own.npz", 7)
    with pytest.raises(
        CurationError, match=r"7 of the 47 test images are also training images.*test image 40 ↔ sample 0"
    ):
        made(Workspace(tmp_path / "w"), recipe, samples=None)


# Your own P


def digits(count: int, start: int = 0) -> tuple[np.ndarray, np.ndarray]:
    chunk = Digits(split="test").open().read(start, start + count)
    return chunk.images, chunk.labels


def as_npy(folder: Path, images: np.ndarray, labels: np.ndarray) -> None:
    folder.mkdir(parents=True)
    np.save(folder / "data.npy", images)
    np.save(folder / "label.npy", np.eye(10, dtype=np.float32)[labels] * 0.8 + 0.02)


def as_npz(file: Path, images: np.ndarray, labels: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, images=images, labels=labels)


def as_images(folder: Path, images: np.ndarray, labels: np.ndarray) -> None:
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(folder / str(label) / f"{index:03}.png")


def test_your_own_p_is_read_from_many_formats(tmp_path: Path) -> None:
    images, labels = digits(60)
    darker = images // 2
    root = tmp_path / "p"
    as_npy(root / "clean", images, labels)
    as_npz(root / "corrupted" / "fog-3.npz", darker, labels)
    as_npy(root / "corrupted" / "snow", np.tile(darker, (2, 1, 1, 1)), np.tile(labels, 2))
    as_images(root / "adversarial", 255 - images, labels)
    as_npz(root / "held_out.npz", *digits(30, start=500))
    workspace = Workspace(tmp_path / "w")
    settings = SuiteSettings(path=str(root))
    assert find_suite(settings, RECIPE, workspace, engine=CPU) is None
    suite = make_suite(settings, RECIPE, workspace, engine=CPU)
    shapes = [(part.part, part.kind, part.severity, len(part)) for part in suite.parts]
    assert shapes == [
        ("clean", "clean", 0, 60),
        ("adversarial", "adversarial", 0, 60),
        ("corruption", "fog", 3, 60),
        ("corruption", "snow", 0, 120),
        ("held_out", "held_out", 0, 30),
    ]
    clean, adversarial, fog, snow, held_out = suite.parts
    assert np.array_equal(clean.labels, labels)
    assert np.array_equal(snow.images(np.array([77, 3])), darker[[17, 3]])
    assert sorted(adversarial.labels.tolist()) == sorted(labels.tolist())
    # Copies of one test image share its id; images of another order or source have ids of their own.
    assert np.array_equal(snow.sample_ids, np.tile(fog.sample_ids, 2))
    assert not set(held_out.sample_ids) & set(clean.sample_ids)
    assert not set(adversarial.sample_ids) & set(clean.sample_ids)
    found = find_suite(settings, RECIPE, workspace, engine=CPU)
    assert found is not None
    assert found.key == suite.key
    as_npz(root / "held_out.npz", *digits(20, start=700))
    assert find_suite(settings, RECIPE, workspace, engine=CPU) is None


def test_your_own_held_out_part_may_hold_nothing_that_is_trained_on(tmp_path: Path) -> None:
    images, labels = digits(40)
    root = tmp_path / "p"
    for part in ("clean", "adversarial", "corruption", "held_out/Gaussian noise-3", "held_out/spatter"):
        as_npy(root / part, images, labels)
    settings, workspace = SuiteSettings(path=str(root)), Workspace(tmp_path / "w")
    mine = RECIPE.with_changes(**{"variants.corruption": {"kinds": ["gaussian_noise", "fog"], "severities": [1]}})
    with pytest.raises(UsageError, match="has copies with Gaussian noise, which the part held_out of your test suite"):
        make_suite(settings, mine, workspace, engine=CPU)
    suite = make_suite(settings, mine.with_changes(**{"variants.corruption.kinds": ["fog"]}), workspace, engine=CPU)
    assert [part.kind for part in suite.parts if part.part == "held_out"] == ["Gaussian noise", "spatter"]


def test_your_own_p_in_one_archive_leaves_out_what_is_trained_on(tmp_path: Path) -> None:
    images, labels = digits(40)
    training = Digits(split="train").open()
    at = int(positions(training, RECIPE.source.limit)[0])
    chunk = training.read(at, at + 1)
    images[5], labels[5] = chunk.images[0], chunk.labels[0]
    parts = {f"images_{part}": images for part in ("clean", "adversarial")} | {"images_corruption": 255 - images}
    np.savez(tmp_path / "p.npz", **parts, **{name.replace("images", "labels"): labels for name in parts})
    suite = make_suite(SuiteSettings(path=str(tmp_path / "p.npz")), RECIPE, Workspace(tmp_path / "w"), engine=CPU)
    assert [len(part) for part in suite.parts] == [39, 39, 39]
    assert all(5 not in part.sample_ids for part in suite.parts)
    assert {(entry["part"], entry["training"]) for entry in suite.about["left_out"]} == {
        ("clean", at),
        ("adversarial", at),
    }


def color(root: Path) -> None:
    images, labels = digits(20)
    for part in ("clean", "adversarial", "corruption"):
        as_npy(root / part, np.repeat(images, 3, axis=3), labels)


def no_adversarial(root: Path) -> None:
    for part in ("clean", "corruption"):
        as_npy(root / part, *digits(20))


def other_classes(root: Path) -> None:
    for part in ("clean", "adversarial", "corruption"):
        as_images(root / part, *digits(20))
        (root / part / "1").rename(root / part / "one")


def empty_kind(root: Path) -> None:
    for part in ("clean", "adversarial"):
        as_npy(root / part, *digits(20))
    (root / "corruption" / "fog").mkdir(parents=True)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda root: None, "does not exist"),
        (lambda root: root.write_text("x"), "expected a folder or an .npz file"),
        (no_adversarial, "lacks its part adversarial: add a folder or file adversarial; it holds: clean, corruption"),
        (color, "clean has images of 28×28×3, the training images are 28×28×1"),
        (other_classes, "a class 'one' that the training images have not"),
        (empty_kind, "holds no images: expected data.npy"),
    ],
)
def test_your_own_p_that_does_not_fit_is_refused(
    make: Callable[[Path], None], sentence: str, tmp_path: Path, workspace: Workspace, tiny: Suite
) -> None:
    make(tmp_path / "p")
    settings = SuiteSettings(path=str(tmp_path / "p"))
    with pytest.raises(CurationError) as refused:
        make_suite(settings, RECIPE, workspace, engine=CPU)
    assert sentence in str(refused.value)
    assert find_suite(settings, RECIPE, workspace, engine=CPU) is None


# Settings that make no sense


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"corruption": {"kinds": []}}, "suite.corruption.kinds is empty"),
        ({"adversarial": []}, "suite.adversarial is empty"),
        (
            {"held_out": ["spatter"], "corruption": {"kinds": ["spatter"]}},
            "spatter is in suite.corruption and in suite.held_out",
        ),
        ({"held_out": ["speckle_noise"], "corruption": {"kinds": ["rain"], "constants": "imgaug"}}, "speckle_noise"),
        ({"surrogates": ["tiny_resnet"]}, "also the architecture of the goal model"),
        ({"surrogates": ["resnet20", "resnet20"]}, "lists resnet20 twice"),
        ({"source": {"reader": "digits", "split": "train"}}, "test images are also training images"),
    ],
)
def test_settings_that_leave_no_honest_p_are_refused(
    change: dict[str, Any], sentence: str, workspace: Workspace, tiny: Suite
) -> None:
    with pytest.raises(CurationError) as refused:
        made(workspace, **change)
    assert sentence in str(refused.value)


def test_a_source_without_held_out_images_is_told_what_to_give(tmp_path: Path) -> None:
    as_npy(tmp_path / "only", *digits(30))
    recipe = RECIPE.with_changes(source={"reader": "npy_folder", "path": str(tmp_path / "only")})
    with pytest.raises(UsageError, match=r"no split 'test'.*suite.source to their source, or suite.path to your own"):
        made(Workspace(tmp_path / "w"), recipe)
    with pytest.raises(UsageError, match="the test split itself"):
        made(Workspace(tmp_path / "v"), RECIPE.with_changes(**{"source.split": "test"}))


def test_test_images_of_another_source_have_the_same_classes_and_size(tmp_path: Path) -> None:
    images, labels = digits(30)
    as_npy(tmp_path / "test", images, labels)
    other = {"reader": "npy_folder", "path": str(tmp_path / "test")}
    workspace = Workspace(tmp_path / "w")
    suite = made(workspace, source=other, samples=None)
    assert np.array_equal(suite.parts[0].images(np.arange(30)), images)
    assert len(suite.classes) == 10
    np.savez(tmp_path / "odd.npz", images=images, labels=labels, classes=np.array(list("abcdefghij")))
    with pytest.raises(CurationError, match="classes a, b, c, d, e, … \\(10\\), the training images 0, 1"):
        made(workspace, source={"reader": "npz", "path": str(tmp_path / "odd.npz")})
    digit = np.array(list("0123456789"))
    np.savez(tmp_path / "large.npz", images=np.repeat(images, 2, axis=1), labels=labels, classes=digit)
    with pytest.raises(CurationError, match="are 56×28×1, the training images 28×28×1"):
        made(workspace, source={"reader": "npz", "path": str(tmp_path / "large.npz")})


def test_a_target_cannot_be_a_surrogate_unless_p_is_your_own() -> None:
    with pytest.raises(UsageError, match="the surrogate resnet20 is also the architecture of a target"):
        check_surrogates(SuiteSettings(), "tiny_resnet", ["wide_resnet28_4", "resnet20"])
    check_surrogates(SuiteSettings(), "tiny_resnet", ["wide_resnet28_4"])
    check_surrogates(SuiteSettings(path="mine"), "resnet20", ["resnet20"])


# White box


@pytest.fixture(scope="module")
def target() -> torch.nn.Module:
    network = build("tiny_convnet", classes=10, shape=(28, 28, 1), seed=0)
    chunk = Digits(split="train").open().read(0, 1000)
    for _ in train(network, chunk.images, chunk.labels, settings=Training(epochs=2, batch_size=32), seed=0):
        pass
    return network


def test_the_white_box_attack_is_never_weaker_than_either_of_its_two(target: torch.nn.Module) -> None:
    images, labels = digits(32)
    settings = WhiteBox(epsilon=0.08, steps=3)
    said = white_box(target, images, labels, settings=settings, seed=3, device="cpu")
    clean = predict(target, images).argmax(1).numpy() == labels
    assert not (said == labels)[~clean].any()
    assert 0 < (said == labels).sum() < clean.sum()
    for number, attack in enumerate(attacks(settings, classes=10)):
        found = attack(
            target,
            to_device(images, "cpu").contiguous(),
            torch.from_numpy(labels),
            seeds=stream_seeds(3, np.arange(32), "white_box", number),
        )
        pixels = found.mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        alone = clean & (predict(target, pixels).argmax(1).numpy() == labels)
        assert not ((said == labels) & ~alone).any()
    again = white_box(target, images, labels, settings=settings, seed=3, device="cpu")
    assert np.array_equal(said, again)


@pytest.mark.parametrize(("classes", "kind"), [(2, "apgd-ce + apgd-cw"), (3, "apgd-ce + apgd-dlr"), (4, KIND)])
def test_few_classes_leave_another_second_attack(classes: int, kind: str) -> None:
    network = build("tiny_convnet", classes=classes, shape=(28, 28, 1), seed=0)
    images, labels = digits(16)
    said = white_box(network, images, labels % classes, settings=WhiteBox(steps=2), seed=0, device="cpu")
    assert said.shape == (16,)
    assert kind_of(classes) == kind
    empty = white_box(network, images[:0], labels[:0], settings=WhiteBox(), seed=0, device="cpu")
    assert empty.shape == (0,)
