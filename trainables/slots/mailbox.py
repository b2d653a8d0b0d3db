"""What a slot's owner and its workers say to each other, held by a small actor between them.

    owner                     mailbox                      rank 0                     other ranks
    post(job)       ───────►  job, turn n    ───────►      take()    ── broadcast ─►  job
    next_result()   ◄───────  result         ◄───────      report()
    decide(go on)   ───────►  decision       ───────►      … answer  ── broadcast ─►  save, go on
    decide(stop)    ───────►  decision       ───────►      … answer  ── broadcast ─►  take()
    (driver) end()  ───────►  ending         ───────►      heed()                     heed(), alike: save, leave

A worker group that Ray Train restarts asks again, is given the same job, and goes on from the job's newest
checkpoint; reports that were decided before the crash are answered from memory. Nothing heavy is imported here:
the actor starts while the workers still import torch.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

#: How often one job may be started without an evaluation in between before it is given up: enough for bad luck, not
#: for a trial that kills its workers.
MAX_STARTS = 4

#: Seconds without progress before it is asked whether the machines are still there.
_PATIENCE = 60.0

#: Seconds between two questions of a worker whether the search ends, and how many answers are remembered for others.
_HEED_SECONDS, _REMEMBERED = 0.5, 8

#: What kind of failure a result tells, where it is more than the trial's own: nothing fits into memory; nothing can be
#: written any more.
INFEASIBLE, STORAGE = "infeasible", "storage"


@dataclass
class _Turn:
    """One job's way through the mailbox."""

    number: int
    job: dict[str, Any]
    starts: int = 0
    decided: dict[float, bool] = field(default_factory=dict)  # epoch -> go on
    waiting: float | None = None  # epoch whose decision the worker waits for
    finished: bool = False  # nothing more will come
    stop_answers: dict[tuple[int, int], tuple[bool, int]] = field(
        default_factory=dict
    )  # (start, step) -> what was answered
    asked: tuple[int, int, float] | None = None  # step, steps until the next question, and when it was asked last


