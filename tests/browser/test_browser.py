"""The main flow in a real Chromium on a fresh server: deep link, offset, lasso, recipe, export; bytes counted."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.browser import Visit, chromium, dashboard
from curation.pipeline import Pipeline
from curation.recipe import Recipe
from curation.storage.workspace import Workspace
from tests.evaluation.kept_evaluation import keep_evaluation

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on this machine"),
]


@pytest.fixture(scope="module")
def cache(computed: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with one computed workspace that the tests may change."""
    folder = tmp_path_factory.mktemp("dashboard")
    shutil.copytree(computed.workspace.root, folder / "small")
    keep_evaluation(Workspace(folder / "small"), computed.recipe)
    return folder


@pytest.fixture(scope="module")
def served(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    log = tmp_path_factory.mktemp("log") / "server.log"
    with dashboard(cache, log=log) as address:
        yield address, log


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def visit(browser: Any, served: tuple[str, Path]) -> Iterator[Visit]:
    visit = Visit(browser, served[0])
    yield visit
    visit.context.close()
    assert visit.complaints == []
    assert "Traceback" not in served[1].read_text()


def total_enter(page: Any) -> str:
    return page.get_by_test_id("stMetric").filter(has_text="Enter / leave").get_by_test_id("stMetricValue").inner_text()


def drag_band(visit: Visit, by_px: int) -> None:
    handle = visit.page.get_by_role("slider", name="Hardness offset")
    box = handle.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    visit.page.mouse.move(x, y)
    visit.page.mouse.down()
    visit.page.mouse.move(x + by_px / 2, y, steps=4)
    visit.page.mouse.move(x + by_px, y, steps=4)
    visit.page.mouse.up()


def test_a_deep_link_on_a_fresh_server_then_the_whole_flow(visit: Visit, cache: Path, tmp_path: Path) -> None:
    page = visit.page
    visit.open("boundary?family=Adversarial", expect="Enter / leave")
    assert page.get_by_test_id("stSidebar").get_by_text("Workspace").first.is_visible()
    assert total_enter(page) == "+0 / −0"

    drag_band(visit, -60)
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-testid=stMetricValue]')].some(e => /\\+[1-9]/.test(e.innerText))"
    )
    visit.settle()
    entered = total_enter(page)
    assert re.fullmatch(r"\+([\d,]+) / −\1", entered)
    assert "selection.offset" in page.url

    page.reload()
    visit.settle(expect="Enter / leave")
    assert total_enter(page) == entered, "a link shows the same view"

    page.get_by_role("link", name="Mix").click()
    visit.settle(expect="Compared with the last saved recipe")
    page.get_by_role("button", name="Save as a new revision").click()
    visit.settle(expect="The same images are chosen.")

    page.get_by_role("link", name="Export").click()
    visit.settle(expect="Load it in Python")
    destination = tmp_path / "from-dashboard"
    field = page.get_by_role("textbox", name="Destination")
    field.fill(str(destination))
    page.get_by_role("button", name="Export", exact=True).click()  # at once: what was typed arrives with the click
    visit.settle(expect="Download as zip")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as zip").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        for line in archive.read("from-dashboard/SHA256SUMS").decode().splitlines():
            expected, name = line.split(maxsplit=1)
            assert hashlib.sha256(archive.read(f"from-dashboard/{name}")).hexdigest() == expected

    recipe = destination / "recipe.yaml"  # beside the goal model that it uses
    assert Recipe.load(recipe).selection.offset.adversarial != 0.05
    command = ["run", str(recipe), "--workspace", str(cache / "small"), "--out", str(tmp_path / "headless"), "--no-map"]
    subprocess.run([sys.executable, "-m", "curation.cli", *command], check=True, capture_output=True)
    for name in ("data.npy", "label.npy", "manifest.parquet"):
        assert (tmp_path / "headless" / name).read_bytes() == (destination / name).read_bytes()


def test_a_lasso_shows_its_samples_and_stays_in_the_link(visit: Visit) -> None:
    page = visit.page
    visit.open("map?layout=pca", expect="hardest first")
    canvas = page.locator("canvas.points")
    box = canvas.bounding_box()
    assert box
    visit.forget_traffic()
    page.get_by_role("toolbar", name="Map tools").get_by_role("button", name=re.compile("box", re.I)).click()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.7, steps=6)
    page.mouse.up()
    visit.settle(expect="samples in the lasso")
    assert sum(visit.up) <= 5_000
    words = page.get_by_text("samples in the lasso").first.inner_text()
    page.reload()
    visit.settle(expect="samples in the lasso")
    assert page.get_by_text("samples in the lasso").first.inner_text() == words
    assert json.loads(
        re.search(r"lasso=([^&]+)", page.url)[1].replace("%2C", ",").replace("%5B", "[").replace("%5D", "]")
    )


