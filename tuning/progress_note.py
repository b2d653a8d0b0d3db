"""What `status` shows of a running session and no trial record holds: slots, machines, time."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from foundation.checked_json import plain, read_json
from foundation.durable import write_json
from foundation.errors import UserError


class ProgressNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of a study's `progress.json`, which the driver rewrites every few seconds."""

    metric: str  # with the tokenizer that it is computed with
    slots: int  # that run side by side now
    plan: str  # as in `Plan.description`
    machines: list[str]  # host names
    elapsed_seconds: float  # of all sessions, up to `written_at`
    seconds_left: float | None  # None before it can be estimated
    written_at: float  # `time.time()`

    @property
    def elapsed_now(self) -> float:
        """Seconds of all sessions up to now, if the session still runs."""
        return self.elapsed_seconds + time.time() - self.written_at


def write_progress(path: Path, note: ProgressNote) -> None:
    """Writes the note."""
    write_json(path, plain(note))


def read_progress(path: Path) -> ProgressNote | None:
    """Returns the note, or None if there is none that can be read, as in a study that has not begun."""
    try:
        return read_json(path, ProgressNote, todo="")
    except UserError:
        return None
