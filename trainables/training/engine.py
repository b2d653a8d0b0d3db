"""The one training engine for all tasks: `Trainer`, with what it gets wrong put right.

- Loss: losses are summed and divided by what counts in the whole global batch (tokens, or rows), so that 1×32,
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
    TrainerControl,
)
from transformers.trainer_callback import PrinterCallback

from corpora.tokenised import values
from foundation.durable import retry_on_storage_error
from trainables.models.freezing import freeze
from trainables.tasks.evaluation import Evaluation
from trainables.tasks.task import Task
from trainables.text.encoding import TextDecoder
from trainables.training import checkpoints, optimizers
from trainables.training.batching import GlobalBatchSampler, TokenRows, evaluation_batches
from trainables.training.evaluation_schedule import EpochOrder, EvaluationSchedule, GradientNorms
from trainables.training.evaluation_tracker import Judge
from trainables.training.reports import Decision, Interrupted, TrialFailed


@dataclass(frozen=True)
class _Verdict:
    metrics: dict[str, float]
    best: bool
    enough: bool
    failure: str | None


class _Stopped(Exception):
    """Not a step more is to be made."""


class _Arrears(TrainerCallback):
    """Has what was not judged before the trial was left judged before it goes on."""

    def __init__(self, engine: Engine, evaluated: float) -> None:
        self._engine, self._evaluated = engine, evaluated

    def on_train_begin(self, args: Any, state: Any, control: TrainerControl, **_: Any) -> None:
        if state.global_step:
            self._engine.judge_arrears(self._evaluated)


class Engine(Trainer):
    """Trains one trial.

    Args:
        extra: kotune's own parameters, such as `class_weights` or `freeze_layers`.
        train_rows: the tokenised table to train on, as `Task.prepare` makes it.
        dev_rows: as `train_rows`, with what scoring needs.
        decode: token ids -> text.
        decoding: the trial's decoding parameters; None where nothing is written.
        folder: where checkpoints go; may be an address in a bucket.
        rungs: when to evaluate.
        evaluated: the last rung that was judged before the checkpoint that training goes on from.
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
        judge: Judge,
        rungs: EvaluationSchedule,
        folder: Path | str,
        evaluated: float = 0.0,
        callbacks: Sequence[TrainerCallback] = (),
    ) -> None:
        self._network: Any = model  # never wrapped, never None
        self._task, self._own = task, extra
        self._train_rows, self._dev_rows = self._rows(train_rows), self._rows(dev_rows)
        self._dev_table, self._decode, self._decoding = dev_rows, decode, decoding
        self._judge, self._rungs, self._folder = judge, rungs, folder
        self._criterion = task.criterion(extra, args.label_smoothing_factor, train_rows)
        self._last = self._unjudged = self._in_arrears = False
        #: Whether dev rows are being predicted; a full memory is then no matter of the training batch.
        self.evaluating = False
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
        super().__init__(
            model=model,
            args=args,
            train_dataset=self._train_rows,
            eval_dataset=self._dev_rows,
            data_collator=self._collate,
            compute_loss_func=self._loss,
            callbacks=[rungs, EpochOrder(self._sampler), _Arrears(self, evaluated), *callbacks],
        )
        self.remove_callback(PrinterCallback)
        steps_per_epoch = math.ceil(len(self._sampler) / args.gradient_accumulation_steps)
        rungs.plan(steps_per_epoch)
        self.label_smoother = None  # `_loss` smooths; evaluation never does, so that losses compare

    def _rows(self, table: Any) -> TokenRows:
        columns = [name for name in self._task.columns if name in table.column_names]
        return TokenRows(table.select_columns(columns), self._task.mask_labels)

    def _collate(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        return self._task.collate(rows, self._network)

    def _loss(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int) -> torch.Tensor:
        return self._criterion(outputs, labels) / num_items_in_batch

    # ---- optimizer

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        made = optimizers.make(self._network, self.args, self._own) if self.optimizer is None else None
        if made is not None:
            self.optimizer = made
        optimizer: torch.optim.Optimizer = super().create_optimizer(model)
        return optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> Any:
        if self._own.get("adafactor_own_rate") and self.lr_scheduler is None:
            chosen = optimizer or self.create_optimizer()
            # By now accelerate has wrapped it, and the wrapper hides what Adafactor says of its rate.
            self.lr_scheduler = optimizers.adafactor_schedule(getattr(chosen, "optimizer", chosen))
        return super().create_scheduler(num_training_steps, optimizer)

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        """The norm of the whole gradient before it was clipped; asked for at every step, clipped or not."""
        found = super()._get_grad_norm(model, grad_norm=grad_norm)  # type: ignore[no-untyped-call]
        if self._gradients is not None and (self.state.global_step + 1) % self.args.logging_steps == 0:
            self._gradients.measure(model, float(found))
        return found

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        if self._gradients is not None and "loss" in logs:
            logs = {**logs, **self._gradients.newest}
        super().log(logs, start_time)

    # ---- batches and evaluation

    def get_train_dataloader(self) -> DataLoader[Any]:
        # Not prepared by accelerate: the sampler already deals rows to workers.
        return DataLoader(
            self._train_rows,
            batch_sampler=self._sampler,
            collate_fn=self.data_collator,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory and self.args.device.type == "cuda",
        )

    def num_examples(self, dataloader: DataLoader[Any]) -> int:
        return len(self._train_rows)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Evaluate on the dev rows, report, and let the answer decide whether to save or to stop.

        Raises:
            TrialFailed: a metric is not a number. On every worker.
        """
        verdict = self._agree(self._judged(self.predict_and_measure()))
        if verdict.failure:
            raise TrialFailed(verdict.failure)
        step = self.state.global_step
        last = self._last = self._rungs.is_last(step) or verdict.enough
        prefixed = {f"eval_{name}": value for name, value in verdict.metrics.items()}
        self.log(dict(prefixed))
        if last and verdict.best:  # nothing is decided after the last report, so whoever hears it finds the model
            self._save_checkpoint(self.model, None)
        decision = self._agree(
            self._judge.report(self._epoch(), step, verdict.metrics, last) if self.is_world_process_zero() else None
        )
        if decision is Decision.INTERRUPT:
            self._leave()
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, prefixed)
        self.control.should_save = decision is Decision.CONTINUE and not last
        self.control.should_training_stop = last or decision is Decision.STOP
        return prefixed

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """As `Trainer.train`; a trial that was left at a rung may be stopped there, before its first step."""
        try:
            return super().train(*args, **kwargs)
        except _Stopped:
            return None

    def judge_arrears(self, evaluated: float) -> None:
        """Evaluate where the checkpoint was taken, if that is a rung later than `evaluated` that nobody judged."""
        step = self.state.global_step
        if self._rungs.place(step)[1] > evaluated and self._rungs.is_rung(step):
            self._in_arrears = True
            self._evaluate(None, None)
            self._in_arrears = False
            if self.control.should_training_stop:
                raise _Stopped

    def _leave(self) -> NoReturn:
        """Save a trial at a rung that was not judged, and end it. On every worker."""
        if not self._in_arrears:  # else it lies there as it was left the first time, random state and all
            self._unjudged = True
            self._judge.forget(self._epoch())
            self._save_checkpoint(self.model, None)
        raise Interrupted

    def _epoch(self) -> float:
        return self._rungs.epoch_at(self.state.global_step)

    def _judged(self, found: Evaluation) -> _Verdict | None:
        if not self.is_world_process_zero():
            return None
        if not math.isfinite(found.loss):  # then predictions may be no numbers either, and no score can be made of them
            return _Verdict({}, False, False, f"loss is {found.loss} at epoch {self._epoch():g}")
        metrics = self._judge.score(found)
        strange = [f"{name} is {value}" for name, value in metrics.items() if not math.isfinite(value)]
        epoch = self._epoch()
        if strange:
            return _Verdict(metrics, False, False, f"{', '.join(strange)} at epoch {epoch:g}")
        best = self._judge.weigh(epoch, metrics)
        return _Verdict(metrics, best, self._judge.enough(), None)

    def _agree(self, answer: Any) -> Any:
        """What rank 0 said, on every worker."""
        if self.args.world_size == 1:
            return answer
        return broadcast_object_list([answer])[0]

    @torch.no_grad()
    def predict_and_measure(self) -> Evaluation:
        """Loss and prediction of every dev row, each row once, whatever the number of workers.

        Raises:
            Interrupted: a callback raised it, on any worker; the trial is saved. On every worker.
        """
        started = time.perf_counter()
        self._network.eval()
        self.evaluating, left = True, False
        loss = counted = 0.0
        predictions: list[tuple[int, Any, int]] = []
        batches = evaluation_batches(
            values(self._dev_table, "length"),
            self.args.per_device_eval_batch_size,
            self.args.world_size,
            self.args.process_index,
        )
        for indices in batches:
            batch = self._prepare_inputs(self._collate(self._dev_rows.__getitems__(indices)))
            with self.accelerator.autocast():
                found = self._task.evaluate(self._network, batch, self._decode, self._decoding)
            try:
                self.control = self.callback_handler.on_prediction_step(self.args, self.state, self.control)
            except Interrupted:  # the others hear of it where all meet
                left = True
                break
            loss, counted = loss + found.loss, counted + found.counted
            predictions += zip(indices, found.predictions, found.sizes, strict=True)
        shares = [(predictions, loss, counted, left)]
        if self.args.world_size > 1:
            shares = gather_object(shares)
        self.evaluating = False
        if any(share[3] for share in shares):
            self._leave()
        everything = sorted((row for share, *_ in shares for row in share), key=lambda row: row[0])
        total, number = math.fsum(share[1] for share in shares), math.fsum(share[2] for share in shares)
        return Evaluation(
            predictions=[prediction for _, prediction, _ in everything],
            loss=total / max(number, 1.0),
            generated_tokens=sum(size for *_, size in everything) / max(len(everything), 1),
            seconds=time.perf_counter() - started,
        )

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Write what is needed to go on, and the model; the manifest comes last and makes it complete."""
        what = f"checkpoint {self.state.global_step} in {self._folder}"
        retry_on_storage_error(self._write_checkpoint, what)
        if not self.is_world_process_zero():
            retry_on_storage_error(self._upload, what)
        self.accelerator.wait_for_everyone()
        if self.is_world_process_zero():
            retry_on_storage_error(self._complete_checkpoint, what)
            retry_on_storage_error(self._judge.saved, what)

    def _write_checkpoint(self) -> None:
        staging = checkpoints.staging(self._folder, self.state.global_step)
        self.save_model(str(staging), _internal_call=True)
        if not self._last:
            self._save_optimizer_and_scheduler(str(staging))
            self._save_scaler(str(staging))
            self._save_rng_state(str(staging))
        if self.is_world_process_zero():
            self.state.save_to_json(str(staging / "trainer_state.json"))
            self._judge.save(staging)

    def _upload(self) -> None:
        staging = checkpoints.staging(self._folder, self.state.global_step)
        mine = [file.name for file in staging.glob(f"rng_state_{self.args.process_index}.pth")]
        checkpoints.upload(self._folder, self.state.global_step, mine)

    def _complete_checkpoint(self) -> None:
        step = self.state.global_step
        epoch, evaluated = self._rungs.place(step)
        if self._unjudged:
            evaluated = self._rungs.place(step - 1)[1]
        checkpoints.complete(self._folder, step, epoch=epoch, resumable=not self._last, evaluated=evaluated)
