"""Wrong labels: noise of the sample alone, cross-fitting that leaks nothing, scores that rank what is wrong."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from curation.errors import CurationError, UsageError
from curation.label_errors import LABEL_SCORES, Evidence, LabelScore
from curation.label_errors.agreement import neighbors_probabilities, votes
from curation.label_errors.cross_fit import CrossFit, Fold, cross_fit, folds_of
from curation.label_errors.mistakes import mistakes, odds
from curation.label_errors.noise import noisy, targets
from curation.label_errors.suspects import suspects
from curation.training.settings import Training

CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck".split()
SETTINGS = Training(epochs=3, batch_size=16, learning_rate=0.5, augment=False, precision="float32")


def network(seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(16, 3))


@pytest.fixture(scope="module")
def separable() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images that show their class by which row is bright; labels, of which one in ten is wrong; the true ones."""
    draws = np.random.default_rng(0)
    true = np.repeat(np.arange(3), 40)
    images = draws.integers(0, 60, (120, 4, 4, 1), dtype=np.uint8)
    images[np.arange(120), true] += 190
    given_labels = true.copy()
    given_labels[::10] = (given_labels[::10] + 1) % 3
    return images, given_labels, true


def fit(images: np.ndarray, labels: np.ndarray, **how: Any) -> CrossFit:
    chosen: dict[str, Any] = {"folds": 3, "seed": 0, "sample_ids": np.arange(len(labels)), "settings": SETTINGS, **how}
    return cross_fit(images, labels, network=network, **chosen)


def evidence(count: int = 60, *, seed: int = 0) -> Evidence:
    draws = np.random.default_rng(seed)
    labels = np.append([0, 1], draws.integers(0, 4, count - 2))
    logits = draws.normal(size=(count, 4)) + 2 * np.eye(4)[labels]
    powers = np.exp(logits)
    offsets = draws.permuted(np.tile(np.arange(1, count), (count, 1)), axis=1)[:, :7]
    return Evidence(
        labels=labels,
        probabilities=(powers / powers.sum(1, keepdims=True)).astype(np.float32),
        neighbors=(np.arange(count)[:, None] + offsets) % count,
        distances=np.sort(draws.random((count, 7)).astype(np.float32), axis=1),
        clusters=draws.integers(-1, 5, count),
        area_under_margin=draws.normal(size=count).astype(np.float32),
        forgetting=draws.integers(0, 5, count).astype(np.float32),
    )


def changed(whole: Evidence, **changes: Any) -> Evidence:
    return dataclasses.replace(whole, **changes)


# Noise


@given(
    share=st.floats(0, 1), kind=st.sampled_from(["symmetric", "asymmetric"]), seed=st.integers(0, 99),
    order=st.permutations(range(30)), kept=st.integers(1, 30),
)  # fmt: skip
@settings(deadline=None, max_examples=40)
def test_noise_is_of_the_sample_alone(share: float, kind: Any, seed: int, order: list[int], kept: int) -> None:
    labels, ids, rows = np.arange(30) % 10, np.arange(30) * 7, np.array(order[:kept])
    how: dict[str, Any] = {"classes": CIFAR10, "kind": kind, "seed": seed}
    whole = noisy(labels, share=share, sample_ids=ids, **how)
    np.testing.assert_array_equal(noisy(labels[rows], share=share, sample_ids=ids[rows], **how), whole[rows])
    all_wrong = noisy(labels, share=1, sample_ids=ids, **how)
    np.testing.assert_array_equal(whole[whole != labels], all_wrong[whole != labels])
    if kind == "symmetric":
        assert (all_wrong != labels).all()


def test_symmetric_noise_goes_to_every_other_class_alike() -> None:
    labels = np.zeros(40_000, np.int64)
    found = np.bincount(noisy(labels, classes=CIFAR10[:5], share=0.4, seed=1, sample_ids=np.arange(40_000)))
    assert found[0] == pytest.approx(24_000, abs=500)
    np.testing.assert_allclose(found[1:], 4_000, atol=250)


