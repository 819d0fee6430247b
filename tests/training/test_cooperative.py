"""Cooperative training: who learns what from what, what is frozen, and where the detector goes from there."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from curation.dataset import load
from curation.engine import LocalEngine
from curation.errors import CurationError, UsageError
from curation.evaluation.evaluate import evaluate
from curation.evaluation.metrics import detection
from curation.evaluation.settings import Evaluation
from curation.models.architectures import build
from curation.models.classifier import Classifier, DetectorForm
from curation.models.detector import Detector, add_detector, detector_of
from curation.models.ensemble import Ensemble
from curation.models.folding import folded
from curation.models.loading import load_weights, save_weights
from curation.models.prediction import predict
from curation.pipeline import FOR_SELECTION, Pipeline
from curation.recipe import Recipe
from curation.storage.workspace import Workspace
from curation.training.learner import Learner
from curation.training.samplers import About
from curation.training.settings import Training
from curation.training.trainer import train

SHAPE = (16, 16, 1)
COOPERATIVE: dict[str, Any] = {"method": "cooperative", "threads": 1, "detector_width": 8, "detector_grid": 4}


def data(count: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Smooth images of three brightnesses, and the same with a checkerboard: what looks attacked."""
    draws = np.random.default_rng(0)
    labels = draws.integers(0, 3, count)
    images = np.repeat(70 * labels + 30, 256).reshape(count, *SHAPE) + draws.integers(-9, 9, (count, *SHAPE))
    board = 40 * (np.indices((16, 16)).sum(0) % 2)[None, :, :, None]
    return np.concatenate([images, images + board]).clip(0, 255).astype(np.uint8), np.tile(labels, 2)


def about(count: int = 64) -> About:
    ids, kinds = np.tile(np.arange(count), 2), np.repeat(["clean", "pgd"], count)
    return About(np.tile(data(count)[1][:count], 2), ids, kinds)


def trained(**changes: Any) -> tuple[Classifier, list[dict[str, Any]]]:
    """Train on the images above, sampled, and return the network and the state after each epoch."""
    settings = Training(**{**COOPERATIVE, "sampling": {"ratio": (0.5, 0.5)}, "batch_size": 16, **changes})
    model = build("tiny_resnet", classes=3, shape=SHAPE)
    assert isinstance(model, Classifier)
    assert settings.sampling is not None
    epochs = train(model, *data(), settings=settings, seed=0, showing=settings.sampling.of(about()))
    return model, [epoch.state["model"] for epoch in epochs]


def frozen(state: dict[str, Tensor]) -> dict[str, Tensor]:
    start = "detector.pretrained."
    return {name.removeprefix(start): value for name, value in state.items() if name.startswith(start)}


def test_the_detector_has_the_source_s_tokens_at_its_size() -> None:
    """Low: 256 tokens of 128 numbers; full: 512 channels of 256; and a class token."""
    for form, shape in ((DetectorForm("low"), (1, 257, 128)), (DetectorForm("full"), (1, 513, 256))):
        model = build("resnet18", classes=10, shape=(32, 32, 3))
        add_detector(model, form, shape=(32, 32, 3), seed=0)
        assert isinstance(model, Classifier)
        assert isinstance(model.detector, Detector)
        assert tuple(model.detector.reader.positions.shape) == shape
        if form.input == "full":
            kinds = [[type(layer).__name__ for layer in embedding] for embedding in model.detector.reader.embeddings]
            assert kinds == [["Conv2d"], ["Conv2d"], ["ConvTranspose2d"], ["ConvTranspose2d"] * 2]
            assert model.detector(torch.rand(2, 3, 32, 32)).shape == (2, 2)


def test_a_detector_learns_what_attacked_images_look_like() -> None:
    model, _ = trained(epochs=16, pretrained_share=0.1, detector_width=None, detector_layers=1, augment=False)
    detector = detector_of(model)
    assert detector is not None
    looks = predict(detector, data()[0]).argmax(1).numpy()
    assert (looks == np.repeat([0, 1], 64)).mean() > 0.95
    assert (predict(model, data()[0]).argmax(1).numpy() == data()[1]).mean() > 0.9


def test_the_pretrained_network_is_the_classifier_of_the_first_epochs_and_stays_as_it_is() -> None:
    """Weights and running statistics; of an averaged classifier they are the average's."""
    for average in (0.0, 0.9):
        _, states = trained(epochs=4, pretrained_share=0.5, average=average)
        kept = [frozen(state) for state in states]
        for one, other in itertools.pairwise(kept[2:]):
            assert all(torch.equal(one[name], other[name]) for name in one)
        plain = {name: value for name, value in states[1].items() if not name.startswith("detector.")}
        same = all(torch.equal(kept[2][name], plain[name]) for name in plain)
        assert same == (average == 0)


