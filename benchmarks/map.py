"""How large a map stays usable, in a real browser: `python -m benchmarks.map [--points 50000 1000000]`.

Draws the same points with the dashboard's map, with Plotly's scattergl and with deck.gl, each through Streamlit, in
Chromium with software WebGL; with regl-scatterplot too where `npm install regl-scatterplot pub-sub-es regl` was run and
`--packages` names its node_modules. Painted means that a screenshot shows the points; a frame is the time between two
of the browser's animation frames while the map is dragged; a lasso's time runs from its release. Bytes are exact, times
are medians and depend on the machine. `--pictures FOLDER` keeps what a user sees.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import statistics
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import TimeoutError

from benchmarks.browser import Visit, chromium, server

PLACES = {
    "ours": ".stage",
    "plotly": ".stPlotlyChart .nsewdrag",
    "deckgl": "[data-testid=stDeckGlJsonChart]",
    "regl": "canvas.regl",
}
PATIENCE_S = 120
CLOCK = """
globalThis.clock = { frames: [], on: false, up: 0, drawn: 0 };
addEventListener("pointerup", () => (clock.up = performance.now()), true);
const count = (now) => { if (clock.on) clock.frames.push(now); requestAnimationFrame(count); };
requestAnimationFrame(count);
"""
LASSO = """() => new Promise((done) => {
  const roots = [...document.querySelectorAll("*")].map((node) => node.shadowRoot);
  const status = roots.find((root) => root?.querySelector(".stage")).querySelector(".status");
  const since = () => performance.now() - clock.up;
  const look = () => {
    if (!clock.drawn && status.innerText.includes("in the lasso")) clock.drawn = since();
    if (/inside [1-9]/.test(document.body.innerText)) return done([clock.drawn, since()]);
    setTimeout(look, 5);
  };
  look();
})"""


def colorful(picture: bytes) -> bool:
    """Whether a picture shows more than axes and a toolbar."""
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
    return bool(((pixels.max(-1) - pixels.min(-1)) > 40).mean() > 0.002)


def painted(page: Any, selector: str) -> bool:
    """Wait until the chart shows its points; False when it does not within two minutes."""
    until = time.perf_counter() + PATIENCE_S
    while time.perf_counter() < until:
        place = page.locator(selector).first
        if place.count():
            box = place.bounding_box()
            if box and box["height"] > 100:
                middle = {
                    "x": box["x"] + box["width"] / 4,
                    "y": box["y"] + 60,
                    "width": box["width"] / 2,
                    "height": box["height"] - 120,
                }
                # A page that is busy for half a minute answers no screenshot.
                with suppress(TimeoutError):
                    if colorful(page.screenshot(clip=middle)):
                        return True
        page.wait_for_timeout(20)
    return False


def drag(page: Any, selector: str) -> list[float]:
    """Return the milliseconds between frames while the map is dragged about."""
    box = page.locator(selector).first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate("clock.frames = []; clock.on = true")
    until, step = time.perf_counter() + 3, 0
    while time.perf_counter() < until:
        step += 1
        page.mouse.move(x + 120 * np.sin(step / 9), y + 60 * np.sin(step / 5))
    page.mouse.up()
    page.evaluate("clock.on = false")
    return np.diff(page.evaluate("clock.frames")).tolist()


def lasso(page: Any) -> None:
    """Draw a lasso round the middle of the map."""
    box = page.locator(".stage").bounding_box()
    center = np.array([box["x"] + box["width"] / 2, box["y"] + box["height"] / 2])
    page.keyboard.down("Shift")
    for step in range(60):
        angle = step * 2 * np.pi / 60
        radius = (0.28 + 0.06 * np.sin(5 * angle)) * box["height"]
        page.mouse.move(*(center + radius * np.array([np.cos(angle), np.sin(angle)])))
        if step == 0:
            page.mouse.down()
    page.mouse.up()
    page.keyboard.up("Shift")


def measure(browser: Any, address: str, renderer: str, points: int, tries: int) -> list[str]:
    """Return one row of the table."""
    loads, paints, frames, browsers, pythons, sent = [], [], [], [], [], 0
    for _ in range(tries):
        visit = Visit(browser, address)
        visit.page.add_init_script(CLOCK)
        start = time.perf_counter()
        visit.page.goto(f"{address}/?renderer={renderer}&points={points}")
        visit.page.get_by_text("ready", exact=True).wait_for(timeout=60_000)
        ready = time.perf_counter()
        if not painted(visit.page, PLACES[renderer]):
            print("console:", *visit.complaints)
            visit.context.close()
            return [
                f"{points:,}",
                renderer,
                f"nothing in {PATIENCE_S} s",
                *["–"] * 5,
                f"{sum(visit.down) / 1e6:.1f} MB",
            ]
        loads.append(time.perf_counter() - start)
        paints.append(time.perf_counter() - ready)
        sent = sum(visit.down)
        visit.settle()
        frames += drag(visit.page, PLACES[renderer])
        if renderer == "ours":
            visit.page.wait_for_timeout(500)
            lasso(visit.page)
            here, there = visit.page.evaluate(LASSO)
            browsers.append(here)
            pythons.append(there)
        for complaint in visit.complaints:
            print("console:", complaint)
        visit.context.close()
    middle = statistics.median
    late = sorted(frames)[int(0.95 * (len(frames) - 1))]
    counted = [f"{middle(times):.0f} ms" if times else "–" for times in (browsers, pythons)]
    return [
        f"{points:,}",
        renderer,
        f"{middle(loads):.2f} s",
        f"{middle(paints):.2f} s",
        f"{middle(frames):.0f} ms",
        f"{late:.0f} ms",
        *counted,
        f"{sent / 1e6:.2f} MB",
    ]


def picture(browser: Any, address: str, points: int, folder: Path) -> None:
    """Save what a user sees, wide and narrow, light and dark."""
    folder.mkdir(parents=True, exist_ok=True)
    for dark in (False, True):
        for width, height in ((1440, 900), (390, 844)):
            visit = Visit(browser, address, width_px=width, height_px=height, dark=dark)
            visit.page.goto(f"{address}/?points={points}")
            painted(visit.page, ".stage")
            visit.settle()
            visit.page.wait_for_timeout(1500)
            suffix = ("" if width > 1000 else "-narrow") + ("-dark" if dark else "")
            visit.page.screenshot(path=folder / f"map-{points}{suffix}.png")
            visit.context.close()


def main() -> None:
    """Measure every renderer at every size and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, nargs="+", default=[50_000, 1_000_000])
    parser.add_argument("--renderers", nargs="+", choices=list(PLACES))
    parser.add_argument("--packages", type=Path)
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--pictures", type=Path)
    options = parser.parse_args()
    renderers = options.renderers or [name for name in PLACES if name != "regl" or options.packages]
    log, page = Path(tempfile.mkdtemp()) / "server.log", ("-m", "streamlit", "run", "benchmarks/map_app.py")
    with server(*page, log=log, NODE_MODULES=str(options.packages)) as address, chromium() as browser:
        machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        print(f"{machine}, Chromium {browser.version} with software WebGL\n")
        head = ["points", "renderer", "from navigation", "from page ready", "frame", "p95", "lasso, browser"]
        head += ["lasso, Python", "sent"]
        print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
        for points in options.points:
            # The server keeps the points, so that what is measured is what a second visitor sees.
            Visit(browser, address).open(f"?points={points}", expect="of")
            for renderer in renderers:
                print(f"| {' | '.join(measure(browser, address, renderer, points, options.tries))} |", flush=True)
            if options.pictures:
                picture(browser, address, points, options.pictures)
    if text := log.read_text().strip():
        print("server log:", text[-1000:])


if __name__ == "__main__":
    main()