def test_asymmetric_noise_knows_cifar10s_pairs() -> None:
    pairs = {CIFAR10[i]: CIFAR10[j] for i, j in enumerate(targets(CIFAR10)) if i != j}
    assert pairs == {"truck": "automobile", "bird": "airplane", "deer": "horse", "cat": "dog", "dog": "cat"}
    assert targets(["a", "b", "c"]).tolist() == [1, 2, 0]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"share": 1.2}, r"share of wrong labels must be in \[0, 1\], got 1.2"),
        ({"kind": "symetric"}, "did you mean 'symmetric'"),
        ({"classes": ["a"]}, "2 classes or more, got 1"),
        ({"classes": ["a", "b"]}, "labels must be in 0 … 1, got 0 … 2"),
        ({"sample_ids": np.arange(2)}, "a sample id for each of 3 labels, got 2"),
    ],
)
def test_wrong_noise_is_explained(changes: dict[str, Any], sentence: str) -> None:
    how: dict[str, Any] = {"classes": "abc", "share": 0.2, "seed": 0, "sample_ids": np.arange(3), **changes}
    with pytest.raises(CurationError, match=sentence):
        noisy(np.arange(3), **how)


# Cross-fitting


@given(counts=st.lists(st.integers(1, 30), min_size=2, max_size=5), folds=st.integers(2, 4), seed=st.integers(0, 9))
@settings(deadline=None, max_examples=40)
def test_folds_are_stratified_and_follow_the_ids(counts: list[int], folds: int, seed: int) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    ids = np.random.default_rng(seed).permutation(1000)[: len(labels)]
    alone = np.bincount(labels)[labels] == 1
    assume(len(set(labels[~alone].tolist())) > 1)
    assume((~alone).sum() >= folds)
    found = folds_of(labels, folds=folds, seed=seed, sample_ids=ids)
    np.testing.assert_array_equal(found == -1, alone)
    for members in [found[~alone], *(found[(labels == label) & ~alone] for label in range(len(counts)))]:
        sizes = np.bincount(members, minlength=folds)
        assert sizes.max() - sizes.min() <= 1
    order = np.random.default_rng(1).permutation(len(labels))
    again = folds_of(labels[order], folds=folds, seed=seed, sample_ids=ids[order])
    np.testing.assert_array_equal(again, found[order])


def test_cross_fitting_finds_wrong_labels_and_goes_on_to_the_same_result(
    separable: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    images, labels, true = separable
    kept: dict[int, Fold] = {}
    told: list[tuple[int, int]] = []
    whole = fit(images, labels, keep=kept.__setitem__, on_progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1] == (720, 720)
    assert (whole.logits.argmax(1) == true).mean() > 0.95
    wrong = labels != true
    assert whole.area_under_margin[wrong].max() < np.median(whole.area_under_margin[~wrong])
    trained: list[int] = []

    def resume(fold: int) -> Fold | None:
        return kept[fold] if fold != 1 else None

    resumed = fit(images, labels, resume=resume, keep=lambda fold, _: trained.append(fold))
    assert trained == [1]
    for name in ("logits", "area_under_margin", "forgetting", "folds"):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(whole, name))
    with pytest.raises(CurationError, match="fold 0 is of other samples or another seed"):
        fit(images, labels, resume=resume, seed=1)


