"""The figures of the structure are counted as their docstrings say."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from benchmarks import structure

SIGNATURES = """
def plain(a: dict[str, Any], /, b: int, *c: dict[str, Any], d: dict[str, Any] | None = None, **e: str) -> None:
    inside: dict[str, Any] = {}

class Owner:
    field: dict[str, Any]

    async def method(self, a) -> list[dict[str, Any]]: ...
"""


def test_dicts_are_counted_in_signatures_only() -> None:
    """Positional, variable and keyword arguments and return values count; variables and fields do not."""
    texts = [ast.unparse(annotation) for annotation in structure.annotations(ast.parse(SIGNATURES))]
    assert sum(text.count("dict[str, Any]") for text in texts) == 4
    assert len(texts) == 7


def test_imports_in_functions_count(tmp_path: Path) -> None:
    """An imported name is a module if there is one of that name, otherwise a name of the module before it."""
    file = tmp_path / "module.py"
    file.write_text("import a.b\nfrom c import d, e\n\ndef f():\n    from g import h\n", encoding="utf-8")
    assert structure.imported(file, {"c.d", "g"}) == {"a.b", "c.d", "c", "g"}


def test_the_command_fails_where_a_limit_is_exceeded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line names the figure and the limit, and the exit code is 1."""
    monkeypatch.setattr(structure, "MAX_README", 1)
    assert structure.main() == 1
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("lines of README.md"))
    assert line.split()[3:] == [str(structure.readme_lines()), "at", "most", "1", "TOO", "MANY"]
