"""How far long work is, in words and numbers."""

from __future__ import annotations

import pytest

from curation.progress import Meter, Progress


@pytest.mark.parametrize(
    ("rate", "words"),
    [(None, ""), (1234.6, "1,235 images/s"), (2.54, "2.5 images/s"), (0.25, "4 s each"), (1 / 240, "4 min each")],
)
def test_the_speed_of_slow_work_is_not_nothing(rate: float | None, words: str) -> None:
    assert Progress("score", 1, 9, rate=rate).speed == words


def test_what_was_found_done_does_not_count_as_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 10.0, 20.0, 21.0])
    monkeypatch.setattr("curation.progress.time.monotonic", lambda: next(clock))
    meter = Meter()
    assert meter(Progress("score", 500, 1000)).rate is None
    assert meter(Progress("score", 600, 1000)).rate == 10
    assert meter(Progress("score", 800, 1000)).eta_s == pytest.approx(200 / 15)
    assert meter(Progress("embed", 5, 10)).rate is None, "another stage begins anew"
