"""Shows a running search as plain lines: one per event, and one a minute with the steps of the running trials."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TextIO

from foundation.formatting import clock_text, one_line, score_text, short_epoch, short_number
from foundation.secrets import redact
from foundation.statuses import TrialStatus
from tuning.display.progress import (
    WAITING,
    Progress,
    TrialRow,
    best_facts,
    count_facts,
    epoch_text,
    position_text,
    speed_facts,
)

#: Seconds between two lines with the steps of the running trials.
_STEPS_SECONDS = 60.0

#: Of more running trials than this only the number is written.
_MOST_RUNNING = 8


class LineView:
    """One plain line per event, for files, pipes and CI logs; no event is written twice.

    Once a minute a line says how far the running trials are, how fast, and how long the search still takes.
    Trials that have ended before the first snapshot belong to an earlier session; the first line counts them.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._opened = False
        self._before: dict[int, TrialRow] = {}
        self._shown_epoch: dict[int, float] = {}
        self._last_steps = 0.0  # when the steps of the running trials were written, in elapsed seconds

    def show(self, progress: Progress) -> None:
        """Writes what is new since the last snapshot."""
        is_first = not self._opened
        if is_first:
            self._open(progress)
        stamp = f"[{clock_text(progress.elapsed_seconds):>5}] "
        for row in progress.rows if progress.changed is None else progress.changed:
            if is_first and row.epoch is not None:  # its record counts this session once the trial runs again
                row = replace(row, resumed=True)
            for event in self._events(row, progress.metric.split(" (")[0]):
                self._write(f"{stamp}trial {row.number}  {event}")
        if progress.elapsed_seconds - self._last_steps >= _STEPS_SECONDS and (facts := _step_facts(progress)):
            self._last_steps = progress.elapsed_seconds
            self._write(f"{stamp}{'  '.join(facts)}")
        self._stream.flush()

    def say(self, text: str) -> None:
        """Writes the text."""
        self._write(text)
        self._stream.flush()

    def close(self) -> None:
        """Flushes the stream and leaves it open, since it belongs to the caller."""
        self._stream.flush()

    def _open(self, progress: Progress) -> None:
        self._opened, self._last_steps = True, progress.elapsed_seconds
        self._before = {row.number: row for row in progress.rows if row.has_ended}
        facts = [f"study {progress.study}", *count_facts(progress), f"metric {progress.metric} {progress.mode}"]
        facts += best_facts(progress) + [fact for fact in [one_line(progress.workers_note)] if fact]
        self._write(f"[{clock_text(progress.elapsed_seconds):>5}] {'  '.join(facts)}")

    def _events(self, row: TrialRow, metric: str) -> Iterator[str]:
        before = self._before.get(row.number)
        had_ended = before is not None and before.has_ended
        if row.status == WAITING or (had_ended and row.has_ended):
            return
        self._before[row.number] = row
        if before is None or had_ended:
            yield _start_line(row, metric)
            if row.resumed and row.epoch is not None:
                self._shown_epoch[row.number] = row.epoch
        if row.has_ended:
            yield _end_line(row, metric)
        # A trial that resumes from a checkpoint repeats epochs with the same values; they are not written again.
        elif row.epoch is not None and row.value is not None and row.epoch > self._shown_epoch.get(row.number, -1.0):
            self._shown_epoch[row.number] = row.epoch
            yield f"epoch {epoch_text(row)}  {_scores(row, metric)}"

    def _write(self, line: str) -> None:
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(redact(line).encode(encoding, "replace").decode(encoding) + "\n")


def _start_line(row: TrialRow, metric: str) -> str:
    reached = f"resumed at epoch {epoch_text(row)}" if row.epoch is not None else "resumed"
    facts = [reached if row.resumed else "started"]
    if row.resumed and row.value is not None:
        facts.append(_scores(row, metric))
    facts += [f"{name} {short_number(value)}" for name, value in row.parameters.items()]
    return "  ".join([*facts, f"({row.default_name})"] if row.is_default else facts)


def _end_line(row: TrialRow, metric: str) -> str:
    facts = [f"{row.status} at epoch {short_epoch(row.epoch)}" if row.epoch is not None else row.status]
    if row.value is not None:
        facts.append(f"{metric} {score_text(row.value)}")
    if row.status == TrialStatus.COMPLETED and row.best is not None:
        facts.append(f"best {score_text(row.best)}")
    return "  ".join([*facts, one_line(row.note)] if row.note.strip() else facts)


def _scores(row: TrialRow, metric: str) -> str:
    return f"{metric} {score_text(row.value)}  best {score_text(row.best)}"


def _step_facts(progress: Progress) -> list[str]:
    """Returns where the running trials are, their speed and the time left; nothing before their first steps."""
    running = [f"trial {row.number} at epoch {position_text(row)}" for row in progress.rows if row.steps is not None]
    if not running:
        return []
    more = len(running) - _MOST_RUNNING
    where = ", ".join(running[:_MOST_RUNNING] + ([f"{more} more"] if more > 0 else []))
    left = progress.time_left.text if progress.time_left else ""
    return [fact for fact in (where, *speed_facts(progress), left) if fact]
