"""The job of a trial: everything a worker needs to train it. It is sent to workers and kept in `job.json`."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import msgspec

from foundation.buckets import join, write
from foundation.checked_json import convert_json, decode_json, plain
from trainables.tracking.run_settings import RunSettings, TensorBoardSettings

#: The file of a job, and the file of the traceback of a failed job, in the folder of the trial.
JOB, TRACE = "job.json", "error.txt"

_TODO = "run it with the version of kotune that wrote it, or start the search again"


class EpochValue(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Value of the objective and loss at one evaluation; `[epoch, value, loss]` in JSON, without loss in old files."""

    epoch: float
    value: float
    loss: float | None = None


class Job(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything a worker needs to train a trial.

    Args:
        config: parameter -> value, with the names of `trainables.training.parameters`.
        base_model: folder of the model; this and every other folder may be an address in a bucket.
        train: folder of the tokenised split.
        dev: as `train`.
        eval_every: epochs between evaluations.
        max_epochs: where the trial ends.
        folder: the trial's own folder.
        weights_seed: seed of fresh weights, if the base model is untrained.
        trust_remote_code: whether Python code that comes with the base model may run.
        decided_epoch: the scheduler has already decided to continue up to this epoch.
        evaluations: those the scheduler has on record.
        memory: folder of the batch sizes that fit into memory; empty for the trial's own folder.
        tracking: the trial's W&B run; None for no run.
        tensorboard: the trial's event file; None for no file.
    """

    trial_id: str
    number: int
    task: str
    task_options: dict[str, Any]
    base_model: str
    train: str
    dev: str
    config: dict[str, Any]
    seed: int
    metric: str
    mode: str
    eval_every: float
    max_epochs: float
    folder: str
    weights_seed: int | None = None
    trust_remote_code: bool = False
    decided_epoch: float = 0.0
    evaluations: tuple[EpochValue, ...] = ()
    memory: str = ""
    tracking: RunSettings | None = None
    tensorboard: TensorBoardSettings | None = None

    @classmethod
    def from_json(cls, content: bytes, where: str) -> Job:
        """Decodes a `job.json`.

        Args:
            where: its path, for messages.

        Raises:
            UserError: the content is not JSON, or not a job.
        """
        return cls.from_plain(decode_json(content, dict[str, Any], where, _TODO), where)

    @classmethod
    def from_plain(cls, fields: Mapping[str, Any], where: str = "job") -> Job:
        """Checks the fields of a job and converts them.

        Raises:
            UserError: a field is unknown, missing, or has the wrong type.
        """
        # Older job.json files hold an empty object if nothing is logged.
        return convert_json({**fields, "tracking": fields.get("tracking") or None}, cls, where, _TODO)

    @property
    def checkpoints(self) -> str:
        """Folder of the trial's checkpoints."""
        return join(self.folder, "checkpoints")

    def to_plain(self) -> dict[str, Any]:
        """Returns the job as `job.json` holds it."""
        result: dict[str, Any] = plain(self)
        return result


def write_trace(folder: str, trace: str) -> None:
    """Writes the traceback of a failed job; nothing if it cannot be written, since the disk may be what failed.

    Args:
        folder: The trial's own folder.
        trace: Without keys and tokens.
    """
    with contextlib.suppress(OSError):
        write(join(folder, TRACE), trace.encode(errors="backslashreplace"))
