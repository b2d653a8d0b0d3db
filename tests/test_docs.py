"""README and docs agree with the code: files, modules, names, commands and links exist, and both languages match."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
import typer
import typer.core
import typer.main

import cli
from benchmarks.structure import PACKAGES, ROOT, modules

ENGLISH, KOREAN = ROOT / "README.md", ROOT / "README.ko.md"
PAGES = [ENGLISH, KOREAN, *sorted((ROOT / "docs").glob("*.md"))]
FOLDERS = [*PACKAGES[:-1], "benchmarks", "deploy", "docs", "tests"]

_PATH = re.compile(rf"(?<![\w/.-])((?:{'|'.join(FOLDERS)})/[\w./-]*\w/?)")
_MODULE = re.compile(
    rf"(?<![\w/.-])((?:{'|'.join([*PACKAGES, 'benchmarks', 'tests'])})(?:\.[a-zA-Z_]\w*)+)(?![\w/])", re.ASCII
)
_NAME = re.compile(r"`([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?)(?:\(\))?`")
_LINK = re.compile(r"\]\(([^)#\s]+)?(?:#([^)\s]+))?\)")


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def names_of(path: Path) -> set[str]:
    """Returns the names of a module's classes, functions and variables, and of the classes' members."""
    names = set()
    for node in ast.walk(ast.parse(read(path))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def module_exists(name: str) -> bool:
    """Whether `package.module` is a module, or `package.module.name` a name in one."""
    path = ROOT / name.replace(".", "/")
    if path.is_dir() or path.with_suffix(".py").is_file():
        return True
    module, _, attribute = name.rpartition(".")
    file = (ROOT / module.replace(".", "/")).with_suffix(".py")
    return file.is_file() and attribute in names_of(file)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_exist(page: Path) -> None:
    """Every path that starts with a folder of the repository exists."""
    assert not {path for path in _PATH.findall(read(page)) if not (ROOT / path).exists()}


def test_the_tests_of_all_cases_exist() -> None:
    """`docs/cases.md` names a test function for each row, in a file that has it."""
    rows = [line for line in read(ROOT / "docs" / "cases.md").splitlines() if re.match(r"\| \d", line)]
    tests = [re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row) for row in rows]
    assert all(tests), [row for row, names in zip(rows, tests, strict=True) if not names]
    assert not {f"{file}::{name}" for names in tests for file, name in names if name not in names_of(ROOT / file)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_modules_exist(page: Path) -> None:
    """Every `package.module` or `package.module.name` exists; file names such as `cluster.yaml` are paths."""
    suffixes = (".py", ".yaml", ".md", ".json", ".sh")
    names = {name for name in _MODULE.findall(read(page)) if not name.endswith(suffixes)}
    assert not {name for name in names if not module_exists(name)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link to a file of the repository, or to a section of a page, has a target."""
    for target, section in _LINK.findall(read(page)):
        if target.startswith(("http:", "https:")):
            continue
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), target
        if section:
            assert section in {anchor(title) for title in sections(path)}, section


def anchor(title: str) -> str:
    """Returns the anchor that GitHub makes of a title."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def sections(page: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", without_code(read(page)), re.MULTILINE)


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


@cache
def source_words() -> frozenset[str]:
    """Returns every word of the code, the search spaces and the deployment files."""
    paths = [*modules().values(), *(ROOT / "search_spaces").glob("*.yaml"), *(ROOT / "benchmarks").glob("*.py")]
    paths += [ROOT / "cluster.yaml", ROOT / "pyproject.toml", *(ROOT / "deploy").iterdir()]
    return frozenset(word for path in paths for word in re.findall(r"\w+", read(path)))


def test_names_in_the_design_exist() -> None:
    """Every name in backticks in docs/design.md occurs in the code, so that a rename reaches the page."""
    names = {part for name in _NAME.findall(read(ROOT / "docs/design.md")) for part in name.split(".")}
    assert not names - source_words()


def commands_of_the_cli() -> set[str]:
    tree = ast.parse(read(ROOT / "cli.py"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return {node.name for node in functions if any("command" in ast.unparse(item) for item in node.decorator_list)}


def commands_in(page: Path) -> list[str]:
    """Returns the lines of code blocks and tables that start a program, without comments."""
    lines = [re.sub(r"\s+#.*", "", line).strip("| ") for line in read(page).splitlines()]
    starts = ("python ", "make ", "ray ", "`python ", "--", ". .venv")
    return [line.split(" | ")[0] for line in lines if line.startswith(starts)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_of_commands_exist(page: Path) -> None:
    """Every option after `python cli.py COMMAND` is one of that command."""
    group = typer.main.get_command(cli.app)
    assert isinstance(group, typer.core.TyperGroup)
    for line in read(page).replace("\\\n", " ").splitlines():
        for name, rest in re.findall(r"python cli\.py (\w+)([^#`;|]*)", line):
            options = {option for param in group.commands[name].params for option in param.opts}
            assert set(re.findall(r"(?<=\s)--[\w-]+", rest)) <= options, line


@pytest.mark.parametrize("page", [ENGLISH, KOREAN], ids=["english", "korean"])
def test_the_readme_has_every_command(page: Path) -> None:
    """Its table of commands lists those of cli.py, each once."""
    listed = re.findall(r"^\| `python cli\.py (\w+)", read(page), re.MULTILINE)
    assert sorted(listed) == sorted(commands_of_the_cli())


def test_both_readmes_have_the_same_structure() -> None:
    """The Korean page has the same sections, commands and tables, and the code blocks of the English one."""
    english, korean = read(ENGLISH), read(KOREAN)
    assert commands_in(ENGLISH) == commands_in(KOREAN)
    for pattern in (r"^#+ ", r"^\| ", r"^```", r"^!\[", r"^- \[docs"):
        counts = [len(re.findall(pattern, text, re.MULTILINE)) for text in (english, korean)]
        assert counts[0] == counts[1], pattern
    paths = [set(_PATH.findall(text)) for text in (english, korean)]
    assert paths[0] == paths[1]
    assert "(README.ko.md)" in english.split("\n## ")[0]
    assert "(README.md)" in korean.split("\n## ")[0]


def test_changes_need_two_files_and_a_test() -> None:
    """The table of changes in the README names at most two files and one test for each."""
    section = read(ENGLISH).split("## Where to change something")[1].split("\n## ")[0]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| ") and "`" in line]
    assert len(rows) == 12
    for _, files, test in rows:
        assert 1 <= len(_PATH.findall(files)) <= 2
        assert len(_PATH.findall(test)) == 1
