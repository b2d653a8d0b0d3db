"""The one training engine: `Seq2SeqTrainer`, with what it gets wrong put right.

- Loss: token losses are summed and divided by the tokens of the whole global batch, so that 1×32, 2 workers×16
  and 8×4 accumulation give one loss and one gradient. (For BART, `Trainer` multiplies both by accumulation
  steps and by workers.)
- Batches: see `trainables.batching`.
- Evaluation: every row once, its loss per token, its text with the trial's own decoding parameters.
- Report first, save afterwards: a trial that is stopped writes nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list, gather_object
from torch.utils.data import DataLoader
from transformers import (
    GenerationConfig,
    PreTrainedModel,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    TrainerCallback,
)
from transformers.modeling_outputs import BaseModelOutput
from transformers.trainer_callback import PrinterCallback

from trainables import checkpoints
from trainables.batching import GlobalBatchSampler, TokenRows, evaluation_batches, pad
from trainables.decoding import reads_the_source
from trainables.judging import Evaluation, Judge, TrialFailed
from trainables.rungs import EpochOrder, Rungs


def token_loss(logits: torch.Tensor, labels: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
    """Summed cross entropy over all tokens whose label is not -100, in 32 bit.

    Args:
        logits: [rows, tokens, vocabulary].
        labels: [rows, tokens].
        smoothing: share of probability spread evenly over the vocabulary (Szegedy et al. 2016,
            https://arxiv.org/abs/1512.00567), as `label_smoothing_factor` of transformers.
    """
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1).float(), labels.flatten(), ignore_index=-100, reduction="sum", label_smoothing=smoothing
    )


@dataclass(frozen=True)
class _Verdict:
    metrics: dict[str, float]
    best: bool
    failure: str | None


class Engine(Seq2SeqTrainer):
    """Trains one trial.

    Args:
        train_rows: tokenised rows with `input_ids`, `labels` and `length`.
        dev_rows: as `train_rows`.
        decode: token ids -> text.
        decoding: the trial's decoding parameters.
        folder: where checkpoints go.
        rungs: when to evaluate.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        args: Seq2SeqTrainingArguments,
        *,
        train_rows: Any,
        dev_rows: Any,
        decode: Callable[[Sequence[Sequence[int]]], list[str]],
        decoding: GenerationConfig,
        judge: Judge,
        rungs: Rungs,
        folder: Path,
        by_length: bool,
        callbacks: Sequence[TrainerCallback] = (),
    ) -> None:
        self._network: Any = model  # never wrapped, never None
        self._train_rows = TokenRows(train_rows.select_columns(["input_ids", "labels"]))
        self._pad_token_id = int(model.config.pad_token_id)
        self._dev_rows, self._decode, self._decoding = dev_rows, decode, decoding
        self._judge, self._rungs, self._folder = judge, rungs, folder
        self._sampler = GlobalBatchSampler(
            lengths=train_rows["length"],
            rows=args.per_device_train_batch_size,
            accumulation=args.gradient_accumulation_steps,
            workers=args.world_size,
            worker=args.process_index,
            seed=args.seed,
            by_length=by_length,
        )
        super().__init__(
            model=model,
            args=args,
            train_dataset=self._train_rows,
            eval_dataset=TokenRows(dev_rows.select_columns(["input_ids", "labels"])),
            data_collator=self._collate,
            compute_loss_func=self._loss,
            callbacks=[rungs, EpochOrder(self._sampler), *callbacks],
        )
        self.remove_callback(PrinterCallback)
        steps_per_epoch = math.ceil(len(self._sampler) / args.gradient_accumulation_steps)
        rungs.plan(steps_per_epoch)
        self.label_smoother = None  # `_loss` smooths; evaluation never does, so that losses compare

    def _collate(self, rows: Sequence[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        batch = pad(rows, self._pad_token_id)
        # `compute_loss_func` takes the labels away from the model, which then cannot shift them itself.
        batch["decoder_input_ids"] = self._network.prepare_decoder_input_ids_from_labels(labels=batch["labels"])
        return batch

    def _loss(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int) -> torch.Tensor:
        return token_loss(outputs["logits"], labels, self.args.label_smoothing_factor) / num_items_in_batch

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
        verdict = self._agree(self._judged(self.generate_and_measure()))
        if verdict.failure:
            raise TrialFailed(verdict.failure)
        step = self.state.global_step
        last = self._rungs.is_last(step)
        prefixed = {f"eval_{name}": value for name, value in verdict.metrics.items()}
        self.log(dict(prefixed))
        if last and verdict.best:  # nothing is decided after the last report, so whoever hears it finds the model
            self._save_checkpoint(self.model, None)
        go_on = self._agree(
            self.is_world_process_zero() and self._judge.report(self._rungs.epoch_at(step), step, verdict.metrics, last)
        )
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, prefixed)
        self.control.should_save = go_on and not last
        self.control.should_training_stop = last or not go_on
        return prefixed

    def _judged(self, found: Evaluation) -> _Verdict | None:
        if not self.is_world_process_zero():
            return None
        metrics = self._judge.score(found)
        strange = [f"{name} is {value}" for name, value in metrics.items() if not math.isfinite(value)]
        epoch = self._rungs.epoch_at(self.state.global_step)
        if strange:
            return _Verdict(metrics, False, f"{', '.join(strange)} at epoch {epoch:g}")
        return _Verdict(metrics, self._judge.weigh(epoch, metrics), None)

    def _agree(self, answer: Any) -> Any:
        """What rank 0 said, on every worker."""
        if self.args.world_size == 1:
            return answer
        return broadcast_object_list([answer])[0]

    @torch.no_grad()
    def generate_and_measure(self) -> Evaluation:
        """Loss and generated text of every dev row, each row once, whatever the number of workers."""
        started = time.perf_counter()
        self._network.eval()
        totals = torch.zeros(2, dtype=torch.float64)  # summed loss, tokens
        texts: list[tuple[int, str, int]] = []
        batches = evaluation_batches(
            self._dev_rows["length"],
            self.args.per_device_eval_batch_size,
            self.args.world_size,
            self.args.process_index,
        )
        rows = self._dev_rows.select_columns(["input_ids", "labels"])
        for indices in batches:
            loss, tokens, generated = self._evaluate_batch([rows[index] for index in indices])
            totals += torch.tensor([loss, tokens], dtype=torch.float64)
            # Without the decoder's own first token, which it was given.
            lengths = [sum(token != self._pad_token_id for token in sequence[1:]) for sequence in generated]
            texts += zip(indices, self._decode(generated), lengths, strict=True)
        shares = [(texts, totals.tolist())]
        if self.args.world_size > 1:
            shares = gather_object(shares)
        everything = sorted(row for share, _ in shares for row in share)
        loss, tokens = (math.fsum(column) for column in zip(*(total for _, total in shares), strict=True))
        return Evaluation(
            texts=[text for _, text, _ in everything],
            loss=loss / max(tokens, 1.0),
            generated_tokens=sum(length for *_, length in everything) / max(len(everything), 1),
            seconds=time.perf_counter() - started,
        )

    def _evaluate_batch(self, rows: Sequence[dict[str, list[int]]]) -> tuple[float, float, list[list[int]]]:
        batch = self._prepare_inputs(self._collate(rows))
        with self.accelerator.autocast():
            # Encoded once, read twice: by the loss and by generation.
            encoded = self._network.get_encoder()(
                input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], return_dict=True
            )
            outputs = self._network(
                encoder_outputs=encoded,
                attention_mask=batch["attention_mask"],
                decoder_input_ids=batch["decoder_input_ids"],
            )
            source = (
                {"input_ids": batch["input_ids"]}
                if reads_the_source(self._decoding)
                else {"encoder_outputs": BaseModelOutput(last_hidden_state=encoded.last_hidden_state)}
            )
            generated = self._network.generate(
                **source, attention_mask=batch["attention_mask"], generation_config=self._decoding
            )
        returned = self._decoding.num_return_sequences or 1
        loss = token_loss(outputs["logits"], batch["labels"]).item()
        tokens = (batch["labels"] != -100).sum().item()
        return loss, tokens, generated[::returned].tolist()

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Write what is needed to go on, and the model; the manifest comes last and makes it complete."""
        step = self.state.global_step
        last = self._rungs.is_last(step)
        staging = checkpoints.staging(self._folder, step)
        self.save_model(str(staging), _internal_call=True)
        if not last:
            self._save_optimizer_and_scheduler(str(staging))
            self._save_scaler(str(staging))
            self._save_rng_state(str(staging))
        if self.is_world_process_zero():
            self.state.save_to_json(str(staging / "trainer_state.json"))
        self.accelerator.wait_for_everyone()
        if self.is_world_process_zero():
            checkpoints.complete(self._folder, step, epoch=self._rungs.epoch_at(step), resumable=not last)
            self._judge.saved()