def test_each_loss_trains_its_own_weights_alone() -> None:
    """The detector's is not moved by what the classifier shows it, and the pretrained network by nothing."""

    class Watched(Learner):
        def gradients(self, altered: Tensor) -> dict[str, Tensor]:
            self.begin(0)
            self.altered = altered
            images, targets = torch.rand(8, 1, 16, 16, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 3
            self.model.zero_grad()
            losses, _ = self.method.losses(self, images, targets, None)
            losses.sum().backward()
            return {name: value.grad.clone() for name, value in self._named.items() if value.grad is not None}

    def gradients(altered: Tensor, **changes: Any) -> dict[str, Tensor]:
        settings = Training(**{**COOPERATIVE, "epochs": 1, **changes})
        model = build("tiny_resnet", classes=3, shape=SHAPE)
        rates = settings.how().prepare(model, shape=SHAPE, seed=0)
        for layer in model.modules():  # the same masks would otherwise need the same draws
            if isinstance(layer, nn.Dropout):
                layer.p = 0.0
            if isinstance(layer, nn.MultiheadAttention):
                layer.dropout = 0.0
        return Watched(model, settings, torch.device("cpu"), rates).gradients(altered)

    some, others = torch.arange(8) % 2 == 0, torch.arange(8) < 3
    one, apart, alone = gradients(some), gradients(others), gradients(some, feature_weight=0, ce_weight=2)
    assert not any(name.startswith("detector.pretrained.") for name in one)
    for name in one:
        detects = name.startswith("detector.")
        assert torch.equal(one[name], apart[name]) == (not detects)
        assert torch.equal(one[name], alone[name]) == detects


def test_without_sampled_variants_every_second_image_is_attacked() -> None:
    settings = Training(**{**COOPERATIVE, "epochs": 1, "epsilon": 0.1, "steps": 1, "batch_size": 8})
    model = build("tiny_resnet", classes=3, shape=SHAPE)
    (epoch,) = train(model, *data(), settings=settings, seed=0)
    assert np.isfinite(epoch.loss)
    network = Learner(model, settings, torch.device("cpu"), settings.how().prepare(model, shape=SHAPE, seed=0))
    images, change = torch.rand(5, 1, 16, 16), torch.zeros(5, 1, 16, 16)
    network.begin(0)
    how: Any = settings.how()
    found, altered = how._half_attacked(network, images, torch.zeros(5, dtype=torch.int64), change)
    assert altered.tolist() == [True, False, True, False, True]
    assert ((found - images).abs().flatten(1).amax(1) > 0).tolist() == altered.tolist()
    assert (found - images).abs().max() <= 0.1 + 1e-6


def test_a_detector_is_saved_beside_the_network_and_read_with_it_or_without(tmp_path: Path) -> None:
    model, _ = trained(epochs=2)
    save_weights(model, tmp_path / "both.safetensors")
    images = data()[0]
    again = build("tiny_resnet", classes=3, shape=SHAPE, seed=5)
    assert load_weights(again, tmp_path / "both.safetensors") == []
    assert torch.equal(predict(again, images), predict(model, images))
    assert detector_of(again) is None
    form = DetectorForm("low", 2, 8, 4)
    add_detector(again, form, shape=SHAPE, seed=7)
    load_weights(again, tmp_path / "both.safetensors")
    mine, theirs = detector_of(model), detector_of(folded(again))
    assert mine is not None
    assert theirs is not None
    assert torch.equal(predict(mine, images), predict(theirs, images))
    both = detector_of(Ensemble([model, again]))
    assert both is not None
    torch.testing.assert_close(predict(both, images).softmax(1), predict(mine, images).softmax(1))
    assert detector_of(Ensemble([model, build("tiny_resnet", classes=3, shape=SHAPE)])) is None
    save_weights(build("tiny_resnet", classes=3, shape=SHAPE), tmp_path / "plain.safetensors")
    with pytest.raises(CurationError, match="has no detector; use one of a goal model that was trained"):
        load_weights(again, tmp_path / "plain.safetensors")
    other = build("tiny_resnet", classes=3, shape=SHAPE)
    add_detector(other, form._replace(layers=3), shape=SHAPE, seed=0)
    with pytest.raises(CurationError, match="holds a detector of another form"):
        load_weights(other, tmp_path / "both.safetensors")


def test_what_cannot_be_trained_with_a_detector_is_a_sentence() -> None:
    with pytest.raises(UsageError, match=r"torchvision/vgg11 has no feature taps; choose one of tiny_resnet, .*vgg16"):
        add_detector(build("torchvision/vgg11", classes=3, shape=(32, 32, 3)), DetectorForm(), shape=SHAPE, seed=0)
    with pytest.raises(UsageError, match="Linear has no feature taps"):
        add_detector(nn.Linear(2, 2), DetectorForm(), shape=SHAPE, seed=0)
    with pytest.raises(UsageError, match="cooperative cannot be combined with cutmix or mixup"):
        Training.parse({"method": "cooperative", "cutmix": 1})
    with pytest.raises(UsageError, match=r"detector_width: .*multiple of 4"):
        Training.parse({"method": "cooperative", "detector_width": 6})
    with pytest.raises(UsageError, match="tells the variants of a set from its clean images; set sampling"):
        Evaluation.parse({"schedule": {"method": "cooperative"}})
    with pytest.raises(UsageError, match="looks_attacked is the detector's, and this goal model has none"):
        Recipe.parse({"source": {"reader": "digits"}, "selection": {"budget": 9, "score": "looks_attacked"}})


def test_library_networks_with_the_usual_stages_have_taps() -> None:
    model = build("torchvision/resnet18", classes=3, shape=(32, 32, 3))
    add_detector(model, DetectorForm("full", 1, 8, 4), shape=(32, 32, 3), seed=0)
    detector = detector_of(model)
    assert detector is not None
    assert detector(torch.rand(2, 3, 32, 32)).shape == (2, 2)


@pytest.fixture(scope="module")
def guarded(computed: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The small recipe with fewer samples, guided by a goal model that has a detector."""
    recipe = computed.recipe.with_changes(
        **{
            "source.limit": 200,
            "goal_model.train": {**COOPERATIVE, "epochs": 2, "epsilon": 0.1, "steps": 1},
            "variants.corruption.kinds": ["fog"],
            "selection.budget": 60,
            "selection.score": "looks_attacked",
            "selection.offset": 0,
        }
    )
    pipeline = Pipeline(recipe, Workspace(tmp_path_factory.mktemp("guarded") / "w"), device="cpu")
    pipeline.run(FOR_SELECTION)
    return pipeline


def test_the_detector_is_a_score_of_every_candidate(guarded: Pipeline, tmp_path: Path) -> None:
    """By which candidates are chosen, and which an export's own goal model gives again."""
    pool = guarded.pool()
    assert pool["looks_attacked"].between(0, 1).all()
    clean = pool[pool["family"] == "clean"]
    samples = guarded.samples
    detector = detector_of(guarded.plan.model.load())
    assert detector is not None
    expected = predict(detector, samples.images(np.arange(len(samples)))).double().softmax(1)[:, 1]
    np.testing.assert_allclose(clean["looks_attacked"], expected, atol=1e-6)
    chosen = pool.iloc[guarded.select(pool).pool_rows]
    taken = chosen.loc[chosen["family"] == "clean", "looks_attacked"]
    assert taken.min() >= np.sort(clean["looks_attacked"])[-len(taken)]
    assert "looks_attacked" in load(guarded.export(tmp_path / "set")).manifest
    recipe = Recipe.load(tmp_path / "set" / "recipe.yaml")
    again = Pipeline(recipe, Workspace(tmp_path / "w"), device="cpu")
    again.run(FOR_SELECTION)
    assert again.pool().equals(pool)


def test_an_evaluation_tells_what_detectors_flag_by_kind(computed: Pipeline, workspace: Workspace) -> None:
    evaluation = Evaluation.parse(
        {
            "seeds": 1,
            "schedule": {**COOPERATIVE, "epochs": 2, "sampling": {"ratio": [0.5, 0.5], "weights": {"fog": 2}}},
            "baselines": [],
            "suite": {
                "samples": 20,
                "corruption": {"kinds": ["fog"], "severities": [3]},
                "held_out": [],
                "adversarial": {"attack": "pgd", "epsilon": 0.1, "steps": 1},
                "surrogates": ["tiny_convnet"],
                "training": {"epochs": 1},
            },
            "white_box": {"samples": 4, "steps": 1},
        }
    )
    recipe = computed.recipe.with_changes(**{"selection.strategy": "random"})
    results = evaluate({"mine": recipe}, evaluation, workspace, name="guarded", engine=LocalEngine("cpu"))
    (table,) = results.predictions("mine")
    found = detection([table])
    assert found is not None
    assert found.kinds["kind"].tolist() == ["pgd/tiny_convnet", "clean", "fog"]
    assert found.confusion.sum() == 60
    assert found.confusion.sum(1).tolist() == [20, 40]
    shares = found.confusion.diagonal() / found.confusion.sum(1)
    assert found.accuracy == pytest.approx(shares.mean())
    flagged = table.query("kind == 'fog'")["looks_attacked"] >= 0.5
    assert found.kinds.set_index("kind").loc["fog", "flagged"] == flagged.mean()
    assert detection([table.drop(columns="looks_attacked"), table]) is None


def test_a_kind_that_no_set_has_is_a_sentence(computed: Pipeline) -> None:
    sampled = Evaluation.parse({"schedule": {"sampling": {"weights": {"snow": 2}}}})
    words = "sampling.weights: no recipe has snow in its set; weigh kinds that there are: fog, gaussian_noise, pgd, pix"
    with pytest.raises(UsageError, match=words):
        evaluate({"mine": computed.recipe}, sampled, computed.workspace, engine=LocalEngine("cpu"))
