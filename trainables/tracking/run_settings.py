"""Settings of one trial's runs in W&B and TensorBoard, the names there, and the record of how a W&B run was kept."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from search_spaces.choices import WandbMode


class RunStatus(StrEnum):
    """How a run ended: the `status` in its summary."""

    FINISHED = "finished"
    PRUNED = "pruned"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


class RunSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings of one trial's W&B run.

    Args:
        mode: any but `auto`, which is decided per study.
        folder: where wandb writes the run's files, below `wandb/`. May be an address in a bucket: then the run's files
            are written on this machine and uploaded when the run ends.
        record: file for the `RunRecord`. May be an address in a bucket.
        config: the trial's configuration as the run shows it.
        open_seconds: time limit for opening the run; wandb's default is 90 s.
        finish_seconds: time limit for finishing it; wandb may wait 1,800 s for runs that were cut off.
    """

    mode: WandbMode
    project: str
    run_id: str
    name: str
    group: str
    folder: str
    record: str
    entity: str | None = None
    tags: tuple[str, ...] = ()
    config: Mapping[str, Any] = {}
    open_seconds: float = 30.0
    finish_seconds: float = 30.0


class TensorBoardSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings of one trial's event file.

    Args:
        config: the trial's configuration, for the page HPARAMS.
        columns: every parameter of the study with a value that it may have. TensorBoard takes the columns of the page
            from any one of the trials, which may lack a parameter.
        metric: the objective of the study, of which the page shows the best value of each trial.
        mode: `max` or `min`.
    """

    config: Mapping[str, Any]
    columns: Mapping[str, Any]
    metric: str
    mode: str


class RunRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a run was kept; the content of a trial's `tracking.json`.

    Args:
        mode: `online` or `offline`.
        reason: why a run that should be online is offline; otherwise empty.
        folder: the run's files.
    """

    mode: WandbMode
    id: str
    reason: str
    folder: str


def run_names(logs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Renames `eval_loss` to `eval/loss` and `loss` to `train/loss`, as transformers' own integrations do.

    `train_loss`, the mean of a whole training, becomes `train/train_loss`: it is no point of the curve `train/loss`.
    """
    return {
        f"eval/{name.removeprefix('eval_')}" if name.startswith("eval_") else f"train/{name}": value
        for name, value in logs.items()
    }
