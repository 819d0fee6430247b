"""`curation run` on real images, on this machine: stage times, the same bytes twice, and after a kill in the middle.

python -m benchmarks.end_to_end                       # 10,000 FashionMNIST images
python -m benchmarks.end_to_end --cifar10 FOLDER      # CIFAR-10 from lossless sprites (train_*.webp, train_labels.npy)
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml

from benchmarks import sprites
from benchmarks.browser import ROOT


def recipe(source: dict[str, object], budget: int, *, flip: bool) -> dict[str, object]:
    """Return a recipe that two cores compute in minutes: all 15 corruptions at one severity, PGD-DLR of 10 steps."""
    return {
        "name": "end-to-end",
        "source": source,
        "goal_model": {"architecture": "tiny_resnet", "train": {"epochs": 4, "flip": flip}},
        "variants": {
            "corruption": {"kinds": "all", "severities": [3]},
            "adversarial": {"attack": "pgd", "loss": "dlr", "epsilon": "8/255", "steps": 10},
        },
        "selection": {"budget": budget, "mix": {"clean": 9, "corruption": 6, "adversarial": 10}, "offset": 0.05},
    }


def npy_folder(folder: Path, count: int, out: Path) -> Path:
    """Write the first ``count`` CIFAR-10 training images as a data.npy + label.npy folder."""
    out.mkdir(parents=True)
    images, labels = sprites.read(folder, "train", count)
    np.save(out / "data.npy", images)
    np.save(out / "label.npy", labels)
    return out


def command(file: Path, workspace: Path, out: Path) -> list[str]:
    """Return the command that is measured."""
    return [sys.executable, "-m", "curation.cli", "run", str(file), "--workspace", str(workspace), "--out", str(out),
            "--no-map", "--json"]  # fmt: skip


def run(file: Path, workspace: Path, out: Path) -> dict[str, float]:
    """Run the command and return the seconds of each stage."""
    start = time.perf_counter()
    done = subprocess.run(command(file, workspace, out), cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    seconds = json.loads(done.stdout.splitlines()[-1])["seconds"]
    return {**seconds, "whole command": round(time.perf_counter() - start, 1)}


def kill_in_corruption(file: Path, workspace: Path, out: Path) -> int:
    """Start the command, kill it when some corrupted shards are there, and return how many shards it left."""
    process = subprocess.Popen(
        command(file, workspace, out), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while process.poll() is None:
        folders = [path for path in (workspace / "images").glob("*") if len(list(path.glob("shard-*.npy"))) >= 1]
        if len(folders) >= 6:
            os.kill(process.pid, signal.SIGKILL)
        time.sleep(0.02)
    return len(list(workspace.rglob("shard-*")))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cifar10", type=Path)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--once", action="store_true", help="one run only, without the kill")
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="curation-end-to-end-"))
    if options.cifar10:
        folder = npy_folder(options.cifar10, options.samples, scratch / "cifar10")
        document = recipe({"reader": "npy_folder", "path": str(folder)}, options.samples // 2, flip=True)
    else:
        source = {"reader": "fashion_mnist", "split": "train", "limit": options.samples}
        document = recipe(source, options.samples // 2, flip=True)
    file = scratch / "recipe.yaml"
    file.write_text(yaml.safe_dump(document))
    print(
        f"{options.samples:,} images, {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    )
    try:
        for stage, seconds in run(file, scratch / "first", scratch / "out-first").items():
            print(f"  {stage:<16} {seconds:8.1f} s")
        if options.once:
            return
        run(file, scratch / "second", scratch / "out-second")
        left = kill_in_corruption(file, scratch / "killed", scratch / "out-killed")
        kept = {path: path.stat().st_mtime_ns for path in (scratch / "killed").rglob("shard-*")}
        run(file, scratch / "killed", scratch / "out-killed")
        again = sum(path.stat().st_mtime_ns != time_ns for path, time_ns in kept.items())
        total = len(list((scratch / "killed").rglob("shard-*")))
        sums = {name: (scratch / f"out-{name}" / "SHA256SUMS").read_text() for name in ("first", "second", "killed")}
        print(
            f"  a second fresh workspace: SHA256SUMS {'identical' if sums['first'] == sums['second'] else 'DIFFERENT'}"
        )
        print(f"  killed with {left} shards kept, resumed: {again} of them computed again, {total - left} new; "
              f"SHA256SUMS {'identical' if sums['first'] == sums['killed'] else 'DIFFERENT'}")  # fmt: skip
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