class Mailbox:
    """Holds the current job, its results and decisions. An asyncio actor: everything here may wait.

    Args:
        alive: answers the ids of the machines that are there.
    """

    def __init__(self, alive: Callable[[], set[str]] = set) -> None:
        self._alive = alive
        self._nodes: list[str] = []
        self._changed = asyncio.Condition()
        self._turn: _Turn | None = None
        self._turns = 0
        self._results: list[dict[str, Any]] = []
        self._groups = 0
        self._place: dict[str, Any] = {}
        self._closed = self._ending = False
        self._progress = time.monotonic()

    # ---- the owner's side

    async def post(self, job: dict[str, Any]) -> None:
        """Give the next job; whatever the last one still waits for is answered with "stop"."""
        async with self._changed:
            self._stop_turn()
            self._turns += 1
            decided = {} if not job.get("decided_epoch") else {float(job["decided_epoch"]): True}
            self._turn = _Turn(self._turns, job, decided=decided)
            self._results.clear()
            self._changed.notify_all()

    async def next_result(self, seconds: float) -> dict[str, Any] | None:
        """The next result of the current job; None when none came in time."""
        async with self._changed:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait_for(lambda: bool(self._results)), seconds)
            return self._results.pop(0) if self._results else None

    async def decide(self, go_on: bool) -> None:
        """Answer the result given last."""
        async with self._changed:
            if self._turn is not None and self._turn.waiting is not None:
                self._turn.decided[self._turn.waiting] = go_on
                self._progress = time.monotonic()
                self._changed.notify_all()

    async def close(self) -> None:
        """Stop the current job at its next report and let the workers leave."""
        async with self._changed:
            self._stop_turn()
            self._closed = True
            self._changed.notify_all()

    async def end(self) -> None:
        """The search ends: the current job is to be saved at its next step and left."""
        async with self._changed:
            self._ending = True
            self._changed.notify_all()

    # ---- every worker's side

    async def should_stop(self, number: int, start: int, step: int) -> tuple[bool, int]:
        """Whether the job is to be left at this step, and the step at which to ask again, half a second later.

        Workers reach a step one after the other: whoever comes first decides for all of this start of the job.
        """
        turn = self._turn
        if turn is None or turn.number != number:
            return False, step + 1
        if (start, step) not in turn.stop_answers:
            turn.stop_answers = dict([*turn.stop_answers.items()][-_REMEMBERED:])
            ends = self._ending and not turn.finished
            turn.stop_answers[start, step] = ends, step + self._until_next(turn, step)
        return turn.stop_answers[start, step]

    async def ending(self) -> bool:
        """Whether the search ends."""
        return self._ending

    def _until_next(self, turn: _Turn, step: int) -> int:
        before, turn.asked = turn.asked, None
        now, steps = time.monotonic(), 1
        if before is not None and step > before[0]:
            seconds = max(now - before[2], 1e-3)
            steps = max(1, min(2 * before[1], round((step - before[0]) * _HEED_SECONDS / seconds)))
        turn.asked = step, steps, now
        return steps

    # ---- rank 0's side

    async def arrive(self, place: dict[str, Any], nodes: list[str]) -> None:
        """A worker group has started (again), on these machines."""
        async with self._changed:
            gone = set(self._nodes) - self._alive() if self._nodes else set()
            if gone and self._turn is not None:
                self._turn.starts = max(0, self._turn.starts - 1)  # a machine went: no fault of the trial
            self._groups += 1
            self._place, self._nodes = place, nodes

    async def again(self, number: int) -> None:
        """The job is to be started again, for a reason that its workers know."""
        async with self._changed:
            if self._turn is not None and self._turn.number == number:
                self._turn.starts = 0

    async def take(self, after: int) -> dict[str, Any] | None:
        """The job of a turn later than `after` that is not finished yet; None when the slot closes or the search ends.

        A job whose workers died again and again is answered for here instead of being given once more.
        """
        async with self._changed:
            while True:
                await self._changed.wait_for(lambda: self._closed or self._ending or self._open_turn(after) is not None)
                turn = self._open_turn(after)
                if turn is not None and self._ending:  # it goes on from where it was another time
                    self._finish(turn, {"left": True, "last": True})
                    return None
                if turn is None:
                    return None
                self._progress = time.monotonic()
                turn.starts += 1
                if turn.starts <= MAX_STARTS:
                    return {"turn": turn.number, "job": turn.job, "start": turn.starts}
                died = f"its workers died {MAX_STARTS} times without an evaluation in between"
                self._finish(turn, {"failure": died, "last": True})

    async def report(self, number: int, result: dict[str, Any]) -> bool | None:
        """Pass a result on and wait for its decision; True to go on, None when the search ends before it is decided."""
        async with self._changed:
            turn = self._turn
            if turn is None or turn.number != number or turn.finished:
                return False
            if result["last"]:
                self._finish(turn, result)
                return False
            epoch = result["epoch"]
            turn.starts = min(turn.starts, 1)  # it came this far
            if not any(epoch <= known for known, go_on in turn.decided.items() if go_on) and turn.waiting != epoch:
                turn.waiting = epoch
                self._results.append(self._signed(result))
                self._changed.notify_all()
            await self._changed.wait_for(
                lambda: (
                    turn.finished
                    or any(epoch <= known for known in turn.decided)
                    or self._turn is not turn
                    or self._ending
                )
            )
            if self._ending and not turn.finished and not any(epoch <= known for known in turn.decided):
                return None
            return not turn.finished and self._turn is turn and turn.decided.get(epoch, True)

    async def left(self, number: int) -> None:
        """The job was saved and left, since the search ends."""
        async with self._changed:
            if self._turn is not None and self._turn.number == number and not self._turn.finished:
                self._finish(self._turn, {"left": True, "last": True})

    async def failed(self, number: int, reason: str, trace: str, kind: str = "") -> None:
        """The job itself failed; the slot is well."""
        async with self._changed:
            if self._turn is not None and self._turn.number == number and not self._turn.finished:
                self._finish(self._turn, {"failure": reason, "kind": kind, "trace": trace, "last": True})

    async def beat(self) -> None:
        """The job makes progress."""
        self._progress = time.monotonic()

    async def idle(self) -> float:
        """Seconds since the current job last made progress; 0 while it waits for a decision or machines."""
        turn = self._turn
        if turn is None or turn.finished or turn.starts == 0:
            return 0.0
        if turn.waiting is not None and turn.waiting not in turn.decided:
            return 0.0
        seconds = time.monotonic() - self._progress
        if seconds > _PATIENCE and self._nodes and not set(self._nodes) <= self._alive():
            return 0.0  # its machines went, and others may be hours away
        return seconds

    async def broken(self, reason: str, trace: str) -> None:
        """The worker group cannot work at all; whichever job waits for it is told."""
        async with self._changed:
            if self._turn is not None and not self._turn.finished:
                self._finish(self._turn, {"failure": f"the worker group broke: {reason}", "trace": trace, "last": True})

    async def closing(self) -> bool:
        """Whether the slot, not just the trial, is being stopped."""
        return self._closed

    # ---- inside

    def _open_turn(self, after: int) -> _Turn | None:
        turn = self._turn
        return turn if turn is not None and turn.number > after and not turn.finished else None

    def _stop_turn(self) -> None:
        if self._turn is not None:
            self._turn.finished = True
            self._changed.notify_all()

    def _finish(self, turn: _Turn, result: dict[str, Any]) -> None:
        turn.finished = True
        self._results.append(self._signed(result))
        self._changed.notify_all()

    def _signed(self, result: dict[str, Any]) -> dict[str, Any]:
        starts = self._turn.starts if self._turn else 0
        return {**result, "groups": self._groups, "starts": starts, "place": self._place}
