"""The components in a real browser: what they show, what they send, and how many bytes that is."""

from __future__ import annotations

import io
import json
import re
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from streamlit.testing.v1 import AppTest

from benchmarks.browser import IDLE, chromium, server
from curation.analysis.map_columns import Column, Copies, identify
from curation.analysis.pictures import thumbnail
from curation.analysis.slices import points_in_polygon
from curation.analysis.sprite import make_sprite
from curation.errors import CurationError
from pages.ui import thumbnails
from pages.ui.components import Edit, embedding_map, gallery
from pages.ui.components.columns import send_column, send_copies, send_places
from pages.ui.components.map import _color
from tests.browser.components_app.synthetic import make_columns, make_pictures
from tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]
POINTS = 50_000
FRAME_CLOCK = """
globalThis.frames_ms = [];
const plain = globalThis.requestAnimationFrame.bind(globalThis);
globalThis.requestAnimationFrame = (work) => plain((now) => {
  const start = performance.now();
  work(now);
  globalThis.frames_ms.push(performance.now() - start);
});
"""


class Visit:
    """One page on one component, with its traffic counted and its console watched."""

    def __init__(self, page: Any, address: str, query: str) -> None:
        self.page = page
        self.down: list[int] = []
        self.up: list[int] = []
        self.complaints: list[str] = []
        page.add_init_script(FRAME_CLOCK)
        page.on("websocket", self._listen)
        page.on("console", lambda message: message.type == "error" and self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(f"{address}/?{query}")
        self.wait_for_run(1)

    def _listen(self, connection: Any) -> None:
        connection.on("framereceived", lambda payload: self.down.append(len(payload)))
        connection.on("framesent", lambda payload: self.up.append(len(payload)))

    def wait_for_run(self, number: int) -> None:
        self.page.get_by_text(f"run {number}", exact=True).wait_for(timeout=1000 * PATIENCE_S)
        self.page.wait_for_selector(IDLE)

    def forget_traffic(self) -> None:
        self.down.clear()
        self.up.clear()

    def says(self, text: str) -> None:
        self.page.get_by_text(text).first.wait_for(timeout=1000 * PATIENCE_S)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("components") / "server.log"
    with server("-m", "streamlit", "run", "tests/browser/components_app/launcher.py", log=log) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if shutil.which("chromium") is None:
        pytest.skip("no chromium on this machine")
    with chromium() as browser:
        yield browser


@pytest.fixture
def visit(browser: Any, address: str, request: pytest.FixtureRequest) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    visit = Visit(context.new_page(), address, request.param)
    yield visit
    context.close()
    assert visit.complaints == []


def expected_inside(box: dict[str, float], left: float, top: float, right: float, bottom: float) -> int:
    """Count the points whose place on the fitted map lies in a rectangle of pixels."""
    xy = make_columns(POINTS)["xy"].astype(np.float64)
    low, span = xy.min(0), np.ptp(xy, axis=0)
    unit = (xy - low) / span.max()
    extent = span / span.max()
    scale = 0.94 * min(box["width"] / extent[0], box["height"] / extent[1])
    x = box["width"] / 2 + (unit[:, 0] - extent[0] / 2) * scale
    y = box["height"] / 2 - (unit[:, 1] - extent[1] / 2) * scale
    return int(((x >= left) & (x <= right) & (y >= top) & (y <= bottom)).sum())


@pytest.mark.browser
@pytest.mark.parametrize("visit", [f"show=map&points={POINTS}"], indirect=True)
def test_map_sends_columns_once_and_takes_a_lasso(visit: Visit) -> None:
    page = visit.page
    visit.says("of 50,000 shown")
    first = sum(visit.down)
    # Eight bytes for places, masks and what hovering reads, one for what is colored.
    assert first <= 9 * POINTS, f"first load {first / POINTS:.2f} B a point"

    drawn = page.locator("canvas.points").screenshot()
    assert len(set(drawn)) > 200, "the map is one flat color"

    for run in (2, 3):
        visit.forget_traffic()
        page.get_by_role("slider", name="threshold").press("ArrowRight")
        visit.wait_for_run(run)
    step = sum(visit.down)
    assert step <= 10_000, f"a step sends {step} B"

    visit.forget_traffic()
    canvas = page.locator("canvas.points")
    box = canvas.bounding_box()
    left, top, right, bottom = 0.55 * box["width"], 60.0, 0.9 * box["width"], 330.0
    page.keyboard.down("Shift")
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top + 1)]
    page.mouse.move(box["x"] + left, box["y"] + top)
    page.mouse.down()
    for x, y in corners[1:]:
        page.mouse.move(box["x"] + x, box["y"] + y, steps=12)
    page.mouse.up()
    page.keyboard.up("Shift")
    page.wait_for_function("!document.body.innerText.includes('inside 0 corners')")
    inside = int(page.get_by_text("inside ").inner_text().split()[1])
    expected = expected_inside(box, left, top, right, bottom)
    assert abs(inside - expected) <= 0.02 * expected + 5, (inside, expected)
    assert sum(visit.up) <= 5_000, f"a lasso sends {sum(visit.up)} B"

    page.get_by_role("button", name="forget").click()
    visit.says("inside 0 corners 0")
    assert page.get_by_text("in the lasso").count() == 0, "the page's own reset does not reach the map"
    print(f"\nmap: first load {first / POINTS:.2f} B a point, step {step} B, lasso {sum(visit.up)} B up")


