"""What an exception in a worker means. Without Ray, a GPU or other workers."""

from __future__ import annotations

import errno

import pytest
import ray.exceptions
import torch
import torch.distributed as distributed

from foundation.durable import StorageLost
from foundation.errors import UserError
from trainables.slots import failures
from trainables.slots.messages import FailureKind
from trainables.training.memory import Infeasible
from trainables.training.reports import TrialFailed, failure_reason


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (StorageLost("the disk is full"), FailureKind.STORAGE),
        (OSError(errno.ENOSPC, "no space"), FailureKind.STORAGE),
        (OSError(errno.ENOENT, "no file"), FailureKind.TRIAL),
        (Infeasible("one row does not fit"), FailureKind.INFEASIBLE),
        (TrialFailed("loss is nan"), FailureKind.TRIAL),
        (ValueError("a bug"), FailureKind.TRIAL),
    ],
)
def test_the_kind_of_a_failure(error: BaseException, kind: FailureKind) -> None:
    """A storage that may come back, a trial that fits into no memory, or the trial's own error."""
    assert failures.kind_of(error) is kind


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TrialFailed("loss is nan\nat step 3"), "loss is nan"),
        (Infeasible("one row does not fit"), "one row does not fit"),
        (StorageLost("the disk is full"), "the disk is full"),
        (ValueError("\n a bug \nhere"), "ValueError: a bug "),
        (KeyError(), "KeyError: "),
    ],
)
def test_the_reason_of_a_failure(error: BaseException, reason: str) -> None:
    """One line; the name of an exception only where its text was not written for the user."""
    assert failure_reason(error) == reason


def test_a_reason_and_a_trace_hold_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """They go into records, logs and messages."""
    key = "0123456789abcdef" * 2 + "01234567"
    monkeypatch.setenv("WANDB_API_KEY", key)
    try:
        raise ValueError(f"server refused {key}")
    except ValueError as error:
        failure = failures.failure_of(error)
    assert failure.reason.startswith("ValueError: server refused ")
    assert key not in failure.reason + failure.trace
    assert "test_failures.py" in failure.trace


@pytest.mark.parametrize(
    ("error", "workers", "has_gpu", "continues"),
    [
        (TrialFailed("nan"), 2, True, True),  # raised by all workers
        (UserError("bad value", "a number", "change it"), 2, True, True),
        (StorageLost("full"), 2, True, True),
        (ValueError("a bug"), 1, True, True),
        (ValueError("a bug"), 2, False, False),  # the others wait in a collective
        (RuntimeError("shape"), 1, False, True),
        (RuntimeError("CUDA error: device-side assert"), 1, True, False),
        (torch.OutOfMemoryError("CUDA out of memory"), 1, True, True),
    ],
)
def test_when_a_process_can_train_the_next_trial(
    error: BaseException, workers: int, has_gpu: bool, continues: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After errors that all workers raise together; alone, after any that leaves the device usable."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    assert failures.can_train_next(error, workers) is continues


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (distributed.DistBackendError("timeout"), True),
        (ConnectionResetError(), True),
        (ray.exceptions.RayActorError(), True),
        (RuntimeError("Connection closed by peer [10.0.0.1]"), True),
        (RuntimeError("[gloo] read error"), True),
        (RuntimeError("NCCL error: unhandled system error"), True),
        (RuntimeError("size mismatch"), False),
        (ValueError("NCCL"), False),
    ],
)
def test_a_lost_peer_is_not_the_trials_fault(error: BaseException, lost: bool) -> None:
    """The group starts again, and the trial continues."""
    assert failures.is_lost_peer(error) is lost
