"""How fast the dashboard answers, in a real browser: `python -m benchmarks.dashboard [--samples 50000]`.

Builds a workspace of that many FashionMNIST images with two copies of each (once, in a temporary cache; an attack's
copies lie in shards of 64), then prints medians over several tries, with the bytes the server sent and the server's
peak memory. Times depend on the machine; bytes do not. Above 60,000 the images are shifted and get noise, there are no
attacked ones, and the goal model's weights are drawn at random: pages take as long.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from safetensors.numpy import save_file

from benchmarks.browser import ROOT, Visit, chromium, dashboard, server
from benchmarks.map import lasso, painted
from curation.models.architectures import build as build_network
from curation.readers.fashion_mnist import FashionMnist

APP = ("-m", "curation.cli", "app", "--no-browser")
RECIPE = """
name: benchmark
source: {{reader: fashion_mnist, split: train, limit: {samples}}}
goal_model: {{architecture: tiny_resnet, train: {{epochs: 1}}}}
variants: {{corruption: {{kinds: [gaussian_noise], severities: [3]}}, adversarial: {{attack: gaussian}}}}
selection: {{budget: {budget}, mix: {{clean: 2, corruption: 1, adversarial: 1}}, offset: {{clean: 0.05}}}}
"""
STAGES = ("ingest", "duplicates", "goal_model", "corruption", "score", "embed")
REAL = 60_000
LARGE = """
name: benchmark
source: {{reader: npz, path: {path}}}
goal_model: {{architecture: tiny_convnet, checkpoint: {weights}}}
variants: {{corruption: {{kinds: [gaussian_noise], severities: [3]}}, adversarial: null}}
selection: {{budget: {budget}, mix: {{clean: 2, corruption: 1}}, offset: {{clean: 0.05}}}}
"""


def large(cache: Path, samples: int) -> str:
    """Write shifted images and random weights where they are missing; return the recipe that reads them."""
    images, weights = cache / "shifted.npz", cache / "drawn.safetensors"
    if not images.exists():
        real = FashionMnist().open().read(0, REAL)
        random, rows = np.random.default_rng(0), np.arange(samples) % REAL
        shifted = np.empty((samples, *real.images.shape[1:]), np.uint8)
        for start in range(0, samples, REAL):
            block = np.roll(real.images[rows[start : start + REAL]], random.integers(-3, 4, 2), axis=(1, 2))
            shifted[start : start + REAL] = block ^ random.integers(0, 8, block.shape, np.uint8)
        np.savez(images, images=shifted, labels=real.labels[rows])
        network = build_network("tiny_convnet", classes=10, shape=real.images.shape[1:])
        save_file({name: value.numpy() for name, value in network.state_dict().items()}, weights)
    return LARGE.format(path=images, weights=weights, budget=samples // 3)


def build(cache: Path, samples: int) -> None:
    """Compute the workspace where it is missing."""
    recipe = cache / "benchmark.yaml"
    cache.mkdir(parents=True, exist_ok=True)
    recipe.write_text(large(cache, samples) if samples > REAL else RECIPE.format(samples=samples, budget=samples // 3))
    stages = STAGES if samples > REAL else (*STAGES, "adversarial", "map")
    code = f"""
from curation import Pipeline
from curation import Recipe
from curation import Workspace
p = Pipeline(Recipe.load({str(recipe)!r}), Workspace({str(cache / "benchmark")!r}))
p.run({stages})
p.select()
p.workspace.save_revision(p.recipe.to_yaml())
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def peak_mb() -> float:
    """Return the most memory that a server, this process's child, has held."""
    held = [Path(f"/proc/{child.pid}/status").read_text() for child in psutil.Process().children()]
    return max(int(status.split("VmHWM:")[1].split()[0]) for status in held if "Name:\tpython" in status) / 1000


def timed(tries: int, work: Callable[[int], None]) -> list[float]:
    """Return the seconds of each try."""
    out = []
    for number in range(tries):
        start = time.perf_counter()
        work(number)
        out.append(time.perf_counter() - start)
    return out


def line(what: str, seconds: list[float], target_ms: int, sent: float | None = None) -> None:
    """Print one result."""
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    bytes_sent = "" if sent is None else f"  {sent / 1000:8.1f} kB"
    middle, high = 1000 * statistics.median(seconds), 1000 * p95
    print(f"{what:<46} p50 {middle:6.0f} ms  p95 {high:6.0f} ms  target {target_ms} ms{bytes_sent}")