def test_the_only_sample_of_a_class_is_learned_by_all_and_judged_by_none(
    separable: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    images, labels, _ = separable
    labels = np.where(labels == 2, 0, labels)
    labels[7] = 2
    told: list[tuple[int, int]] = []
    whole = fit(images, labels, on_progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (3 * (3 * 120 - 119), 3 * (3 * 120 - 119))
    assert np.flatnonzero(np.isnan(whole.logits).any(1)).tolist() == [7]
    assert np.isfinite(whole.area_under_margin).all()
    assert whole.folds[7] == -1


def test_a_label_does_not_reach_its_own_logits(
    separable: tuple[np.ndarray, np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels, _ = separable
    first = fit(images, labels)
    monkeypatch.setattr("curation.label_errors.cross_fit.folds_of", lambda *_, **__: first.folds)
    held_out = first.folds == 0
    again = fit(images, np.where(held_out, 2 - labels, labels))
    np.testing.assert_array_equal(again.logits[held_out], first.logits[held_out])
    assert not np.array_equal(again.logits[~held_out], first.logits[~held_out])


def test_images_need_not_be_in_memory(separable: tuple[np.ndarray, np.ndarray, np.ndarray], tmp_path: Path) -> None:
    images, labels, _ = separable
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    np.testing.assert_array_equal(fit(mapped, labels).logits, fit(images, labels).logits)


def test_progress_may_stop_it(separable: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    class Stopped(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        fit(*separable[:2], on_progress=stop)


@pytest.mark.parametrize(
    ("labels", "changes", "sentence"),
    [
        (np.full(6, 2), {}, "all 6 labels are class 2; take samples of two classes or more"),
        (np.array([0, 0, 1, 1, 2, 3]), {"folds": 5}, "4 of the 6 samples are of a class with others, too few for 5"),
        (np.arange(6) % 2, {"folds": 1}, "2 folds or more, got 1"),
        (np.arange(6) % 2, {"sample_ids": np.arange(5)}, "a sample id for each of 6 labels, got 5"),
        (np.arange(8) % 2, {}, "an image for each of 8 labels, got 6"),
        (np.arange(6) % 2 - 1, {}, "classes in 0 … K − 1, got -1"),
    ],
)
def test_what_cannot_be_cross_fitted_is_explained(labels: np.ndarray, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises((CurationError, UsageError), match=sentence):
        fit(np.zeros((6, 4, 4, 1), np.uint8), labels, **changes)


# Scores


@pytest.mark.parametrize("score", LABEL_SCORES, ids=lambda score: score.name)
def test_scores_keep_the_contract(score: type[LabelScore]) -> None:
    whole = evidence()
    found = score()(whole)
    assert found.dtype == np.float32
    assert found.shape == (60,)
    assert np.isfinite(found).all()
    assert found.std() > 0
    assert score.__doc__
    for name in score.uses:
        with pytest.raises(CurationError, match=f"{score.name} needs {name.replace('_', ' ')}"):
            score()(changed(whole, **{name: None}))


@pytest.mark.parametrize("score", LABEL_SCORES, ids=lambda score: score.name)
def test_scores_do_not_depend_on_the_order_of_samples(score: type[LabelScore]) -> None:
    whole = evidence()
    order = np.random.default_rng(3).permutation(60)
    parts = {field.name: getattr(whole, field.name)[order] for field in dataclasses.fields(whole)}
    parts["neighbors"] = np.argsort(order)[parts["neighbors"]]
    np.testing.assert_allclose(score()(Evidence(**parts)), score()(whole)[order], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["self_confidence", "normalized_margin"])
def test_plain_confidence_is_cleanlabs(name: str) -> None:
    rank = pytest.importorskip("cleanlab.rank")
    whole = evidence()
    theirs = rank.get_label_quality_scores(
        whole.labels, whole.probabilities.astype(float), method=name.replace("ised", "ized")
    )
    np.testing.assert_allclose(LABEL_SCORES[name]()(whole), 1 - theirs, atol=1e-6)


@pytest.mark.parametrize("odd", ["", "unseen", "never predicted"])
def test_confidence_by_blocks_is_cleanlabs_to_the_bit(monkeypatch: pytest.MonkeyPatch, odd: str) -> None:
    rank = pytest.importorskip("cleanlab.rank")
    whole = evidence()
    if odd == "unseen":
        whole = changed(whole, labels=np.where(whole.labels == 1, 0, whole.labels))
    if odd == "never predicted":
        probabilities = whole.probabilities * (np.arange(whole.probabilities.shape[1]) != 1)
        whole = changed(whole, probabilities=probabilities / probabilities.sum(1, keepdims=True))
    at_once = LABEL_SCORES["normalized_margin"]().measure(whole)
    theirs = rank.get_label_quality_scores(
        whole.labels, whole.probabilities.astype(float), method="normalized_margin", adjust_pred_probs=True
    )
    monkeypatch.setattr("curation.label_errors.agreement._VALUES", 7 * whole.probabilities.shape[1])
    assert LABEL_SCORES["confident_learning"]().measure(whole).tobytes() == (1 - theirs).tobytes()
    assert LABEL_SCORES["normalized_margin"]().measure(whole).tobytes() == at_once.tobytes()


def test_a_class_that_networks_are_unsure_of_is_not_suspicious_as_such() -> None:
    pytest.importorskip("cleanlab")
    labels = np.repeat([0, 1], 10)
    probabilities = np.where(labels[:, None] == [0, 1], [0.95, 0.6], [0.4, 0.05]).astype(np.float32)
    probabilities[0] = [0.7, 0.3]
    whole = Evidence(labels, probabilities)
    assert LABEL_SCORES["self_confidence"]()(whole).argmax() != 0
    assert LABEL_SCORES["confident_learning"]()(whole).argmax() == 0


def test_neighbors_near_by_count_more() -> None:
    labels = np.array([0, 0, 1, 1])
    whole = Evidence(
        labels=labels,
        probabilities=np.full((4, 2), 0.5, np.float32),
        neighbors=np.array([[1, 2], [2, 0], [3, 0], [2, 0]]),
        distances=np.array([[0, 1], [0.5, 1], [0, 0], [1, 1]], np.float32),
    )
    far, near = np.exp(-1), np.exp(-0.25)
    expected = np.array([far / (1 + far), near / (near + far), 0.5, 0.5])
    np.testing.assert_allclose(LABEL_SCORES["neighbor_disagreement"]()(whole), expected, rtol=1e-6)
    np.testing.assert_allclose(votes(dataclasses.replace(whole, distances=None))[0], [0.5, 0.5])


def test_neighbors_are_asked_for_what_networks_say_of_them() -> None:
    """Whatever labels they were given; the mean is weighted as their votes are."""
    probabilities = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7], [0.5, 0.5]], np.float32)
    whole = Evidence(
        labels=np.array([0, 0, 1, 1]),
        probabilities=probabilities,
        neighbors=np.array([[1, 2], [2, -1], [3, 0], [-1, -1]]),
        distances=np.array([[0, 1], [0.5, 0], [0, 0], [0, 0]], np.float32),
    )
    far = np.exp(-1)
    expected = [1 - (0.8 + far * 0.3) / (1 + far), 1 - 0.3, 1 - (0.5 + 0.9) / 2, 1 - 0.5]
    np.testing.assert_allclose(LABEL_SCORES["neighbor_confidence"]()(whole), expected, rtol=1e-6)


def test_the_top_of_one_list_comes_before_the_middle_of_both() -> None:
    """Where few labels are wrong, only the top of a ranking is looked at."""
    random = np.random.default_rng(0)
    own, margin = random.permutation(1000) / 1000, random.permutation(1000).astype(np.float32)
    own[0], margin[0] = -0.001, 500.5  # first by the networks that never saw it, in the middle by those that did
    own[1], margin[1] = 0.1005, 100.5  # a tenth from the top in both
    probabilities = np.stack([own + 0.001, 0.999 - own], axis=1).astype(np.float32)
    labels = np.zeros(1000, np.int64)
    labels[2] = 1
    found = LABEL_SCORES["combined"]()(Evidence(labels, probabilities, area_under_margin=margin))
    assert found[0] > found[1]


def test_neighbors_probabilities_are_those_of_the_definition_in_any_parts() -> None:
    random = np.random.default_rng(1)
    probabilities = random.dirichlet(np.ones(3), 50).astype(np.float32)
    neighbors, distances = random.integers(-1, 50, (50, 4)), random.random((50, 4), np.float32)
    neighbors[neighbors == np.arange(50)[:, None]] = -1
    whole = Evidence(random.integers(0, 3, 50), probabilities, neighbors, distances)
    parts = [neighbors_probabilities(whole, slice(at, at + 7)) for at in range(0, 50, 7)]
    np.testing.assert_array_equal(np.concatenate(parts), neighbors_probabilities(whole, slice(None)))
    own = np.concatenate(parts)[np.arange(50), whole.labels]
    np.testing.assert_allclose(1 - own, LABEL_SCORES["neighbor_confidence"]()(whole), rtol=1e-6)


def test_usual_mistakes_are_found_and_come_first() -> None:
    """A fifth of class 0 is called 1, nothing else is wrong: of two samples as doubtful, the one of 0 comes first."""
    random = np.random.default_rng(2)
    true = random.integers(0, 3, 3000)
    labels = np.where((true == 0) & (random.random(3000) < 0.2), 1, true)
    probabilities = np.full((3000, 3), 0.05)
    probabilities[np.arange(3000), true] = 0.9
    ways = mistakes(labels, probabilities)
    np.testing.assert_allclose(ways.sum(0), 1)
    assert ways[1, 0] == pytest.approx(0.2, abs=0.03)
    assert 0 < np.delete(ways[~np.eye(3, dtype=bool)], 2).max() < 0.05
    doubtful = np.array([[0.5, 0.4, 0.1], [0.1, 0.4, 0.5]])
    first, second = odds(np.array([1, 1]), doubtful, ways)
    assert first > 2 * second
    np.testing.assert_allclose(
        odds(labels, probabilities, ways),
        [
            sum(ways[given, other] * p[other] for other in range(3) if other != given) / p[given]
            for given, p in zip(labels, probabilities, strict=True)
        ],
    )


@given(seed=st.integers(0, 1000), share=st.sampled_from([0.02, 0.3]))
def test_where_all_mistakes_are_alike_the_odds_order_as_self_confidence_does(seed: int, share: float) -> None:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.ones(4) / 2, 60)
    labels = random.integers(0, 4, 60)
    alike = np.full((4, 4), share / 3)
    order = np.argsort(odds(labels, probabilities, alike), kind="stable")
    own = probabilities[np.arange(60), labels][order]
    assert (np.diff(own) <= 1e-9).all()


def test_a_class_that_no_label_names_breaks_nothing() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.6, 0.3, 0.1]])
    ways = mistakes(np.array([0, 1, 0]), probabilities)
    assert np.isfinite(ways).all()
    np.testing.assert_allclose(ways.sum(0), 1)
    assert (ways > 0).all()