def test_a_lasso_becomes_a_slice_and_a_point_its_neighbors(visit: Visit) -> None:
    page = visit.page
    visit.open("map?layout=pca", expect="hardest first")
    box = page.locator("canvas.points").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    page.keyboard.down("Shift")
    page.mouse.down()
    for x, y in ((0.7, 0.3), (0.7, 0.7), (0.3, 0.7)):
        page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y, steps=8)
    page.mouse.up()
    page.keyboard.up("Shift")
    visit.settle(expect="samples in the lasso")
    counted = page.get_by_text("samples in the lasso").first.inner_text().split(" samples")[0]

    page.get_by_role("button", name="Save as slice").click()
    page.get_by_role("textbox", name="Name").fill("the middle")
    page.get_by_role("button", name="Save slice", exact=True).click()
    visit.settle(expect="in the slice “the middle”")
    assert page.get_by_text("in the slice “the middle”").first.inner_text().startswith(counted)
    page.reload()
    visit.settle(expect="in the slice “the middle”")
    page.get_by_role("button", name="Close the slice").click()
    page.wait_for_function("() => !location.search.includes('lasso')")
    visit.settle()

    page.get_by_role("listbox").first.get_by_role("option").first.click()
    visit.settle(expect="Predicted")
    page.get_by_role("link", name="Similar samples").click()
    visit.settle(expect="nearest samples have its label")
    sample = re.search(r"sample=(\d+)", page.url)
    page.get_by_role("listbox").first.get_by_role("option").first.click()
    page.wait_for_function("sample => !location.search.includes(sample)", arg=sample[0])
    visit.settle(expect="nearest samples have its label")


def test_a_gallery_key_excludes_an_image(visit: Visit) -> None:
    page = visit.page
    visit.open("boundary?family=Clean", expect="Enter / leave")
    page.get_by_role("listbox").first.get_by_role("option").first.click()
    visit.settle(expect="Predicted")
    page.keyboard.press("x")
    page.wait_for_function("() => document.body.innerText.includes('1 unsaved change')")
    visit.settle()
    assert total_enter(page) == "+1 / −1"
    page.get_by_role("button", name="Undo").first.click()
    page.wait_for_function("() => !document.body.innerText.includes('unsaved change')")
    visit.settle()


def test_a_matrix_cell_opens_by_click_and_by_key(visit: Visit) -> None:
    page = visit.page
    visit.open("variants", expect="Entropy by severity")
    cells = page.get_by_role("grid").first.get_by_role("gridcell")
    cells.nth(6).click()
    visit.settle(expect="shot noise 2 changes")
    assert cells.nth(6).get_attribute("aria-selected") == "true"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    visit.settle(expect="impulse noise 2 changes")


def test_a_live_attack_answers_at_once_and_stays_in_the_link(visit: Visit) -> None:
    page = visit.page
    visit.open("variants?view=Live+attack&sample=6", expect="pass by pass")
    slider = page.get_by_role("slider").nth(1)
    slider.focus()
    page.keyboard.press("ArrowRight")
    visit.settle(expect="L∞ 9/255")
    page.get_by_text("One sample", exact=True).click()
    visit.settle(expect="Entropy by severity")
    assert page.get_by_role("spinbutton", name="Sample").input_value() == "6"


@pytest.mark.parametrize(
    ("path", "expect", "budget"),
    [("boundary?family=Clean", "Enter / leave", 40_000), ("map?layout=pca", "hardest first", 40_000)],
)
def test_turning_a_gallery_page_is_light(visit: Visit, path: str, expect: str, budget: int) -> None:
    visit.open(path, expect=expect)
    visit.quiet()
    visit.forget_traffic()
    visit.page.get_by_test_id("stMain").get_by_role("button").filter(has_text="chevron_right").first.click()
    visit.page.get_by_text(re.compile(r"61–\d+ of")).first.wait_for()
    visit.settle()
    assert sum(visit.down) <= budget


def test_recoloring_the_map_sends_no_columns_again(visit: Visit) -> None:
    visit.open("map?layout=pca", expect="hardest first")
    visit.quiet()
    visit.forget_traffic()
    visit.page.get_by_label("Color points by").select_option("cluster")
    visit.quiet(still_ms=300)
    visit.settle()
    assert sum(visit.down) <= 10_000


def test_from_the_leaderboard_to_an_image_that_is_wrong(visit: Visit) -> None:
    page = visit.page
    visit.open("evaluate", expect="reaches robustness R")
    page.get_by_text("Errors", exact=True).click()
    visit.settle(expect="Misclassified images")
    page.get_by_role("listbox").first.get_by_role("option").first.click()
    visit.settle(expect="Prediction of")
    name = page.get_by_text(re.compile(r"Test image \d+")).first.inner_text()
    assert "image=" in page.url
    page.reload()
    visit.settle(expect="Prediction of")
    assert page.get_by_text(re.compile(r"Test image \d+")).first.inner_text() == name, "a link shows the same image"

    cells = page.get_by_test_id("stPlotlyChart").nth(2)
    heat = cells.locator(".nsewdrag").first.bounding_box()
    assert heat
    before = page.get_by_text(re.compile("of .* images of P")).first.inner_text()
    page.mouse.click(heat["x"] + heat["width"] * 0.15, heat["y"] + heat["height"] * 0.05)
    page.wait_for_function("words => !document.body.innerText.includes(words)", arg=before)
    visit.settle()

    page.get_by_role("listbox").nth(1).get_by_role("option").first.click()
    visit.settle(expect="Entropy by severity")


