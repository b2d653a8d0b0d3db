"""One trial, from a plain dict to reports: no Ray here, so that it can be tested and timed in one process.

Run one alone:  python -m trainables.training.trial runs/STUDY/trials/TRIAL/job.json --folder /tmp/alone
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import pickle
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list
from msgspec.structs import replace
from transformers import (
    AutoTokenizer,
    GenerationConfig,
    PreTrainedTokenizerBase,
    Seq2SeqTrainingArguments,
    TrainerCallback,
    set_seed,
)
from transformers.utils import logging as transformers_logging

from corpora.tokenised import open_table
from foundation.buckets import in_bucket, local_copy, scratch
from foundation.checked_json import plain
from foundation.durable import retry_on_storage_error
from foundation.errors import UserError, first_line, raise_all
from trainables.models.base_models import BaseModels
from trainables.tasks.registry import make_task
from trainables.tasks.task import Task
from trainables.text.decoding import decoding_config
from trainables.training import checkpoints, memory
from trainables.training.checkpoint_store import MANIFEST
from trainables.training.engine import Engine
from trainables.training.evaluation_schedule import EvaluationSchedule
from trainables.training.evaluation_tracker import EvaluationTracker
from trainables.training.job import Job
from trainables.training.parameters import Settings, split_parameters, value_problems
from trainables.training.reports import Decision, Report, Reporter, TrialFailed

#: Optimizer steps between two logged losses; transformers' 500 is more than many a trial has.
_LOGGING_STEPS = 10

#: Torch's own patience of ten evaluations is longer than most trials, and its `mode` does not know the objective.
_PLATEAU = {"patience": 1, "factor": 0.5}


def check_config(config: Mapping[str, Any], task: type[Task]) -> None:
    """Build everything that a configuration of parameters is turned into, without a model.

    Args:
        task: which parameters it reads.

    Raises:
        UserError: a value cannot be used.
    """
    raise_all(value_problems(config))
    settings = split_parameters(config)
    _check_own_rate(settings)
    if settings.generation and not task.is_generative:
        raise UserError(f"{', '.join(settings.generation)}: nothing is generated in this task", "", "take it out")
    ignored_parameters = [
        name for name, usual in task.ignored_parameters.items() if settings.value(name) not in (None, usual)
    ]
    if ignored_parameters:
        raise UserError(
            f"{', '.join(ignored_parameters)}: without effect in {task.name}", "", f"take {ignored_parameters[0]} out"
        )
    try:
        build_arguments(config, folder=Path("unused"), seed=0, metric="loss", mode="min")
        decoding_config(GenerationConfig(), settings.generation)
    except (ValueError, TypeError) as error:
        raise UserError(f"a trial cannot be made of these values: {first_line(error)}") from error


def _check_own_rate(settings: Settings) -> None:
    """Adafactor's own rate leaves no room for another one."""
    if not settings.extra.get("adafactor_own_rate"):
        return
    optim, decay = settings.training.get("optim"), settings.extra.get("layerwise_lr_decay") or 1.0
    if optim != "adafactor":
        given, allowed = f"adafactor_own_rate with optim {optim or 'adamw_torch'}", "optim: adafactor"
        raise UserError(given, allowed, "--set optim=adafactor, or take adafactor_own_rate out")
    if decay != 1.0:
        given = f"adafactor_own_rate with layerwise_lr_decay {decay:g}"
        raise UserError(given, "one of the two: the rate is Adafactor's own", "take layerwise_lr_decay out")


def choose_precision(training: Mapping[str, Any], device: torch.device) -> dict[str, bool]:
    """bf16, fp16 or neither: as told, else the best that the device has.

    A CPU computes in 32 bit, or in bf16 where it is told to; it has no fp16, so a configuration written for a GPU runs
    in 32 bit there.
    """
    if device.type != "cuda":
        return {"bf16": bool(training.get("bf16", False)), "fp16": False}
    if "bf16" in training or "fp16" in training:
        return {name: bool(training.get(name, False)) for name in ("bf16", "fp16")}
    wide = torch.cuda.is_bf16_supported(including_emulation=False)  # an older GPU emulates it, slowly
    return {"bf16": wide, "fp16": not wide}


