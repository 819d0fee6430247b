"""A fresh dashboard server and a real Chromium, for the browser tests, the figures and the pictures."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --use-gl=angle --use-angle=swiftshader --enable-unsafe-swiftshader"
).split()
PATIENCE_S = 600
"""How long is waited for what hangs; a busy machine takes its time."""

IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"


@contextmanager
def server(*command: str, log: Path, **environment: str) -> Iterator[str]:
    """Run ``python …`` on a free port until the block ends; yield the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    settings = {**os.environ, "STREAMLIT_SERVER_PORT": str(port), "PYTHONPATH": path, **environment}
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=settings, stdout=out, stderr=out)
    try:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def dashboard(cache: Path, *, log: Path) -> Any:
    """Run the dashboard on a cache folder."""
    return server("-m", "streamlit", "run", "app.py", log=log, CURATION_CACHE=str(cache))


@contextmanager
def chromium() -> Iterator[Any]:
    """Start Debian's Chromium with software WebGL. Raises: FileNotFoundError where there is none."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    if path is None:
        raise FileNotFoundError("no chromium on this machine; on Debian: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


class Visit:
    """One tab: its websocket traffic counted, its console and page errors collected."""

    def __init__(self, browser: Any, address: str, *, width_px: int = 1440, height_px: int = 900, dark: bool = False):
        scheme = "dark" if dark else "light"
        self.context = browser.new_context(
            viewport={"width": width_px, "height": height_px}, color_scheme=scheme, accept_downloads=True
        )
        self.context.set_default_timeout(1000 * PATIENCE_S)
        self.page = self.context.new_page()
        self.address = address
        self.down: list[int] = []
        self.up: list[int] = []
        self.complaints: list[str] = []
        self.page.on("websocket", self._listen)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _console(self, message: Any) -> None:
        # Streamlit looks for its server under a deep link's path first; software WebGL complains of screenshots.
        usual = "/_stcore/" in message.location.get("url", "") or "GL Driver Message" in message.text
        if message.type in ("error", "warning") and not usual:
            self.complaints.append(f"{message.type}: {message.text}")

    def _listen(self, connection: Any) -> None:
        connection.on("framereceived", lambda payload: self.down.append(len(payload)))
        connection.on("framesent", lambda payload: self.up.append(len(payload)))

    def open(self, path: str, *, expect: str | None = None) -> None:
        """Go to a page and wait until it is drawn."""
        self.page.goto(f"{self.address}/{path}")
        self.settle(expect=expect)

    def settle(self, *, expect: str | None = None) -> None:
        """Wait until the script is done and, when given, a text is there."""
        if expect is not None:
            self.page.get_by_text(expect).first.wait_for(timeout=1000 * PATIENCE_S)
        self.page.wait_for_selector(IDLE, timeout=1000 * PATIENCE_S)

    def quiet(self, *, still_ms: int = 500) -> None:
        """Wait until nothing was sent or received for a while."""
        until = time.monotonic() + PATIENCE_S
        counted = -1
        while counted != len(self.down) + len(self.up) and time.monotonic() < until:
            counted = len(self.down) + len(self.up)
            self.page.wait_for_timeout(still_ms)
            self.page.wait_for_selector(IDLE)

    def forget_traffic(self) -> None:
        """Count from here."""
        self.down.clear()
        self.up.clear()
