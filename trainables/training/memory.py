"""What fits into memory: a batch that does not is halved, and as many more are accumulated.

The global batch stays what it was, and with it every gradient (see `trainables.training.batching`). What was found is
kept in the study's folder, so that no later trial of the same size has to find it again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import torch
from msgspec.structs import replace

from foundation import buckets
from foundation.durable import retry_on_storage_error
from foundation.errors import first_line
from trainables.training.job import Job
from trainables.training.reports import TrialFailed

TRAINING, EVALUATION = "training", "evaluation"
_ROWS = {TRAINING: "per_device_train_batch_size", EVALUATION: "per_device_eval_batch_size"}
#: What transformers takes where nothing is said.
_USUAL_ROWS = 8

#: Parameters that memory depends on, besides those of the model; evaluation writes, and beams are copies.
_MATTER = {
    TRAINING: ("optim", "bf16", "fp16", "gradient_checkpointing", "freeze_layers", "vocabulary", "tokenizer_kind"),
    EVALUATION: ("bf16_full_eval", "num_beams", "max_new_tokens", "max_length", "vocabulary", "tokenizer_kind"),
}


class MemoryFull(Exception):
    """A batch did not fit, and a smaller one is known now: start the trial again."""


class Infeasible(TrialFailed):
    """Not even one row fits."""


def is_full(error: BaseException) -> bool:
    """Whether `error` says that memory is full, of a GPU or of the machine."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error) for words in ("can't allocate memory", "CUDA out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
    )


def fitted(job: Job) -> Job:
    """The job with batches that fitted earlier trials of its size."""
    config = dict(job.config)
    for phase, name in _ROWS.items():
        known = _known(_file(job, phase))
        rows = int(config.get(name, _USUAL_ROWS))
        if known is None or known >= rows:
            continue
        config[name] = _divisor(rows, known)
        if phase == TRAINING:
            config["gradient_accumulation_steps"] = _accumulated(config) * (rows // config[name])
    return replace(job, config=config)


def halve(job: Job, phase: str, error: BaseException) -> None:
    """Remember that the batch of `job`, as `fitted` made it, is too large.

    Raises:
        Infeasible: it was of one row.
    """
    rows = int(job.config.get(_ROWS[phase], _USUAL_ROWS))
    if rows <= 1:
        raise Infeasible(f"not even a batch of one row fits into memory in {phase}: {first_line(error)}") from error
    file, known = _file(job, phase), {"rows": _divisor(rows, rows // 2), "of": _size(job, phase)}
    retry_on_storage_error(lambda: buckets.write_json(file, known), "what fits into memory")


def _divisor(rows: int, most: int) -> int:
    """The largest share of `rows` that is whole and not above `most`."""
    return next(share for share in range(max(1, min(most, rows)), 0, -1) if rows % share == 0)


def _accumulated(config: Mapping[str, Any]) -> int:
    return int(config.get("gradient_accumulation_steps") or 1)


def _file(job: Job, phase: str) -> str:
    named = hashlib.sha256(json.dumps(_size(job, phase), sort_keys=True).encode()).hexdigest()[:16]
    return buckets.join(job.memory or job.folder, f"{phase}-{named}.json")


def _size(job: Job, phase: str) -> dict[str, Any]:
    """What the memory that a row takes depends on."""
    of_the_model = {name: value for name, value in job.config.items() if name.startswith("model.")}
    others = {name: job.config[name] for name in _MATTER[phase] if name in job.config}
    return {"base_model": job.base_model, "rows_of": job.train, **of_the_model, **others}


def _known(file: str) -> int | None:
    try:
        return int(json.loads(buckets.read(file) or b"")["rows"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not known, or not to be read: it is found again