@pytest.mark.browser
@pytest.mark.parametrize("visit", [f"show=map&points={POINTS}"], indirect=True)
def test_map_picks_a_point_and_isolates_a_class(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("button", name="bird").click()
    visit.says("of 50,000 shown")
    box = page.locator("canvas.points").bounding_box()
    sent = len(visit.up)
    page.mouse.move(box["x"] + 0.56 * box["width"], box["y"] + 150, steps=8)
    assert len(visit.up) == sent, "hovering talks to Python"
    page.mouse.click(box["x"] + 0.56 * box["width"], box["y"] + 150)
    page.wait_for_function("/picked \\d/.test(document.body.innerText)")
    picked = int(re.search(r"picked (\d+)", page.get_by_text("picked ").inner_text())[1])
    assert make_columns(POINTS)["labels"][picked] == 2, "the click went to a hidden class"


@pytest.mark.browser
@pytest.mark.parametrize("visit", [f"show=map&points={POINTS}&copies=400"], indirect=True)
def test_map_fetches_a_column_once_and_a_picture_without_python(visit: Visit) -> None:
    page = visit.page
    visit.says("of 50,000 shown")
    menu = page.get_by_label("Color points by")
    visit.forget_traffic()
    menu.select_option("fine")
    visit.wait_for_run(2)
    visit.says("1,101 others")
    fetched = sum(visit.down)
    assert fetched <= 2 * POINTS + 10_000, f"one column sends {fetched} B"
    for run, name in ((3, "label"), (4, "fine")):
        visit.forget_traffic()
        menu.select_option(name)
        visit.wait_for_run(run)
    assert sum(visit.down) <= 12_000, f"going back to a column sends {sum(visit.down)} B"
    page.get_by_label("Find a category").fill("cluster 777")
    page.get_by_role("button", name="Fine cluster 777").click()
    visit.says("of 50,000 shown")
    shown = int(page.locator(".status b").first.inner_text().replace(",", ""))
    assert shown == (make_columns(POINTS)["fine"] == 777).sum()
    page.keyboard.press("Escape")
    page.locator("canvas.points").press("Escape")

    asked: list[str] = []
    page.on("response", lambda answer: "/thumbnails/" in answer.url and asked.append(answer.headers["content-type"]))
    box = page.locator("canvas.points").bounding_box()
    visit.forget_traffic()
    place = (box["x"] + box["width"] / 2 + 170, box["y"] + box["height"] / 2)
    page.mouse.move(place[0] - 3, place[1])
    page.mouse.move(*place)
    picture = page.locator(".tip img").first
    picture.wait_for()
    assert set(asked) == {"image/png"}
    assert picture.evaluate("image => [image.naturalWidth, image.width]") == [32, 128], "small pictures are enlarged"
    assert visit.up == [], "hovering talks to Python"
    page.get_by_role("button", name="adversarial").click()
    assert page.get_by_role("button", name="adversarial").get_attribute("aria-pressed") == "false"
    print(f"\nmap: one more column {fetched / POINTS:.2f} B a point, {len(asked)} picture(s) on hover")


@pytest.mark.browser
@pytest.mark.parametrize("visit", ["show=gallery"], indirect=True)
def test_gallery_keys_and_page_flip(visit: Visit) -> None:
    page = visit.page
    cells = page.get_by_role("option")
    cells.nth(59).wait_for()
    nodes = page.evaluate(
        "[...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]"
        ".map((host) => host.shadowRoot.querySelectorAll('*').length).reduce((a, b) => Math.max(a, b))"
    )
    assert nodes <= 140, f"{nodes} nodes for 60 images"
    cells.nth(0).focus()
    for key in ("ArrowRight", "ArrowRight", "i", "ArrowRight", "x", "ArrowRight", "7"):
        page.keyboard.press(key)
    assert "included" in cells.nth(2).get_attribute("class"), "the badge waits for Python"
    assert "relabeled" in cells.nth(4).get_attribute("class")
    visit.says("heard include:2:None exclude:3:None relabel:4:7")
    page.keyboard.press("Enter")
    visit.says("opened 4")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "/opened \\d\\d?/.test(document.body.innerText) && !document.body.innerText.includes('opened 4')"
    )
    assert "relabeled" in cells.nth(4).get_attribute("class"), "Python's state does not confirm the badge"
    visit.forget_traffic()
    page.get_by_label("page", exact=True).fill("1")
    page.keyboard.press("Enter")
    page.locator(".cell[aria-label^='#60 ']").wait_for()
    page.wait_for_selector(IDLE)
    flip = sum(visit.down)
    assert flip <= 40_000, f"a page flip sends {flip} B"
    print(f"\ngallery: {nodes} nodes, flip {flip} B")


