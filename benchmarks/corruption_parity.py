"""How near our corruptions are to the published ones, kind by kind and severity by severity.

Two tables, each where its other side is there. With ``../shared``: the CIFAR-10-C constants against the authors' own
code over the first 1,000 test images: accuracy of the reference classifier in %, and the change they make. With the
package ``imagecorruptions`` (imagecorruptions-imaug) importable: the ImageNet constants against that package, its draws
and ours each averaged. Columns: mean |change|, spread of the change and its power in the band of frequencies that is
farthest off, in % above or below the reference; for kinds without chance in them, the pixels' mean and largest
difference in levels of 255. The second table leaves out images which the package turns black. A mark (×) is a miss: 3
points of accuracy (1 for a kind's mean), 5 % of a statistic, one level on average or at the worst pixel (two for
pictures that are resized or coded).
Run: python -m benchmarks.corruption_parity [--draws 2] [--images 300] [--kinds frost snow …] [--severities 1 3 5]
"""

from __future__ import annotations

import argparse
import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.imgaug_parity import SPRITE, first_thousand, statistics
from benchmarks.photographs import photographs
from curation.corruptions import CORRUPTIONS, Constants
from curation.models.architectures import build
from curation.models.folding import folded
from curation.models.loading import load_weights
from curation.randomness import stream_seeds

SHARED = Path(__file__).resolve().parents[2] / "shared"
PUBLISHED = [kind.name for kind in CORRUPTIONS if kind.table.cifar != kind.table.imagenet]
WITHOUT_CHANCE = (
    "defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression", "gaussian_blur", "saturate",
)  # fmt: skip
WHOLE = ("pixelate", "jpeg_compression")


def corrupted(name: str, severity: int, pictures: np.ndarray, *, constants: Constants, draw: int) -> np.ndarray:
    """Return uint8 N×H×W×C under our kind, cut to 8 bits as the published code cuts."""
    corruption = CORRUPTIONS.build(name, {"severity": severity, "constants": constants})
    batch = torch.from_numpy(pictures.copy()).permute(0, 3, 1, 2).to(torch.float32) / 255
    images = corruption(batch, seeds=stream_seeds(draw, np.arange(len(pictures)), name, severity)) * 255
    whole = images.round() if name in WHOLE else images + 1e-3
    return whole.to(torch.uint8).permute(0, 2, 3, 1).numpy()


def reference_classifier() -> nn.Module:
    """Return the CIFAR-10 classifier with which the reference accuracies were measured."""
    model = build("resnet20", classes=10, shape=(32, 32, 3))
    load_weights(model, next((SHARED / "data" / "weights").glob("resnet20*")))
    return folded(model)


@torch.inference_mode()
def accuracy(model: nn.Module, pictures: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of right answers."""
    batch = torch.from_numpy(pictures.copy()).permute(0, 3, 1, 2).to(torch.float32) / 255
    answers = torch.cat([model(part).argmax(1) for part in batch.split(100)])
    return float((answers.numpy() == labels[: len(answers)]).mean())


def change(after: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return float32 in [-1, 1]."""
    return (after.astype(np.float32) - before) / 255


def off(ours: np.ndarray, theirs: np.ndarray) -> list[float]:
    """Return in %: mean |change|, its spread, and the band that is farthest off; of ``statistics``."""
    ratio = (ours / np.where(theirs == 0, 1, theirs) - 1) * 100
    bands = ratio[3:]
    return [ratio[1], ratio[2], bands[np.abs(bands).argmax()]]


def mark(value: float, limit: float) -> str:
    return f"{value:+9.2f}{'×' if abs(value) > limit else ' '}"


def against_authors(names: list[str], severities: list[int], draws: int) -> None:
    """Print the table of the CIFAR-10-C constants."""
    golden = json.loads((SHARED / "golden" / "corruptions.json").read_text())
    pictures, model = first_thousand(), reference_classifier()
    labels = np.load(SHARED / "data" / "cifar10" / "test_labels.npy")[: len(pictures)]
    print(f"cifar constants against their authors' code, 1,000 images, {draws} draws of ours, one of theirs")
    print(f"{'':22}{'ours %':>9}{'theirs':>9}{'apart':>9} {'|change|':>9} {'spread':>9} {'band':>9}")
    for name in names:
        apart = []
        for severity in severities:
            theirs = golden[f"{name}_{severity}"]
            expected = [theirs[key] for key in ("mean_change", "mean_abs_change", "std_change")] + theirs["spectrum"]
            right, rows = [], []
            for draw in range(1 if name in WITHOUT_CHANCE else draws):
                after = corrupted(name, severity, pictures, constants="cifar", draw=draw)
                right.append(accuracy(model, after, labels) * 100)
                rows.append(statistics(change(after, pictures)))
            apart.append(np.mean(right) - theirs["accuracy"] * 100)
            text = f"{name:18}{severity:4}{np.mean(right):9.1f}{theirs['accuracy'] * 100:9.1f}{mark(apart[-1], 3)}"
            print(
                text + "".join(mark(value, 5) for value in off(np.mean(rows, axis=0), np.array(expected))), flush=True
            )
        print(f"{name:18}mean{'':18}{mark(float(np.mean(apart)), 1)}", flush=True)


def against_package(names: list[str], severities: list[int], draws: int, number: int) -> None:
    """Print the table of the ImageNet constants."""
    from imagecorruptions import corrupt  # type: ignore[import-not-found, unused-ignore]

    pictures = first_thousand()[:number] if SPRITE.exists() else photographs(number, 32)
    print(f"imagenet constants against imagecorruptions, {len(pictures)} images, {draws} draws of both")
    print(f"{'':22}{'mean':>9} {'worst':>9} {'|change|':>9} {'spread':>9} {'band':>9}")
    for name in names:
        for severity in severities:
            np.random.seed(severity)  # noqa: NPY002 (the package draws from the global state)
            rows, their_rows = [], []
            for draw in range(1 if name in WITHOUT_CHANCE else draws):
                ours = corrupted(name, severity, pictures, constants="imagenet", draw=draw)
                theirs = np.stack([corrupt(picture, corruption_name=name, severity=severity) for picture in pictures])
                rows.append(statistics(change(ours, pictures)))
                # Where no drop of spatter falls the package divides by zero and returns black.
                kept = theirs.any(axis=(1, 2, 3))
                their_rows.append(statistics(change(theirs[kept], pictures[kept])))
            text = f"{name:18}{severity:4}"
            if name in WITHOUT_CHANCE:
                apart = np.abs(ours.astype(int) - theirs)
                text += mark(apart.mean(), 1) + mark(apart.max(), 2 if name in WHOLE else 1)
            else:
                text += " " * 20
            print(
                text + "".join(mark(v, 5) for v in off(np.mean(rows, axis=0), np.mean(their_rows, axis=0))), flush=True
            )


def main() -> None:
    """Print the tables whose other side is there."""
    parser = argparse.ArgumentParser(description="Parity with the published corruptions.")
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--images", type=int, default=300, help="of the second table")
    parser.add_argument("--kinds", nargs="+", choices=PUBLISHED, default=PUBLISHED)
    parser.add_argument("--severities", nargs="+", type=int, choices=range(1, 6), default=[1, 2, 3, 4, 5])
    options = parser.parse_args()
    torch.set_num_threads(1)
    if (SHARED / "golden").is_dir():
        against_authors(options.kinds, options.severities, options.draws)
    if find_spec("imagecorruptions") is not None:
        against_package(options.kinds, options.severities, options.draws, options.images)


if __name__ == "__main__":
    main()
