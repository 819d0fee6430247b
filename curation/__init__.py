"""Curation: make image training sets that give robust classifiers.

``load(path)`` opens an exported set as a torch ``Dataset``, ``ClusterSampler`` draws one image of each of its clusters
an epoch, ``DynamicSampler`` a clean image or a variant of each of its samples; ``Recipe``, ``Workspace`` and
``Pipeline`` do in Python what the ``curation`` command does. Names are imported when first used, so that ``import
curation`` stays instant.
"""

from __future__ import annotations

from typing import Any

from curation.threads import wait_passively

_HOMES = {
    "ClusterSampler": "curation.dataset",
    "DynamicSampler": "curation.dataset",
    "load": "curation.dataset",
    "Pipeline": "curation.pipeline",
    "Recipe": "curation.recipe",
    "Workspace": "curation.storage.workspace",
}
__all__ = ["ClusterSampler", "DynamicSampler", "Pipeline", "Recipe", "Workspace", "load"]


wait_passively()  # here, for every entry imports this package before torch


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'curation' has no attribute {name!r}")