@pytest.mark.browser
@pytest.mark.parametrize("visit", [f"show=band&points={POINTS}"], indirect=True)
def test_band_follows_the_drag_and_tells_once(visit: Visit) -> None:
    page = visit.page
    visit.says("offset 5.0 %")
    edge = page.get_by_role("slider", name="Hardness offset")
    previews = page.locator("canvas.previews")
    before = previews.screenshot()
    box = edge.bounding_box()
    visit.forget_traffic()
    page.evaluate("frames_ms.length = 0")
    x, y = box["x"] + box["width"] / 2, box["y"] + 60
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 300, y, steps=40)
    frames = page.evaluate("frames_ms")
    assert visit.up == [], "dragging talks to Python"
    during = float(edge.get_attribute("aria-valuenow"))
    assert during > 15, "numbers stand still while dragging"
    assert previews.screenshot() != before, "previews stand still while dragging"
    page.mouse.up()
    page.wait_for_function("!document.body.innerText.includes('band 0.0500')")
    page.wait_for_selector(IDLE)
    assert len(visit.up) == 1, "one release, one message"
    told = float(page.get_by_text("band 0.").inner_text().split()[1])
    assert told == pytest.approx(during / 100, abs=6e-4)

    lower = page.get_by_role("slider", name="Lower edge of the band")
    lower.press("ArrowRight")
    page.wait_for_function("!/band [0-9.]+ None/.test(document.body.innerText)")
    visit.says("short by 50")
    lower.dblclick()
    page.wait_for_function("/band [0-9.]+ None/.test(document.body.innerText)")
    print(f"\nband: median frame {np.median(frames):.1f} ms, slowest {max(frames):.1f} ms of {len(frames)}")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    folder = ROOT / "tests" / "browser" / "components_app"
    monkeypatch.syspath_prepend(str(folder))
    return AppTest.from_file(str(folder / "app.py"), default_timeout=PATIENCE_S)


def texts(script: AppTest) -> str:
    assert not script.exception, script.exception
    return "; ".join(element.value for element in script.text)


def test_user_and_page_take_turns_at_the_band(script: AppTest) -> None:
    script.query_params["show"] = "band"
    script.query_params["points"] = "3000"
    assert "band 0.0500 None" in texts(script.run())
    script.session_state["band"] = {"band": {"offset": 0.2, "floor": 0.6}}
    assert "band 0.2000 0.6" in texts(script.run())
    script.session_state["offset"] = 0.1
    assert "band 0.1000 0.6" in texts(script.run())
    assert "band 0.1000 0.6" in texts(script.run()), "an old gesture came back"
    script.session_state["band"] = {"band": {"offset": 0.3, "floor": None}}
    assert "band 0.3000 None" in texts(script.run())


def test_every_edit_is_heard_once(script: AppTest) -> None:
    script.query_params["show"] = "gallery"
    script.run()
    first = {"number": 1, "id": 7, "index": 7, "action": "exclude"}
    script.session_state["gallery"] = {"journal": [first]}
    events = gallery_events(script)
    assert [(edit.id, edit.action) for edit in events] == [(7, "exclude")]
    second = {"number": 2, "id": 8, "index": 8, "action": "relabel", "label": 3}
    script.session_state["gallery"] = {"journal": [first, second]}
    assert [(edit.id, edit.action, edit.label) for edit in gallery_events(script)] == [(8, "relabel", 3)]
    assert gallery_events(script) == ()


def gallery_events(script: AppTest) -> tuple[Edit, ...]:
    texts(script.run())
    return script.session_state["edits"]


