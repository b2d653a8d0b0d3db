"""What each package may import, how large files and folders may be, and that package docstrings list their files."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

from benchmarks import structure
from benchmarks.structure import PACKAGES, ROOT, module_of, modules, sources

#: Package -> its subpackages in layers: each layer may import those before it, and none of its own layer.
#: "" stands for the modules directly in the package.
LAYERS: dict[str, list[set[str]]] = {
    "corpora": [{"", "samples"}],
    "trainables": [{"text", "forking", "tracking"}, {"tasks"}, {"models"}, {"training"}, {"slots"}],
    "tuning": [{"studies"}, {"algorithms", "cluster", "display"}, {""}],
    "delivery": [{"results"}, {"inference"}, {"exports"}, {"sessions"}, {""}],
}

MODULES = set(modules())


def imported(path: Path) -> set[str]:
    """Returns the modules that a file imports, at the top or in a function."""
    return structure.imported(path, MODULES)


def room_of(module: str) -> str:
    """Returns the subpackage of a module; "" for a module directly in the package."""
    parts = module.split(".")
    return parts[1] if len(parts) > 2 or ((ROOT / "/".join(parts)).is_dir() and len(parts) == 2) else ""


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_one_way(package: str) -> None:
    """cli → delivery → tuning → trainables → corpora → search_spaces → foundation."""
    forbidden = set(PACKAGES[PACKAGES.index(package) + 1 :])
    for path in sources(package):
        strange = {name for name in imported(path) if name.split(".")[0] in forbidden}
        assert not strange, f"{path.relative_to(ROOT)} imports {strange}"


@pytest.mark.parametrize("package", LAYERS)
def test_imports_inside_a_package_point_one_way(package: str) -> None:
    """In trainables: slots → training → models → tasks → text; forking and tracking import none of them."""
    layer = {room: number for number, rooms in enumerate(LAYERS[package]) for room in rooms}
    for path in sources(package):
        room = room_of(module_of(path))
        for name in imported(path) & MODULES:
            target = room_of(name)
            if name.split(".")[0] == package and target != room:
                assert layer[target] < layer[room], f"{path.relative_to(ROOT)} imports {name}"


def test_every_room_has_a_layer() -> None:
    """A new subpackage must be given its place in `LAYERS`."""
    rooms = {path.parent.relative_to(ROOT).parts for package in PACKAGES for path in sources(package)}
    assert {parts for parts in rooms if len(parts) == 2} == {
        (package, room) for package, layers in LAYERS.items() for layer in layers for room in layer if room
    }


def test_every_package_is_installed() -> None:
    """A subpackage that pyproject.toml does not list is missing from a wheel."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    packages = {path.parent.relative_to(ROOT) for package in PACKAGES[:-1] for path in sources(package)}
    assert sorted(listed) == sorted(".".join(path.parts) for path in packages)


def test_there_are_no_import_cycles() -> None:
    """Imports inside functions count as well."""
    assert not structure.import_cycles(structure.all_imports())


def test_an_import_cycle_is_detected() -> None:
    """Two modules that import each other are a cycle, and a module that imports one of them is reported with them."""
    imports = {"a": {"b"}, "b": {"a"}, "c": {"a"}, "d": set(), "e": {"d", "e"}}
    assert structure.import_cycles(imports) == ["a", "b", "c"]


def test_only_tuning_imports_tune_and_optuna() -> None:
    """The libraries of the search stay in one package."""
    for package in set(PACKAGES) - {"tuning"}:
        for path in sources(package):
            strange = {name for name in imported(path) if name.startswith(("ray.tune", "optuna"))}
            assert not strange, f"{path.relative_to(ROOT)} imports {strange}"


def test_training_imports_no_ray() -> None:
    """In trainables only slots use Ray: the rest runs on a bare GPU machine in one process."""
    for path in sources("trainables"):
        if "slots" not in path.parts:
            assert not {name for name in imported(path) if name.split(".")[0] == "ray"}, path.name


def test_forking_imports_the_standard_library_only() -> None:
    """It runs before kotune and its dependencies are on the path."""
    for path in (ROOT / "trainables" / "forking").glob("*.py"):
        for name in imported(path):
            assert name.split(".")[0] not in {*PACKAGES, "ray", "torch"} or name.startswith("trainables.forking"), path


def test_folders_have_few_files() -> None:
    """A folder has at most 20 files."""
    assert not {name: count for name, count in structure.files_per_folder().items() if count > structure.MAX_FILES}


def test_files_are_short() -> None:
    """A Python file has at most 300 lines, and one subject."""
    assert not {name: count for name, count in structure.lines_per_file().items() if count > structure.MAX_LINES}


def test_signatures_have_few_untyped_dicts() -> None:
    """What crosses a process or a file is a typed object; `dict[str, Any]` is for mappings with arbitrary keys."""
    counts = structure.dicts_in_signatures()
    assert counts.total() <= structure.MAX_DICTS, counts.most_common(10)


def test_package_docstrings_list_their_files() -> None:
    """The docstring of a package starts with a sentence on what belongs there, and has one line for each file."""
    for package in PACKAGES[:-1]:
        for init in (ROOT / package).rglob("__init__.py"):
            text = ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))) or ""
            listed = re.findall(r"^ +(\w+): \S", text, re.MULTILINE)
            files = sorted(path.stem for path in init.parent.glob("*.py") if path.stem != "__init__")
            assert sorted(listed) == files, init
            assert len(text.split("\n")[0]) > 20, init


def readme_tree() -> list[str]:
    """Returns the paths in the tree of README.md; a folder ends with a slash. Two spaces indent one level."""
    section = structure.README.read_text(encoding="utf-8").split("## Where things are")[1]
    folders: list[str] = []
    paths = []
    for line in section.split("```")[1].strip("\n").splitlines():
        name = line.split()[0]
        del folders[(len(line) - len(line.lstrip())) // 2 :]
        paths.append("".join([*folders, name]))
        if name.endswith("/"):
            folders.append(name)
    return paths


def test_the_readme_names_every_room() -> None:
    """Its tree has every package and subpackage of kotune."""
    rooms = {path.parent.relative_to(ROOT) for package in PACKAGES[:-1] for path in sources(package)}
    assert {f"{room}/" for room in rooms} <= set(readme_tree())


def test_what_the_readme_names_exists() -> None:
    """Every file and folder in its tree exists; ten of the files are the first to open."""
    assert not [name for name in readme_tree() if not (ROOT / name).exists()]
    assert len([name for name in readme_tree() if not name.endswith("/")]) == 10


def test_the_readme_is_short() -> None:
    """It has at most 200 lines; docs/guide.md has the details."""
    assert structure.readme_lines() <= structure.MAX_README


@pytest.mark.parametrize("package", PACKAGES)
def test_every_message_has_three_parts(package: str) -> None:
    """What is wrong, what is allowed, and what to do; mypy refuses a missing part, and this test an empty one."""
    for path in sources(package):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "UserError":
                parts = [*node.args, *(keyword.value for keyword in node.keywords)]
                empty = [part for part in parts if isinstance(part, ast.Constant) and not part.value]
                assert not empty, f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}"
