"""The plan of the house: every package and module, what it is, and which others it may import.

``tests/test_architecture.py`` holds the code to it; the table in CONTRIBUTING.md is written from it by
``python -m tests.architecture``.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

CONTRIBUTING = Path(__file__).resolve().parents[1] / "CONTRIBUTING.md"
BEGIN, END = "<!-- the house: written by python -m tests.architecture -->", "<!-- end of the house -->"


class Room(NamedTuple):
    """What a package or module is, and the packages of curation that it may import besides the base."""

    what: str
    may_import: str = ""


BASE = "errors plugin compilation randomness random_kernels sampling progress memory copying threads installed"
"""Everybody may import these; they import each other only."""

COMPUTE = "corruptions attacks scores models coverage duplicates label_errors embedding selection training"
"""Usable alone on a bare GPU machine: they import each other, the base and libraries of numbers only."""

INNER = f"{COMPUTE} readers exporters recipe storage"
CENTER = f"{INNER} engine pipeline"

ROOMS: dict[str, Room] = {
    "curation": Room("the package itself: loading an exported set", "dataset"),
    "curation.errors": Room("errors, one sentence for people; names that were mistyped"),
    "curation.plugin": Room("the base of every plug-in: a frozen pydantic model, and the registry of a kind"),
    "curation.compilation": Room("loops compiled to machine code at their first call"),
    "curation.randomness": Room("one stream of random numbers a sample"),
    "curation.random_kernels": Room("its bits on a CPU, compiled"),
    "curation.sampling": Room("some of many: the one way in which samples are drawn"),
    "curation.progress": Room("how far a stage is, and cancelling it"),
    "curation.memory": Room("how much is worked on at once, and where memory runs out"),
    "curation.copying": Room("copies between host and accelerator that neither waits for"),
    "curation.threads": Room("how many threads compute, how they wait, and what others do meanwhile"),
    "curation.corruptions": Room("one corruption a class"),
    "curation.attacks": Room("one attack a class, their losses and their search", "models"),
    "curation.scores": Room("from logits to one number a candidate"),
    "curation.models": Room("architectures, weights from files, prediction"),
    "curation.coverage": Room("subsets that cover the others: facility location, k-center, set cover", "embedding"),
    "curation.duplicates": Room("images that are the same, exactly or nearly"),
    "curation.label_errors": Room("cross-fitting and what it says of labels", "models training"),
    "curation.embedding": Room("spaces, neighbors, clusters, projection", "models"),
    "curation.selection": Room("pool, band, mix, selectors", "coverage embedding models scores training"),
    "curation.training": Room(
        "training methods, samplers, schedules, batches, the loop", "attacks corruptions coverage embedding models"
    ),
    "curation.readers": Room("one source format each", "exporters storage"),
    "curation.exporters": Room(
        "one file format each, manifest, datasheet, sums, environment", "selection storage training"
    ),
    "curation.recipe": Room(
        "the one description that dashboard, command line and Python share",
        f"{COMPUTE} readers exporters",
    ),
    "curation.storage": Room(
        "shards, workspace, models, jobs, studies, addresses: the only one that knows file names", "selection"
    ),
    "curation.engine": Room("where work runs; one way in"),
    "curation.pipeline": Room("stages, their keys, what is missing; select and export", f"{INNER} engine"),
    "curation.analysis": Room("what pages show and is no widget", f"{CENTER} evaluation tuning figures"),
    "curation.evaluation": Room("the test suite P, targets trained on sets and baselines, R", f"{CENTER} analysis"),
    "curation.tuning": Room("the search for a better recipe", f"{CENTER} evaluation"),
    "curation.figures": Room("figures that pages and reports share"),
    "curation.presentation": Room(
        "a result as a story: on a page and as one file", f"{CENTER} analysis evaluation tuning figures"
    ),
    "curation.jobs": Room("work in the background", "recipe storage engine pipeline evaluation tuning"),
    "curation.installed": Room("plug-ins of other installed packages"),
    "curation.registries": Room("every kind of plug-in by name", f"{INNER} engine pipeline evaluation"),
    "curation.dataset": Room("an exported set in Python", "exporters training"),
    "curation.cli": Room(
        "the command", f"{CENTER} analysis evaluation tuning jobs registries figures dataset presentation"
    ),
    "app": Room("the launcher", "pages"),
    "pages": Room(
        "all that imports Streamlit: widgets and drawing, no algorithm",
        f"{CENTER} analysis evaluation tuning figures jobs registries dataset presentation",
    ),
    "benchmarks": Room(
        "figures of README and docs, measured side by side",
        f"{CENTER} analysis evaluation tuning figures jobs registries dataset presentation cli pages",
    ),
}

CALCULATING_PAGES: set[str] = set()
"""Pages besides the components that still import numpy, pandas or torch; the list only gets shorter."""

FILE_NAMES_ELSEWHERE: set[str] = set()
"""Modules besides storage that still spell names of a workspace's files; the list only gets shorter."""


def room_of(module: str) -> str:
    """Return the room that a module lies in: ``curation.<package>``, or the package at the top."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "curation" else parts[0]


def table() -> str:
    """Return the house as the table of CONTRIBUTING.md."""
    lines = ["| where | what | may import, of `curation` |", "|---|---|---|"]
    for name, room in ROOMS.items():
        may = set(room.may_import.split())
        words = ["the base"]
        if may.issuperset(COMPUTE.split()):
            words, may = [*words, "what computes"], may - set(COMPUTE.split())
        place = name.replace(".", "/")
        place += "" if (CONTRIBUTING.parent / place).is_dir() else ".py"
        lines.append(f"| `{place}` | {room.what} | {', '.join([*words, *sorted(may)])} |")
    base, compute = (", ".join(f"`{name}`" for name in names.split()) for names in (BASE, COMPUTE))
    return "\n".join(
        [
            *lines,
            "",
            f"The base is {base}: it imports nothing else of `curation`. What computes is {compute}: besides the",
            "base it imports libraries of numbers only, and is usable alone on a bare GPU machine.",
        ]
    )


def written(text: str) -> str:
    """Return CONTRIBUTING.md with the table as it must be: all between the first mark and the last is written again."""
    before, _, rest = text.partition(BEGIN)
    after = rest.rpartition(END)[2]
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    CONTRIBUTING.write_text(written(CONTRIBUTING.read_text(encoding="utf-8")), encoding="utf-8")
