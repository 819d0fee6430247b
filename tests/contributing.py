"""The examples of CONTRIBUTING.md, as a stranger follows them: a file each, and an entry in a tuple or a package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

NAMES = {
    "corruptions": "invert",
    "attacks": "lucky",
    "scores": "least_confidence",
    "selectors": "newest",
    "readers": "stripes",
    "exporters": "safetensors",
    "training_methods": "mirrored",
    "samplers": "in_turn",
    "baselines": "half_and_half",
    "stages": "blank_check",
}
"""Kind → the name of its example."""


def blocks(document: str, language: str) -> list[str]:
    """Return the code blocks of a language in a Markdown file of the repository."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def examples() -> dict[Path, str]:
    """Return the complete examples: path in the repository, named in the first line → code."""
    found = {}
    for block in blocks("CONTRIBUTING.md", "python"):
        first, _, code = block.partition("\n")
        found[Path(first.removeprefix("# "))] = code
    return found


def plugin_class(code: str) -> str:
    """Return the name of the last class in some code."""
    return re.findall(r"^class (\w+)", code, re.MULTILINE)[-1]


def follow(folder: Path) -> None:
    """Copy the package and its tests, write every example's file and add its class to the tuple beside it."""
    for name in ("curation", "tests", "pages"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for path, code in examples().items():
        (folder / path).write_text(code, encoding="utf-8")
        init = folder / path.parent / "__init__.py"
        name, module = plugin_class(code), ".".join(path.with_suffix("").parts)
        registry = r"^(\w+(?:: Registry\[\w+\])? = Registry(?:\[\w+\])?\(\s*\"[\w ]+\",\s*\()"
        added, count = re.subn(
            registry, rf"from {module} import {name}\n\n\1{name}, ", init.read_text(), count=1, flags=re.MULTILINE
        )
        assert count == 1, f"{init} has no tuple of plug-ins"
        init.write_text(added)


def install(folder: Path, package: str, modules: dict[str, str], offers: dict[str, str]) -> None:
    """Write what an installer would: modules, and beside them the folder that tells of the package's entry points.

    Args: modules: name → code; offers: entry point → "module:class".
    """
    for name, code in modules.items():
        (folder / f"{name}.py").write_text(code, encoding="utf-8")
    about = folder / f"{package.replace('-', '_')}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"{name} = {target}" for name, target in offers.items()]
    (about / "entry_points.txt").write_text("\n".join(["[curation.plugins]", *lines, ""]))


def run(*words: str, path: tuple[Path, ...], cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run Python with some folders first on its path. Returns: what it printed; it has ended with 0."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), "COLUMNS": "400"}
    done = subprocess.run(
        [sys.executable, *words], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


USED = """
import json
from curation.evaluation.settings import Evaluation
from curation.pipeline import FOR_SELECTION, in_order
from curation.recipe import Recipe
from curation.registries import FAMILIES, document, registries, registry
from curation.training.settings import Training
from typer.testing import CliRunner
from curation.cli import app

recipe = Recipe.parse({
    "source": {"reader": "stripes"},
    "goal_model": {"train": {"method": "mirrored", "strength": 3, "sampling": {"method": "in_turn", "parts": 3}}},
    "variants": {"corruption": {"kinds": ["invert"]}, "adversarial": {"attack": "lucky", "tries": 4}},
    "selection": {"strategy": "newest", "score": "least_confidence"},
    "export": {"format": "safetensors"},
})
assert Recipe.from_yaml(recipe.to_yaml()) == recipe
assert recipe.goal_model.train.how().strength == 3
assert recipe.goal_model.train.sampling.parts == 3
assert "half_and_half" not in Evaluation().baselines
assert Evaluation.parse({"baselines": ["half_and_half"]}).baselines == ["half_and_half"]
assert "mirrored" in Training.model_json_schema()["properties"]["method"]["enum"]
for kind in FAMILIES:
    for member in registry(kind):
        member.model_json_schema()
assert "strength=0.5" in CliRunner().invoke(app, ["list", "training_methods"]).output
assert in_order()["blank_check"].makes == "selection"
assert "blank_check" in FOR_SELECTION
print(json.dumps({kind: list(found) for kind, found in registries().items()}))
"""
"""Uses every example in recipes, evaluations, schemas and the command line, and prints all names by kind."""
