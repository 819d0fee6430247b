"""The walls of the house: who may import whom, no long modules, and every plug-in documented."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture import (
    BASE,
    BEGIN,
    CALCULATING_PAGES,
    COMPUTE,
    CONTRIBUTING,
    END,
    FILE_NAMES_ELSEWHERE,
    ROOMS,
    room_of,
    written,
)
from tests.import_graph import circles, graph, modules

ROOT = Path(__file__).resolve().parents[1]
LIBRARIES = {
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "pandas",
    "pydantic",
    "pydantic_core",
    "timm",
    "open_clip",
    "huggingface_hub",
    "sklearn",
    "umap",
    "PIL",
    "safetensors",
    "numba",
    "faiss",
    "cleanlab",
}
"""What the compute packages may import: each is usable alone, on a bare GPU machine."""
ARROWS = graph()
SOURCES = sorted([*(ROOT / "curation").rglob("*.py"), *(ROOT / "pages").rglob("*.py"), ROOT / "app.py"])


def imports(path: Path, *, for_types: bool = True) -> set[str]:
    """Return the modules that a file names in imports. Args: for_types: also those for annotations only."""
    found: set[str] = set()
    tree = ast.parse(path.read_text())
    if not for_types:
        tree.body = [node for node in tree.body if not isinstance(node, ast.If)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_dashboard_imports_streamlit(path: Path) -> None:
    if path.is_relative_to(ROOT / "curation"):
        assert not any(name.split(".")[0] in ("streamlit", "pages") for name in imports(path))


@pytest.mark.parametrize("package", [*BASE.split(), *COMPUTE.split()])
def test_compute_packages_stand_alone(package: str) -> None:
    whole = ROOT / "curation" / package
    for path in whole.rglob("*.py") if whole.is_dir() else [whole.with_suffix(".py")]:
        for name in imports(path):
            top = name.split(".")[0]
            allowed = top in LIBRARIES or top in sys.stdlib_module_names or top == "curation"
            assert allowed, f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.slow
def test_compute_packages_import_without_the_product() -> None:
    """As on a machine that has torch, torchvision, numpy, pandas, scipy and pydantic, and nothing else of ours."""
    blocked = (
        "streamlit plotly typer rich umap sklearn mlxtend upath filelock psutil yaml timm huggingface_hub safetensors"
    )
    blocked += " numba faiss cleanlab open_clip pyarrow fsspec ray"
    code = f"""
import sys
for name in {blocked.split()!r}: sys.modules[name] = None
for package in {COMPUTE.split()!r}: __import__("curation." + package)
import benchmarks.gpu
"""
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_stay_short(path: Path) -> None:
    """More than 400 lines needs a reason, given here."""
    reasons = {
        "curation/cli/main.py": "one command a function; they share their options",
    }
    name = str(path.relative_to(ROOT))
    limit = 560 if name in reasons else 400
    assert len(path.read_text().splitlines()) <= limit


OF_EXPORTS = (
    "curation/cli/diff.py",
    "curation/dataset.py",
    "curation/evaluation/own_suite.py",
    "curation/pipeline/carried.py",
)
OF_OTHERS = ("curation/models/published.py",)
FILE_NAME = re.compile(r"shard-|[a-z_-]+\.(json|jsonl|log|txt|pid|npy|parquet|safetensors|pt)")


def test_only_storage_spells_names_of_a_workspaces_files() -> None:
    """Formats of others and of exports have names of their own: readers, exporters, what reads those, hubs."""
    free = {"storage", "readers", "exporters"}
    found = set()
    for path in sorted((ROOT / "curation").rglob("*.py")):
        name = str(path.relative_to(ROOT))
        if path.parent.name in free or name in (*OF_EXPORTS, *OF_OTHERS):
            continue
        words = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
        if any(isinstance(word, str) and FILE_NAME.fullmatch(word) for word in words) or "shard-" in path.read_text():
            found.add(name)
    assert found == FILE_NAMES_ELSEWHERE, "keep FILE_NAMES_ELSEWHERE in tests/architecture.py as short as it can be"


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_module_lies_in_a_room_and_imports_what_the_room_may(module: str) -> None:
    room = room_of(module)
    assert room in ROOMS, f"{room} is not in tests/architecture.py: say what it is and what it may import"
    base = {f"curation.{name}" for name in BASE.split()}
    may = {f"curation.{name}" if name != "pages" else name for name in ROOMS[room].may_import.split()}
    may |= {room, *base} if room not in base else base
    if not room.startswith("curation"):
        may |= {"curation"}  # what a user imports
    wrong = sorted(other for other in ARROWS[module] if room_of(other) not in may)
    assert not wrong, f"{module} imports {', '.join(wrong)}; the walls are in tests/architecture.py"


def test_no_module_imports_itself_around_a_circle() -> None:
    """Neither when it runs nor for its annotations."""
    assert circles(ARROWS) == []


def test_pages_calculate_nothing() -> None:
    """numpy, pandas and torch in a page are signs of work that belongs into curation; components pack bytes."""
    found = set()
    for path in sorted((ROOT / "pages").rglob("*.py")):
        if "components" not in path.parts and imports(path, for_types=False) & {
            "numpy",
            "pandas",
            "torch",
            "scipy",
            "sklearn",
        }:
            found.add(str(path.relative_to(ROOT / "pages").with_suffix("")))
    assert not found - CALCULATING_PAGES, "move what is computed to curation.analysis"
    assert not CALCULATING_PAGES - found, "take these out of CALCULATING_PAGES in tests/architecture.py"


def test_the_plan_in_contributing_is_current() -> None:
    text = CONTRIBUTING.read_text(encoding="utf-8")
    assert text == written(text), "run python -m tests.architecture"
    for once in (BEGIN, END, "\nThe base is "):
        assert text.count(once) == 1, f"{once.strip()!r} stands more than once"


def test_every_cached_result_is_kept_under_its_key() -> None:
    """Streamlit leaves parameters with an underscore out of a cached call's key: fine for objects, never for a key."""
    for path in (ROOT / "pages").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and any("cache_" in ast.unparse(d) for d in node.decorator_list):
                assert node.args.args, f"{path.name}: {node.name}"
                hidden = [argument.arg for argument in node.args.args if argument.arg.startswith("_")]
                assert not any("key" in name for name in hidden), f"{path.name}: {node.name} ignores {hidden}"
