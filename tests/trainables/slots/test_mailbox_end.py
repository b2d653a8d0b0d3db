"""How the mailbox ends a search, and how it measures the time without progress. Without Ray."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.trainables.slots.scenes import WORKER, a_job, a_report, event, run_scene
from trainables.slots import mailbox as mailboxes
from trainables.slots.mailbox import Mailbox
from trainables.slots.messages import Saved
from trainables.training.reports import Decision, StepProgress


def test_only_a_running_job_can_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time counts while the job starts or trains; not before, after, or while it waits for a decision."""
    now = [0.0]
    monkeypatch.setattr(mailboxes.time, "monotonic", lambda: now[0])

    async def scene(mailbox: Mailbox) -> None:
        async def idle() -> float:
            now[0] += 100
            return await mailbox.seconds_without_progress()

        assert await idle() == 0
        await mailbox.submit(a_job())
        assert await idle() == 0
        await mailbox.next_job(0)
        assert await idle() == 100
        await mailbox.heartbeat(1, StepProgress(step=1, epoch=0.1))
        assert await idle() == 100
        waiting = asyncio.create_task(mailbox.report(1, a_report(1.0)))
        await mailbox.next_message(5)
        assert await idle() == 0
        await mailbox.answer(Decision.CONTINUE)
        await waiting
        assert await idle() == 100
        await mailbox.report(1, a_report(2.0, last=True))
        assert await idle() == 0

    real = time.perf_counter()
    run_scene(scene)
    assert time.perf_counter() - real < 5


def test_a_job_that_waits_for_machines_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """New machines may take hours."""
    now, alive = [0.0], {"one"}
    monkeypatch.setattr(mailboxes.time, "monotonic", lambda: now[0])

    async def scene(mailbox: Mailbox) -> None:
        await mailbox.register_group(WORKER, ["one"])
        await mailbox.submit(a_job())
        await mailbox.next_job(0)
        now[0] += 3600
        assert await mailbox.seconds_without_progress() == 3600
        alive.clear()
        assert await mailbox.seconds_without_progress() == 0

    run_scene(scene, lambda: alive)


def test_all_workers_stop_at_the_same_step() -> None:
    """The answer to the first worker at a step holds for all; then the job is saved, and no other one starts."""

    async def scene(mailbox: Mailbox) -> None:
        await mailbox.submit(a_job())
        await mailbox.next_job(0)
        assert await mailbox.should_stop(1, 1, 1) == (False, 2)
        await mailbox.save_and_stop()
        assert await mailbox.should_stop(1, 1, 1) == (False, 2)  # the answer that the first worker got
        first = await mailbox.should_stop(1, 1, 2)
        assert first[0]
        assert await mailbox.is_ending()
        await mailbox.report_saved(1)
        assert event(await mailbox.next_message(0)) == Saved()
        assert await mailbox.next_job(1) is None
        assert await mailbox.should_stop(1, 1, 2) == first  # the first worker may have left by then
        assert not (await mailbox.should_stop(1, 1, 3))[0]  # the job is over

    run_scene(scene)


def test_a_job_that_no_worker_has_started_is_saved_as_it_is() -> None:
    """Its owner gets a message, and need not start another slot."""

    async def scene(mailbox: Mailbox) -> None:
        await mailbox.save_and_stop()
        await mailbox.submit(a_job())
        assert await mailbox.next_job(0) is None
        assert event(await mailbox.next_message(0)) == Saved()

    run_scene(scene)


def test_the_end_of_the_search_interrupts_an_undecided_report() -> None:
    """Earlier decisions stay."""

    async def scene(mailbox: Mailbox) -> None:
        await mailbox.submit(a_job(decided_epoch=1.0))
        await mailbox.next_job(0)
        answer = asyncio.create_task(mailbox.report(1, a_report(2.0)))
        assert await mailbox.next_message(5) is not None
        await mailbox.save_and_stop()
        assert await answer is Decision.INTERRUPT
        assert await mailbox.report(1, a_report(1.0)) is Decision.CONTINUE

    run_scene(scene)


def test_workers_ask_twice_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """However fast their steps are; the interval at most doubles from one call to the next."""

    async def scene(mailbox: Mailbox) -> None:
        now = [100.0]
        monkeypatch.setattr(mailboxes.time, "monotonic", lambda: now[0])
        await mailbox.submit(a_job())
        await mailbox.next_job(0)
        step, intervals = 1, []
        while step < 400:
            _, following = await mailbox.should_stop(1, 1, step)
            intervals.append(following - step)
            now[0] += 0.01 * (following - step)  # a hundred steps a second
            step = following
        assert intervals[:7] == [1, 2, 4, 8, 16, 32, 50]
        assert set(intervals[7:]) == {50}

    run_scene(scene)
