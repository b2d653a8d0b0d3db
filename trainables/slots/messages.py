"""Messages from a slot's workers, through its mailbox and Tune, to the scheduler and the searcher.

worker ──Report, Failed, Saved──► Mailbox ──Message──► SlotTrainable ──Tune's result──► scheduler, searcher
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from trainables.slots.settings import SlotSettings
from trainables.training.job import Job
from trainables.training.reports import Report, StepProgress


class FailureKind(StrEnum):
    """Why a job failed."""

    TRIAL = "trial"  # an error of the trial's own
    INFEASIBLE = "infeasible"  # not even one row fits into memory
    STORAGE = "storage"  # nothing can be written any more; the trial itself is well


@dataclass(frozen=True)
class WorkerInfo:
    """Where the workers of a slot run, as rank 0 sees it."""

    host: str
    pid: int
    device: str  # name of the GPU, or "CPU, 2 threads"
    precision: str  # "bf16", "fp16" or "32 bit"
    workers: int


@dataclass(frozen=True)
class TrialSteps:
    """The steps of a trial, from a heartbeat of its workers."""

    trial_id: str
    steps: StepProgress


@dataclass(frozen=True)
class Assignment:
    """A job that a worker group is to train."""

    turn: int  # counts the jobs of a slot, from 1
    job: Job
    start: int  # counts the starts of this job without an evaluation in between, from 1


@dataclass(frozen=True)
class Evaluated:
    """The job reports an evaluation, and waits for a decision unless the report is its last."""

    report: Report
    objective: float  # the value of the study's metric


@dataclass(frozen=True)
class Failed:
    """The job failed."""

    reason: str
    kind: FailureKind = FailureKind.TRIAL
    trace: str = ""


@dataclass(frozen=True)
class Saved:
    """The job was saved because the search ends; it continues when the study is resumed."""


@dataclass(frozen=True)
class Message:
    """An event of a job, with the state of the slot that runs it."""

    event: Evaluated | Failed | Saved
    groups: int = 0  # worker groups that the slot has started so far
    worker: WorkerInfo | None = None  # None before the first group has started
    slot: str = ""  # name of the slot; empty if the job never reached one

    @property
    def last(self) -> bool:
        """Whether no other message of the job follows."""
        return not isinstance(self.event, Evaluated) or self.event.report.last


#: A result of a trial, and the configuration of a trial, as Tune passes them on. Only the functions below look inside,
#: and they check the types of the entries.
TuneResult = Mapping[str, object]
TuneTrialConfig = Mapping[str, object]

#: The entry of Tune's result that holds the message. Tune copies it as it is, and adds entries of its own.
_MESSAGE = "message"


def to_tune_result(message: Message) -> dict[str, object]:
    """Returns the result that a Tune trainable reports for a message."""
    return {_MESSAGE: message, "done": message.last}


def from_tune_result(result: TuneResult | None) -> Message | None:
    """Returns the message in a result of Tune; None if the trial has reported none yet."""
    message = (result or {}).get(_MESSAGE)
    assert message is None or isinstance(message, Message)
    return message


@dataclass(frozen=True)
class TrialConfig:
    """What the searcher passes to a trial's owner."""

    job: Job
    slot: SlotSettings


def to_tune_config(config: TrialConfig) -> dict[str, object]:
    """Returns the configuration that Tune passes to a trainable."""
    return {"job": config.job, "slot": config.slot}


def from_tune_config(config: TuneTrialConfig) -> TrialConfig:
    """Returns the entries of a Tune configuration that `to_tune_config` made."""
    job, slot = config["job"], config["slot"]
    assert isinstance(job, Job)
    assert isinstance(slot, SlotSettings)
    return TrialConfig(job, slot)
