"""Every benchmark can be imported, and every one that is a command answers --help."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent.parent / "benchmarks"
FILES = sorted(FOLDER.rglob("*.py"))
COMMANDS = [path.stem for path in sorted(FOLDER.glob("[!_]*.py")) if "ArgumentParser" in path.read_text("utf-8")]


@pytest.mark.parametrize("name", [".".join(path.relative_to(FOLDER).with_suffix("").parts) for path in FILES])
def test_imports(name: str) -> None:
    """A benchmark that uses a name which was renamed fails here, not at its next run."""
    importlib.import_module(f"benchmarks.{name}")


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The help text is the module's docstring."""
    module = importlib.import_module(f"benchmarks.{name}")
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as end:
        module.main()
    assert end.value.code == 0
    assert f"python -m benchmarks.{name}" in capsys.readouterr().out
