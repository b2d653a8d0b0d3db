"""The mailbox between a slot's owner and its workers, without Ray: what it answers when either side is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from trainables.slots import mailbox as mailboxes
from trainables.slots.mailbox import INFEASIBLE, MAX_STARTS, Mailbox

JOB = {"trial_id": "trial-0"}


def result(epoch: float, last: bool = False) -> dict[str, Any]:
    return {"epoch": epoch, "last": last}


def played(play: Callable[[Mailbox], Awaitable[None]], alive: Callable[[], set[str]] = set) -> None:
    """Let owner and workers act on a new mailbox, for ten seconds at most."""

    async def whole() -> None:
        await asyncio.wait_for(play(Mailbox(alive)), 10)

    asyncio.run(whole())


async def reported(mailbox: Mailbox, turn: int, epoch: float, go_on: bool) -> bool:
    """A worker's report, decided by the owner; what the worker is answered."""
    answer = asyncio.create_task(mailbox.report(turn, result(epoch)))
    told = await mailbox.next_result(5)
    assert told is not None
    assert told["epoch"] == epoch
    await mailbox.decide(go_on)
    return await answer


def test_a_job_goes_to_its_end() -> None:
    """The worker goes on as long as it is told to, and then waits for the next job."""

    async def play(mailbox: Mailbox) -> None:
        await mailbox.arrive({"host": "here"}, ["a"])
        await mailbox.post(JOB)
        taken = await mailbox.take(0)
        assert taken == {"turn": 1, "job": JOB, "start": 1}
        assert await reported(mailbox, 1, 1.0, go_on=True)
        assert not await mailbox.report(1, result(2.0, last=True))
        told = await mailbox.next_result(0)
        assert told == {**result(2.0, last=True), "groups": 1, "starts": 1, "place": {"host": "here"}}
        waiting = asyncio.create_task(mailbox.take(1))
        await asyncio.sleep(0)
        assert not waiting.done()
        await mailbox.close()
        assert await waiting is None
        assert await mailbox.closing()

    played(play)


def test_a_job_that_is_stopped_ends_at_its_report() -> None:
    """And so does one whose successor is posted before it was decided."""

    async def play(mailbox: Mailbox) -> None:
        await mailbox.post(JOB)
        await mailbox.take(0)
        assert not await reported(mailbox, 1, 1.0, go_on=False)
        await mailbox.post({"trial_id": "trial-1"})
        assert (await mailbox.take(1) or {})["turn"] == 2
        undecided = asyncio.create_task(mailbox.report(2, result(1.0)))
        await mailbox.next_result(5)
        await mailbox.post({"trial_id": "trial-2"})
        assert not await undecided
        assert await mailbox.next_result(0) is None  # nothing of the old trial is left for the new one

    played(play)


def test_reports_from_before_a_crash_are_answered_from_memory() -> None:
    """The owner hears each once, whatever the workers' number of lives."""

    async def play(mailbox: Mailbox) -> None:
        await mailbox.post(JOB)
        await mailbox.take(0)
        assert await reported(mailbox, 1, 1.0, go_on=True)
        again = await mailbox.take(0)  # the workers died, and the new ones know no turn
        assert again is not None
        assert again["start"] == 2
        assert await mailbox.report(1, result(1.0))
        assert await mailbox.next_result(0) is None
        assert await reported(mailbox, 1, 2.0, go_on=True)

    played(play)


def test_a_report_whose_workers_died_before_the_decision_is_heard_once() -> None:
    """The new workers report the same epoch again, and get the answer that the old ones waited for."""

    async def play(mailbox: Mailbox) -> None:
        await mailbox.post(JOB)
        await mailbox.take(0)
        old = asyncio.create_task(mailbox.report(1, result(1.0)))
        assert await mailbox.next_result(5) is not None
        await mailbox.take(0)
        new = asyncio.create_task(mailbox.report(1, result(1.0)))
        await asyncio.sleep(0)
        assert await mailbox.next_result(0) is None
        await mailbox.decide(True)
        assert await old
        assert await new

    played(play)


def test_a_decision_that_the_search_remembers() -> None:
    """A trial that was told to go on at epoch 2, in a slot that is gone, is not asked about epoch 1 or 2 again."""

    async def play(mailbox: Mailbox) -> None:
        await mailbox.post({**JOB, "decided_epoch": 2.0})
        await mailbox.take(0)
        assert await mailbox.report(1, result(1.0))
        assert await mailbox.report(1, result(2.0))
        assert await mailbox.next_result(0) is None
        assert not await reported(mailbox, 1, 3.0, go_on=False)

    played(play)


@pytest.mark.parametrize("progress", ["none", "an evaluation", "memory"])
def test_a_job_that_kills_its_workers_is_given_up(progress: str) -> None:
    """After `MAX_STARTS` without an evaluation in between; workers that start anew for memory have not died."""

    async def play(mailbox: Mailbox) -> None:
        await mailbox.post(JOB)
        for start in range(MAX_STARTS):
            assert await mailbox.take(0) is not None
            if start == 1 and progress == "an evaluation":
                assert await reported(mailbox, 1, 1.0, go_on=True)
            if start == 1 and progress == "memory":
                await mailbox.again(1)
        fifth = asyncio.create_task(mailbox.take(0))
        told = await mailbox.next_result(0.2)
        if progress == "none":
            assert told is not None
            assert told["failure"] == "its workers died 4 times without an evaluation in between"
            assert told["last"]
            assert not fifth.done()  # the slot waits for its next job
            fifth.cancel()
        else:
            assert told is None
            assert await fifth is not None

    played(play)


