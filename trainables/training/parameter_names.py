"""What the search sets itself, what kotune adds, and what old names of parameters became."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from foundation.errors import UserError
from search_spaces.choices import ClassWeights, RegressionLoss, TokenizerKind

#: Fields of the training arguments that the search itself sets, and what to use instead.
RESERVED: dict[str, str] = {
    "output_dir": "every study has its own folder; choose where with --storage",
    "do_train": "a trial always trains",
    "do_eval": "a trial is always evaluated",
    "do_predict": "use the command predict",
    "eval_steps": "use eval_every (epochs, fractions allowed)",
    "eval_delay": "use scheduler.grace",
    "eval_on_start": "trials are compared after training steps only",
    "save_steps": "a trial that goes on is saved after each evaluation",
    "save_total_limit": "use checkpoints.keep_best",
    "load_best_model_at_end": "the best evaluation of a trial is always the one kept",
    "metric_for_best_model": "use metric",
    "greater_is_better": "each metric has its own direction",
    "max_steps": "use num_train_epochs (fractions allowed)",
    "resume_from_checkpoint": "use the command resume",
    "report_to": "use wandb.mode",
    "run_name": "runs are named after their trials",
    "predict_with_generate": "evaluation always generates",
    "generation_config": "give its fields by their own names",
    "disable_tqdm": "workers print no progress bars",
    "local_rank": "use --workers-per-trial",
    "use_cpu": "use --gpus-per-worker 0",
    "no_cuda": "use --gpus-per-worker 0",
    "remove_unused_columns": "columns are chosen by the task",
    "label_names": "labels are chosen by the task",
    "length_column_name": "lengths are kept by the cache",
    "dataloader_drop_last": "every row is trained in every epoch",
    "dataloader_prefetch_factor": "rows come from memory-mapped tables",
    "dataloader_persistent_workers": "rows come from memory-mapped tables",
    "bf16_full_eval": "evaluation uses the precision of training",
    "fp16_full_eval": "evaluation uses the precision of training",
    "eval_accumulation_steps": "evaluation keeps no logits",
    "eval_do_concat_batches": "evaluation keeps no logits",
    "eval_use_gather_object": "evaluation gathers texts",
    "sortish_sampler": "use group_by_length: true or false",
    "save_only_model": "what going on needs is deleted when a trial ends",
    "full_determinism": "it would change the process for the trials that follow",
    "tf32": "it would change the process for the trials that follow",
    "include_for_metrics": "metrics are computed from whole rows",
    "batch_eval_metrics": "metrics are computed from whole rows",
    "prediction_loss_only": "evaluation always generates",
    "seed": "set seed at the top level; trials share it",
    "data_seed": "set seed at the top level; trials share it",
    "fsdp": "not supported",
    "fsdp_config": "not supported",
    "deepspeed": "not supported",
    "parallelism_config": "not supported",
    "accelerator_config": "not supported",
    "push_to_hub": "export first, then push the folder",
    "average_tokens_across_devices": "one global batch always gives one gradient",
    "auto_find_batch_size": "search per_device_train_batch_size instead",
    "train_sampling_strategy": "use group_by_length: true or false",
}

#: Parameters of kotune's own.
EXTRA: dict[str, str] = {
    "group_by_length": "batches of similar length (less padding)",
    "early_stopping_patience": "evaluations without a better value after which a trial ends",
    "early_stopping_threshold": "what a value must be better by to count for early_stopping_patience",
    "class_weights": "none, balanced or sqrt_balanced: how much rare classes count in the loss",
    "regression_loss": "mse, l1 or huber",
    "freeze_layers": "the embeddings and so many of the lowest layers are not trained",
    "layerwise_lr_decay": "learning rate of a layer, as a share of the next higher layer's",
    "adafactor_own_rate": "Adafactor chooses its own learning rate (with optim: adafactor)",
    "log_gradients": "the gradient norm of every layer goes to the log",
    "tokenizer_kind": "bpe, whitespace or morphemes: what is trained for a scratch model",
    "vocabulary": "most pieces that a tokenizer trained for a scratch model may have",
}

#: Own parameters that are words, and what they may be.
EXTRA_WORDS: dict[str, tuple[str, ...]] = {
    "class_weights": tuple(ClassWeights),
    "regression_loss": tuple(RegressionLoss),
    "tokenizer_kind": tuple(TokenizerKind),
}

#: Own parameters that are numbers: their kind and the smallest and largest that make sense.
EXTRA_NUMBERS: dict[str, tuple[type, float, float]] = {
    "early_stopping_patience": (int, 1, math.inf),
    "early_stopping_threshold": (float, 0, math.inf),
    "freeze_layers": (int, 0, math.inf),
    "layerwise_lr_decay": (float, 0.01, 1),
    "vocabulary": (int, 10, math.inf),
}


def _renamed(name: str) -> Callable[[Any], dict[str, Any]]:
    return lambda value: {name: value}


def _epoch_only(name: str) -> Callable[[Any], dict[str, Any]]:
    def translate(value: Any) -> dict[str, Any]:
        if str(value) not in {"epoch", "steps"}:
            raise UserError(
                f"{name}: {value!r} would leave trials without evaluations to compare",
                "epoch",
                f"remove {name}; eval_every (epochs, fractions allowed) says how often",
            )
        return {}

    return translate


def _precision(value: Any) -> dict[str, Any]:
    if value not in ("bf16", "fp16", "fp32", "16", 16, "32", 32):
        raise UserError(f"precision: {value!r}", "bf16, fp16 or fp32", "change precision, or leave it out")
    return {"bf16": value == "bf16", "fp16": value in ("fp16", "16", 16)}


def _dropped(value: Any) -> dict[str, Any]:
    return {}


#: Old or familiar name -> how its value is said today. `warmup_ratio` is a fraction of all steps, which
#: transformers 5 writes as a `warmup_steps` below 1.
ALIASES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "warmup_ratio": lambda value: {} if value is None else {"warmup_steps": _ratio(value)},
    "evaluation_strategy": _epoch_only("evaluation_strategy"),
    "eval_strategy": _epoch_only("eval_strategy"),
    "save_strategy": _dropped,
    "overwrite_output_dir": _dropped,
    "logging_dir": _dropped,
    "per_gpu_train_batch_size": _renamed("per_device_train_batch_size"),
    "per_gpu_eval_batch_size": _renamed("per_device_eval_batch_size"),
    "generation_max_length": _renamed("max_length"),
    "generation_num_beams": _renamed("num_beams"),
    "generate_max_length": _renamed("max_length"),
    "adafactor": lambda value: {"optim": "adafactor"} if value else {},
    "precision": _precision,
    "label_smoothing": _renamed("label_smoothing_factor"),
}

#: What each alias became, for the person who wrote it.
BECAME: dict[str, str] = {
    "warmup_ratio": "warmup_steps as a fraction of all steps",
    "evaluation_strategy": "eval_every, in epochs",
    "eval_strategy": "eval_every, in epochs",
    "save_strategy": "saving follows each evaluation that a trial survives",
    "overwrite_output_dir": "nothing is ever overwritten",
    "logging_dir": "logs lie in the study folder",
    "per_gpu_train_batch_size": "per_device_train_batch_size",
    "per_gpu_eval_batch_size": "per_device_eval_batch_size",
    "generation_max_length": "max_length of the generation config",
    "generation_num_beams": "num_beams",
    "generate_max_length": "max_length of the generation config",
    "adafactor": "optim: adafactor",
    "precision": "bf16 / fp16",
    "label_smoothing": "label_smoothing_factor",
}


def _ratio(value: Any) -> float:
    ratio = float(value) if isinstance(value, int | float) else -1.0
    if not 0 <= ratio < 1:
        raise UserError(
            f"warmup_ratio: {value!r} is no share of all steps",
            "0 <= warmup_ratio < 1",
            "use warmup_steps for a number",
        )
    return ratio
