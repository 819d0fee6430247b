"""The contest's published scores stand beside ours only where P could be the contest's."""

from __future__ import annotations

from typing import Any

import pytest

from curation.evaluation.comparison import contest_words
from curation.evaluation.settings import Evaluation


class Kept:
    """What the sentence looks at."""

    def __init__(self, path: str | None, about: dict[str, Any] | None) -> None:
        self.evaluation = Evaluation.model_validate({"suite": {"path": path}})
        self.record = {"about_suite": about}


@pytest.mark.parametrize(
    ("path", "about", "said"),
    [
        ("/contest", {"shape": [32, 32, 3], "classes": 10}, True),
        (None, {"shape": [32, 32, 3], "classes": 10}, False),
        ("/contest", {"shape": [28, 28, 1], "classes": 10}, False),
        ("/contest", {"shape": [32, 32, 3], "classes": 100}, False),
        ("/contest", {}, False),
        ("/contest", None, False),
    ],
)
def test_they_are_told_of_an_own_test_suite_of_the_contests_form(
    path: str | None, about: dict[str, Any] | None, said: bool
) -> None:
    words = contest_words(Kept(path, about))  # type: ignore[arg-type]
    assert ("63.31 → 85.19 %" in words) == said
    assert ("only if this P is the contest's own" in words) == said