DRAG = """
async (slider, steps) => {
  const times = [];
  for (let i = 0; i < steps; i++) {
    const start = performance.now();
    const key = i % 2 ? "ArrowLeft" : "ArrowRight";
    slider.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, composed: true}));
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    times.push((performance.now() - start) / 1000);
  }
  return times;
}
"""


def main() -> None:
    """Measure everything and print one line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=50_000)
    parser.add_argument("--tries", type=int, default=9)
    options = parser.parse_args()
    cache = Path(tempfile.gettempdir()) / f"curation-benchmark-{options.samples}"
    build(cache, options.samples)
    print(f"{options.samples:,} samples, {options.tries} tries, Chromium with software WebGL")
    log = Path(tempfile.mkdtemp()) / "server.log"
    shells, starts = [], []
    for _ in range(3):
        with server(*APP, log=log, CURATION_CACHE=str(cache)) as address, chromium() as browser:
            visit = Visit(browser, address)
            start = time.perf_counter()
            visit.page.goto(address)
            visit.page.get_by_role("heading", name="Boundary").wait_for(timeout=60_000)
            shells.append(time.perf_counter() - start)
            visit.page.get_by_text("Enter / leave").first.wait_for(timeout=60_000)
            starts.append(time.perf_counter() - start)
    line("first page after the server is up: painted", shells, 3000)
    line("… and whole, libraries loaded", starts, 3000)
    with dashboard(cache, log=log) as address, chromium() as browser:
        visit = Visit(browser, address)
        page = visit.page
        visit.open("boundary", expect="Enter / leave")
        page.wait_for_timeout(1000)
        line(
            "band step to new gallery, in the browser",
            page.get_by_role("slider", name="Hardness offset").evaluate(DRAG, 40),
            50,
        )
        page.wait_for_timeout(1500)
        handle = page.get_by_role("slider", name="Hardness offset")

        def value() -> str:
            return page.get_by_test_id("stMetric").filter(has_text="Enter / leave").inner_text()

        released, waits = 0.0, list[float]()

        def release(number: int) -> None:
            nonlocal released
            box = handle.bounding_box()
            x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            before = value()
            page.mouse.move(x, y)
            page.mouse.down()
            page.mouse.move(x + (-12 if number % 2 else 12), y, steps=3)
            page.mouse.up()
            released = time.perf_counter()
            page.wait_for_function(
                "(before) => { const m = [...document.querySelectorAll('[data-testid=stMetric]')]"
                ".find((e) => e.innerText.includes('Enter / leave')); return m && m.innerText !== before; }",
                arg=before,
            )
            waits.append(time.perf_counter() - released)
            visit.settle()

        visit.forget_traffic()
        timed(options.tries, release)
        line("band release to updated counts", waits, 300, sum(visit.down) / options.tries)

        names = [
            ("Mix", "Compared with the last saved recipe"),
            ("Boundary", "Enter / leave"),
            ("Map", "hardest first"),
            ("Export", "Load it in Python"),
        ]

        def turn(number: int) -> None:
            name, expect = names[number % len(names)]
            page.get_by_role("link", name=name, exact=True).click()
            visit.settle(expect=expect)

        timed(len(names), turn)
        visit.forget_traffic()
        line("page change", timed(2 * len(names), turn), 1000, sum(visit.down) / (2 * len(names)))

        def again(number: int) -> None:
            visit.open("boundary", expect="Enter / leave")

        line("the first page again, on the warm server", timed(options.tries, again), 1000)
        for complaint in visit.complaints:
            print("console:", complaint)
        visit.context.close()
        paints, lassos, sent, path = [], [], 0.0, "map?layout=pca" if options.samples > REAL else "map"
        for _ in range(min(options.tries, 5)):
            visit = Visit(browser, address)
            start = time.perf_counter()
            visit.page.goto(f"{address}/{path}")
            painted(visit.page, ".stage")
            paints.append(time.perf_counter() - start)
            visit.settle()
            sent = sum(visit.down)
            lasso(visit.page)
            start = time.perf_counter()
            visit.page.get_by_role("button", name="Include all").wait_for(timeout=60_000)
            lassos.append(time.perf_counter() - start)
            visit.context.close()
        line("Map page: navigation to painted", paints, 3000, sent)
        line("… lasso release to counts and buttons", lassos, 1000)
        print(f"peak memory of the server {peak_mb():,.0f} MB")
    print("server log:", log.read_text() or "(empty)")


if __name__ == "__main__":
    main()
