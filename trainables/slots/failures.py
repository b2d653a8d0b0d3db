"""What an exception in a worker means for the job, and for the slot."""

from __future__ import annotations

import traceback

import ray.exceptions
import torch
import torch.distributed as distributed

from foundation.durable import StorageLost, is_storage_error
from foundation.errors import UserError
from foundation.secrets import redact
from trainables.slots.messages import Failed, FailureKind
from trainables.training.memory import Infeasible
from trainables.training.reports import TrialFailed, failure_reason

#: Texts of the errors that torch raises when another worker is gone.
_PEER_TEXTS = ("Connection closed by peer", "Connection reset", "gloo", "NCCL")


def failure_of(error: BaseException) -> Failed:
    """Returns the message for a job that raised `error`. Call it in the `except` block, for the trace."""
    return Failed(failure_reason(error), kind_of(error), redact(traceback.format_exc()))


def kind_of(error: BaseException) -> FailureKind:
    """The kind of failure that `error` is."""
    if isinstance(error, StorageLost) or is_storage_error(error):
        return FailureKind.STORAGE
    return FailureKind.INFEASIBLE if isinstance(error, Infeasible) else FailureKind.TRIAL


def can_train_next(error: BaseException, workers: int) -> bool:
    """Whether this process can train the next trial after `error`.

    With several workers only after an error that all of them raise together. After a CUDA error other than a full
    memory the device does not respond any more.
    """
    if isinstance(error, TrialFailed | UserError | StorageLost):
        return True
    if workers > 1:
        return False
    is_device_error = torch.cuda.is_available() and isinstance(error, RuntimeError)
    return isinstance(error, torch.OutOfMemoryError) or not is_device_error


def is_lost_peer(error: BaseException) -> bool:
    """Whether `error` only means that another worker is gone, which is not the trial's fault."""
    if isinstance(error, distributed.DistError | ConnectionError | ray.exceptions.RayActorError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _PEER_TEXTS)
