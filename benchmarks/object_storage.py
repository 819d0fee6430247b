"""A workspace on S3 against one on the local disk: seconds, requests, and the same set.

The S3 server is moto's, in a process of its own on loopback (extra curation[test]): its seconds are not those of a real
store, the requests are. Each step of a small recipe (digits) is done here, and there from local copies that are empty
at first; "another machine" reads the finished workspace with no copies yet. "Rerun" is a page that is drawn again.
Run: OMP_NUM_THREADS=1 python -m benchmarks.object_storage [--images 1300]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from streamlit.testing.v1 import AppTest

from curation.pipeline import FOR_SELECTION, Pipeline
from curation.recipe import Recipe
from curation.storage.addresses import fetched, local_or_remote, store
from curation.storage.workspace import Workspace

ROOT = Path(__file__).resolve().parents[1]
SERVER = """
import logging, time
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print("http://%s:%s" % server.get_host_and_port(), flush=True)
time.sleep(3600)
"""
requests = 0


def main() -> None:
    """Print a line a step."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=1300)
    images = parser.parse_args().images
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        with tempfile.TemporaryDirectory() as scratch:
            os.environ |= {"AWS_ENDPOINT_URL": server.stdout.readline().strip(), "AWS_DEFAULT_REGION": "us-east-1"}
            os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
            measure(Path(scratch), images)
    finally:
        server.kill()


def measure(scratch: Path, images: int) -> None:
    """Do every step here and there."""
    files, _ = store(local_or_remote("s3://bucket"))
    files.mkdir("bucket")
    _count(type(files))
    recipe = Recipe.parse(
        {
            "source": {"reader": "digits", "split": "train", "limit": images},
            "goal_model": {"architecture": "tiny_resnet", "train": {"epochs": 2}},
            "variants": {
                "corruption": {"kinds": ["fog", "gaussian_noise", "pixelate"], "severities": [1, 3, 5]},
                "adversarial": {"attack": "pgd", "epsilon": 0.1, "steps": 5},
            },
            "selection": {"budget": images // 3, "mix": {"clean": 9, "corruption": 6, "adversarial": 10}},
        }
    )
    found: dict[str, tuple[Any, ...]] = {}
    print(f"{'step':<38} {'local, s':>9} {'S3, s':>9} {'requests':>9}")
    runs = {"local": steps(recipe, str(scratch / "small"), str(scratch / "out"), scratch / "none")}
    runs["s3"] = steps(recipe, "s3://bucket/small", "s3://bucket/out", scratch / "copies")
    for name in runs["local"]:
        cells = []
        for run in runs.values():
            before, start = requests, time.perf_counter()
            found[name] = (*found.get(name, ()), run[name]())
            cells += [time.perf_counter() - start, requests - before]
        print(f"{name:<38} {cells[0]:>9.2f} {cells[2]:>9.2f} {cells[3]:>9,}", flush=True)
    local, remote = found["export"]
    print(f"SHA256SUMS identical: {local == remote}")


def steps(recipe: Recipe, root: str, out: str, copies: Path) -> dict[str, Callable[[], Any]]:
    """Return what is done with a workspace, by name."""

    def open_here(place: Path) -> Pipeline:
        os.environ["CURATION_COPIES"] = str(place)
        return Pipeline(recipe, Workspace(root), device="cpu")

    def run(place: Path = copies) -> None:
        pipeline = open_here(place)
        pipeline.run(FOR_SELECTION)
        pipeline.workspace.save_revision(recipe.to_yaml())

    def export() -> str:
        open_here(copies).export(out)
        return (fetched(out) / "SHA256SUMS").read_text()

    page: list[AppTest] = []

    def first() -> None:
        os.environ |= {
            "CURATION_WORKSPACE": root,
            "CURATION_CACHE": str(copies / "none"),
            "CURATION_COPIES": str(copies),
        }
        os.chdir(ROOT)
        page.append(AppTest.from_file(str(ROOT / "pages" / "_shell.py"), default_timeout=120))
        page[0].query_params["w"] = Path(root).name
        page[0].run()
        page[0].switch_page("boundary.py").run()
        assert not page[0].exception
        assert not page[0].error

    return {
        "run: ingest to scores": run,
        "run again: nothing to do": run,
        "run again on another machine": lambda: run(copies.with_name("other-copies")),
        "export": export,
        "dashboard, Boundary, first": first,
        "dashboard, Boundary, rerun": lambda: page[0].run(),
    }


def _count(kind: Any) -> None:
    """Count the requests of a class of S3 file systems."""
    usual = kind._call_s3

    async def counted(files: Any, *args: Any, **kwargs: Any) -> Any:
        global requests
        requests += 1
        return await usual(files, *args, **kwargs)

    kind._call_s3 = counted


if __name__ == "__main__":
    main()
