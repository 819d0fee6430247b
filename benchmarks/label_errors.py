"""Do the scores find labels that people got wrong, and are networks unsure where people are?

``wrong``: networks are cross-fitted on labels of CIFAR-10's training images of which some are wrong: those of
CIFAR-10N, which people gave, or the true ones with noise put in (``symmetric:0.01``, ``asymmetric:0.2``). Every score
then ranks them, and is judged by the true labels, which nothing else sees: average precision, and how many of the first
50, 100 and 1,000 are wrong. Cleanlab's own scores get the same probabilities. Neighbors are those in the features of
one network trained on all of the labels, as a goal model is. What trainings found is kept in --cache, so that scoring
again takes seconds.

``rare``: the same, of goal models that never saw the images: CIFAR-10's test labels that most people reject
(CIFAR-10H), and noise put into these labels at many rates. No training.

``people``: on CIFAR-10H, the answers of some fifty people to each of CIFAR-10's test images: Spearman correlation of
the goal models' uncertainty with the entropy of people's answers.

Seconds are of CPU time, which on a busy machine is what the work costs (on CUDA: of wall time).
Run: python -m benchmarks.label_errors wrong [--images 12000 | --full] [--sets aggre_label,symmetric:0.01]
python -m benchmarks.label_errors rare
python -m benchmarks.label_errors people
--data is a folder with cifar10 (lossless sprites: train_*.webp, train_labels.npy, and test), cifar10n/cifar10n.npz,
cifar10h/cifar10h-counts.npy and weights/*.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from cleanlab.rank import get_label_quality_scores
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score
from torch import nn

from benchmarks import sprites
from curation.embedding.clusters import clusters
from curation.embedding.neighbors import nearest_neighbors
from curation.label_errors import LABEL_SCORES, Evidence
from curation.label_errors.cross_fit import CrossFit, Fold, cross_fit
from curation.label_errors.noise import noisy
from curation.label_errors.suspects import suspects
from curation.models.architectures import build
from curation.models.dropout import dropout_logits
from curation.models.features import logits_and_features
from curation.models.loading import load_weights
from curation.models.prediction import to_device
from curation.plugin import fingerprint
from curation.scores import SCORES, scores_of
from curation.training.settings import Training
from curation.training.trainer import train

FIRST = (50, 100, 1000)
NOISE: tuple[tuple[Literal["symmetric", "asymmetric"], tuple[float, ...]], ...] = (
    ("symmetric", (0.003, 0.01, 0.05, 0.2, 0.4)),
    ("asymmetric", (0.006, 0.02, 0.1, 0.4)),
)
GOAL_MODELS = {
    "resnet20": "resnet20-12fca82f.th",
    "resnet32": "resnet32-d509ac18.th",
    "resnet56": "resnet56-4bfd9763.th",
    "resnet4b": "resnet4b.pth",
}
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CLEANLAB: dict[str, dict[str, Any]] = {
    "self_confidence": {"method": "self_confidence"},
    "normalized_margin": {"method": "normalized_margin"},
    "confidence_weighted_entropy": {"method": "confidence_weighted_entropy"},
    "self_confidence, adjusted": {"method": "self_confidence", "adjust_pred_probs": True},
    "normalized_margin, adjusted": {"method": "normalized_margin", "adjust_pred_probs": True},
}
"""Every score that cleanlab.rank.get_label_quality_scores can give."""


def main() -> None:
    """Print a Markdown table, and what it was measured on."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["wrong", "rare", "people"])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path, default=Path("cache/benchmark-label-errors"))
    parser.add_argument(
        "--sets", default="aggre_label,random_label1,worse_label", help="annotations of CIFAR-10N, or kind:share"
    )
    parser.add_argument("--images", type=int, default=12_000, help="training images")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--full", action="store_true", help="all 50,000 of them")
    parser.add_argument("--model", default="tiny_resnet")
    parser.add_argument("--epochs", type=int, default=12, help="of the preset fast, of each training")
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--neighbors", type=int, default=30)
    parser.add_argument("--clusters", type=int, default=50)
    parser.add_argument("--passes", type=int, default=20, help="of Monte Carlo dropout, at a rate of 0.2")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{platform.machine()}, {os.cpu_count()} cores, {options.device}; torch {torch.__version__}\n", flush=True)
    {"wrong": wrong, "rare": rare, "people": people}[options.what](options)


