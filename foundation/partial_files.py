"""A file that is written in parts, survives the end of its process, and can be continued by another one."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import os
import stat
import time
from pathlib import Path
from types import TracebackType

import msgspec

from foundation.checked_json import Count, plain, read_json
from foundation.durable import sync, write_json
from foundation.errors import UserError

#: Seconds between two flushes to the disk: at most what was written in between is written again.
_SECONDS = 1.0


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the content of a file is made of: hashes of the input and the model, and the options in words."""

    input: str
    model: str
    options: str


class _Progress(msgspec.Struct, forbid_unknown_fields=True):
    """The rows and bytes of a staged file that are complete and on the disk."""

    origin: Origin
    rows: Count
    bytes: Count


class PartialFile:
    """Writes the staged file `.NAME.partial` beside `path`, which becomes `path` when it is complete.

    `.NAME.partial.json` says how much of it is complete, and what it is made of. After an exception or a kill both
    stay, unless no row is complete. The staged file is locked while it is written.

    Args:
        origin: What the content is made of.
        resume: Continue the staged file, if there is one; otherwise it is discarded.

    Attributes:
        rows: Number of rows that are complete.
        text: The stream to write to.

    Raises:
        UserError: Another process writes it, or the staged file is made of something else.
    """

    def __init__(self, path: Path, origin: Origin, *, resume: bool) -> None:
        self._path, self._staged, self._description = path, staged_file(path), _description(path)
        descriptor = self._locked()
        try:
            self._progress = self._earlier(origin) if resume else _Progress(origin, 0, 0)
            if self._size(descriptor) < self._progress.bytes:
                problem = f"{self._staged} is shorter than {self._description} says"
                raise UserError(problem, "both as they were written", "leave --resume out to begin again")
            os.ftruncate(descriptor, self._progress.bytes)
            os.lseek(descriptor, self._progress.bytes, os.SEEK_SET)
        except BaseException:
            os.close(descriptor)
            raise
        self._raw = os.fdopen(descriptor, "wb")
        self.text = io.TextIOWrapper(self._raw, "utf-8", newline="")
        self._saved, self._saved_rows = time.monotonic(), self._progress.rows
        if not self._progress.rows:
            self._description.unlink(missing_ok=True)

    @property
    def rows(self) -> int:
        """Number of rows that are complete."""
        return self._progress.rows

    def __enter__(self) -> PartialFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is not None:
            if not self._saved_rows:
                self._staged.unlink(missing_ok=True)
                self._description.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # what is after the last complete row does not matter
                self.text.close()
            return
        self._save()
        self._staged.replace(self._path)
        sync(self._path.parent)
        self._description.unlink(missing_ok=True)
        self.text.close()

    def complete(self, rows: int) -> None:
        """Says that all that was written so far is complete, with `rows` rows more than before."""
        self._progress.rows += rows
        if time.monotonic() - self._saved >= _SECONDS:
            self._save()

    def _save(self) -> None:
        """Flushes the staged file to the disk, and then says so."""
        self.text.flush()
        os.fsync(self._raw.fileno())
        self._progress.bytes = self._raw.tell()
        write_json(self._description, plain(self._progress))
        self._saved, self._saved_rows = time.monotonic(), self._progress.rows

    def _locked(self) -> int:
        """Opens the staged file, which another user may have replaced by something else, and locks it."""
        while True:
            try:
                descriptor = os.open(self._staged, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
            except OSError as error:
                reason = "it is a link" if error.errno == errno.ELOOP else error.strerror
                raise _unusable(self._staged, str(reason)) from None
            try:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise _unusable(self._staged, "it is no regular file")
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._staged.exists() and os.path.samestat(os.stat(self._staged), os.fstat(descriptor)):
                    return descriptor
            except BlockingIOError:
                os.close(descriptor)
                problem = f"{self._path} is being written by another process"
                raise UserError(problem, "one process for a file", "wait for it, or name another file") from None
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # the other process finished it between the two calls

    def _earlier(self, origin: Origin) -> _Progress:
        if not self._description.exists():
            return _Progress(origin, 0, 0)
        progress = read_json(self._description, _Progress, "leave --resume out to begin again")
        before, now = plain(progress.origin), plain(origin)
        if differing := [name for name in now if before[name] != now[name]]:
            name = differing[0]
            what = {"input": "of another input", "model": "by another model", "options": "with other options"}[name]
            problem = f"{self._staged} was written {what}" + (f": {before[name]}" if name == "options" else "")
            allowed = "the same input, model and options" + (f": {now[name]}" if name == "options" else "")
            raise UserError(problem, allowed, "repeat the command as it was, or leave --resume out to begin again")
        return progress

    @staticmethod
    def _size(descriptor: int) -> int:
        return os.fstat(descriptor).st_size


def staged_file(path: Path) -> Path:
    """Returns the staged file of `path`."""
    return path.with_name(f".{path.name}.partial")


def _description(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial.json")


def _unusable(path: Path, reason: str) -> UserError:
    return UserError(f"{path} cannot be written: {reason}", "a regular file", f"check who made it: ls -l {path}")
