"""Plug-ins of other packages: installed in a folder on the path, in a process of its own, as strangers have them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.contributing import NAMES, ROOT, USED, examples, install, plugin_class, run

INVERT = next(code for path, code in examples().items() if path.stem == "invert")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one package that has a plug-in of every family."""
    folder = tmp_path_factory.mktemp("site")
    modules = {f"stranger_{path.stem}": code for path, code in examples().items()}
    install(folder, "stranger", modules, {name: f"{name}:{plugin_class(code)}" for name, code in modules.items()})
    return folder


CONTRACTS = f"""
import pytest, sys
options = ["-n", "0", "-p", "no:cacheprovider", "-k", "invert"]
sys.exit(pytest.main([*options, "{ROOT}/tests/corruptions/test_corruptions.py"]))
"""


@pytest.mark.slow
def test_every_family_takes_a_package_s_plug_in_and_contract_tests_run_over_it(site: Path) -> None:
    """From one installation: the command line's lists, recipes, the schemas of forms, and the contract tests."""
    told = run("-W", "error::UserWarning", "-c", USED + CONTRACTS, path=(site, ROOT)).stdout
    first, _, tested = told.partition("\n")
    known = json.loads(first)
    assert {kind: known[kind][-1] for kind in NAMES} == NAMES
    assert " passed" in tested


STAGE_USED = """
import json, os
from pathlib import Path
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner
from curation.cli import app
from curation.pipeline import Pipeline
from curation.recipe import Recipe
from curation.storage.workspace import Workspace

recipe = Recipe.parse({
    "name": "checked",
    "source": {"reader": "digits", "limit": 200},
    "goal_model": {"architecture": "tiny_convnet", "train": {"epochs": 1, "batch_size": 64}},
    "selection": {"budget": 50, "mix": [1, 0, 0]},
})
Path("recipe.yaml").write_text(recipe.to_yaml())
ours = ["--workspace", "cache/checked", "--json"]
ran = CliRunner().invoke(app, ["run", "recipe.yaml", "--out", "out", "--no-map", *ours])
assert ran.exit_code == 0, ran.output
print(json.dumps(json.loads(ran.stdout.splitlines()[-1])["seconds"]))
print(CliRunner().invoke(app, ["status", *ours]).stdout.splitlines()[-1])
print(json.dumps(Pipeline(recipe, Workspace("cache/checked")).cost()))
os.environ["CURATION_CACHE"] = str(Path("cache").resolve())
os.chdir(os.environ["ROOT"])
page = AppTest.from_file("pages/_shell.py", default_timeout=1200).run().switch_page("workspace.py").run()
assert not page.exception
print(json.dumps([element.value for element in page.markdown]))
"""
"""Runs a recipe by the command line, and prints its seconds, status, costs and what the dashboard's page says."""


@pytest.mark.slow
def test_a_package_s_stage_runs_and_is_shown_like_ours(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROOT", str(ROOT))
    done = run("-W", "error::UserWarning", "-c", STAGE_USED, path=(site, ROOT), cwd=tmp_path).stdout.splitlines()
    seconds, status, cost, page = map(json.loads, done[-4:])
    assert "blank_check" in seconds
    (found,) = [stage for stage in status["stages"] if stage["stage"] == "blank_check"]
    assert (found["state"], found["done"], found["total"]) == ("done", 200, 200)
    assert cost["blank_check"] > 0
    assert any("**Blank images**" in words for words in page)


FIRST = (
    "curation.training.settings",
    "curation.pipeline",
    "curation.pipeline.stages.base",
    "stranger_half_and_half",
    "stranger_blank_check",
)
IMPORTED = f"""
import os
import torch, pandas, pyarrow.parquet, pydantic, scipy.special, upath  # what takes long, once for all
for first in {FIRST!r}:
    child = os.fork()
    if not child:
        try:
            __import__(first)
            from curation.registries import registries
            known = registries()
            assert "invert" in known["corruptions"] and "blank_check" in known["stages"]
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, first
"""


@pytest.mark.slow
def test_whatever_is_imported_first(site: Path) -> None:
    run("-W", "error::UserWarning", "-c", IMPORTED, path=(site, ROOT))


BROKEN = {
    "missing-module": ("import nothing_of_that_name", "cannot be loaded (ModuleNotFoundError: No module named"),
    "missing-class": ("", "cannot be loaded (AttributeError: module"),
    "raises": ("raise RuntimeError('no luck')", "cannot be loaded (RuntimeError: no luck)"),
    "function": ("def Thing(): ...", "is no class derived from a family's base class, such as Corruption"),
    "abstract": (
        "from curation.corruptions import Corruption\nclass Thing(Corruption):\n    name = title = 'thing'",
        "does not write corrupt",
    ),
    "nameless": (
        "from curation.corruptions import Corruption\nclass Thing(Corruption):\n    def corrupt(self, i, r): ...",
        "has no name and no title",
    ),
}


@pytest.mark.slow
def test_a_broken_or_clashing_package_gives_one_sentence(tmp_path: Path) -> None:
    """Each is named in a sentence of its own and left out; the others are there."""
    expected = []
    for package, (code, sentence) in BROKEN.items():
        module = package.replace("-", "_")
        install(tmp_path, package, {module: code}, {"thing": f"{module}:Thing"})
        expected.append((f"the package {package} offers the plug-in thing, which {sentence}", f"uninstall {package}"))
    install(tmp_path, "foggy", {"foggy": INVERT.replace('"invert"', '"fog"')}, {"fog": "foggy:Invert"})
    install(tmp_path, "one", {"one": INVERT}, {"invert": "one:Invert"})
    install(tmp_path, "two", {"two": INVERT}, {"invert": "two:Invert"})
    for name, first, second in (("fog", "curation", "foggy"), ("invert", "one", "two")):
        clash = f"the packages {first} and {second} both offer a corruption named {name}; the one of {second} is left"
        expected.append((clash, "give it another name"))
    done = run("-m", "curation.cli", "list", "corruptions", path=(tmp_path, ROOT)).stderr
    notes = [line.removeprefix("note ") for line in done.splitlines() if line.startswith("note ")]
    assert len(notes) == len(expected), done
    for start, end in expected:
        assert any(note.startswith(start) and note.endswith(end) for note in notes), (start, done)
    assert "invert" in done