def build_arguments(
    config: Mapping[str, Any], *, folder: Path, seed: int, metric: str, mode: str
) -> Seq2SeqTrainingArguments:
    """A trial's training arguments; what the search decides itself is set here and nowhere else."""
    training = split_parameters(config).training
    if training.get("lr_scheduler_type") == "reduce_lr_on_plateau":
        training["lr_scheduler_kwargs"] = {**_PLATEAU, "mode": mode, **(training.get("lr_scheduler_kwargs") or {})}
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    arguments = Seq2SeqTrainingArguments(
        **{
            "logging_steps": _LOGGING_STEPS,
            **training,
            **choose_precision(training, device),
            "output_dir": str(folder / "trainer"),
            "seed": seed,
            "data_seed": seed,
            "use_cpu": device.type == "cpu",
            "disable_tqdm": True,
            "report_to": "none",
            "save_strategy": "no",  # `Engine.evaluate` decides
            "eval_strategy": "steps",  # `EvaluationSchedule` decides when; ReduceLROnPlateau wants to see a strategy
            "eval_steps": 2**40,
            "predict_with_generate": True,
            "remove_unused_columns": False,
            "metric_for_best_model": metric,
            "greater_is_better": mode == "max",
            "ddp_find_unused_parameters": training.get("ddp_find_unused_parameters", False),
            "log_level": "error",
        }
    )
    arguments._n_gpu = min(arguments._n_gpu, 1)  # one worker drives one device; more are more workers
    return arguments


class WorkerCache:
    """What a process keeps from trial to trial: base models, tokenizers, open tables, copies of what is in buckets."""

    def __init__(self) -> None:
        self.models = BaseModels()
        self._copies: dict[str, str] = {}
        self._tokenizers: dict[str, PreTrainedTokenizerBase] = {}
        self._tables: dict[str, Any] = {}

    def here(self, job: Job) -> Job:
        """The job with folders of this machine in the place of addresses in a bucket, but for its own."""
        for address in (job.base_model, job.train, job.dev):
            if address not in self._copies:
                self._copies[address] = str(
                    retry_on_storage_error(partial(local_copy, address), f"what lies in {address}", verb="read")
                )
        base_model, train, dev = (self._copies[address] for address in (job.base_model, job.train, job.dev))
        return replace(job, base_model=base_model, train=train, dev=dev)

    def tokenizer(self, folder: str, *, trust: bool = False) -> PreTrainedTokenizerBase:
        if folder not in self._tokenizers:
            self._tokenizers = {folder: AutoTokenizer.from_pretrained(folder, trust_remote_code=trust)}
        return self._tokenizers[folder]

    def table(self, folder: str) -> Any:
        if folder not in self._tables:
            self._tables[folder] = open_table(folder)
        return self._tables[folder]


def run_trial(
    job: Job,
    reporter: Reporter,
    workshop: WorkerCache,
    callbacks: Sequence[TrainerCallback] = (),
) -> Engine:
    """Train one trial to its end or until the reporter stops it; goes on from its newest checkpoint.

    Equal jobs give equal weights and metrics bit for bit on a CPU, in a fresh process or after other trials.

    Raises:
        TrialFailed: the trial gave no usable result.
        Interrupted: the search ends; a checkpoint says how far the trial came.
        UserError: its configuration cannot be trained.
    """
    while True:
        fitting = memory.fitted(job)
        try:
            return _run(fitting, reporter, workshop, callbacks)
        except _Full as full:
            memory.halve(fitting, full.phase, full.error)
            if full.workers > 1:  # the others wait for this one in vain: all of them start again
                raise memory.MemoryFull(str(full.error)) from full
        release(None)  # what the failed attempt held, now that nothing refers to it


class _Full(Exception):
    """Memory is full."""

    def __init__(self, error: BaseException, phase: str, workers: int) -> None:
        super().__init__(str(error))
        self.phase, self.workers = phase, workers
        self.error = type(error)(*error.args)  # without the frames, which hold what is to be given back


