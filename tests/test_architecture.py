"""What each package may import, how large files and folders may be, and that package docstrings list their files."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

#: Each may import those before it.
ORDER = ["foundation", "search_spaces", "corpora", "trainables", "tuning", "delivery", "cli"]

#: Package -> its subpackages in layers: each layer may import those before it, and none of its own layer.
#: "" stands for the modules that lie in the package itself.
LAYERS: dict[str, list[set[str]]] = {
    "corpora": [{"", "samples"}],
    "trainables": [{"text", "forking"}, {"tasks"}, {"models"}, {"training"}, {"slots"}],
    "tuning": [{"studies"}, {"algorithms", "cluster", "display"}, {""}],
    "delivery": [{"results"}, {"inference"}, {"exports"}, {"sessions"}, {""}],
}

MAX_FILES, MAX_LINES, MAX_DICTS = 20, 300, 40


def sources(package: str) -> list[Path]:
    return [ROOT / "cli.py"] if package == "cli" else sorted((ROOT / package).rglob("*.py"))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path) for package in ORDER for path in sources(package)}


def imported(path: Path) -> set[str]:
    """Modules that a file imports, wherever in it; names imported from a module of kotune count as that module."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in MODULES else str(node.module) for name in whole}
    return names


def room_of(module: str) -> str:
    """The subpackage a module lies in; "" for one that lies in the package itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 2 or ((ROOT / "/".join(parts)).is_dir() and len(parts) == 2) else ""


@pytest.mark.parametrize("package", ORDER)
def test_imports_point_one_way(package: str) -> None:
    """cli → delivery → tuning → trainables → corpora → search_spaces → foundation."""
    forbidden = set(ORDER[ORDER.index(package) + 1 :])
    for path in sources(package):
        strange = {name for name in imported(path) if name.split(".")[0] in forbidden}
        assert not strange, f"{path.relative_to(ROOT)} imports {strange}"


@pytest.mark.parametrize("package", LAYERS)
def test_imports_inside_a_package_point_one_way(package: str) -> None:
    """In trainables: slots → training → models → tasks → text, and forking beside them."""
    layer = {room: number for number, rooms in enumerate(LAYERS[package]) for room in rooms}
    for path in sources(package):
        here = room_of(module_of(path))
        for name in imported(path) & MODULES:
            there = room_of(name)
            if name.split(".")[0] == package and there != here and path.name != "__init__.py":
                assert layer[there] < layer[here] or package == "corpora", f"{path.relative_to(ROOT)} imports {name}"


def test_no_imports_go_in_a_circle() -> None:
    """Every module can be understood after those it imports, whether it imports them on top or in a function."""
    imports = {module_of(path): imported(path) & MODULES for package in ORDER for path in sources(package)}
    done: set[str] = set()
    while ready := {name for name, needs in imports.items() if name not in done and needs - {name} <= done}:
        done |= ready
    assert not set(imports) - done


def test_only_tuning_imports_tune_and_optuna() -> None:
    """The search's libraries stay in one package."""
    for package in set(ORDER) - {"tuning"}:
        for path in sources(package):
            strange = {name for name in imported(path) if name.startswith(("ray.tune", "optuna"))}
            assert not strange, f"{path.relative_to(ROOT)} imports {strange}"


def test_training_imports_no_ray() -> None:
    """Only slots know Ray: all else runs on a bare GPU machine in one process."""
    for path in sources("trainables"):
        if "slots" not in path.parts:
            assert not {name for name in imported(path) if name.split(".")[0] == "ray"}, path.name


def test_forking_needs_the_standard_library_alone() -> None:
    """It runs before anything is installed on the path."""
    for path in (ROOT / "trainables" / "forking").glob("*.py"):
        for name in imported(path):
            assert name.split(".")[0] not in {*ORDER, "ray", "torch"} or name.startswith("trainables.forking"), path


def tracked() -> list[Path]:
    folders = [*ORDER[:-1], "benchmarks", "tests"]
    return [path for folder in folders for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts]


def test_folders_hold_few_files() -> None:
    """Nobody reads a list of forty."""
    folders = {path.parent for path in tracked() if path.is_file()}
    crowded = {str(folder): len([*folder.iterdir()]) for folder in folders}
    counts = {
        folder: len([path for path in Path(folder).iterdir() if path.is_file()])
        for folder, number in crowded.items()
        if number > MAX_FILES
    }
    assert not {folder: count for folder, count in counts.items() if count > MAX_FILES}


def test_files_are_short() -> None:
    """A file has one subject."""
    files = [*(path for path in tracked() if path.suffix == ".py"), ROOT / "cli.py"]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert not {name: length for name, length in lengths.items() if length > MAX_LINES}


def test_packages_list_their_files() -> None:
    """A package's docstring says in a sentence what belongs in it, and in a line each what its files are."""
    for package in ORDER[:-1]:
        for init in (ROOT / package).rglob("__init__.py"):
            text = ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))) or ""
            listed = re.findall(r"^ +(\w+): \S", text, re.MULTILINE)
            files = sorted(path.stem for path in init.parent.glob("*.py") if path.stem != "__init__")
            assert sorted(listed) == files, init
            assert len(text.split("\n")[0]) > 20, init
