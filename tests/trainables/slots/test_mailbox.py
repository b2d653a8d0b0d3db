"""Jobs, reports and decisions in the mailbox, and what it answers when workers die. Without Ray."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from tests.trainables.slots.scenes import WORKER, a_job, a_report, decided, event, run_scene
from trainables.slots.mailbox import MAX_STARTS, Mailbox
from trainables.slots.messages import Assignment, Evaluated, Failed, FailureKind, Message, TrialSteps
from trainables.training.reports import Decision, StepProgress

CONTINUE, STOP = Decision.CONTINUE, Decision.STOP


def test_the_mailbox_imports_no_heavy_library() -> None:
    """Its actor starts while the workers still import torch."""
    code = "import sys; import trainables.slots.mailbox; print(*{'torch', 'transformers', 'ray'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_job_runs_to_its_end() -> None:
    """The worker continues as long as the owner decides so, and then waits for the next job."""

    async def scene(mailbox: Mailbox) -> None:
        await mailbox.register_group(WORKER, ["a"])
        await mailbox.submit(a_job())
        assert await mailbox.next_job(0) == Assignment(turn=1, job=a_job(), start=1)
        assert await decided(mailbox, 1, 1.0, CONTINUE) is CONTINUE
        await mailbox.report(1, a_report(2.0, last=True))
        message = await mailbox.next_message(0)
        assert message == Message(Evaluated(a_report(2.0, last=True), 0.5), groups=1, worker=WORKER)
        waiting = asyncio.create_task(mailbox.next_job(1))
        await asyncio.sleep(0)
        assert not waiting.done()
        await mailbox.close()
        assert await waiting is None
        assert await mailbox.is_closing()

    run_scene(scene)


def test_a_stopped_job_ends_at_its_report() -> None:
    """So does a job that is replaced before its report was decided; none of its messages reach the next job."""

    async def scene(mailbox: Mailbox) -> None:
        await mailbox.submit(a_job())
        await mailbox.next_job(0)
        assert await decided(mailbox, 1, 1.0, STOP) is STOP
        await mailbox.submit(a_job(trial_id="trial-1"))
        second = await mailbox.next_job(1)
        assert second is not None
        assert (second.turn, second.job.trial_id) == (2, "trial-1")
        undecided = asyncio.create_task(mailbox.report(2, a_report(1.0)))
        await mailbox.next_message(5)
        await mailbox.submit(a_job(trial_id="trial-2"))
        assert await undecided is STOP
        assert await mailbox.next_message(0) is None

    run_scene(scene)


def test_reports_decided_before_a_crash_are_answered_from_memory() -> None:
    """The owner receives each report once, however many times the workers start."""

    async def scene(mailbox: Mailbox) -> None:
        await mailbox.submit(a_job())
        await mailbox.next_job(0)
        assert await decided(mailbox, 1, 1.0, CONTINUE) is CONTINUE
        restarted = await mailbox.next_job(0)  # new workers have seen no turn
        assert restarted is not None
        assert restarted.start == 2
        assert await mailbox.report(1, a_report(1.0)) is CONTINUE
        assert await mailbox.next_message(0) is None
        assert await decided(mailbox, 1, 2.0, CONTINUE) is CONTINUE

    run_scene(scene)


def test_a_report_repeated_before_its_decision_is_one_message() -> None:
    """Workers that start again repeat the report of the dead ones, and receive the same decision."""

    async def scene(mailbox: Mailbox) -> None:
        await mailbox.submit(a_job())
        await mailbox.next_job(0)
        old = asyncio.create_task(mailbox.report(1, a_report(1.0)))
        assert await mailbox.next_message(5) is not None
        await mailbox.next_job(0)
        new = asyncio.create_task(mailbox.report(1, a_report(1.0)))
        await asyncio.sleep(0)
        assert await mailbox.next_message(0) is None
        await mailbox.answer(CONTINUE)
        assert await old is CONTINUE
        assert await new is CONTINUE

    run_scene(scene)


def test_decisions_of_an_earlier_slot_count() -> None:
    """A trial that was decided to continue at epoch 2, in a lost slot, does not wait at epoch 1 or 2 again."""

    async def scene(mailbox: Mailbox) -> None:
        await mailbox.submit(a_job(decided_epoch=2.0))
        await mailbox.next_job(0)
        assert await mailbox.report(1, a_report(1.0)) is CONTINUE
        assert await mailbox.report(1, a_report(2.0)) is CONTINUE
        assert await mailbox.next_message(0) is None
        assert await decided(mailbox, 1, 3.0, STOP) is STOP

    run_scene(scene)


@pytest.mark.parametrize("progress", ["none", "an evaluation", "memory"])
def test_a_job_that_kills_its_workers_is_given_up(progress: str) -> None:
    """After `MAX_STARTS` without an evaluation in between; a restart with smaller batches is not a death."""

    async def scene(mailbox: Mailbox) -> None:
        await mailbox.submit(a_job())
        for start in range(MAX_STARTS):
            assert await mailbox.next_job(0) is not None
            if start == 1 and progress == "an evaluation":
                assert await decided(mailbox, 1, 1.0, CONTINUE) is CONTINUE
            if start == 1 and progress == "memory":
                await mailbox.reset_starts(1)
        fifth = asyncio.create_task(mailbox.next_job(0))
        message = await mailbox.next_message(0.2)
        if progress == "none":
            assert message is not None
            assert message.event == Failed("its workers died 4 times without an evaluation in between")
            assert message.last
            assert not fifth.done()  # the slot waits for its next job
            fifth.cancel()
        else:
            assert message is None
            assert await fifth is not None

    run_scene(scene)


def test_workers_lost_with_their_machine_do_not_count() -> None:
    """A spot instance that is reclaimed many times fails no trial."""
    alive = {"one"}

    async def scene(mailbox: Mailbox) -> None:
        await mailbox.submit(a_job())
        for number in range(2 * MAX_STARTS):
            await mailbox.register_group(WORKER, [f"machine-{number}"])
            assignment = await mailbox.next_job(0)
            assert assignment is not None
            assert assignment.start == 1
            alive.clear()

    run_scene(scene, lambda: alive)


def test_a_failure_of_the_job_names_its_kind() -> None:
    """The owner receives it once, and only for the current turn."""
    failure = Failed("nothing fits", FailureKind.INFEASIBLE, "trace")

    async def scene(mailbox: Mailbox) -> None:
        await mailbox.submit(a_job())
        await mailbox.next_job(0)
        await mailbox.report_failure(7, Failed("of another turn"))
        assert await mailbox.next_message(0) is None
        await mailbox.report_failure(1, failure)
        await mailbox.report_failure(1, Failed("once more"))
        assert event(await mailbox.next_message(0)) == failure
        assert await mailbox.next_message(0) is None

    run_scene(scene)


def test_a_broken_group_fails_the_job_that_waits() -> None:
    """With the exception that broke it."""

    async def scene(mailbox: Mailbox) -> None:
        await mailbox.submit(a_job())
        await mailbox.report_broken_group("ImportError: no torch", "trace")
        failure = Failed("the worker group broke: ImportError: no torch", trace="trace")
        assert event(await mailbox.next_message(0)) == failure

    run_scene(scene)


def test_the_newest_steps_of_the_current_job_are_kept() -> None:
    """For the driver's display; a late heartbeat of an earlier job does not count as the current one's."""
    first, second = StepProgress(step=10, epoch=0.5), StepProgress(step=20, epoch=1.0)

    async def scene(mailbox: Mailbox) -> None:
        assert await mailbox.steps() is None
        await mailbox.submit(a_job())
        await mailbox.next_job(0)
        assert await mailbox.steps() is None
        for steps in (first, second):
            await mailbox.heartbeat(1, steps)
        assert await mailbox.steps() == TrialSteps("trial-0", second)
        await mailbox.submit(a_job(trial_id="trial-1"))
        await mailbox.heartbeat(1, second)
        assert await mailbox.steps() is None
        await mailbox.heartbeat(2, first)
        assert await mailbox.steps() == TrialSteps("trial-1", first)

    run_scene(scene)
