"""Which steps a trial has logged, so that a resumed trial does not log them again."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock

from foundation.checked_json import plain, read_json
from foundation.errors import UserError

_LOCK_SECONDS = 5.0


class _Newest(msgspec.Struct, frozen=True):
    """The content of the file.

    Args:
        step: the newest step that was logged.
        names: the values that were logged at that step.
        by: id of the attempt that logs.
    """

    step: int
    names: tuple[str, ...]
    by: str = ""


class LoggedSteps:
    """The steps that a trial has logged, in a file that all attempts of the trial share.

    Two attempts may run at the same time for a moment: if the owner of a slot is killed, its worker trains on until it
    notices, next to the worker that has taken over the trial.
    """

    def __init__(self, file: Path) -> None:
        self._file, self._attempt = file, uuid.uuid4().hex

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keeps other attempts from logging meanwhile, if the file system supports locks."""
        lock = FileLock(self._file.with_name(f"{self._file.name}.lock"))
        with contextlib.suppress(OSError, NotImplementedError):
            lock.acquire(timeout=_LOCK_SECONDS)
        try:
            yield
        finally:
            if lock.is_locked:
                lock.release()

    def take_over(self) -> None:
        """From now on only this attempt logs; the steps that others logged stay."""
        with self.exclusive():
            newest = self._read()
            self._write(newest.step, newest.names, self._attempt)

    def new(self, values: Mapping[str, Any], step: int) -> Mapping[str, Any]:
        """Returns the values that were not logged yet; none if another attempt has taken over."""
        newest = self._read()
        if step < newest.step or newest.by not in ("", self._attempt):
            return {}
        return {name: value for name, value in values.items() if step > newest.step or name not in newest.names}

    def add(self, names: Iterable[str], step: int) -> None:
        """Records that values were logged at a step."""
        newest = self._read()
        self._write(step, {*names, *(newest.names if step == newest.step else ())}, newest.by)

    def _write(self, step: int, names: Iterable[str], attempt: str) -> None:
        # Written in place: a file that is cut off only means that a step may be logged twice.
        with contextlib.suppress(OSError):  # never fail a trial
            content = json.dumps(plain(_Newest(step, tuple(sorted(names)), attempt)))
            self._file.write_text(content, encoding="utf-8")

    def _read(self) -> _Newest:
        try:
            return read_json(self._file, _Newest, "")
        except UserError:  # it does not exist yet, or was cut off
            return _Newest(-1, ())
