"""What `status` shows of a running session and no trial record holds: steps, slots, machines, time."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from foundation.checked_json import plain, read_json
from foundation.durable import write_json
from foundation.errors import UserError
from foundation.formatting import short_epoch, short_number
from trainables.training.reports import StepProgress
from tuning.display.progress import exact_epoch

#: Seconds between two writes of the note.
NOTE_SECONDS = 5.0


class RunningTrial(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a running trial is, from its newest heartbeat."""

    number: int
    epoch: float
    max_epochs: float
    step: int
    steps: int  # at its last epoch
    steps_per_second: float | None  # None before its second step
    evaluated: float | None  # share of the evaluation that runs; None while it trains

    @property
    def text(self) -> str:
        """For people: epoch 1.43/5, 540/1,887 steps, 2.1 steps/s."""
        facts = [f"epoch {exact_epoch(self.epoch)}/{short_epoch(self.max_epochs)}"]
        facts += [f"{self.step:,}/{self.steps:,} steps"] if self.steps else []
        if self.evaluated is not None:
            facts.append(f"evaluating, {self.evaluated:.0%} done")
        elif self.steps_per_second is not None:
            facts.append(f"{short_number(self.steps_per_second)} steps/s")
        return ", ".join(facts)


def running_trial(number: int, max_epochs: float, steps: StepProgress | None) -> RunningTrial | None:
    """Returns how far a trial is; None before its first heartbeat in this session."""
    if steps is None:
        return None
    total = round(max_epochs * steps.step / steps.epoch) if steps.epoch else 0
    return RunningTrial(number, steps.epoch, max_epochs, steps.step, total, steps.steps_per_second, steps.evaluated)


class ProgressNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of a study's `progress.json`, which the driver rewrites every few seconds."""

    metric: str  # with the tokenizer that it is computed with
    slots: int  # that run side by side now
    plan: str  # as in `Plan.description`
    machines: list[str]  # host names
    elapsed_seconds: float  # of all sessions, up to `written_at`
    seconds_left: float | None  # None before it can be estimated
    written_at: float  # `time.time()`
    time_left: str = ""  # `seconds_left` as it is shown; empty in files of earlier versions
    running: list[RunningTrial] = []

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


def elapsed_before(path: Path, recorded: float) -> float:
    """Returns the seconds of earlier sessions, also if the last one was killed before it recorded its own.

    Args:
        path: The note of the last session.
        recorded: The seconds in the summary, which a session writes at its end.
    """
    note = read_progress(path)
    return max(recorded, note.elapsed_seconds if note else 0.0)
