"""Stages at work as on an accelerator, on a CPU: several shards at once, written by other threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from curation import threads


@contextmanager
def as_on_an_accelerator() -> Iterator[None]:
    """Inside, each stage that an accelerator computes takes three shards at once."""
    with ExitStack() as stack:
        for name in ("corruption", "adversarial", "embed", "score"):
            stage, aside = f"curation.pipeline.stages.{name}", threads.aside
            stack.enter_context(patch(f"{stage}.shards_in_block", lambda *_: 3))
            stack.enter_context(patch(f"{stage}.aside", lambda device, aside=aside: aside("cuda")))
        yield
