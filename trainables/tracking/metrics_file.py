"""What a trial logs, as JSON lines in its own folder: for reports, and for those who do not use W&B."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from transformers import TrainerCallback

from foundation.buckets import read, write
from trainables.tracking.tensorboard_file import TensorBoardFile

#: The file in a trial's folder.
METRICS = "metrics.jsonl"

#: Seconds between two writes; checkpoints and the end of a trial are written at once.
_WRITE_SECONDS = 10.0


class _Place(msgspec.Struct, frozen=True):
    step: int


class MetricsFile(TrainerCallback):
    """Writes one line for each logged step and each evaluation: step, time, epoch, loss, learning rate, norms, scores.

    A trial that resumes removes the lines after its checkpoint and writes these steps again, so that no step is there
    twice. Rank 0 writes; each write replaces the file, so that it is whole also in a bucket.

    Args:
        address: the file; may be an address in a bucket.
        events: gets the same lines; None without TensorBoard.
    """

    def __init__(
        self, address: str, events: TensorBoardFile | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._address, self._events, self._clock, self._last_write = address, events, clock, clock()
        self._lines: dict[tuple[int, str], bytes] | None = None  # None before the first event
        self._has_changed = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._lines_until(state)

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **_: Any) -> None:
        if not state.is_world_process_zero or not logs:
            return
        row = {"step": state.global_step, "time": round(time.time(), 3), **logs}
        line = msgspec.json.encode(row, enc_hook=float)  # NaN becomes null
        self._lines_until(state)[state.global_step, _kind(line)] = line
        self._has_changed = True
        if self._clock() - self._last_write >= _WRITE_SECONDS:
            self.flush()

    def on_save(self, *_: Any, **__: Any) -> None:
        self.flush()

    def flush(self, *, ended: bool = False) -> None:
        """Writes what was logged. If the storage fails, the lines are written with the next ones.

        Args:
            ended: whether the trial has trained until its end, or until the scheduler stopped it.
        """
        if self._lines is None or not (self._has_changed or ended):
            return
        self._last_write = self._clock()
        with contextlib.suppress(OSError):
            write(self._address, b"".join(line + b"\n" for line in self._lines.values()))
            if self._events is not None:
                self._events.write(self._lines, ended=ended)
            self._has_changed = False

    def close(self) -> None:
        """Writes what is left of an attempt, and closes the files."""
        self.flush()
        if self._events is not None:
            self._events.close()

    def _lines_until(self, state: Any) -> dict[tuple[int, str], bytes]:
        """Returns the lines so far; at the first call those of earlier attempts, up to the step that is resumed."""
        if self._lines is None:
            content = (read(self._address) if state.is_world_process_zero else None) or b""
            self._lines = {
                (step, _kind(line)): line
                for line in content.splitlines()
                if (step := msgspec.json.decode(line, type=_Place).step) <= state.global_step
            }
            self._has_changed = len(self._lines) < content.count(b"\n")
        return self._lines


def _kind(line: bytes) -> str:
    """Returns what a line is: an evaluation, a training step, or the summary at the end; a step may have each."""
    if b'"eval_' in line:
        return "evaluation"
    return "step" if b'"loss":' in line else "summary"
