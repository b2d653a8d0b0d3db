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
    tree = ast.parse(SIGNATURES)
    types = list(structure.annotations(tree))
    assert sum(map(structure.Scope("a", {"a": tree}).dicts, types)) == 4
    assert len(types) == 7


PACKAGE = {
    "room.types": "Json = dict[str, Any]\nRows: TypeAlias = list[Json]\nText = dict[str, str]",
    "room.same": "from room.types import Json as Object\nimport room.types\nfrom room import types",
    "room.loop": "Tree = dict[str, Any] | list['Tree']\nLOSSES: Json = {'a': Tree}\nFlag = Annotated[bool, 'no type']",
}


@pytest.mark.parametrize(
    ("module", "annotation", "count"),
    [
        ("room.types", "Json", 1),
        ("room.types", "dict[str, Any] | Json | None", 2),
        ("room.types", "Callable[[Json], list[Json]]", 2),
        ("room.types", "tuple[Rows, Text]", 1),
        ("room.types", "'Json | None'", 1),
        ("room.types", "Object", 0),  # a name of another module
        ("room.same", "Object", 1),
        ("room.same", "Json", 0),  # imported under another name
        ("room.same", "Mapping[str, room.types.Rows]", 1),
        ("room.same", "types.Json | Object", 2),
        ("room.loop", "Tree", 1),
        ("room.loop", "LOSSES", 0),  # a constant, not an alias
        ("room.loop", "Flag", 0),
    ],
)
def test_an_alias_counts_as_what_it_stands_for(module: str, annotation: str, count: int) -> None:
    """Also an imported one, one of an alias, and one inside another type; an alias of itself ends."""
    trees = {name: ast.parse(text) for name, text in PACKAGE.items()}
    assert structure.Scope(module, trees).dicts(ast.parse(annotation, mode="eval").body) == count


def test_the_counter_of_signatures_sees_aliases(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A function of one module that takes an alias of another counts for the first."""
    texts = {"a": "Json = dict[str, Any]", "b": "from a import Json\n\ndef f(x: Json) -> list[Json] | None: ..."}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(structure, "modules", lambda: {name: tmp_path / name for name in texts})
    assert structure.dicts_in_signatures() == {"a": 0, "b": 2}


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
