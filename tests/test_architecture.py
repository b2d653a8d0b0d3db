"""What the packages may import, and that the README's tree names every file."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDER = ["corpora", "trainables", "tuning", "delivery", "cli"]  # each may import those before it
LEAF = "search_spaces"


def imported(path: Path) -> set[str]:
    """Modules that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def files(package: str) -> list[Path]:
    return [ROOT / "cli.py"] if package == "cli" else sorted((ROOT / package).glob("*.py"))


@pytest.mark.parametrize("package", [LEAF, *ORDER])
def test_imports_point_one_way(package: str) -> None:
    """cli → delivery → tuning → trainables → corpora; search_spaces reads nobody and is read by all."""
    allowed = {LEAF, package} | set(ORDER[: ORDER.index(package)] if package != LEAF else [])
    forbidden = {LEAF, *ORDER} - allowed
    for path in files(package):
        for name in imported(path):
            assert name.split(".")[0] not in forbidden, f"{path.name} imports {name}"


def test_only_tuning_imports_tune_and_optuna() -> None:
    """The search's libraries stay in one package."""
    for package in (LEAF, "corpora", "trainables", "delivery", "cli"):
        for path in files(package):
            strange = {name for name in imported(path) if name.startswith(("ray.tune", "optuna"))}
            assert not strange, f"{path.name} imports {strange}"


def test_training_imports_no_ray() -> None:
    """Only the slot, its trainer and its worker know Ray: all else runs on a bare GPU machine in one process."""
    for path in files("trainables"):
        if path.stem not in ("slot", "trainer", "worker"):
            assert not {name for name in imported(path) if name.split(".")[0] == "ray"}, path.name


def test_the_readme_names_every_file() -> None:
    """The tree in the README and what is committed are the same list."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = re.search(r"## What lies where\n.*?```\n(.*?)```", readme, re.DOTALL)
    assert tree is not None
    folder, named = "", set()
    for line in tree.group(1).splitlines():
        entry = line.split()[0]
        if entry.endswith("/"):
            folder = entry
        else:
            named.add(entry if not line.startswith(" ") else folder + entry)
    answer = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    committed = {
        name
        for name in answer.stdout.splitlines()
        if not name.startswith("tests/") and Path(name).name not in ("__init__.py", "LICENSE", ".gitignore")
    }
    assert named == committed
