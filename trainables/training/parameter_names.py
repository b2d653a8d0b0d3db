"""Names of parameters: set by the search, added by kotune, aliases of others; and bounds of their values."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from foundation.errors import UserError
from search_spaces.choices import ClassWeights, RegressionLoss, TokenizerKind
from search_spaces.names import FAMILIAR


def _either(options: type[StrEnum]) -> str:
    *first, last = options
    return f"{', '.join(first)} or {last}"


#: Fields of the training arguments that the search itself sets, and what to use instead.
RESERVED: dict[str, str] = {
    "output_dir": "every study has its own folder; choose where with --storage",
    "do_train": "a trial always trains",
    "do_eval": "a trial is always evaluated",
    "do_predict": "use the command predict",
    "eval_delay": "use scheduler.grace",
    "eval_on_start": "trials are evaluated after training steps only",
    "save_steps": "a trial that continues is saved after each evaluation",
    "save_total_limit": "use checkpoints.keep_best",
    "load_best_model_at_end": "the model of the best evaluation is always kept",
    "metric_for_best_model": "use metric",
    "greater_is_better": "each metric has its own direction",
    "resume_from_checkpoint": "use the command resume",
    "report_to": "use tracking: wandb, tensorboard, both or none",
    "run_name": "runs are named after their trials",
    "predict_with_generate": "evaluation always generates",
    "generation_config": "set its fields by their own names",
    "logging_nan_inf_filter": "a logged loss that is no number ends the trial",
    "disable_tqdm": "workers print no progress bars",
    "local_rank": "use --workers-per-trial",
    "use_cpu": "use --gpus-per-worker 0",
    "no_cuda": "use --gpus-per-worker 0",
    "remove_unused_columns": "the task chooses the columns",
    "label_names": "the task chooses the labels",
    "length_column_name": "the tokenised tables hold the lengths",
    "dataloader_drop_last": "every row is trained in every epoch",
    "dataloader_prefetch_factor": "rows come from memory-mapped tables",
    "dataloader_persistent_workers": "rows come from memory-mapped tables",
    "bf16_full_eval": "evaluation uses the precision of training",
    "fp16_full_eval": "evaluation uses the precision of training",
    "eval_accumulation_steps": "evaluation keeps no logits",
    "eval_do_concat_batches": "evaluation keeps no logits",
    "eval_use_gather_object": "evaluation gathers texts",
    "sortish_sampler": "use group_by_length: true or false",
    "save_only_model": "optimizer states are deleted when a trial ends",
    "full_determinism": "it would change the process for later trials",
    "tf32": "it would change the process for later trials",
    "include_for_metrics": "metrics are computed from whole rows",
    "batch_eval_metrics": "metrics are computed from whole rows",
    "prediction_loss_only": "evaluation always generates",
    "seed": "set seed at the top level; trials share it",
    "data_seed": "set seed at the top level; trials share it",
    "fsdp": "a model stays whole on each GPU: use --workers-per-trial for data parallelism, or a smaller batch",
    "fsdp_config": "a model stays whole on each GPU: use --workers-per-trial for data parallelism",
    "deepspeed": "a model stays whole on each GPU: use --workers-per-trial or gradient_checkpointing",
    "parallelism_config": "use --workers-per-trial for data parallelism",
    "accelerator_config": "batches are cut by kotune; use gradient_accumulation_steps and --workers-per-trial",
    "push_to_hub": "export first, then push the folder",
    "average_tokens_across_devices": "one global batch always gives one gradient",
    "auto_find_batch_size": "a batch that does not fit the memory is always halved, with gradient accumulation",
    "train_sampling_strategy": "use group_by_length: true or false",
}

#: Parameters that kotune adds.
EXTRA: dict[str, str] = {
    "group_by_length": "batches of similar length, which need less padding",
    "max_steps": "optimizer steps of a trial, instead of num_train_epochs",
    "eval_steps": "optimizer steps between evaluations, below 1 a share of all, instead of eval_every",
    "early_stopping_patience": "evaluations without improvement after which a trial ends",
    "early_stopping_threshold": "smallest improvement that counts for early_stopping_patience",
    "class_weights": f"{_either(ClassWeights)}: weight of rare classes in the loss",
    "regression_loss": _either(RegressionLoss),
    "freeze_layers": "number of the lowest layers that are not trained, in addition to the embeddings",
    "layerwise_lr_decay": "learning rate of a layer, as a fraction of the next higher layer's",
    "adafactor_own_rate": "Adafactor chooses its own learning rate (with optim: adafactor)",
    "log_gradients": "log the gradient norm of every layer",
    "tokenizer_kind": f"{_either(TokenizerKind)}: the tokenizer that is trained for a scratch model",
    "vocabulary": "largest vocabulary of a tokenizer that is trained for a scratch model",
}

#: Extra parameters that take one of several words.
EXTRA_WORDS: dict[str, tuple[str, ...]] = {
    "class_weights": tuple(ClassWeights),
    "regression_loss": tuple(RegressionLoss),
    "tokenizer_kind": tuple(TokenizerKind),
}

#: Extra parameters that are numbers: type, smallest and largest value.
EXTRA_NUMBERS: dict[str, tuple[type, float, float]] = {
    "max_steps": (int, 1, 1e9),
    "eval_steps": (float, 1e-6, 1e9),
    "early_stopping_patience": (int, 1, 1e9),
    "early_stopping_threshold": (float, 0, math.inf),
    "freeze_layers": (int, 0, math.inf),
    "layerwise_lr_decay": (float, 0.01, 1),
    "vocabulary": (int, 10, 1e6),
}

#: Current parameter -> value.
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Alias:
    """An old or familiar name of one or several parameters.

    Args:
        translate: value of the alias -> the parameters that replace it; empty if it has no effect.
        meaning: what the alias became, for the user who wrote it.
    """

    translate: Callable[[Any], Values]
    meaning: str


def _renamed(name: str) -> Alias:
    return Alias(lambda value: {name: value}, name)


def _ignored(meaning: str) -> Alias:
    return Alias(lambda value: {}, meaning)


def _epoch_only(name: str) -> Alias:
    def translate(value: Any) -> Values:
        if str(value) not in {"epoch", "steps"}:
            raise UserError(
                f"{name}: {value!r} leaves trials without evaluations to compare",
                "epoch",
                f"remove {name}; eval_every (epochs, fractions allowed) sets the interval",
            )
        return {}

    return Alias(translate, "eval_every, in epochs")


def _precision(value: Any) -> Values:
    if value not in ("bf16", "fp16", "fp32", "16", 16, "32", 32):
        raise UserError(f"precision: {value!r}", "bf16, fp16 or fp32", "change precision, or remove it")
    return {"bf16": value == "bf16", "fp16": value in ("fp16", "16", 16)}


def _warmup_ratio(value: Any) -> Values:
    """Returns `warmup_steps` below 1, which transformers 5 reads as a fraction of all steps."""
    if value is None:
        return {}
    ratio = float(value) if isinstance(value, int | float) else -1.0
    if not 0 <= ratio < 1:
        raise UserError(
            f"warmup_ratio: {value!r} is not a fraction of all steps",
            "0 <= warmup_ratio < 1",
            "use warmup_steps for a number of steps",
        )
    return {"warmup_steps": ratio}


ALIASES: dict[str, Alias] = {
    **{old: _renamed(name) for old, name in FAMILIAR.items()},
    "warmup_ratio": Alias(_warmup_ratio, "warmup_steps as a fraction of all steps"),
    "evaluation_strategy": _epoch_only("evaluation_strategy"),
    "eval_strategy": _epoch_only("eval_strategy"),
    "save_strategy": _ignored("a trial that continues is saved after each evaluation"),
    "overwrite_output_dir": _ignored("nothing is ever overwritten"),
    "logging_dir": _ignored("logs are in the study folder"),
    "adafactor": Alias(lambda value: {"optim": "adafactor"} if value else {}, "optim: adafactor"),
    "precision": Alias(_precision, "bf16 / fp16"),
}


#: Parameter -> smallest value; with a smaller one a trial fails or learns nothing.
AT_LEAST: dict[str, float] = {
    "per_device_train_batch_size": 1,
    "per_device_eval_batch_size": 1,
    "gradient_accumulation_steps": 1,
    "num_beams": 1,
    "num_return_sequences": 1,
    "max_new_tokens": 1,
    "max_length": 2,
    "learning_rate": 0,
    "weight_decay": 0,
    "warmup_steps": 0,
    "label_smoothing_factor": 0,
    "adam_beta1": 0,
    "adam_beta2": 0,
    "max_grad_norm": 0,
    "no_repeat_ngram_size": 0,
    "dataloader_num_workers": 0,
}
#: Divisors and fractions that must not be zero.
ABOVE: dict[str, float] = {
    "num_train_epochs": 0,
    "temperature": 0,
    "repetition_penalty": 0,
    "top_p": 0,
    "adam_epsilon": 0,  # divides by 0 for the embeddings of tokens that a batch lacks
}
#: torch refuses a decay of 1, and labels that are smoothed by 1 carry no information.
BELOW: dict[str, float] = {"label_smoothing_factor": 1, "adam_beta1": 1, "adam_beta2": 1}
#: Beyond these, memory, processes or years run out.
AT_MOST: dict[str, float] = {
    "top_p": 1,
    "num_train_epochs": 1e5,
    "per_device_train_batch_size": 1e6,
    "per_device_eval_batch_size": 1e6,
    "gradient_accumulation_steps": 1e6,
    "num_beams": 1_000,
    "num_return_sequences": 1_000,
    "max_new_tokens": 1e6,
    "max_length": 1e6,
    "no_repeat_ngram_size": 1e6,
    "dataloader_num_workers": 256,
}
BOUNDS = (
    (AT_LEAST, operator.ge, "at least"),
    (ABOVE, operator.gt, "more than"),
    (BELOW, operator.lt, "below"),
    (AT_MOST, operator.le, "at most"),
)
