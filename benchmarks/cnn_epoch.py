"""Compares the time of an epoch of the CNN in the engine with the shortest plain loop on the same batches.

    python -m benchmarks.cnn_epoch [--train ratings.tsv --set columns.source=document …] [--rows 20000] [--rounds 3]

Both use the same weights, rows, row order, optimizer, schedule and clipping, and run alternately; the fastest epoch of
each counts. Prints seconds per epoch, their ratio, and the last mean losses as JSON. The losses show that both train
alike; they are not equal, because the two draw dropout masks from different positions of one random stream.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from msgspec.structs import replace
from torch.nn import functional
from transformers import TrainerCallback

from benchmarks.small import small_study
from corpora.samples.reviews import write_samples
from corpora.tokenised import open_table, values
from delivery.sessions.space_options import one_configuration, resolve_space
from trainables.models.base_models import BaseModels
from trainables.tasks.registry import make_task
from trainables.training.batching import global_batches
from trainables.training.job import Job
from trainables.training.reports import Decision, Report
from trainables.training.trial import run_trial
from trainables.training.worker_cache import WorkerCache
from tuning.jobs import make_job
from tuning.studies.records import TrialRecord

LIMIT = 1.25
_EPOCHS = 2
_LOGGED = 50  # number of steps whose mean loss is compared


def run(folder: Path, train: Path | None, sets: list[str], rows: int, rounds: int) -> dict[str, Any]:
    """Returns the seconds of the fastest epoch of each, and their ratio."""
    job = _job(folder, train, sets, rows)
    engine: list[float] = []
    plain: list[float] = []
    losses: list[tuple[float, float]] = []
    for number in range(rounds):
        clock = _Clock()
        copy = replace(job, folder=str(folder / f"engine-{number}"))
        run_trial(copy, _Continue(), WorkerCache(), [clock])
        seconds, loss = plain_epochs(job)
        engine, plain = [*engine, *clock.seconds], [*plain, *seconds]
        losses.append((clock.loss, loss))
    ratio = min(engine) / min(plain)
    return {
        "rows": len(open_table(job.train)),
        "steps_per_epoch": clock.steps // _EPOCHS,
        "engine_seconds": [round(value, 2) for value in engine],
        "plain_seconds": [round(value, 2) for value in plain],
        "ratio": round(ratio, 3),
        "limit": LIMIT,
        "last_losses": losses[-1],
    }


def _job(folder: Path, train: Path | None, sets: list[str], rows: int) -> Job:
    files = {"train": train, "dev": None} if train else write_samples(folder / "data", train=rows, dev=64, test=4)
    options = {f"data.{split}": path and str(path) for split, path in files.items()} | {"model": "scratch:base"}
    quick = [f"num_train_epochs={_EPOCHS}", f"filters.sample={rows}", "wandb.mode=disabled", "vocabulary=8000"]
    space = one_configuration(resolve_space("cnn", options, [*quick, "data.dev_share=0.001", *sets], [], None), None)
    study, material = small_study(folder, "cnn-epoch", space)
    config = {**space.fixed, "learning_rate": 1e-3, "logging_steps": _LOGGED}
    return make_job(study, material, None)(TrialRecord(0, "one", {}, config, float(_EPOCHS)))


def plain_epochs(job: Job) -> tuple[list[float], float]:
    """Returns the seconds of every epoch, and the mean loss of the last full group of `_LOGGED` steps."""
    task = make_task(job.task, job.task_options)
    model: Any = BaseModels().copy_of(job.base_model, {}, task, job.weights_seed).train()
    table = open_table(job.train)
    tokens, labels, lengths = (values(table, name) for name in ("input_ids", "labels", "length"))
    size, pad = int(job.config["per_device_train_batch_size"]), int(model.config.pad_token_id)
    optimizer = torch.optim.AdamW(model.parameters(), job.config["learning_rate"], weight_decay=0.0, fused=True)
    steps = _EPOCHS * -(-len(lengths) // size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    torch.manual_seed(job.seed)
    seconds: list[float] = []
    losses: list[torch.Tensor] = []
    for epoch in range(_EPOCHS):
        started = time.perf_counter()
        for batch in global_batches(lengths, size, seed=job.seed, epoch=epoch, by_length=True):
            longest = max(lengths[row] for row in batch)
            ids = torch.tensor([tokens[row] + [pad] * (longest - lengths[row]) for row in batch])
            logits = model(ids, ids != pad).logits
            loss = functional.cross_entropy(logits, torch.tensor([labels[row] for row in batch]))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.detach())
        seconds.append(time.perf_counter() - started)
    logged = len(losses) // _LOGGED * _LOGGED
    return seconds, torch.stack(losses[logged - _LOGGED : logged]).mean().item()


class _Continue:
    """A reporter that never stops a trial."""

    def report(self, report: Report) -> Decision:
        return Decision.CONTINUE


class _Clock(TrainerCallback):
    """Measures the seconds of every epoch."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.steps, self.loss, self._started = 0, float("nan"), 0.0

    def on_epoch_begin(self, *args: Any, **kwargs: Any) -> None:
        self._started = time.perf_counter()

    def on_epoch_end(self, *args: Any, **kwargs: Any) -> None:
        self.seconds.append(time.perf_counter() - self._started)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        self.steps, self.loss = state.global_step, (logs or {}).get("loss", self.loss)


def main() -> int:
    """Prints the report; returns 1 if the ratio is above the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, help="label<TAB>text; default: sample reviews")
    parser.add_argument(
        "--set", action="append", default=[], help="kotune's --set, for example the columns of the file"
    )
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = run(Path(folder), options.train, options.set, options.rows, options.rounds)
    print(json.dumps(report, indent=2))
    return int(report["ratio"] > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
