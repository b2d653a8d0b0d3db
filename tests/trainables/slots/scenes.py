"""Parts of the mailbox tests: a job, reports, and a way to run both sides of a mailbox without Ray."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from trainables.slots.mailbox import Mailbox
from trainables.slots.messages import Evaluated, Message, WorkerInfo
from trainables.training.job import Job
from trainables.training.reports import Decision, Report

WORKER = WorkerInfo(host="a-host", pid=1, device="CPU, 1 thread", precision="32 bit", workers=1)


def a_job(**changes: Any) -> Job:
    """A job with nothing in it that a mailbox reads, but for its metric."""
    fields: dict[str, Any] = {
        "trial_id": "trial-0",
        "number": 0,
        "task": "summarization",
        "task_options": {},
        "base_model": "",
        "train": "",
        "dev": "",
        "config": {},
        "seed": 0,
        "metric": "loss",
        "mode": "min",
        "eval_every": 1.0,
        "max_epochs": 3.0,
        "folder": "",
    }
    return Job(**{**fields, **changes})


def a_report(epoch: float, last: bool = False, loss: float = 0.5) -> Report:
    return Report(epoch=epoch, step=int(10 * epoch), metrics={"loss": loss}, seconds=1.0, last=last)


def run_scene(scene: Callable[[Mailbox], Awaitable[None]], alive_nodes: Callable[[], set[str]] = set) -> None:
    """Runs `scene` on a new mailbox, for ten seconds at most."""

    async def limited() -> None:
        await asyncio.wait_for(scene(Mailbox(alive_nodes)), 10)

    asyncio.run(limited())


async def decided(mailbox: Mailbox, turn: int, epoch: float, decision: Decision) -> Decision:
    """A worker reports, the owner decides; returns what the worker receives."""
    answer = asyncio.create_task(mailbox.report(turn, a_report(epoch)))
    message = await mailbox.next_message(5)
    assert event(message) == Evaluated(a_report(epoch), objective=0.5)
    await mailbox.answer(decision)
    return await answer


def event(message: Message | None) -> object:
    """The event in a message that must be there."""
    assert message is not None
    return message.event