def test_user_and_page_take_turns_at_the_color(script: AppTest) -> None:
    script.query_params["show"] = "map"
    script.query_params["points"] = "3000"
    assert "color label" in texts(script.run())
    script.session_state["map"] = {"color": "margin"}
    assert "color margin" in texts(script.run())
    script.session_state["color"] = "cluster"
    assert "color cluster" in texts(script.run()), "the page's own choice does not count"
    assert "color cluster" in texts(script.run()), "an old choice came back"
    script.session_state["map"] = {"color": "wrong"}
    assert "color wrong" in texts(script.run())
    script.session_state["map"] = {"color": "nonsense"}
    assert "color label" in texts(script.run())


def test_columns_of_different_length_are_refused() -> None:
    images = make_pictures(np.arange(3))
    with pytest.raises(CurationError, match="labels must have one entry an image: expected 3, got 2"):
        gallery(images, key="g", ids=np.arange(3), labels=np.zeros(2, int), class_names=["a"])
    with pytest.raises(CurationError, match="selected must have one entry a point: expected 3, got 4"):
        embedding_map(
            np.zeros((3, 2)),
            key="m",
            fingerprint="f",
            columns=[Column("label", "Label", np.zeros(3, int), "category", ["a"])],
            selected=np.zeros(4, bool),
        )
    with pytest.raises(CurationError, match="uint8"):
        make_sprite(images.astype(np.float32), side_px=32)  # type: ignore[arg-type]


def test_points_in_polygon_agrees_with_the_winding_of_a_star() -> None:
    generator = np.random.default_rng(1)
    xy = generator.uniform(-1, 1, (POINTS, 2))
    angles = np.linspace(0, 2 * np.pi, 256, endpoint=False)
    radii = np.where(np.arange(256) % 2, 0.9, 0.5)
    star = np.stack([radii * np.cos(angles), radii * np.sin(angles)], 1)
    inside = points_in_polygon(xy, star.tolist())
    # In polar coordinates, each sector of the star is a triangle with the center.
    angle = np.mod(np.arctan2(xy[:, 1], xy[:, 0]), 2 * np.pi)
    first = (angle // (2 * np.pi / 256)).astype(int) % 256
    a, b = star[first], star[(first + 1) % 256]
    expected = (b[:, 0] - a[:, 0]) * (xy[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (xy[:, 0] - a[:, 0]) > 0
    assert (inside == expected).all()


def test_points_in_polygon_without_an_area_is_empty() -> None:
    xy = np.zeros((3, 2))
    for polygon in (None, [], [[0, 0], [1, 1]]):
        assert not points_in_polygon(xy, polygon).any()
    assert points_in_polygon(np.zeros((0, 2)), [[0, 0], [1, 0], [0, 1]]).shape == (0,)


def unpacked(message: bytes) -> dict[str, Any]:
    """Read a message of columns as web/message.js does."""
    line, _, rest = message.partition(b"\n")
    data = zlib.decompress(rest[: int(line.split()[1])])
    length = int.from_bytes(data[:4], "little")
    header = json.loads(data[4 : 4 + length])
    for name, (offset, size, kind) in header.pop("blocks").items():
        header[name] = np.frombuffer(data, kind, size, 4 + length + offset)
    return header


@settings(deadline=None, max_examples=60)
@given(arrays(np.float64, st.integers(1, 300), elements=st.floats(width=32, allow_nan=True, allow_infinity=True)))
def test_numbers_keep_their_order_their_ends_and_their_holes(values: np.ndarray) -> None:
    column = Column("x", "X", values, "number")
    sent = unpacked(send_column(identify(column), column))
    known = np.isfinite(values)
    assert ((sent["codes"] == 65535) == ~known).all()
    if known.any():
        places = sent["codes"][known] / 255
        assert places.max() <= len(sent["knots"]) - 1
        back = np.interp(places, np.arange(len(sent["knots"])), sent["knots"].astype(float))
        order = np.argsort(values[known], kind="stable")
        assert (np.diff(back[order]) >= 0).all()
        assert back.min() == pytest.approx(values[known].min(), rel=1e-6)
        assert back.max() == pytest.approx(values[known].max(), rel=1e-6)


def test_a_million_points_travel_in_few_bytes_and_come_back() -> None:
    number = 1_000_000
    pool = make_columns(number)
    places = send_places("million", pool["xy"], np.arange(number) * 3)
    assert len(places) <= 4.1 * number
    sent = unpacked(places)
    assert (np.cumsum(sent["id_steps"], dtype=np.uint32) == np.arange(number) * 3).all()
    back = np.array(sent["low"]) + sent["xy"].reshape(-1, 2) / 65535 * np.array(sent["span"])
    assert np.abs(back - pool["xy"]).max() <= max(sent["span"]) / 65535
    for name, kind, most in (("labels", "category", 1), ("fine", "category", 2), ("margins", "number", 2)):
        column = Column(name, name, pool[name], kind)
        message = send_column(identify(column), column)
        assert len(message) <= most * number
        codes = unpacked(message)["codes"].astype(int)
        if kind == "category":
            assert (np.where(codes == pool[name].max() + 1, -1, codes) == pool[name]).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"owners": np.array([0, 9])}, "points in 0…2"),
        ({"kinds": np.array([0, 2])}, "at most eight names"),
        ({"xy": np.full((2, 2), np.nan)}, "finite coordinates"),
        ({"owners": np.array([0])}, "one owner and kind each"),
        ({"said": ["seen as a"]}, "one owner and kind each"),
    ],
)
def test_copies_that_belong_nowhere_are_refused(change: dict[str, Any], words: str) -> None:
    good = {"xy": np.zeros((2, 2)), "owners": np.array([0, 1]), "kinds": np.array([0, 1]), "kind_names": ("a", "b")}
    assert send_copies(Copies(**good), 3)
    with pytest.raises(CurationError, match=words):
        send_copies(Copies(**{**good, **change}), 3)