@pytest.fixture(scope="module")
def searched(cache: Path, computed: Pipeline) -> str:
    """The link to what a quick search for wrong labels found."""
    check = {"folds": 2, "train": {"epochs": 1, "batch_size": 32}}
    recipe = computed.recipe.with_changes(label_errors=check)
    Pipeline(recipe, Workspace(cache / "small"), device="cpu").run(("labels",))
    return f"labels?w=small&d={json.dumps({'label_errors': check}, separators=(',', ':'))}"


def test_labels_are_decided_by_keyboard(visit: Visit, searched: str) -> None:
    page = visit.page
    visit.open(searched, expect="of 1,300 decided")
    about, place = page.locator(".review .about"), page.locator(".review .place")
    place.get_by_text("1 of 1,300").wait_for()
    visit.quiet()
    seen = [about.inner_text()]
    for key in ("a", "r", "5", "d"):
        visit.forget_traffic()
        page.keyboard.press(key)
        seen.append(about.inner_text())  # at once: Python has not answered
        visit.settle()
        visit.quiet(still_ms=300)
        visit.settle()
        assert sum(visit.down) <= 40_000
        assert sum(visit.up) <= 5_000
    assert len(set(seen)) == 5
    visit.settle(expect="4 of 1,300 decided")
    page.keyboard.press("u")
    assert about.inner_text() == seen[3]
    visit.settle(expect="3 of 1,300 decided")
    page.keyboard.press("ArrowLeft")
    assert about.inner_text() == seen[2]
    assert "→ 5" in page.locator(".review .badge").inner_text()
    page.keyboard.press("ArrowRight")
    visit.quiet()
    visit.settle()

    page.reload()
    visit.settle(expect="3 of 1,300 decided")
    about.wait_for()
    assert about.inner_text() == seen[3], "a link shows the same suspect"
    page.get_by_text("Overview", exact=True).click()
    visit.settle(expect="The most suspicious")
    page.get_by_role("listbox").first.get_by_role("option").nth(4).click()
    place.get_by_text("5 of 1,297").wait_for()
    page.keyboard.press("x")
    place.get_by_text("6 of 1,297").wait_for()
    visit.settle(expect="4 of 1,300 decided")
    page.get_by_role("button", name="Undo").first.click()
    visit.settle(expect="3 of 1,300 decided")


@pytest.mark.parametrize(("path", "expect"), [("workspace", "Goal model"), ("evaluate", "reaches robustness R")])
def test_nothing_is_sent_when_no_job_runs(visit: Visit, path: str, expect: str) -> None:
    visit.open(path, expect=expect)
    visit.quiet(still_ms=1500)
    visit.forget_traffic()
    visit.page.wait_for_timeout(3000)
    assert visit.down == []


def test_a_presentation_is_led_by_keys(visit: Visit, cache: Path) -> None:
    page = visit.page
    page_of = "() => document.querySelector('.story-kicker b')?.innerText === '%d'"
    visit.open("present", expect="images should a network learn from?")
    page.get_by_role("button", name="1: The question").wait_for()  # it hears keys once it is drawn
    for key, step in (("ArrowRight", 2), ("PageDown", 3), ("End", 7), ("Home", 1)):
        page.keyboard.press(key)
        page.wait_for_function(page_of % step)
        visit.settle()
    assert "step=question" in page.url
    page.keyboard.press("f")
    page.wait_for_selector("[data-testid=stSidebar]", state="hidden")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(page_of % 2)
    page.keyboard.press("f")
    page.wait_for_selector("[data-testid=stSidebar]", state="visible")
    visit.settle()
    with page.expect_download() as download:
        page.get_by_role("button", name="Report").click()
    assert "Plotly.newPlot" in Path(download.value.path()).read_text()
    assert Workspace(cache / "small").presentation() is None


@pytest.mark.parametrize(
    "page", ["workspace", "boundary", "map", "variants", "labels", "mix", "evaluate", "present", "export"]
)
@pytest.mark.parametrize("width_px", [1440, 390])
def test_every_page_fits_its_window(browser: Any, served: tuple[str, Path], page: str, width_px: int) -> None:
    visit = Visit(browser, served[0], width_px=width_px, height_px=844)
    visit.open(page)
    visit.quiet(still_ms=300)
    visit.settle()
    overflow = visit.page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0
    assert visit.page.get_by_test_id("stException").count() == 0
    visit.context.close()
    assert visit.complaints == []