def wrong(options: argparse.Namespace) -> None:
    """Print how well every score finds truly wrong labels, one column of figures for each annotation."""
    count = 50_000 if options.full else options.images
    rows = slice(options.first, options.first + count)
    images = sprites.read(options.data / "cifar10", "train", rows.stop)[0][rows]
    annotations = np.load(options.data / "cifar10n" / "cifar10n.npz")
    true = annotations["clean_label"][rows].astype(np.int64)
    table: dict[str, list[str]] = {}
    heads = []
    for name in options.sets.split(","):
        given = labeled(name, true, annotations, rows)
        started = clock(options)
        evidence = gathered(images, given, name, rows, options)
        seconds = clock(options) - started
        bad = given != true
        looks = suspects(evidence).sort_values("row")
        found = {
            "all alike": np.zeros(len(bad)),
            **{f"cleanlab {key}": 1 - cleanlab(evidence, key) for key in CLEANLAB},
        }
        found |= {score.name: looks[score.name].to_numpy() for score in LABEL_SCORES}
        figures = {score: judged(values, bad) for score, values in found.items()}
        for score, (precision, *shares) in figures.items():
            known = [f"{share:.3f}" if score != "all alike" else "" for share in shares]
            table.setdefault(score, []).extend([f"{precision:.3f}", *known])
        heads += [f"{name}: AP", *(f"P@{first:,}" for first in FIRST)]
        best = max((key for key in figures if key.startswith("cleanlab")), key=lambda key: figures[key][0])
        gain = figures["combined"][0] - figures[best][0]
        low, high = interval(found["combined"], found[best], bad, options.seed)
        learned = (evidence.probabilities.argmax(1) == true).mean()
        right = (looks["suggested"] == true)[bad].mean()
        print(
            f"{name}: {bad.mean():.1%} of {len(bad):,} labels wrong; combined has an AP {gain:+.3f} ({low:+.3f} … "
            f"{high:+.3f}) from the best of cleanlab's ({best}); networks that did not learn an image are right on "
            f"{learned:.1%}; of wrong labels {right:.1%} get the true class suggested; gathered in {seconds:.0f} s",
            flush=True,
        )
    print(f"\n| score | {' | '.join(heads)} |\n|---|{'---|' * len(heads)}")
    for score, cells in table.items():
        print(f"| {score} | {' | '.join(cells)} |")


def gathered(images: np.ndarray, given: np.ndarray, name: str, rows: slice, options: argparse.Namespace) -> Evidence:
    """Return the evidence about one annotation's labels; trainings that are kept are not done again."""
    settings = Training.model_validate({"preset": "fast", "epochs": options.epochs})
    network = partial(build, options.model, classes=10, shape=images.shape[1:])
    about = [name, rows.start, rows.stop, options.model, options.folds, options.seed, settings.model_dump(mode="json")]
    folder: Path = options.cache / fingerprint(about)
    folder.mkdir(parents=True, exist_ok=True)

    def resume(fold: int) -> Fold | None:
        path = folder / f"fold-{fold}.npz"
        return dict(np.load(path)) if path.exists() else None

    def keep(fold: int, found: Fold) -> None:
        np.savez(folder / f"fold-{fold}.npz", allow_pickle=False, **found)
        print(f"{name}: fold {fold + 1} of {options.folds} done", file=sys.stderr, flush=True)

    fitted: CrossFit = cross_fit(
        images,
        given,
        network=lambda seed: network(seed=seed),
        settings=settings,
        folds=options.folds,
        seed=options.seed,
        sample_ids=np.arange(rows.start, rows.stop),
        device=options.device,
        resume=resume,
        keep=keep,
    )
    kept = folder / "features.npy"
    if not kept.exists():
        model = network(seed=options.seed)
        for _ in train(model, images, given, settings=settings, seed=options.seed, device=options.device):
            pass
        np.save(kept, outputs_of(model, images, options.device)[1])
    features = np.load(kept)
    nearest = nearest_neighbors(features, count=options.neighbors, metric="cosine", device=options.device)
    return Evidence(
        labels=given,
        probabilities=fitted.probabilities,
        neighbors=nearest.index,
        distances=nearest.distance,
        clusters=clusters(features, count=options.clusters, seed=options.seed),
        area_under_margin=fitted.area_under_margin,
        forgetting=fitted.forgetting,
    )


