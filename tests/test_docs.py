"""Documents that stay true: their code runs, their commands parse, their tables are whole, their examples work."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from curation.cli import app
from curation.pipeline import Pipeline
from curation.recipe import Recipe
from curation.registries import document
from tests.contributing import NAMES, ROOT, USED, blocks, examples, follow, run

DOCUMENTS = ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
RUN = ("bash", "python", "toml")
"""Languages that a block of README and CONTRIBUTING may be in: each is checked here. Pictures have none."""


def spoken(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def commands(document: str) -> list[list[str]]:
    """Return every line of the bash blocks and every piece of code in the text that is a command of ours, in words."""
    lines = [line for block in blocks(document, "bash") for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"(?<!`)`([^`\n]+)`(?!`)", spoken(document))
    found = []
    for line in lines:
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        while words and re.fullmatch(r"\w+=\S*|time|\.venv/bin/\w+|\$", words[0]) and "/" not in words[0]:
            words = words[1:]
        if len(words) > 1 and words[0] in ("curation", "make", "python"):
            found.append(words)
    return found


OURS = [(name, words) for name in DOCUMENTS for words in commands(name)]


def of(program: str) -> list[object]:
    return [pytest.param(*it, id=" ".join(it[1])) for it in OURS if it[1][0] == program]


@pytest.mark.parametrize(("name", "words"), of("curation"))
def test_every_command_of_ours_parses(name: str, words: list[str]) -> None:
    """Its command exists, and takes the options and as many arguments; files of ours that it names exist."""
    group = get_command(app)
    command = group.commands[words[1]]  # type: ignore[attr-defined]
    arguments = ["kind" if word.isupper() else word for word in words[2:] if word not in ("…", "...")]
    if arguments:  # else the text only names the command
        command.make_context(words[1], arguments)
    for word in arguments:
        if word.startswith(("recipes/", "evaluations/")) and word.endswith(".yaml"):
            assert (ROOT / word).is_file(), word


QUICK = ("run", "select", "variants", "verify", "list")
"""Commands of the README that are run, in its order; the others train for minutes, or open the dashboard."""


@pytest.mark.slow
def test_the_readme_s_quick_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder with a smaller recipe of the same name, UMAP's map apart."""
    changes = {
        "source.limit": 300,
        "goal_model": {"architecture": "tiny_convnet", "train": {"epochs": 1}},
        "variants.corruption.kinds": ["fog"],
        "variants.adversarial.steps": 2,
        "selection.budget": 50,
    }
    smaller = Recipe.load(ROOT / "recipes" / "demo.yaml").with_changes(**changes)
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "demo.yaml").write_text(smaller.to_yaml(), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    lines = dict.fromkeys(tuple(words) for name, words in OURS if name == "README.md" and words[0] == "curation")
    ran = []
    for _, command, *words in lines:
        if command in QUICK and words:
            done = CliRunner().invoke(app, [command, *words, *(["--no-map"] if command == "run" else [])])
            assert done.exit_code == 0, f"curation {command}: {done.output}"
            ran.append(command)
    assert set(ran) == set(QUICK)
    assert (tmp_path / "exports" / "demo" / "recipe.yaml").is_file()


@pytest.mark.parametrize(("name", "words"), of("make"))
def test_every_target_of_make_exists(name: str, words: list[str]) -> None:
    targets = re.findall(r"^(\w+):", spoken("Makefile"), re.MULTILINE)
    assert {word for word in words[1:] if "=" not in word} <= set(targets)


@pytest.mark.parametrize(("name", "words"), of("python"))
def test_every_module_that_is_run_exists_and_has_the_options(name: str, words: list[str]) -> None:
    if words[1] == "-m":
        module, options = words[2], words[3:]
        if module.split(".")[0] not in ("curation", "benchmarks", "tests"):
            return
        path = ROOT / Path(*module.split(".")).with_suffix(".py")
    else:
        path, options = ROOT / words[1], words[2:]
    assert path.is_file(), path
    assert {word.split("=")[0] for word in options if word.startswith("--")} <= options_of(path)


def options_of(path: Path) -> set[str]:
    """Return the options that a script, or a benchmark that it imports, adds to an argparse parser."""
    text = path.read_text(encoding="utf-8")
    imported = re.findall(r"^from (benchmarks\.\w+) import", text, re.MULTILINE)
    texts = [text, *(spoken(f"{module.replace('.', '/')}.py") for module in imported)]
    return {option for text in texts for option in re.findall(r"add_argument\(\s*\"(--[\w-]+)\"", text)}


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_block_is_in_a_language_that_is_checked(name: str) -> None:
    languages = re.findall(r"^```(\w*)$\n.*?^```$", spoken(name), re.MULTILINE | re.DOTALL)
    assert set(languages) <= {*RUN, ""}


def test_the_readme_s_python_runs(computed: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder where its export is there."""
    computed.export(tmp_path / "exports" / "demo")
    monkeypatch.chdir(tmp_path)
    seen: dict[str, object] = {}
    for block in blocks("README.md", "python"):
        exec(compile(block, "README.md", "exec"), seen)
    image, label = seen["dataset"][0]  # type: ignore[index]
    assert tuple(image.shape) == (1, 28, 28)
    assert 0 <= int(label) < 10


def test_the_readme_lists_every_recipe() -> None:
    listed = re.findall(r"^\| `(recipes/\w+\.yaml)` \|", spoken("README.md"), re.MULTILINE)
    assert sorted(listed) == sorted(f"recipes/{path.name}" for path in (ROOT / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_that_is_named_exists(name: str) -> None:
    """Folders and files of ours in code, and the targets of links and pictures."""
    text = spoken(name)
    for path in re.findall(r"\]\(([^)#:\s]+)\)", text):
        assert ((ROOT / name).parent / path).exists(), path
    for path in re.findall(r"`((?:curation|pages|tests|benchmarks|recipes|evaluations|docs)/[\w/.-]+)`", text):
        if Path(path) not in examples():
            assert (ROOT / path).exists(), path


def test_the_table_of_plug_ins_is_current() -> None:
    assert spoken("docs/plugins.md") == document(), "run `make docs`"


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package in which every example of CONTRIBUTING.md was followed."""
    folder = tmp_path_factory.mktemp("followed")
    follow(folder)
    return folder


def test_there_is_an_example_of_every_kind() -> None:
    assert len(examples()) == len(NAMES)


@pytest.mark.slow
def test_following_an_example_puts_it_everywhere(followed: Path) -> None:
    """Into the command line's lists, recipes, schemas of forms, and the table of docs/plugins.md."""
    told = run("-c", f"{USED}\nprint(document())", path=(followed,), cwd=followed).stdout
    first, _, table = told.partition("\n")
    known = json.loads(first)
    for kind, name in NAMES.items():
        assert name in known[kind]
        assert f"| `{name}` |" in table


@pytest.mark.slow
def test_examples_pass_the_contract_tests(followed: Path, computed: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that run over the tuple, with the example's name in their own."""
    monkeypatch.setenv("CURATION_TEST_COMPUTED", str(computed.workspace.root))
    files = [
        "tests/corruptions/test_corruptions.py",
        "tests/attacks/test_attacks.py",
        "tests/scores/test_scores.py",
        "tests/selection/test_selection.py",
        "tests/readers/test_readers.py",
        "tests/exporters/test_exporters.py",
        "tests/training/test_methods.py",
        "tests/training/test_samplers.py",
        "tests/evaluation/test_baselines.py",
        "tests/pipeline/test_stages.py",
    ]
    words = ["-m", "pytest", "-n", "0", "-rp", "-p", "no:cacheprovider", "-k", " or ".join(NAMES.values()), *files]
    found = run(*words, path=(followed,), cwd=followed).stdout
    for name in NAMES.values():
        assert re.search(rf"PASSED .*\[.*\b{name}\b", found), f"{name}\n{found}"