def test_where_there_is_no_neighbor_probabilities_speak() -> None:
    whole = Evidence(
        labels=np.array([0, 1, 1]),
        probabilities=np.array([[0.2, 0.8], [0.5, 0.5], [0.5, 0.5]], np.float32),
        neighbors=np.array([[-1, -1], [2, -1], [1, 0]]),
        distances=np.array([[np.inf, np.inf], [3, np.inf], [0, 0]], np.float32),
    )
    np.testing.assert_allclose(votes(whole), np.array([[0.2, 0.8], [0, 1], [0.5, 0.5]]), rtol=1e-6)


def test_a_sample_in_no_cluster_gets_the_mean_of_the_others() -> None:
    whole = Evidence(
        labels=np.array([0, 0, 0, 1, 1, 0]),
        probabilities=np.full((6, 2), 0.5, np.float32),
        clusters=np.array([4, 4, 4, 4, 7, -1]),
    )
    expected = np.array([1, 1, 1, 3, 1.5, 1.5]) / 3
    np.testing.assert_allclose(LABEL_SCORES["cluster_disagreement"]()(whole), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"labels": np.zeros(60, int)}, "all 60 labels are class 0; take samples of two classes"),
        ({"labels": np.arange(60) % 5}, "the probabilities are of 4 classes, got a label 4"),
        ({"labels": np.arange(60.0)}, "labels must be classes, integers N"),
        ({"probabilities": np.full((60, 4), np.nan)}, r"sum to 1 in each row, got .* in row 0; take the softmax"),
        (
            {"probabilities": np.full((59, 4), 0.25)},
            r"probabilities must be N×columns for the 60 labels, got \(59, 4\)",
        ),
        ({"neighbors": np.full((60, 7), 60)}, "positions in 0 … 59, or −1 for none, got 60 … 60"),
        ({"neighbors": np.full((60, 7), 3)}, "row 3 names itself; leave it out"),
        ({"neighbors": np.zeros((60, 0), int)}, "with k at least 1"),
        ({"distances": np.ones((60, 2))}, r"one for each of \(60, 7\) neighbors, got \(60, 2\)"),
        ({"clusters": np.zeros(3, int)}, r"clusters must be N for the 60 labels, got \(3,\)"),
        ({"area_under_margin": np.full(60, np.nan)}, "area_under_margin is not finite in row 0"),
    ],
)
def test_wrong_evidence_is_explained(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(CurationError, match=sentence):
        changed(evidence(), **changes)


def test_suspects_are_ranked_with_what_they_look_like(separable: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    pytest.importorskip("cleanlab")
    images, labels, true = separable
    found = fit(images, labels)
    distances = np.linalg.norm(images.reshape(120, 1, 16) / 255.0 - images.reshape(1, 120, 16) / 255.0, axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1)[:, :5]
    table = suspects(
        Evidence(
            labels=labels,
            probabilities=found.probabilities,
            neighbors=nearest,
            distances=np.take_along_axis(distances, nearest, axis=1).astype(np.float32),
            area_under_margin=found.area_under_margin,
        )
    )
    assert list(table["rank"]) == list(range(1, 121))
    assert (np.diff(table["combined"]) <= 0).all()
    first = table.head(int((labels != true).sum()))
    assert set(first["row"]) == set(np.flatnonzero(labels != true))
    assert (first["suggested"] == true[first["row"]]).all()
    assert (first["given"] == labels[first["row"]]).all()
    assert table["confidence"].between(0, 1).all()
    assert not {"forgetting", "cluster_disagreement"} & set(table)


def test_suspects_need_probabilities_alone() -> None:
    pytest.importorskip("cleanlab")
    whole = evidence()
    table = suspects(Evidence(whole.labels, whole.probabilities))
    assert list(table)[:4] == ["row", "given", "suggested", "confidence"]
    assert sorted(table["row"]) == list(range(60))