@torch.inference_mode()
def outputs_of(model: nn.Module, images: np.ndarray, device: str) -> tuple[np.ndarray, np.ndarray]:
    """Return logits, float32 N×K, and penultimate features, float32 N×D."""
    model.eval()
    parts = [images[start : start + 500] for start in range(0, len(images), 500)]
    logits, features = zip(*(logits_and_features(model, to_device(part, device)) for part in parts), strict=True)
    return torch.cat(logits).cpu().numpy(), torch.cat(features).cpu().numpy()


def cleanlab(evidence: Evidence, key: str) -> np.ndarray:
    """Return cleanlab's label quality, floats N."""
    return get_label_quality_scores(evidence.labels, evidence.probabilities.astype(np.float64), **CLEANLAB[key])


def judged(suspicion: np.ndarray, bad: np.ndarray) -> tuple[float, ...]:
    """Return average precision, and the share of wrong labels among the most suspicious ``FIRST``."""
    order = np.argsort(-suspicion, kind="stable")
    return float(average_precision_score(bad, suspicion)), *(float(bad[order[:first]].mean()) for first in FIRST)


def labeled(name: str, true: np.ndarray, annotations: Any, rows: slice) -> np.ndarray:
    """Return an annotation of CIFAR-10N, or true labels with noise put in, int64 N."""
    if ":" not in name:
        return annotations[name][rows].astype(np.int64)
    kind, share = name.split(":")
    kinds: dict[str, Literal["symmetric", "asymmetric"]] = {"symmetric": "symmetric", "asymmetric": "asymmetric"}
    if kind not in kinds:
        raise SystemExit(f"{name}: the kind of noise is symmetric or asymmetric")
    ids = np.arange(rows.start, rows.stop)
    return noisy(true, classes=CLASSES, share=float(share), kind=kinds[kind], seed=1, sample_ids=ids)


def rare(options: argparse.Namespace) -> None:
    """Print how well scores find wrong labels of images that the networks never saw, from few wrong ones to many."""
    images, true = sprites.read(options.data / "cifar10", "test", 10_000)
    true = true.astype(np.int64)
    rejected = np.load(options.data / "cifar10h" / "cifar10h-counts.npy").argmax(1) != true
    sets = {f"rejected by most people ({rejected.sum()})": (true, rejected)}
    for kind, shares in NOISE:
        for share in shares:
            given = noisy(true, classes=CLASSES, share=share, kind=kind, seed=3, sample_ids=np.arange(len(true)))
            sets[f"{kind} {(given != true).mean():.2%}"] = given, given != true
    print("| goal model | labels | score | AP | P@50 | P@100 | P@1,000 |\n|---|---|---|---|---|---|---|")
    for name in ("resnet20", "resnet32", "resnet56"):
        model = build(name, classes=10, shape=images.shape[1:])
        load_weights(model, options.data / "weights" / GOAL_MODELS[name])
        logits, features = outputs_of(model.to(options.device), images, options.device)
        nearest = nearest_neighbors(features, count=options.neighbors, metric="cosine", device=options.device)
        probabilities = torch.from_numpy(logits).softmax(1).numpy()
        for title, (given, bad) in sets.items():
            looks = suspects(Evidence(given, probabilities, nearest.index, nearest.distance)).sort_values("row")
            for score in (
                "combined",
                "self_confidence",
                "neighbor_confidence",
                "neighbor_disagreement",
                "normalized_margin",
            ):
                figures = " | ".join(f"{figure:.3f}" for figure in judged(looks[score].to_numpy(), bad))
                print(f"| {name} | {title} | {score} | {figures} |", flush=True)


