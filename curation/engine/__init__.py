"""Where work runs. Nothing outside this package knows."""

from curation.engine.base import Engine, Relay, Task, Tell
from curation.engine.choice import ENGINES, EngineName, choose
from curation.engine.local import LocalEngine, best_device, title_of

__all__ = [
    "ENGINES",
    "Engine",
    "EngineName",
    "LocalEngine",
    "Relay",
    "Task",
    "Tell",
    "best_device",
    "choose",
    "title_of",
]
