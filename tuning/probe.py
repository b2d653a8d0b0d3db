"""Tries the recipe default of a study in this process, before anything is started or written.

The probe is the beginning of a trial, with the engine, the collator, the optimizer and the decoding parameters of one:
a few training rows, up to the first optimizer step, and predictions of a few dev rows. Whatever this raises would be
raised by every trial.
"""

from __future__ import annotations

import gc
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import psutil
from datasets import Dataset
from transformers import PreTrainedTokenizerBase, SchedulerType, TrainerCallback
from transformers.training_args import OptimizerNames
from transformers.utils import logging as transformers_logging

from corpora.splits import Splits
from foundation.errors import UserError, first_line
from search_spaces.schema import Space
from trainables.models.base_models import BaseModel, BaseModels, make_base
from trainables.models.scratch import scratch_size
from trainables.models.special_tokens import check_start, no_start_error, starts_with_null
from trainables.tasks.task import Limits, Row, Task
from trainables.training.arguments import build_arguments
from trainables.training.engine import Engine
from trainables.training.job import Job
from trainables.training.memory import is_full
from trainables.training.reports import Decision, Report
from trainables.training.trial import build_engine, release
from trainables.training.worker_cache import WorkerCache
from tuning.algorithms import samplers
from tuning.preparation import base_recipe
from tuning.studies.epochs import trial_epochs
from tuning.tokenizers import variant_in

#: Rows, tokens per row and rows for a new tokenizer: enough for every step, and cheap for a model of base size.
_ROWS, _TOKENS, _TOKENIZER_ROWS = 2, 32, 100

#: What replaces the recipe's own values: a small batch, a short text, no second process and no compiler.
_SMALL = {
    "per_device_train_batch_size": _ROWS,
    "per_device_eval_batch_size": _ROWS,
    "gradient_accumulation_steps": 1,
}
_SHORT = {"max_new_tokens": 2, "min_length": 0}
_DROPPED = ("max_length", "min_new_tokens", "dataloader_", "torch_compile")

#: The name of the base model in the probe's cache.
_NAME = "probe"


@dataclass(frozen=True)
class ProbeResult:
    """What a probe measured.

    Args:
        loading: seconds until model and tokenizer were in memory.
        seconds: of everything after that; None if no step was tried.
        remarks: what the user should know about model and tokenizer.
    """

    loading: float
    seconds: float | None
    remarks: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """The remarks, and how long it took."""
        if self.seconds is None:
            return self.remarks
        tried = f"tried one step of the recipe default: {self.seconds:.1f} s, after {self.loading:.1f} s of loading"
        return (*self.remarks, tried)


def probe(space: Space, task: Task, splits: Splits, folder: Path) -> ProbeResult:
    """Trains the recipe default on a few rows up to its first optimizer step, and predicts a few dev rows.

    Args:
        folder: an empty folder for what the libraries may write.

    Raises:
        UserError: a trial of the study would fail.
    """
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    config = {**space.fixed, **samplers.defaults(space.search)}
    started = time.perf_counter()
    rows = splits.train.rows[:_TOKENIZER_ROWS]
    with _refusing(f"model {space.model!r} cannot be prepared", "a model and a tokenizer of transformers", "--model"):
        texts = (row[role] for row in rows for role in task.tokenizer_roles if role in row)
        base = make_base(base_recipe(space, variant_in(config)), task, texts)
    loaded = time.perf_counter()
    needed, free = 3 * base.model.get_memory_footprint(), psutil.virtual_memory().available
    if needed > free:
        remark = f"no step was tried: it needs {needed / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free"
        return ProbeResult(loaded - started, None, (*base.remarks, remark))
    gc.freeze()  # engine and accelerate collect garbage; that of the whole process takes half a second each time
    try:
        _try(space, task, splits, base, config, folder)
    except (RuntimeError, MemoryError) as error:
        if not is_full(error):
            raise
        remark = "no step was tried: the memory of this machine is full"
        return ProbeResult(loaded - started, None, (*base.remarks, remark))
    finally:
        gc.unfreeze()
    return ProbeResult(loaded - started, time.perf_counter() - loaded, base.remarks)


