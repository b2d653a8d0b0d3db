"""Standard output is for what the user asked for."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from foundation.errors import UserError
from foundation.standard_output import output, reserve_output, text_output

_SCRIPT = """
import os, subprocess, sys
from foundation.standard_output import output, reserve_output
with reserve_output():
    print("printed")
    os.write(1, b"written\\n")
    subprocess.run([sys.executable, "-c", "print('by a child')"])
    print("asked for 한글", file=output())
print("afterwards")
"""


def test_what_else_is_printed_goes_to_standard_error() -> None:
    """Also what C code and child processes write to the descriptor."""
    result = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, encoding="utf-8", check=True)
    assert result.stdout.splitlines() == ["asked for 한글", "afterwards"]
    assert sorted(result.stderr.splitlines()) == ["by a child", "printed", "written"]


def test_a_terminal_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The live table redraws lines that are printed above it."""
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdout", stream)
    with reserve_output():
        assert sys.stdout is output() is stream


def test_standard_output_returns_after_an_error() -> None:
    """A later command in the same process prints as the first."""
    before = sys.stdout
    with pytest.raises(ZeroDivisionError), reserve_output():
        raise ZeroDivisionError
    assert sys.stdout is output() is before


@pytest.mark.parametrize("encoding", ["utf-8", "cp949", "ascii"])
def test_an_encoding_without_korean_letters_is_refused(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For texts that must arrive unchanged; CP949 has Korean letters."""
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    if encoding == "ascii":
        with pytest.raises(UserError, match="the encoding ascii"):
            text_output()
    else:
        assert text_output() is sys.stdout
