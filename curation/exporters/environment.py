"""What an export was made with: versions, processor, threads and precision, beside it in ``environment.json``."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from curation.training.settings import Training

ENVIRONMENT = "environment.json"
"""Not among the checksums: it differs where all else is equal."""

PACKAGES = ("curation", "torch", "torchvision", "numpy")
LIMITS = ("ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "MKL_ENABLE_INSTRUCTIONS")
"""Environment variables that take instructions away from a processor."""


def environment(device: str, training: Training | None = None) -> dict[str, Any]:
    """Return what is computed with here, as plain data.

    Args: device: cuda, mps or cpu; training: of the goal model, None where it was loaded: its threads and precision are
        part of its settings, whatever the machine has.
    """
    trained = {} if training is None else {"threads": training.threads, "precision": training.precision}
    return {
        **{name: _version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "limits": {name: os.environ[name] for name in LIMITS if name in os.environ},
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "threads": torch.get_num_threads(),
        "training": trained,
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    """Return the processor's model where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(errors="replace").splitlines() if cpuinfo.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or "unknown"