def _try(space: Space, task: Task, splits: Splits, base: BaseModel, config: Mapping[str, Any], folder: Path) -> None:
    model = f"model {space.model!r}"
    with _refusing(
        f"{model} and its tokenizer cannot read the rows", "texts that the tokenizer encodes", "--tokenizer"
    ):
        tables = {
            name: _table(task, split.rows[:_ROWS], base.tokenizer, space)
            for name, split in (("train", splits.train), ("dev", splits.dev))
        }
    job = _job(space, task, config, folder)
    engine = None
    try:
        with _refusing("no trainer can be made", "values of Seq2SeqTrainingArguments", "the parameter with --set"):
            arguments = build_arguments(
                job.config, folder=folder, seed=job.seed, metric=job.metric, mode=job.mode, on_cpu=True
            )
            cache = _InMemory(base, tables)
            engine = build_engine(job, arguments, None, _NoReporter(), cache, [_BeforeStep()])
        if task.is_generative:
            row = tables["train"][0]
            with _refusing(
                "no batch can be made of the training rows", "a model that transformers can train", "--model"
            ):
                check_start(task, engine.model, row, base.tokenizer)
        names = {
            "optim": OptimizerNames(arguments.optim),
            "lr_scheduler_type": SchedulerType(arguments.lr_scheduler_type),
        }
        settings = ", ".join(f"{name} {choice.value}" for name, choice in names.items())
        values = "values of transformers whose libraries and arguments are there (lr_scheduler_kwargs, optim_args)"
        with _refusing(f"no optimizer and scheduler can be made ({settings})", values, "one of them with --set"):
            engine.create_optimizer_and_scheduler(num_training_steps=10)
        with _refusing(f"{model} cannot be trained", "a model that takes the batches of its task", "--model"):
            _train(engine, base.tokenizer)
        with _refusing(f"{model} cannot predict", "parameters that generate() takes", "the decoding parameters"):
            engine.predict_and_measure()
    finally:
        release(engine)


def _table(task: Task, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, space: Space) -> Dataset:
    limits = Limits(min(_TOKENS, space.max_source_length), min(_TOKENS, space.max_target_length))
    columns = {**task.encode(rows, tokenizer, limits), **task.encode_targets(rows, tokenizer, limits, scored=False)}
    return Dataset.from_dict(columns)


def _job(space: Space, task: Task, config: Mapping[str, Any], folder: Path) -> Job:
    small = {**_SMALL, **(_SHORT if task.is_generative else {})}
    kept = {name: value for name, value in config.items() if not name.startswith(_DROPPED)}
    return Job(
        trial_id=_NAME,
        number=0,
        task=space.task,
        task_options=task.to_options(),
        base_model=_NAME,
        train="train",
        dev="dev",
        config={**kept, **small},
        seed=samplers.derived_seed(space.seed, "training"),
        metric=str(space.metric),
        mode=str(space.mode),
        eval_every=space.eval_every,
        max_epochs=trial_epochs(space, config),
        folder=str(folder),
        weights_seed=samplers.derived_seed(space.seed, "weights") if scratch_size(space.model) else None,
        trust_remote_code=space.trust_remote_code,
    )


def _train(engine: Engine, tokenizer: PreTrainedTokenizerBase) -> None:
    """Trains up to the first optimizer step."""
    model: Any = engine.model
    try:
        engine.train()
    except _Tried:
        return
    except Exception as error:
        # Encoder-decoders classify with their decoder, which BART and T5 start with this token.
        if starts_with_null(model) and not is_full(error):
            raise no_start_error(model, tokenizer, "model.decoder_start_token_id") from error
        raise


@contextmanager
def _refusing(problem: str, allowed: str, change: str) -> Iterator[None]:
    """Turns what a library raises into a message, except for the end of memory."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if is_full(error):
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        reason = f"{type(error).__name__}: {first_line(error)} ({Path(last.filename).name}, line {last.lineno})"
        todo = f"change {change}; every trial of the recipe default would fail like this"
        raise UserError(f"{problem}: {reason}", allowed, todo) from error


class _InMemory(WorkerCache):
    """The cache of a worker, with a base model and tables that are on no disk."""

    def __init__(self, base: BaseModel, tables: Mapping[str, Dataset]) -> None:
        super().__init__()
        self.models = BaseModels({_NAME: base.model})
        self._base, self._in_memory = base, tables

    def tokenizer(self, folder: str, *, trust: bool = False) -> PreTrainedTokenizerBase:
        return self._base.tokenizer

    def table(self, folder: str) -> Any:
        return self._in_memory[folder]


class _NoReporter:
    """A probe evaluates nothing."""

    def report(self, report: Report) -> Decision:
        raise AssertionError(report)


class _BeforeStep(TrainerCallback):
    """Ends training between the first backward pass and the first optimizer step."""

    def on_pre_optimizer_step(self, *arguments: Any, **values: Any) -> NoReturn:
        raise _Tried


class _Tried(Exception):
    """The first backward pass is done."""