def test_workers_that_went_with_their_machine_have_not_died() -> None:
    """A spot instance that is taken away five times fails no trial."""
    alive = {"one"}

    async def play(mailbox: Mailbox) -> None:
        await mailbox.post(JOB)
        for number in range(2 * MAX_STARTS):
            await mailbox.arrive({}, [f"machine-{number}"])
            taken = await mailbox.take(0)
            assert taken is not None
            assert taken["start"] == 1
            alive.clear()

    played(play, lambda: alive)


def test_a_failure_of_the_job_says_what_kind() -> None:
    """Heard by the owner once, and only of the job at hand."""

    async def play(mailbox: Mailbox) -> None:
        await mailbox.post(JOB)
        await mailbox.take(0)
        await mailbox.failed(7, "of another turn", "")
        assert await mailbox.next_result(0) is None
        await mailbox.failed(1, "nothing fits", "trace", INFEASIBLE)
        await mailbox.failed(1, "again", "trace")
        told = await mailbox.next_result(0)
        assert told is not None
        assert (told["failure"], told["kind"], told["trace"]) == ("nothing fits", INFEASIBLE, "trace")
        assert await mailbox.next_result(0) is None

    played(play)


def test_a_group_that_cannot_work_tells_whoever_waits() -> None:
    """With what broke it."""

    async def play(mailbox: Mailbox) -> None:
        await mailbox.post(JOB)
        await mailbox.broken("ImportError: no torch", "trace")
        told = await mailbox.next_result(0)
        assert told is not None
        assert told["failure"] == "the worker group broke: ImportError: no torch"

    played(play)


def test_only_a_job_at_work_can_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes while it starts or trains; not before it is taken, while the search decides, or after its end."""
    now = [0.0]
    monkeypatch.setattr(mailboxes.time, "monotonic", lambda: now[0])

    async def play(mailbox: Mailbox) -> None:
        async def idle() -> float:
            now[0] += 100
            return await mailbox.idle()

        assert await idle() == 0
        await mailbox.post(JOB)
        assert await idle() == 0
        await mailbox.take(0)
        assert await idle() == 100
        await mailbox.beat()
        assert await idle() == 100
        waiting = asyncio.create_task(mailbox.report(1, result(1.0)))
        await mailbox.next_result(5)
        assert await idle() == 0
        await mailbox.decide(True)
        await waiting
        assert await idle() == 100
        await mailbox.report(1, result(2.0, last=True))
        assert await idle() == 0

    real = time.perf_counter()
    played(play)
    assert time.perf_counter() - real < 5


def test_a_job_that_waits_for_machines_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """They may be hours away."""
    now, alive = [0.0], {"one"}
    monkeypatch.setattr(mailboxes.time, "monotonic", lambda: now[0])

    async def play(mailbox: Mailbox) -> None:
        await mailbox.arrive({}, ["one"])
        await mailbox.post(JOB)
        await mailbox.take(0)
        now[0] += 3600
        assert await mailbox.idle() == 3600
        alive.clear()
        assert await mailbox.idle() == 0

    played(play, lambda: alive)


def test_a_search_that_ends_is_heard_by_all_workers_at_one_step() -> None:
    """Whoever comes to a step first decides for all; then the job is left, and no other is given."""

    async def play(mailbox: Mailbox) -> None:
        await mailbox.post(JOB)
        await mailbox.take(0)
        assert await mailbox.should_stop(1, 1, 1) == (False, 2)
        await mailbox.end()
        assert await mailbox.should_stop(1, 1, 1) == (False, 2)  # as the first worker was told
        told_first = await mailbox.should_stop(1, 1, 2)
        assert told_first[0]
        assert await mailbox.ending()
        await mailbox.left(1)
        told = await mailbox.next_result(0)
        assert told is not None
        assert told["left"]
        assert await mailbox.take(1) is None
        assert await mailbox.should_stop(1, 1, 2) == told_first  # by then the first worker may have left
        assert not (await mailbox.should_stop(1, 1, 3))[0]  # it is over

    played(play)


def test_a_job_that_nobody_had_taken_is_left() -> None:
    """Its owner hears it, and need not look for another slot."""

    async def play(mailbox: Mailbox) -> None:
        await mailbox.end()
        await mailbox.post(JOB)
        assert await mailbox.take(0) is None
        told = await mailbox.next_result(0)
        assert told is not None
        assert told["left"]

    played(play)


def test_a_report_is_not_decided_by_a_search_that_ends() -> None:
    """What was decided before stays so."""

    async def play(mailbox: Mailbox) -> None:
        await mailbox.post({**JOB, "decided_epoch": 1.0})
        await mailbox.take(0)
        answer = asyncio.create_task(mailbox.report(1, result(2.0)))
        assert await mailbox.next_result(5) is not None
        await mailbox.end()
        assert await answer is None
        assert await mailbox.report(1, result(1.0)) is True

    played(play)


def test_steps_are_asked_about_twice_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """However quick they are; never more than twice as many apart as before."""

    async def play(mailbox: Mailbox) -> None:
        now = [100.0]
        monkeypatch.setattr(mailboxes.time, "monotonic", lambda: now[0])
        await mailbox.post(JOB)
        await mailbox.take(0)
        step, split_by = 1, []
        while step < 400:
            _, after = await mailbox.should_stop(1, 1, step)
            split_by.append(after - step)
            now[0] += 0.01 * (after - step)  # a hundred steps a second
            step = after
        assert split_by[:7] == [1, 2, 4, 8, 16, 32, 50]
        assert set(split_by[7:]) == {50}

    played(play)
