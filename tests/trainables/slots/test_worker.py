"""How a worker trains one job and reports its end, with a recorded mailbox and a made-up trial. Without Ray."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
import ray.train

from tests.trainables.slots.scenes import a_job, a_report
from trainables.slots import worker
from trainables.slots.messages import Assignment, Failed, FailureKind
from trainables.tracking.run_settings import RunStatus
from trainables.training import trial
from trainables.training.callbacks import Heartbeat
from trainables.training.memory import Infeasible, MemoryFull
from trainables.training.reports import Decision, Interrupted, StepProgress, TrialFailed


class RecordingMailbox:
    """Records every call, and answers with `answers[method]`."""

    def __init__(self, **answers: Any) -> None:
        self.answers, self.calls = answers, list[tuple[Any, ...]]()

    def __getattr__(self, method: str) -> Any:
        def remote(*args: Any) -> Any:
            self.calls.append((method, *args))
            return self.answers.get(method)

        return SimpleNamespace(remote=remote)


@pytest.fixture(autouse=True)
def without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls of actors return at once; the group has one worker."""
    monkeypatch.setattr(ray, "get", lambda value: value)
    monkeypatch.setattr(ray.train, "get_context", lambda: SimpleNamespace(get_world_size=lambda: 1))
    monkeypatch.setattr(trial, "release", lambda engine: None)


def train(
    mailbox: RecordingMailbox, folder: Path, patch: pytest.MonkeyPatch, run: Callable[[], None], rank: int = 0
) -> None:
    """Trains a job whose trial is `run`."""
    patch.setattr(trial, "run_trial", lambda *args: run())
    cache: Any = None
    worker._train_job(Assignment(3, a_job(folder=str(folder)), 1), mailbox, cache, rank, notices=False)


def raising(error: BaseException) -> Callable[[], None]:
    def run() -> None:
        raise error

    return run


@pytest.mark.parametrize(
    ("decision", "last", "closing", "status"),
    [
        (Decision.CONTINUE, False, False, RunStatus.FAILED),  # as long as the job has not ended
        (Decision.STOP, True, False, RunStatus.FINISHED),
        (Decision.STOP, False, False, RunStatus.PRUNED),
        (Decision.STOP, False, True, RunStatus.INTERRUPTED),  # the slot closes
    ],
)
def test_the_status_of_a_run(decision: Decision, last: bool, closing: bool, status: RunStatus) -> None:
    """It follows from the last report and its decision."""
    mailbox = RecordingMailbox(report=decision, is_closing=closing)
    reporter = worker._MailboxReporter(mailbox, 3)
    assert reporter.report(a_report(1.0, last)) is decision
    assert reporter.status is status
    assert mailbox.calls[0] == ("report", 3, a_report(1.0, last))


@pytest.mark.parametrize(
    ("error", "kind"),
    [(TrialFailed("loss is nan"), FailureKind.TRIAL), (Infeasible("loss is nan"), FailureKind.INFEASIBLE)],
)
def test_a_failed_job_is_reported_and_the_worker_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, kind: FailureKind
) -> None:
    """The trace is in the message and in the trial's folder."""
    mailbox = RecordingMailbox()
    train(mailbox, tmp_path, monkeypatch, raising(error))
    ((method, turn, failure),) = mailbox.calls
    assert (method, turn) == ("report_failure", 3)
    assert failure == Failed("loss is nan", kind, failure.trace)
    assert "loss is nan" in failure.trace
    assert (tmp_path / "error.txt").read_text() == failure.trace


def test_a_failure_that_breaks_the_process_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the report."""
    monkeypatch.setattr(ray.train, "get_context", lambda: SimpleNamespace(get_world_size=lambda: 2))
    mailbox = RecordingMailbox()
    with pytest.raises(worker.AlreadyReported):
        train(mailbox, tmp_path, monkeypatch, raising(ValueError("a bug")))
    assert [method for method, *_ in mailbox.calls] == ["report_failure"]


def test_a_full_memory_restarts_all_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not count as a death, and is no failure of the job."""
    mailbox = RecordingMailbox()
    with pytest.raises(worker.AlreadyReported):
        train(mailbox, tmp_path, monkeypatch, raising(MemoryFull("batch of 64")))
    assert mailbox.calls == [("reset_starts", 3)]


def test_a_lost_peer_is_not_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray Train starts the group again."""
    mailbox = RecordingMailbox()
    with pytest.raises(ConnectionResetError):
        train(mailbox, tmp_path, monkeypatch, raising(ConnectionResetError()))
    assert mailbox.calls == []


@pytest.mark.parametrize(("rank", "calls"), [(0, [("report_saved", 3)]), (1, [])])
def test_rank_0_reports_an_interrupted_job_as_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rank: int, calls: list[Any]
) -> None:
    """It leaves last, when the checkpoint is complete."""
    mailbox = RecordingMailbox()
    train(mailbox, tmp_path, monkeypatch, raising(Interrupted()), rank)
    assert mailbox.calls == calls


@pytest.mark.parametrize(("error", "reported"), [(ImportError("no torch"), True), (worker.AlreadyReported(), False)])
def test_a_group_that_cannot_start_is_reported(
    monkeypatch: pytest.MonkeyPatch, error: Exception, reported: bool
) -> None:
    """Otherwise Ray Train would restart it for ever; a failure that is known is not reported twice."""
    mailbox = RecordingMailbox()
    monkeypatch.setattr(worker, "_train_jobs", lambda *args: raising(error)())
    with pytest.raises(type(error)):
        worker.work({"mailbox": mailbox, "settings": None})
    assert [call[:2] for call in mailbox.calls] == [("report_broken_group", "ImportError: no torch")] * reported


def test_a_machine_without_torch_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check for lost peers needs torch itself."""
    mailbox = RecordingMailbox()
    monkeypatch.setitem(sys.modules, "trainables.slots.failures", None)  # importing it raises an ImportError
    monkeypatch.setattr(worker, "_train_jobs", lambda *args: raising(ModuleNotFoundError("no torch"))())
    with pytest.raises(ModuleNotFoundError, match="no torch"):
        worker.work({"mailbox": mailbox, "settings": None})
    assert [call[:2] for call in mailbox.calls] == [("report_broken_group", "ModuleNotFoundError: no torch")]


def test_the_heartbeat_of_a_job_has_its_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the number of its turn, so that the mailbox knows which job they are of."""
    steps, heartbeats = StepProgress(step=1, epoch=0.1), list[Heartbeat]()
    mailbox: Any = RecordingMailbox()
    monkeypatch.setattr(
        trial, "run_trial", lambda *args: heartbeats.extend(each for each in args[3] if isinstance(each, Heartbeat))
    )
    cache: Any = None
    for rank in (0, 1):  # the others have none
        worker._train_job(Assignment(3, a_job(folder=str(tmp_path)), 1), mailbox, cache, rank, notices=False)
    (heartbeat,) = heartbeats
    heartbeat._beat(steps)
    assert mailbox.calls == [("heartbeat", 3, steps)]
