"""Where shards run. Nothing outside this package knows."""

from curation.engine.base import Engine
from curation.engine.local import LocalEngine

__all__ = ["Engine", "LocalEngine"]
