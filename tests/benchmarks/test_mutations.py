"""The mutation run: which modules, which tests, which mutants, and how results are counted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.mutations import AREAS, MESSAGE_LINE, ROOT, counts, sample, write_configuration

MODULES = {module: tests for area in AREAS.values() for module, tests in area.items()}


@pytest.mark.parametrize("module", MODULES)
def test_listed_files_exist(module: str) -> None:
    """A module or test file that was moved must be moved in the list as well."""
    assert [name for name in [module, *MODULES[module]] if not (ROOT / name).is_file()] == []


def test_a_sample_depends_on_the_seed_alone() -> None:
    """The order of the names does not matter, and a sample larger than the list is the list."""
    names = [f"m{number}" for number in range(50)]
    assert sample(names, 5, seed=1) == sample(reversed(names), 5, seed=1) != sample(names, 5, seed=2)
    assert len(sample(names, 5, seed=1)) == 5
    assert sample(names, 99, seed=1) == sample(names, None, seed=3) == set(names)


def test_results_are_counted_by_exit_code() -> None:
    """Failing tests, timeouts and type errors kill; passing or missing tests do not; None has not run."""
    result = counts({"a": 1, "b": 0, "c": 37, "d": 36, "e": 33, "f": None})
    assert result == {
        "killed": 3,
        "killed_by_types": 1,
        "killed_by_timeout": 1,
        "survived": 2,
        "without_tests": 1,
        "not_run": 1,
        "share_killed": 0.6,
    }
    assert counts({"a": None})["share_killed"] is None


@pytest.mark.parametrize(
    ("line", "is_message"),
    [
        ('raise UserError(f"no file {path}", allowed)', True),
        ('names = join("a", "two words")', True),
        ('value = "a" if flag else "b"', False),
        ('text = ", ".join(names)', False),
    ],
)
def test_lines_with_messages_are_recognised(line: str, is_message: bool) -> None:
    """A message is a string of several words; code between two strings is not one."""
    assert bool(re.search(MESSAGE_LINE, line)) == is_message


def test_the_configuration_is_valid_toml(tmp_path: Path) -> None:
    """The copy's pyproject.toml keeps the project's sections and has mutmut's."""
    import tomllib

    write_configuration(tmp_path, {"corpora/splits.py": ["tests/corpora/test_splits.py"]})
    tools = tomllib.loads((tmp_path / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert tools["mutmut"]["only_mutate"] == ["corpora/splits.py"]
    assert tools["mutmut"]["do_not_mutate_patterns"] == [MESSAGE_LINE]
    assert {"corpora", "trainables"} <= set(tools["mutmut"]["source_paths"])
    assert "pytest" in tools
