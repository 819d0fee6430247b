"""A processor with or without bfloat16, as CURATION_TEST_BF16=on|off says: for tests and every process that they start.

Python imports a module of this name at its start from wherever PYTHONPATH says. torch itself is left to be loaded
when it is asked for.
"""

from __future__ import annotations

import os
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

QUESTIONS = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
"""What the product asks torch.cpu before it computes in bfloat16."""


class _Answering(Loader):
    """Loads torch.cpu as ever, then lets it answer what is wanted."""

    def __init__(self, loader: Loader, answer: bool) -> None:
        self._loader, self._answer = loader, answer

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        for name in QUESTIONS:
            setattr(module, name, lambda: self._answer)


class _Finder(MetaPathFinder):
    def __init__(self, answer: bool) -> None:
        self._answer = answer

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        if fullname != "torch.cpu":
            return None
        spec = PathFinder.find_spec(fullname, path, target)  # type: ignore[arg-type]
        if spec and spec.loader:
            spec.loader = _Answering(spec.loader, self._answer)  # type: ignore[arg-type]
        return spec


wanted = os.environ.get("CURATION_TEST_BF16", "")
if wanted:
    if wanted not in ("on", "off"):
        raise SystemExit(f"CURATION_TEST_BF16 must be on or off, got {wanted!r}")
    sys.meta_path.insert(0, _Finder(wanted == "on"))
