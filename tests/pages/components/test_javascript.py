"""The components' JavaScript without a browser: its own unit tests, and where it must agree with Python."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from curation.analysis.slices import points_in_polygon
from pages.ui import assets, bundle, theme
from pages.ui.components.wire import pack_columns

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def deno(*arguments: str, given: str = "") -> str:
    """Run Deno, which the extra `test` installs, without network or file access, and return what it prints."""
    program = shutil.which("deno", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if program is None:
        if "CI" in os.environ:
            pytest.fail("deno is missing; pip install -e '.[test]' brings it")
        pytest.skip("no deno for this machine")
    environment = {**os.environ, "DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"}
    ran = subprocess.run(
        [program, *arguments], cwd=ROOT, env=environment, input=given, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_unit_tests_of_the_modules_pass() -> None:
    said = deno("test", "--no-check", "--no-remote", str(HERE))
    passed = re.search(r"(\d+) passed \| 0 failed", said)
    assert passed, said
    assert int(passed[1]) >= 30, said


@pytest.fixture(scope="module")
def lassos() -> list[tuple[np.ndarray, list[list[float]]]]:
    generator = np.random.default_rng(3)
    places = generator.integers(0, 65536, (20_000, 2))
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    radii = generator.uniform(3_000, 45_000, 90)
    wide = 32_000.5 + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    thin = [[100.25, 100.5], [65_000.25, 130.5], [65_000.5, 140.75], [100.5, 108.25]]
    return [(places, wide.tolist()), (places, thin)]


@pytest.fixture(scope="module")
def answer(lassos: list[tuple[np.ndarray, list[list[float]]]]) -> dict[str, Any]:
    message = pack_columns(
        "some-fingerprint",
        {"title": "Größe", "low": [0.5, -1]},
        flags=np.arange(5, dtype=np.uint8),
        codes=np.arange(65530, 65536, dtype=np.uint16),
        steps=np.array([2**32 - 1], np.uint32),
        knots=np.array([[0.1, np.nan], [-np.inf, 3]], np.float32)[:, 1:],
    )
    given = {"lassos": [{"places": xy.ravel().tolist(), "corners": c} for xy, c in lassos], "message": list(message)}
    return json.loads(deno("run", "--no-remote", str(HERE / "agree.js"), given=json.dumps(given)))


def test_browser_and_python_agree_on_what_a_lasso_holds(
    lassos: list[tuple[np.ndarray, list[list[float]]]], answer: dict[str, Any]
) -> None:
    for (places, corners), found in zip(lassos, answer["inside"], strict=True):
        assert (np.array(found) == 5 + 2 * points_in_polygon(places, corners)).all()


def test_a_message_arrives_as_it_was_packed(answer: dict[str, Any]) -> None:
    assert answer["columns"] == {
        "title": "Größe",
        "low": [0.5, -1],
        "flags": {"kind": "Uint8Array", "values": [0, 1, 2, 3, 4]},
        "codes": {"kind": "Uint16Array", "values": list(range(65530, 65536))},
        "steps": {"kind": "Uint32Array", "values": [2**32 - 1]},
        "knots": {"kind": "Float32Array", "values": [None, 3]},  # JSON has no NaN
    }


def test_components_have_the_colors_of_the_charts() -> None:
    assert theme.MODULE.read_text("utf-8") == theme.module(), "run python -m pages.ui.theme"


def fetch(path: str) -> Response:
    scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "query_string": b"", "headers": []}
    matched = next(own for match, own in (route.matches(scope) for route in assets.routes) if match == Match.FULL)
    return matched["endpoint"](Request({**scope, **matched}))


def test_the_bundle_is_of_the_modules_as_they_are() -> None:
    assert bundle.BUNDLE.read_text("utf-8").startswith(bundle.heading()), "run python -m pages.ui.bundle"


@pytest.mark.parametrize("base", ["/", "/behind/a/proxy/"])
def test_the_bundle_is_served_and_kept(base: str) -> None:
    served = fetch(f"{base}{assets.address}")
    assert served.body == bundle.BUNDLE.read_bytes()
    assert served.headers["content-type"].startswith("text/javascript")
    assert "immutable" in served.headers["cache-control"]


def test_the_bundle_has_all_components() -> None:
    code = f"console.log(JSON.stringify(Object.keys(await import({bundle.BUNDLE.as_uri()!r}))))"
    assert json.loads(deno("eval", code)) == ["band", "cargo", "gallery", "map", "matrix", "review", "stage"]


def test_another_version_is_not_served() -> None:
    assert fetch("/components/000000000000.js").status_code == 404


def test_modules_share_no_globals() -> None:
    for path in bundle.MODULES.glob("*.js"):
        assert "globalThis." not in path.read_text("utf-8").replace("globalThis.devicePixelRatio", ""), path.name