def test_a_map_that_comes_back_to_the_page_keeps_its_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamlit, "session_state", {})
    names = ["label", "entropy"]
    assert _color("map", "label", None, names) == "label"
    assert _color("map", "label", "entropy", names) == "entropy", "the user chose"
    assert _color("map", "entropy", "entropy", names) == "entropy", "the page has heard of it"
    assert _color("map", "entropy", None, names) == "entropy", "mounted anew: nothing is written"
    assert _color("map", "label", None, names) == "label", "the page chose"


def test_a_category_without_a_name_is_refused() -> None:
    column = Column("label", "Label", np.array([0, 1, 2]), "category", ["cat", "dog"])
    with pytest.raises(CurationError, match="“Label” must be in 0…1, one for each name, got 2"):
        send_column(identify(column), column)


def fetch(path: str) -> Response:
    """Ask the thumbnails' routes for a path, as a server would."""
    scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "query_string": b"", "headers": []}
    matched = next(own for match, own in (route.matches(scope) for route in thumbnails.routes) if match == Match.FULL)
    return matched["endpoint"](Request({**scope, **matched}))


def test_a_column_of_words_is_refused() -> None:
    with pytest.raises(CurationError, match="categories are integers, with the words in `names`"):
        identify(Column("kind", "Kind", np.array(["fog", "blur"], object), "category"))


def test_thumbnails_are_served_under_their_token_only_and_the_oldest_make_room() -> None:
    pictures = make_pictures(np.arange(3))

    def picture(index: int) -> np.ndarray:
        if index == 2:
            raise CurationError("the picture is damaged")
        return pictures[index]

    address = thumbnails.offer("some", picture, number=3)
    assert thumbnails.offer("some", picture, number=3) == address, "another address would miss the browser's cache"
    for base in ("/", "/behind/a/proxy/"):
        answer = fetch(f"{base}{address}/1")
        assert answer.headers["cache-control"].startswith("private")
        assert (np.asarray(Image.open(io.BytesIO(answer.body))) == pictures[1]).all()
    assert [fetch(f"/{address}/{index}").status_code for index in (2, 3)] == [404, 404]
    assert fetch("/thumbnails/guessed/1").status_code == 404
    large = np.zeros((700, 500, 1), np.uint8)
    assert Image.open(io.BytesIO(thumbnail(large))).size == (229, 320)
    for number in range(32):
        thumbnails.offer(f"other {number}", picture, number=3)
    assert fetch(f"/{address}/1").status_code == 404


@pytest.mark.parametrize(("number", "channels"), [(0, 3), (1, 1), (7, 3)])
def test_sprite_holds_every_image_where_its_layout_says(number: int, channels: int) -> None:
    images = make_pictures(np.arange(number))[:, :28, :30, :channels]
    layout, encoded = make_sprite(images, side_px=96)
    sheet = np.asarray(Image.open(io.BytesIO(encoded.tobytes())))
    sheet = sheet.reshape(*sheet.shape[:2], -1)
    for i, image in enumerate(images):
        y = i // layout["columns"] * layout["pitch_y"]
        x = i % layout["columns"] * layout["pitch_x"]
        tile = sheet[y : y + layout["height"], x : x + layout["width"]].astype(int)
        assert tile.shape == image.shape
        assert abs(tile - image).mean() < (1 if layout["lossless"] else 12)
