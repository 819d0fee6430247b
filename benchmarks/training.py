"""How fast training is: the contest's 200 epochs beside the preset ``fast``, on the same images, network and seed.

Both presets run in turn in one process; accuracy is that of the last weights on held-out test images. Seconds are of
CPU time, which on a busy machine is what the work costs (on CUDA: of wall time). ``--precision`` sets one arithmetic
for both, to see what is owed to the schedule alone.
Run: python -m benchmarks.training [--images 4000] [--model tiny_resnet] [--source fashion_mnist] [--seeds 0]
python -m benchmarks.training --source FOLDER    # CIFAR-10 from lossless sprites (train_*.webp, train_labels.npy)
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks import sprites
from curation.models.architectures import build
from curation.models.prediction import evaluate
from curation.readers import READERS
from curation.training.settings import PRESETS, Training
from curation.training.trainer import train

Images = tuple[np.ndarray, np.ndarray]


def main() -> None:
    """Print one line for each preset and seed, then the means and the ratio of seconds."""
    parser = argparse.ArgumentParser(description="The contest's training schedule beside the fast one.")
    parser.add_argument("--images", type=int, default=4000, help="to train on: the source's first")
    parser.add_argument("--test-images", type=int, default=10000, help="to measure on: the first of its test split")
    parser.add_argument("--model", default="tiny_resnet")
    parser.add_argument("--source", default="fashion_mnist", help="a reader, or a folder of CIFAR-10 sprites")
    parser.add_argument("--seeds", default="0", help="of weights, order and augmentation, such as 0,1,2")
    parser.add_argument("--presets", default=",".join(PRESETS))
    parser.add_argument("--precision", choices=["auto", "float32", "bfloat16"], help="instead of the presets' own")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    data, held_out = load(options.source, "train", options.images), load(options.source, "test", options.test_images)
    print(
        f"{options.model} on {len(data[0])} images of {options.source}, {len(held_out[0])} held out, {options.device}"
    )
    print(f"{'preset':10}{'seed':>6}{'epochs':>8}{'accuracy, %':>13}{'seconds':>10}")
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in map(int, options.seeds.split(",")):
        for preset in options.presets.split(","):
            fields = {"preset": preset, "seed": seed, "threads": options.threads}
            if options.precision:
                fields["precision"] = options.precision
            accuracy, seconds, epochs = measure(Training.model_validate(fields), options, data, held_out)
            found.setdefault(preset, []).append((accuracy, seconds))
            print(f"{preset:10}{seed:6}{epochs:8}{100 * accuracy:13.2f}{seconds:10.1f}", flush=True)
    means = {preset: np.mean(runs, axis=0) for preset, runs in found.items()}
    for preset, (accuracy, seconds) in means.items():
        first = means["contest"] if "contest" in means else means[preset]
        print(
            f"{preset:10}mean: {100 * accuracy:.2f} % ({100 * (accuracy - first[0]):+.2f} points), {seconds:.1f} s "
            f"({first[1] / seconds:.1f}× fewer)"
        )


def measure(
    settings: Training, options: argparse.Namespace, data: Images, held_out: Images
) -> tuple[float, float, int]:
    """Train one network; return its accuracy on the held-out images, the seconds of training, and the epochs."""
    seed = settings.seed or 0
    model = build(options.model, classes=int(data[1].max()) + 1, shape=data[0].shape[1:], seed=seed)
    clock = time.process_time if options.device == "cpu" else time.perf_counter
    started = clock()
    for _ in train(model, *data, settings=settings, seed=seed, device=options.device):
        pass
    seconds = clock() - started
    return evaluate(model, *held_out, device=options.device), seconds, settings.epochs


def load(source: str, split: str, count: int) -> Images:
    """Return the first images of a split, uint8 N×H×W×C, and their labels."""
    folder = Path(source)
    if folder.is_dir():
        return sprites.read(folder, split, count)
    opened = READERS.build(source, {"split": split}).open()
    chunk = opened.read(0, min(count, len(opened)))
    return chunk.images, chunk.labels


if __name__ == "__main__":
    main()
