"""Batch sizes that fit into memory. A batch that does not fit is halved, and twice as many are accumulated.

The global batch stays the same, and with it every gradient (see `trainables.training.batching`). The result is written
to the study's folder, so that later trials of the same model start with a batch that fits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec
import torch
from msgspec.structs import replace

from foundation import buckets
from foundation.checked_json import decode_json, plain
from foundation.durable import retry_on_storage_error
from foundation.errors import UserError, first_line
from trainables.training.job import Job
from trainables.training.reports import TrialFailed

TRAINING, EVALUATION = "training", "evaluation"
_ROWS_PARAMETER = {TRAINING: "per_device_train_batch_size", EVALUATION: "per_device_eval_batch_size"}
#: transformers' default of both.
_DEFAULT_ROWS = 8

#: Parameters that memory depends on, besides those of the model. Each beam of an evaluation needs memory of its own.
_MEMORY_PARAMETERS = {
    TRAINING: ("optim", "bf16", "fp16", "gradient_checkpointing", "freeze_layers", "vocabulary", "tokenizer_kind"),
    EVALUATION: ("bf16_full_eval", "num_beams", "max_new_tokens", "max_length", "vocabulary", "tokenizer_kind"),
}


class MemoryFull(Exception):
    """A batch did not fit, and a smaller one is on record now: restart the trial."""


class Infeasible(TrialFailed):
    """Not even a batch of one row fits into memory."""


class _Fitting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of a file in the study's memory folder.

    Args:
        rows: the largest batch that may fit.
        of: what the memory of a row depends on, for a reader of the file; its name is the hash of this.
    """

    rows: int
    of: Mapping[str, Any]


def is_full(error: BaseException) -> bool:
    """Returns whether an error means that the memory of a GPU or of the machine is full."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error) for words in ("can't allocate memory", "CUDA out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
    )


def fitted(job: Job) -> Job:
    """Returns the job with batches that are on record to fit into memory."""
    config = dict(job.config)
    for phase, name in _ROWS_PARAMETER.items():
        rows, limit = int(config.get(name, _DEFAULT_ROWS)), _recorded_rows(_path(job, phase))
        if limit is None or limit >= rows:
            continue
        config[name] = _largest_divisor(rows, limit)
        if phase == TRAINING:
            accumulation = int(config.get("gradient_accumulation_steps") or 1)
            config["gradient_accumulation_steps"] = accumulation * (rows // config[name])
    return replace(job, config=config)


def halve(job: Job, phase: str, error: BaseException) -> None:
    """Records that the batch of `job`, a result of `fitted`, is too large.

    Raises:
        Infeasible: it is a batch of one row.
    """
    rows = int(job.config.get(_ROWS_PARAMETER[phase], _DEFAULT_ROWS))
    if rows <= 1:
        raise Infeasible(f"not even a batch of one row fits into memory in {phase}: {first_line(error)}") from error
    path, fitting = _path(job, phase), _Fitting(_largest_divisor(rows, rows // 2), _conditions(job, phase))
    retry_on_storage_error(lambda: buckets.write_json(path, plain(fitting)), path)


def _largest_divisor(rows: int, limit: int) -> int:
    """Returns the largest divisor of `rows` that is at most `limit`."""
    return next(divisor for divisor in range(max(1, min(limit, rows)), 0, -1) if rows % divisor == 0)


def _path(job: Job, phase: str) -> str:
    digest = hashlib.sha256(json.dumps(_conditions(job, phase), sort_keys=True).encode()).hexdigest()[:16]
    return buckets.join(job.memory or job.folder, f"{phase}-{digest}.json")


def _conditions(job: Job, phase: str) -> Mapping[str, Any]:
    """Returns what the memory of a row depends on."""
    of_the_model = {name: value for name, value in job.config.items() if name.startswith("model.")}
    others = {name: job.config[name] for name in _MEMORY_PARAMETERS[phase] if name in job.config}
    return {"base_model": job.base_model, "rows_of": job.train, **of_the_model, **others}


def _recorded_rows(path: str) -> int | None:
    """Returns the rows on record; None without a record or if it is damaged, since they can be determined again."""
    try:
        return decode_json(buckets.read(path) or b"", _Fitting, path, "").rows
    except (OSError, UserError):
        return None
