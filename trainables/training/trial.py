"""One trial, from its job to its reports. No Ray here, so that a trial can be tested and timed in one process.

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
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from accelerate.utils import broadcast_object_list
from msgspec.structs import replace
from transformers import Seq2SeqTrainingArguments, TrainerCallback, set_seed
from transformers.utils import logging as transformers_logging

from foundation import buckets
from foundation.bucket_copies import scratch
from foundation.checked_json import plain
from foundation.durable import retry_on_storage_error
from foundation.errors import UserError
from foundation.launchers import drop_launcher_variables
from trainables.models.hub import load_config
from trainables.tasks.registry import make_task
from trainables.text.decoding import decoding_config
from trainables.tracking.metrics_file import METRICS, MetricsFile
from trainables.tracking.tensorboard_file import TensorBoardFile
from trainables.training import checkpoints, memory
from trainables.training.arguments import build_arguments
from trainables.training.checkpoint_store import MANIFEST
from trainables.training.early_stopping import EarlyStopping
from trainables.training.engine import Engine
from trainables.training.evaluation_schedule import EvaluationSchedule
from trainables.training.evaluation_tracker import EvaluationTracker
from trainables.training.job import Job
from trainables.training.parameters import split_parameters
from trainables.training.reports import Decision, Report, Reporter, TrialFailed
from trainables.training.worker_cache import WorkerCache


def run_trial(job: Job, reporter: Reporter, cache: WorkerCache, callbacks: Sequence[TrainerCallback] = ()) -> Engine:
    """Trains one trial until its end or until the reporter stops it; resumes from its newest checkpoint.

    Equal jobs give equal weights and metrics bit for bit on a CPU, in a fresh process or after other trials.

    Raises:
        TrialFailed: the trial gave no usable result.
        Interrupted: the search ends; the trial is saved.
        UserError: its configuration cannot be trained.
    """
    while True:
        fitting = memory.fitted(job)
        try:
            return _run(fitting, reporter, cache, callbacks)
        except _OutOfMemory as full:
            memory.halve(fitting, full.phase, full.error)
            if full.workers > 1:  # the other workers wait for this one in vain: all of them start again
                raise memory.MemoryFull(str(full.error)) from full
        release(None)  # frees the failed attempt, now that nothing refers to it


class _OutOfMemory(Exception):
    def __init__(self, error: BaseException, phase: str, workers: int) -> None:
        super().__init__(str(error))
        self.phase, self.workers = phase, workers
        self.error = type(error)(*error.args)  # without its frames, which refer to the memory to be freed


def _run(job: Job, reporter: Reporter, cache: WorkerCache, callbacks: Sequence[TrainerCallback]) -> Engine:
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    job = cache.localized(job)
    folder = scratch("trials", job.folder) if buckets.in_bucket(job.folder) else Path(job.folder)
    folder.mkdir(parents=True, exist_ok=True)
    model_type = load_config(job.base_model, trust=job.trust_remote_code).model_type
    arguments = build_arguments(
        job.config, folder=folder, seed=job.seed, metric=job.metric, mode=job.mode, model_type=model_type
    )
    start = _newest_checkpoint(job, arguments)
    if start is not None:
        retry_on_storage_error(start.local_folder, str(start.path), verb="read")
    events = TensorBoardFile(folder, job.folder, job.tensorboard) if job.tensorboard else None
    engine, metrics = None, MetricsFile(buckets.join(job.folder, METRICS), events)
    try:
        engine = build_engine(job, arguments, start, reporter, cache, [metrics, *callbacks])
        engine.train(resume_from_checkpoint=str(start.local_folder()) if start else None)
    except pickle.UnpicklingError as error:  # torch and transformers load these files with tensors and numbers only
        raise TrialFailed(f"{start and start.path}: the checkpoint holds more than tensors and numbers") from error
    except (RuntimeError, MemoryError) as error:
        if not memory.is_full(error):
            raise
        phase = memory.EVALUATION if engine is not None and engine.is_evaluating else memory.TRAINING
        full = _OutOfMemory(error, phase, arguments.world_size)
    else:
        metrics.flush(ended=True)
        return engine
    finally:
        metrics.close()
    release(engine)
    raise full


def _newest_checkpoint(job: Job, arguments: Seq2SeqTrainingArguments) -> checkpoints.Checkpoint | None:
    """Returns the checkpoint to resume from, the same one on every rank.

    Only rank 0 searches, because it deletes damaged checkpoints, and because a shared file system may show new files
    later to some machines.
    """
    newest = None
    if arguments.process_index == 0:
        search = partial(checkpoints.newest_intact, job.checkpoints)
        newest = retry_on_storage_error(search, job.checkpoints, verb="read")
    if arguments.world_size == 1:
        return newest
    agreed: checkpoints.Checkpoint | None = broadcast_object_list([newest])[0]
    if agreed is not None and not (agreed.local_folder() / MANIFEST).is_file():
        raise TrialFailed(f"a worker cannot see {agreed.path}: all workers need access to the study's folder")
    return agreed


def build_engine(
    job: Job,
    arguments: Seq2SeqTrainingArguments,
    start: checkpoints.Checkpoint | None,
    reporter: Reporter,
    cache: WorkerCache,
    callbacks: Sequence[TrainerCallback],
) -> Engine:
    """Returns the engine of a trial: a copy of the base model, the tables and the tracker, before its first step.

    Args:
        start: the checkpoint that training resumes from.
    """
    settings, task = split_parameters(job.config), make_task(job.task, job.task_options)
    model = cache.models.copy_of(job.base_model, settings.model, task, job.weights_seed, trust=job.trust_remote_code)
    set_seed(job.seed)
    if task.is_generative:
        model.generation_config = decoding_config(model.generation_config, settings.generation)
        if settings.generation.get("decoder_start_token_id") is not None:  # training starts with the same token
            model.config.decoder_start_token_id = settings.generation["decoder_start_token_id"]
    dev = cache.table(job.dev)
    tokenizer = cache.tokenizer(job.base_model, trust=job.trust_remote_code)
    early_stopping = EarlyStopping(
        patience=settings.extra.get("early_stopping_patience"),
        threshold=float(settings.extra.get("early_stopping_threshold") or 0.0),
        mode=job.mode,
    )
    return Engine(
        model,
        arguments,
        task=task,
        extra=settings.extra,
        train_rows=cache.table(job.train),
        dev_rows=dev,
        decode=task.text_decoder(tokenizer),
        decoding=model.generation_config if task.is_generative else None,
        tracker=EvaluationTracker(job, task, dev, reporter, start=start, early_stopping=early_stopping),
        schedule=EvaluationSchedule(job.eval_every, job.max_epochs),
        folder=job.checkpoints,
        evaluated=start.evaluated if start else 0.0,
        callbacks=callbacks,
    )


def release(engine: Engine | None) -> None:
    """Frees the memory of a trial, so that the next one in this process has as much."""
    if engine is not None:
        engine.callback_handler.callbacks.clear()
        vars(engine.accelerator).clear()  # its `free_memory` would collect twice, a quarter of a second each
        vars(engine).clear()  # model, optimizer and their reference cycles
    del engine
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


class PrintReporter:
    """Prints every report as a line of JSON and always continues."""

    def report(self, report: Report) -> Decision:
        print(json.dumps(plain(report)), flush=True)
        return Decision.CONTINUE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one trial alone, in this process."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("job", help="job.json of a trial: a path, or an address in a bucket")
    parser.add_argument("--folder", type=Path, help="folder that this run writes to (default: a new temporary folder)")
    parser.add_argument("--trust-remote-code", action="store_true", help="run Python code that comes with the model")
    parser.add_argument("--workers", type=int, default=1, help="how many workers a launcher started (default: 1)")
    options = parser.parse_args(arguments)
    drop_launcher_variables(os.environ, workers=options.workers)
    # Never the trial's own folder: its checkpoints would be replaced.
    folder = str(options.folder or tempfile.mkdtemp(prefix="kotune-"))
    try:
        if (content := buckets.read(options.job)) is None:
            raise UserError(f"{options.job} does not exist", "the job.json of a trial", "check the path")
        job = Job.from_json(content, options.job)
        job = replace(job, folder=folder, trust_remote_code=options.trust_remote_code)
        run_trial(job, PrintReporter(), WorkerCache())
    except (TrialFailed, UserError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # threads of a process group occasionally abort a process whose libraries are torn down
