"""The actor between a slot's owner and its workers.

    owner                       mailbox                  rank 0                       other ranks
    submit(job)        ──────►  job, turn n   ────────►  next_job()   ── broadcast ─► job
    next_message()     ◄──────  message       ◄────────  report()
    answer(CONTINUE)   ──────►  decision      ────────►  … returned   ── broadcast ─► save, continue
    answer(STOP)       ──────►  decision      ────────►  … returned   ── broadcast ─► next_job()
    (driver) save_and_stop() ►  ending        ────────►  should_stop()                should_stop(): save, stop
    (driver) steps()   ◄──────  steps done    ◄────────  heartbeat()

A worker group that Ray Train restarts asks again, receives the same job, and continues from the job's newest
checkpoint; reports that were decided before the crash are answered from memory. Nothing heavy is imported here: the
actor starts while the workers still import torch.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from trainables.slots.messages import Assignment, Evaluated, Failed, Message, Saved, TrialSteps, WorkerInfo
from trainables.training.job import Job
from trainables.training.reports import Decision, Report, StepProgress

#: How many times one job is started without an evaluation in between. Enough for bad luck, and few enough for a trial
#: that kills its workers.
MAX_STARTS = 4

#: Seconds without progress after which the mailbox checks whether the job's machines are still alive.
_ALIVE_CHECK_SECONDS = 60.0

#: Seconds between two calls of `should_stop` by one worker.
_POLL_SECONDS = 0.5

#: How many answers of `should_stop` are remembered for workers that ask later.
_REMEMBERED_ANSWERS = 8


@dataclass(frozen=True)
class _Poll:
    """When `should_stop` was called last, and what interval it returned."""

    step: int
    steps: int  # until the next call
    time: float


@dataclass
class _Turn:
    """The state of one job in the mailbox."""

    number: int
    job: Job
    starts: int = 0
    decisions: dict[float, Decision] = field(default_factory=dict)  # by epoch
    waiting: float | None = None  # the epoch whose decision the workers wait for
    finished: bool = False  # no message follows
    stop_answers: dict[tuple[int, int], tuple[bool, int]] = field(default_factory=dict)  # by start and step
    poll: _Poll | None = None
    steps: StepProgress | None = None  # of the newest heartbeat

    def may_continue(self, epoch: float) -> bool:
        """Whether the scheduler let the job continue at this epoch or a later one."""
        return any(epoch <= other for other, decision in self.decisions.items() if decision is Decision.CONTINUE)

    def is_decided(self, epoch: float) -> bool:
        """Whether the scheduler has decided on this epoch or a later one."""
        return any(epoch <= other for other in self.decisions)


class Mailbox:
    """Holds the current job, its messages and decisions. An asyncio actor: every method may wait.

    Args:
        alive_nodes: returns the ids of the machines that are alive.
    """

    def __init__(self, alive_nodes: Callable[[], set[str]] = set) -> None:
        self._alive_nodes = alive_nodes
        self._nodes: list[str] = []
        self._changed = asyncio.Condition()
        self._turn: _Turn | None = None
        self._turns = 0
        self._messages: list[Message] = []
        self._groups = 0
        self._worker: WorkerInfo | None = None
        self._closed = self._ending = False
        self._last_progress = time.monotonic()

    # ---- called by the owner

    async def submit(self, job: Job) -> None:
        """Replaces the current job; a report of the old one that still waits is answered with STOP."""
        async with self._changed:
            self._stop_turn()
            self._turns += 1
            decisions = {job.decided_epoch: Decision.CONTINUE} if job.decided_epoch else {}
            self._turn = _Turn(self._turns, job, decisions=decisions)
            self._messages.clear()
            self._changed.notify_all()

    async def next_message(self, seconds: float) -> Message | None:
        """Returns the next message of the current job, or None if none comes within `seconds`."""
        async with self._changed:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait_for(lambda: bool(self._messages)), seconds)
            return self._messages.pop(0) if self._messages else None

    async def answer(self, decision: Decision) -> None:
        """Decides on the last report that `next_message` returned."""
        async with self._changed:
            if self._turn is not None and self._turn.waiting is not None:
                self._turn.decisions[self._turn.waiting] = decision
                self._last_progress = time.monotonic()
                self._changed.notify_all()

    async def close(self) -> None:
        """Stops the current job at its next report, and ends the workers."""
        async with self._changed:
            self._stop_turn()
            self._closed = True
            self._changed.notify_all()

    async def save_and_stop(self) -> None:
        """The search ends: the workers save the current job at its next step and stop it."""
        async with self._changed:
            self._ending = True
            self._changed.notify_all()

    async def seconds_without_progress(self) -> float:
        """Seconds since the current job last made progress; 0 while it waits for a decision or for machines."""
        turn = self._turn
        if turn is None or turn.finished or turn.starts == 0:
            return 0.0
        if turn.waiting is not None and turn.waiting not in turn.decisions:
            return 0.0
        seconds = time.monotonic() - self._last_progress
        if seconds > _ALIVE_CHECK_SECONDS and self._nodes and not set(self._nodes) <= self._alive_nodes():
            return 0.0  # its machines are gone, and new ones may take hours
        return seconds

    # ---- called by every worker

    async def should_stop(self, number: int, start: int, step: int) -> tuple[bool, int]:
        """Returns whether the job stops at this step, and the step at which to ask again, half a second later.

        Workers reach a step one after the other: the answer to the first one holds for all of this start of the job.
        """
        turn = self._turn
        if turn is None or turn.number != number:
            return False, step + 1
        if (start, step) not in turn.stop_answers:
            turn.stop_answers = dict([*turn.stop_answers.items()][-_REMEMBERED_ANSWERS:])
            stops = self._ending and not turn.finished
            turn.stop_answers[start, step] = stops, step + self._steps_until_next_poll(turn, step)
        return turn.stop_answers[start, step]

    async def is_ending(self) -> bool:
        """Whether the search ends."""
        return self._ending

    async def is_closing(self) -> bool:
        """Whether the slot stops, and not only the trial."""
        return self._closed

    def _steps_until_next_poll(self, turn: _Turn, step: int) -> int:
        last, now, steps = turn.poll, time.monotonic(), 1
        if last is not None and step > last.step:
            seconds = max(now - last.time, 1e-3)
            steps = max(1, min(2 * last.steps, round((step - last.step) * _POLL_SECONDS / seconds)))
        turn.poll = _Poll(step, steps, now)
        return steps

    # ---- called by rank 0

    async def register_group(self, worker: WorkerInfo, nodes: list[str]) -> None:
        """A worker group has started, on the machines with the ids `nodes`."""
        async with self._changed:
            lost = set(self._nodes) - self._alive_nodes() if self._nodes else set()
            if lost and self._turn is not None:
                self._turn.starts = max(0, self._turn.starts - 1)  # a lost machine does not count against the trial
            self._groups += 1
            self._worker, self._nodes = worker, nodes

    async def next_job(self, after: int) -> Assignment | None:
        """Returns the job of a turn later than `after`, or None if the slot closes or the search ends.

        A job whose workers died too many times is reported as failed instead of being started once more.
        """
        async with self._changed:
            while True:
                await self._changed.wait_for(lambda: self._closed or self._ending or self._open_turn(after) is not None)
                turn = self._open_turn(after)
                if turn is not None and self._ending:  # nothing was trained since its checkpoint
                    self._finish(turn, Saved())
                    return None
                if turn is None:
                    return None
                self._last_progress = time.monotonic()
                turn.starts += 1
                if turn.starts <= MAX_STARTS:
                    return Assignment(turn.number, turn.job, turn.starts)
                self._finish(turn, Failed(f"its workers died {MAX_STARTS} times without an evaluation in between"))

    async def reset_starts(self, number: int) -> None:
        """The workers restart the job on purpose; this does not count as a death."""
        async with self._changed:
            if self._turn is not None and self._turn.number == number:
                self._turn.starts = 0

    async def report(self, number: int, report: Report) -> Decision:
        """Passes a report on and waits for the decision; INTERRUPT if the search ends before there is one."""
        async with self._changed:
            turn = self._turn
            if turn is None or turn.number != number or turn.finished:
                return Decision.STOP
            event = Evaluated(report, report.metrics[turn.job.metric])
            if report.last:
                self._finish(turn, event)
                return Decision.STOP
            epoch = report.epoch
            turn.starts = min(turn.starts, 1)  # the job has made progress
            if not turn.may_continue(epoch) and turn.waiting != epoch:
                turn.waiting = epoch
                self._add_message(event)
            await self._changed.wait_for(
                lambda: turn.finished or turn.is_decided(epoch) or self._turn is not turn or self._ending
            )
            if self._ending and not turn.finished and not turn.is_decided(epoch):
                return Decision.INTERRUPT
            if turn.finished or self._turn is not turn:
                return Decision.STOP
            return turn.decisions.get(epoch, Decision.CONTINUE)

    async def report_saved(self, number: int) -> None:
        """The job was saved and stopped because the search ends."""
        async with self._changed:
            if self._turn is not None and self._turn.number == number and not self._turn.finished:
                self._finish(self._turn, Saved())

    async def report_failure(self, number: int, failure: Failed) -> None:
        """The job failed; the slot can run the next one."""
        async with self._changed:
            if self._turn is not None and self._turn.number == number and not self._turn.finished:
                self._finish(self._turn, failure)

    async def report_broken_group(self, reason: str, trace: str) -> None:
        """The worker group cannot work at all: the job that waits for it fails."""
        async with self._changed:
            if self._turn is not None and not self._turn.finished:
                self._finish(self._turn, Failed(f"the worker group broke: {reason}", trace=trace))

    async def heartbeat(self, number: int, steps: StepProgress) -> None:
        """The job makes progress."""
        self._last_progress = time.monotonic()
        if self._turn is not None and self._turn.number == number:
            self._turn.steps = steps

    # ---- called by the driver

    async def steps(self) -> TrialSteps | None:
        """Returns the newest steps of the current job; None before its first heartbeat."""
        turn = self._turn
        return TrialSteps(turn.job.trial_id, turn.steps) if turn is not None and turn.steps is not None else None

    # ---- inside

    def _open_turn(self, after: int) -> _Turn | None:
        turn = self._turn
        return turn if turn is not None and turn.number > after and not turn.finished else None

    def _stop_turn(self) -> None:
        if self._turn is not None:
            self._turn.finished = True
            self._changed.notify_all()

    def _finish(self, turn: _Turn, event: Evaluated | Failed | Saved) -> None:
        turn.finished = True
        self._add_message(event)

    def _add_message(self, event: Evaluated | Failed | Saved) -> None:
        self._messages.append(Message(event, groups=self._groups, worker=self._worker))
        self._changed.notify_all()
