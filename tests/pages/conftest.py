"""What tests of pages share."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Recipe and stages of every job that is started."""
    asked: list[Any] = []
    monkeypatch.setattr("curation.jobs.submit", lambda *words, **_: asked.append(words[1:]))
    return asked
