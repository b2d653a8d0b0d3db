"""The training engine for all tasks: a `Trainer` with several of its behaviours corrected.

- Loss: losses are summed and divided by what counts in the whole global batch (tokens, or rows). So 1×32,
  2 workers×16 and 8×4 accumulation give one loss and one gradient. (For BART, `Trainer` multiplies both by
  accumulation steps and by workers.)
- Batches: see `trainables.training.batching`.
- Evaluation: every row once, its loss, and its prediction with the trial's own decoding parameters.
- Report first, save afterwards: a trial that is stopped writes nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import torch
from accelerate.utils import broadcast_object_list, gather_object
from torch.utils.data import DataLoader
from transformers import (
    GenerationConfig,
    PreTrainedModel,
    Seq2SeqTrainingArguments,
    Trainer,
    TrainerCallback,
)
from transformers.trainer_callback import PrinterCallback

from corpora.tokenised import values
from trainables.models.freezing import freeze
from trainables.tasks.evaluation import Evaluation
from trainables.tasks.task import Task
from trainables.text.encoding import TextDecoder
from trainables.training import optimizers
from trainables.training.batching import GlobalBatchSampler, Row, TokenRows, evaluation_batches
from trainables.training.checkpoint_writer import CheckpointWriter
from trainables.training.evaluation import WorkerShare, merge
from trainables.training.evaluation_schedule import EpochOrder, EvaluationSchedule, GradientNorms, PendingEvaluation
from trainables.training.evaluation_tracker import EvaluationTracker
from trainables.training.reports import Decision, Interrupted, TrialFailed


@dataclass(frozen=True)
class _Outcome:
    """What rank 0 concludes from an evaluation."""

    metrics: dict[str, float]
    is_best: bool = False
    stop_early: bool = False
    failure: str | None = None  # why the trial fails


class _Stopped(Exception):
    """The trial is stopped before its first step."""


class Engine(Trainer):
    """Trains one trial.

    Args:
        extra: parameters that kotune adds, such as `class_weights`.
        train_rows: the tokenised table to train on, from `Task.prepare`; `dev_rows` has what scoring needs as well.
        decode: token ids -> text.
        decoding: the trial's decoding parameters; None if the task generates no text.
        folder: for checkpoints; may be an address in a bucket.
        schedule: when to evaluate.
        evaluated: epoch of the last evaluation that was decided before the checkpoint that training resumes from.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        args: Seq2SeqTrainingArguments,
        *,
        task: Task,
        extra: Mapping[str, Any],
        train_rows: Any,
        dev_rows: Any,
        decode: TextDecoder,
        decoding: GenerationConfig | None,
        tracker: EvaluationTracker,
        schedule: EvaluationSchedule,
        folder: Path | str,
        evaluated: float = 0.0,
        callbacks: Sequence[TrainerCallback] = (),
    ) -> None:
        self._network: Any = model  # never wrapped, never None
        self._task, self._extra = task, extra
        self._train_rows, self._dev_rows = self._token_rows(train_rows), self._token_rows(dev_rows)
        self._dev_table, self._decode, self._decoding = dev_rows, decode, decoding
        self._tracker, self._schedule = tracker, schedule
        self._checkpoint_writer = CheckpointWriter(folder, tracker)
        self._criterion = task.criterion(extra, args.label_smoothing_factor, train_rows)
        self._is_last_evaluation = self._is_undecided = self._is_repeating = False
        #: Whether dev rows are being predicted; if memory is full, the evaluation batch is then the cause.
        self.is_evaluating = False
        self._sampler = GlobalBatchSampler(
            lengths=values(train_rows, "length"),
            rows=args.per_device_train_batch_size,
            accumulation=args.gradient_accumulation_steps,
            workers=args.world_size,
            worker=args.process_index,
            seed=args.seed,
            by_length=bool(extra.get("group_by_length", True)),
        )
        freeze(model, int(extra.get("freeze_layers") or 0))
        self._gradients = GradientNorms() if extra.get("log_gradients") else None
        pending = PendingEvaluation(lambda: self._evaluate_pending(evaluated))
        super().__init__(
            model=model,
            args=args,
            train_dataset=self._train_rows,
            eval_dataset=self._dev_rows,
            data_collator=self._collate,
            compute_loss_func=self._loss,
            callbacks=[schedule, EpochOrder(self._sampler), pending, *callbacks],
        )
        self.remove_callback(PrinterCallback)
        steps_per_epoch = math.ceil(len(self._sampler) / args.gradient_accumulation_steps)
        schedule.plan(steps_per_epoch)
        self.label_smoother = None  # `_loss` smooths; evaluation never does, so that losses are comparable

    def _token_rows(self, table: Any) -> TokenRows:
        columns = [name for name in self._task.columns if name in table.column_names]
        return TokenRows(table.select_columns(columns), self._task.mask_labels)

    def _collate(self, rows: Sequence[Row]) -> dict[str, torch.Tensor]:
        return self._task.collate(rows, self._network)

    def _loss(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int) -> torch.Tensor:
        return self._criterion(outputs, labels) / num_items_in_batch

    # ---- optimizer

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        custom = optimizers.make(self._network, self.args, self._extra) if self.optimizer is None else None
        if custom is not None:
            self.optimizer = custom
        optimizer: torch.optim.Optimizer = super().create_optimizer(model)
        return optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> Any:
        if self._extra.get("adafactor_own_rate") and self.lr_scheduler is None:
            chosen = optimizer or self.create_optimizer()
            # accelerate has wrapped it by now, and the wrapper hides Adafactor's rate.
            self.lr_scheduler = optimizers.adafactor_schedule(getattr(chosen, "optimizer", chosen))
        return super().create_scheduler(num_training_steps, optimizer)

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        """Returns the norm of the whole gradient before clipping. `Trainer` calls it at every step, clipped or not."""
        norm = super()._get_grad_norm(model, grad_norm=grad_norm)  # type: ignore[no-untyped-call]
        if self._gradients is not None and (self.state.global_step + 1) % self.args.logging_steps == 0:
            self._gradients.measure(model, float(norm))
        return norm

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        if self._gradients is not None and "loss" in logs:
            logs = {**logs, **self._gradients.newest}
        super().log(logs, start_time)
        if not math.isfinite(logs.get("loss", 0.0)):  # the mean of all workers: each of them raises
            raise TrialFailed(self._divergence(f"training loss is {logs['loss']} at step {self.state.global_step}"))

    def _divergence(self, event: str) -> str:
        return optimizers.divergence(event, self.args, self._extra)

    # ---- batches

    def get_train_dataloader(self) -> DataLoader[Any]:
        # Not prepared by accelerate: the sampler already distributes rows to workers.
        return DataLoader(
            self._train_rows,
            batch_sampler=self._sampler,
            collate_fn=self.data_collator,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory and self.args.device.type == "cuda",
        )

    def num_examples(self, dataloader: DataLoader[Any]) -> int:
        return len(self._train_rows)

    # ---- evaluation

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Trains as `Trainer.train`; a pending evaluation may stop the trial before its first step."""
        try:
            return super().train(*args, **kwargs)
        except _Stopped:
            return None

    def _evaluate_pending(self, evaluated: float) -> None:
        """Repeats the evaluation at the step of the checkpoint, if it is due there and was not decided.

        Args:
            evaluated: epoch of the last evaluation that was decided.
        """
        step = self.state.global_step
        if self._schedule.position(step)[1] > evaluated and self._schedule.is_due(step):
            self._is_repeating = True
            self._evaluate(None, None)
            self._is_repeating = False
            if self.control.should_training_stop:
                raise _Stopped

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Evaluates on the dev rows, reports, and saves, continues or stops according to the decision.

        Raises:
            TrialFailed: a metric is not finite. On every worker.
            Interrupted: the search ends; the trial is saved. On every worker.
        """
        outcome: _Outcome = self._from_rank_0(self._outcome(self.predict_and_measure()))
        if outcome.failure:
            raise TrialFailed(outcome.failure)
        step = self.state.global_step
        last = self._is_last_evaluation = self._schedule.is_last(step) or outcome.stop_early
        prefixed = {f"eval_{name}": value for name, value in outcome.metrics.items()}
        self.log(dict(prefixed))
        if last and outcome.is_best:  # before the last report, so that its receiver can read the model
            self._save_checkpoint(self.model, None)
        decision = self._from_rank_0(
            self._tracker.report(self._epoch(), step, outcome.metrics, last) if self.is_world_process_zero() else None
        )
        if decision is Decision.INTERRUPT:
            self._interrupt()
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, prefixed)
        self.control.should_save = decision is Decision.CONTINUE and not last
        self.control.should_training_stop = last or decision is Decision.STOP
        return prefixed

    def _outcome(self, evaluation: Evaluation) -> _Outcome | None:
        """Scores and records an evaluation. On rank 0; None on the others."""
        if not self.is_world_process_zero():
            return None
        epoch = self._epoch()
        if not math.isfinite(evaluation.loss):  # predictions may then be NaN as well, which no metric accepts
            return _Outcome({}, failure=self._divergence(f"loss is {evaluation.loss} at epoch {epoch:g}"))
        metrics = self._tracker.score(evaluation)
        not_finite = [f"{name} is {value}" for name, value in metrics.items() if not math.isfinite(value)]
        if not_finite:
            return _Outcome(metrics, failure=f"{', '.join(not_finite)} at epoch {epoch:g}")
        is_best = self._tracker.record(epoch, metrics)
        return _Outcome(metrics, is_best, self._tracker.should_stop_early())

    @torch.no_grad()
    def predict_and_measure(self) -> Evaluation:
        """Returns loss and prediction of every dev row, each row once for any number of workers.

        Raises:
            Interrupted: a callback raised it on any worker; the trial is saved. On every worker.
        """
        started = time.perf_counter()
        self._network.eval()
        self.is_evaluating = True
        share = WorkerShare()
        lengths, rows = values(self._dev_table, "length"), self.args.per_device_eval_batch_size
        batches = evaluation_batches(lengths, rows, self.args.world_size, self.args.process_index)
        self.callback_handler.eval_dataloader = batches  # so that callbacks know how many there are
        for indices in batches:
            batch = self._prepare_inputs(self._collate(self._dev_rows.__getitems__(indices)))
            with self.accelerator.autocast():
                result = self._task.evaluate(self._network, batch, self._decode, self._decoding)
            try:
                self.control = self.callback_handler.on_prediction_step(self.args, self.state, self.control)
            except Interrupted:  # the other workers learn of it below
                share.interrupted = True
                break
            share.add(indices, result)
        shares = [share] if self.args.world_size == 1 else gather_object([share])
        self.is_evaluating = False
        if any(share.interrupted for share in shares):
            self._interrupt()
        return merge(shares, time.perf_counter() - started)

    def _interrupt(self) -> NoReturn:
        """Saves a trial whose evaluation was not decided, and ends it. On every worker."""
        if not self._is_repeating:  # otherwise the checkpoint exists, with the random state of the first interruption
            self._is_undecided = True
            self._tracker.discard(self._epoch())
            self._save_checkpoint(self.model, None)
        raise Interrupted

    def _epoch(self) -> float:
        return self._schedule.epoch_at(self.state.global_step)

    def _from_rank_0(self, value: Any) -> Any:
        """Returns rank 0's value on every worker."""
        if self.args.world_size == 1:
            return value
        return broadcast_object_list([value])[0]

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        step = self.state.global_step
        epoch, evaluated = self._schedule.position(step)
        if self._is_undecided:
            evaluated = self._schedule.position(step - 1)[1]
        self._checkpoint_writer.save(self, epoch=epoch, evaluated=evaluated, resumable=not self._is_last_evaluation)
