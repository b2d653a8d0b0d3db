"""Keeps standard output for what a command was asked for; what libraries print goes to standard error."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator
from typing import TextIO

from foundation.errors import UserError

#: A letter that a stream for Korean texts must be able to write.
_KOREAN = "한"

_output: TextIO | None = None


def output() -> TextIO:
    """Returns the stream for what the user asked for: a result, or the progress of a command without `--json`."""
    return _output or sys.stdout


def text_output() -> TextIO:
    """Returns the same stream for texts that must arrive unchanged, such as predictions.

    Raises:
        UserError: its encoding has no Korean letters.
    """
    stream = output()
    encoding = stream.encoding or "utf-8"
    try:
        _KOREAN.encode(encoding)
    except UnicodeEncodeError:
        todo = "set PYTHONIOENCODING=utf-8, or write to a file with --out"
        raise UserError(f"standard output has the encoding {encoding}", "an encoding of Korean: utf-8", todo) from None
    _set_errors(stream, "strict")
    return stream


def print_json(value: object) -> None:
    """Prints `value` as JSON; letters that the stream cannot write are escaped."""
    stream = output()
    is_unicode = (stream.encoding or "utf-8").lower().startswith("utf")
    print(json.dumps(value, ensure_ascii=not is_unicode, indent=2), file=stream, flush=True)


@contextlib.contextmanager
def reserve_output() -> Iterator[None]:
    """In this context only `output()` writes to standard output; whatever else is printed goes to standard error.

    Some libraries print when they are imported, also in child processes, which inherit the descriptor. On a terminal
    both streams are on the screen, and nothing is redirected. Letters that the encoding of standard output does not
    have are written as escapes.
    """
    global _output
    stream, before = sys.stdout, _output
    _set_errors(stream, "backslashreplace")
    if stream.isatty():
        yield
        return
    with _descriptor_reserved(stream) as reserved:
        _output, sys.stdout = reserved, sys.stderr
        try:
            yield
        finally:
            _output, sys.stdout = before, stream
            reserved.flush()


@contextlib.contextmanager
def _descriptor_reserved(stream: TextIO) -> Iterator[TextIO]:
    """Yields a stream to where descriptor 1 leads now, and makes the descriptor lead to standard error meanwhile."""
    try:
        is_standard = (stream.fileno(), sys.stderr.fileno()) == (1, 2)
    except (OSError, ValueError):  # a replacement without a descriptor, as in tests
        is_standard = False
    if not is_standard:
        yield stream
        return
    stream.flush()
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(saved), "w", 1, stream.encoding, stream.errors) as reserved:
            yield reserved
    finally:
        os.dup2(saved, 1)
        os.close(saved)


def _set_errors(stream: TextIO, errors: str) -> None:
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=errors)
