"""Who imports whom: modules, arrows and circles of the packages. Run: python -m tests.import_graph."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import networkx

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("curation", "pages", "benchmarks")

Graph = dict[str, set[str]]
"""Module → the modules that it imports."""


def modules() -> dict[str, Path]:
    """Return every module of the packages, and the launcher, by name."""
    files = [ROOT / "app.py", *(path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in files}


def graph(*, inside_functions: bool = True, for_types: bool = True) -> Graph:
    """Return the arrows between modules. Args: which of them also count; for_types: those under TYPE_CHECKING."""
    known = modules()
    found: Graph = {}
    for name, path in known.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found[name] = set(_imported(tree, known, inside_functions, for_types)) - {name}
    return found


def circles(arrows: Graph) -> list[list[str]]:
    """Return the groups of modules that reach each other, each sorted."""
    groups = networkx.strongly_connected_components(networkx.DiGraph(arrows))
    return sorted(sorted(group) for group in groups if len(group) > 1)


def _imported(node: ast.AST, known: dict[str, Path], inside_functions: bool, for_types: bool) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if not inside_functions and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if not for_types and isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from _imported(ast.Module([other], []), known, inside_functions, for_types)
            continue
        if isinstance(child, ast.ImportFrom) and child.module:
            for alias in child.names:
                whole = f"{child.module}.{alias.name}"
                yield from (name for name in [whole if whole in known else child.module] if name in known)
        elif isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names if alias.name in known)
        yield from _imported(child, known, inside_functions, for_types)


if __name__ == "__main__":
    for words, chosen in (
        ("when imported", {"inside_functions": False, "for_types": False}),
        ("with imports inside functions", {"for_types": False}),
        ("and those for types", {}),
    ):
        arrows = graph(**chosen)
        rings = circles(arrows)
        print(f"{words}: {len(arrows)} modules, {sum(map(len, arrows.values()))} arrows, {len(rings)} circles")
        for ring in rings:
            print("  " + " ↔ ".join(ring))