def interval(one: np.ndarray, other: np.ndarray, bad: np.ndarray, seed: int) -> tuple[float, float]:
    """Return 95 % of the differences in average precision over 500 bootstraps of the images."""
    draws = np.random.default_rng(seed).integers(0, len(bad), (500, len(bad)))
    gains = [average_precision_score(bad[at], one[at]) - average_precision_score(bad[at], other[at]) for at in draws]
    low, high = np.quantile(gains, [0.025, 0.975])
    return float(low), float(high)


def people(options: argparse.Namespace) -> None:
    """Print the rank correlation of each goal model's uncertainty with that of people."""
    images, labels = sprites.read(options.data / "cifar10", "test", 10_000)
    counts = np.load(options.data / "cifar10h" / "cifar10h-counts.npy").astype(np.int64)
    human, hardest = hesitation(counts), len(images) // 10
    half = np.random.default_rng(options.seed).multivariate_hypergeometric
    halves = np.array([half(row, row.sum() // 2) for row in counts])
    between = spearmanr(hesitation(halves), hesitation(counts - halves)).statistic
    print(f"Between two random halves of the people: {between:.3f}; unanimous: {(human == 0).mean():.1%} of images.\n")
    scores = scores_of(passes=True)
    print(f"| goal model | accuracy | {' | '.join(score.name for score in scores)} | loss | hardest tenth shared |")
    print(f"|---|---|{'---|' * len(scores)}---|---|")
    people_s = set(np.argsort(-human, kind="stable")[:hardest])
    for name, file in GOAL_MODELS.items():
        model = build(name, classes=10, shape=images.shape[1:])
        load_weights(model, options.data / "weights" / file)
        model.to(options.device).eval()
        plain, passes = [], []
        with torch.inference_mode():
            for start in range(0, len(images), 500):
                pixels = to_device(images[start : start + 500], options.device)
                some = dropout_logits(model, pixels, rate=0.2, passes=options.passes, seed=options.seed)
                plain.append(some[0].cpu())
                passes.append(some[1].cpu())
        logits, drawn = torch.cat(plain), torch.cat(passes, dim=1)
        cells = []
        for score in scores:
            values = score()(logits if score.uses == "logits" else drawn).numpy()
            cells.append(f"{spearmanr(score.hardness(values), human).statistic:.3f}")
        losses = nn.functional.cross_entropy(logits, torch.from_numpy(labels), reduction="none").numpy()
        accuracy = float((logits.argmax(1).numpy() == labels).mean())
        cells.append(f"{spearmanr(losses, human).statistic:.3f}")
        shared = people_s & set(np.argsort(-SCORES["entropy"]()(logits).numpy(), kind="stable")[:hardest])
        cells.append(f"{len(shared) / hardest:.1%}")
        print(f"| {name} | {accuracy:.2%} | {' | '.join(cells)} |", flush=True)


def hesitation(counts: np.ndarray) -> np.ndarray:
    """Return the entropy of people's answers, in nats; counts integers N×K."""
    return torch.special.entr(torch.from_numpy(counts / counts.sum(1, keepdims=True))).sum(1).numpy()


def clock(options: argparse.Namespace) -> float:
    """Return seconds: of this process's CPU time, on an accelerator by the clock."""
    return time.process_time() if options.device == "cpu" else time.perf_counter()


if __name__ == "__main__":
    main()