def _run(job: Job, reporter: Reporter, workshop: WorkerCache, callbacks: Sequence[TrainerCallback]) -> Engine:
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    job = workshop.here(job)
    folder = scratch("trials", job.folder) if in_bucket(job.folder) else Path(job.folder)
    folder.mkdir(parents=True, exist_ok=True)
    arguments = build_arguments(job.config, folder=folder, seed=job.seed, metric=job.metric, mode=job.mode)
    # Rank 0 alone looks, since it deletes what is damaged.
    look = partial(checkpoints.newest_whole, job.checkpoints)
    found = (
        retry_on_storage_error(look, f"what lies in {job.checkpoints}", verb="read")
        if arguments.process_index == 0
        else None
    )
    start = _agreed(found, arguments.world_size)
    if start is not None:
        retry_on_storage_error(start.here, f"what lies in {start.path}", verb="read")
    engine = None
    try:
        engine = _engine(job, arguments, start, reporter, workshop, callbacks)
        engine.train(resume_from_checkpoint=str(start.here()) if start else None)
    except pickle.UnpicklingError as error:  # torch and transformers open these files for tensors and numbers alone
        raise TrialFailed(f"{start and start.path}: what training goes on from holds more than tensors") from error
    except (RuntimeError, MemoryError) as error:
        if not memory.is_full(error):
            raise
        phase = memory.EVALUATION if engine is not None and engine.evaluating else memory.TRAINING
        full = _Full(error, phase, arguments.world_size)
    else:
        return engine
    release(engine)
    raise full


def _engine(
    job: Job,
    arguments: Seq2SeqTrainingArguments,
    start: checkpoints.Checkpoint | None,
    reporter: Reporter,
    workshop: WorkerCache,
    callbacks: Sequence[TrainerCallback],
) -> Engine:
    settings, task = split_parameters(job.config), make_task(job.task, job.task_options)
    model = workshop.models.fresh(job.base_model, settings.model, task, job.weights_seed, trust=job.trust_remote_code)
    set_seed(job.seed)
    if task.is_generative:
        model.generation_config = decoding_config(model.generation_config, settings.generation)
    dev = workshop.table(job.dev)
    judge = EvaluationTracker(
        job,
        task,
        dev,
        reporter,
        start=start,
        patience=settings.extra.get("early_stopping_patience"),
        threshold=float(settings.extra.get("early_stopping_threshold") or 0.0),
    )
    return Engine(
        model,
        arguments,
        task=task,
        extra=settings.extra,
        train_rows=workshop.table(job.train),
        dev_rows=dev,
        decode=task.text_decoder(workshop.tokenizer(job.base_model, trust=job.trust_remote_code)),
        decoding=model.generation_config if task.is_generative else None,
        judge=judge,
        rungs=EvaluationSchedule(job.eval_every, job.max_epochs),
        folder=job.checkpoints,
        evaluated=start.evaluated if start else 0.0,
        callbacks=callbacks,
    )


def _agreed(start: checkpoints.Checkpoint | None, workers: int) -> checkpoints.Checkpoint | None:
    """The checkpoint that rank 0 found, on every rank: a shared file system may show it later to some."""
    if workers == 1:
        return start
    chosen: checkpoints.Checkpoint | None = broadcast_object_list([start])[0]
    if chosen is not None and not (chosen.here() / MANIFEST).is_file():
        raise TrialFailed(f"a worker cannot see {chosen.path}: all of them need the study's folder")
    return chosen


def release(engine: Engine | None) -> None:
    """Give back what a trial held, so that the next one in this process finds as much memory as it did."""
    if engine is not None:
        engine.callback_handler.callbacks.clear()
        vars(engine.accelerator).clear()  # its `free_memory` would collect twice, a quarter of a second each
        vars(engine).clear()  # model, optimizer and their cycles
    del engine
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


class PrintReporter:
    """Prints every result as a line of JSON and always goes on."""

    def report(self, report: Report) -> Decision:
        print(json.dumps(plain(report)), flush=True)
        return Decision.CONTINUE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job in a file alone, in this process."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("job", type=Path)
    parser.add_argument("--folder", type=Path, help="where this run writes; default: a new temporary folder")
    parser.add_argument("--trust-remote-code", action="store_true", help="run the code that comes with the model")
    given = parser.parse_args(arguments)
    # Never the trial's own folder: its checkpoints would be replaced.
    folder = str(given.folder or tempfile.mkdtemp(prefix="kotune-"))
    try:
        job = Job.from_json(given.job.read_bytes(), str(given.job))
        job = replace(job, folder=folder, trust_remote_code=given.trust_remote_code)
        run_trial(job, PrintReporter(), WorkerCache())
    except (TrialFailed, UserError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # the threads of a process group now and then abort a process whose libraries are torn down
