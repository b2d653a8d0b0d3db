"""Every name that a trial's configuration may hold, where it belongs, and what old names became."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from search_spaces.errors import UserError, nearest

#: Fields of the training arguments that the search itself sets, and what to use instead.
OWNED: dict[str, str] = {
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
OWN: dict[str, str] = {"group_by_length": "batches of similar length (less padding)"}


@cache
def training_fields() -> frozenset[str]:
    """Names of all fields of `Seq2SeqTrainingArguments` that a trial may set."""
    from transformers import Seq2SeqTrainingArguments

    return frozenset(field.name for field in dataclasses.fields(Seq2SeqTrainingArguments) if field.init) - set(OWNED)


@cache
def generation_fields() -> frozenset[str]:
    """Names of all fields of `GenerationConfig` that a trial may set."""
    from transformers import GenerationConfig

    hidden = {"transformers_version", "generation_kwargs"}
    return frozenset(name for name in vars(GenerationConfig()) if not name.startswith("_")) - hidden


@cache
def known_parameters() -> dict[str, str]:
    """Parameter name -> its kind: `training`, `generation`, `own` or `alias`.

    A name that both classes have belongs to training; `generation.NAME` says otherwise.
    """
    names = dict.fromkeys(generation_fields(), "generation")
    names.update(dict.fromkeys(training_fields(), "training"))
    names.update(dict.fromkeys(OWN, "own"))
    names.update(dict.fromkeys(ALIASES, "alias"))
    shared = generation_fields() & training_fields()
    names.update({f"generation.{name}": "generation" for name in shared})
    return names


def _steps(name: str) -> Callable[[Any], dict[str, Any]]:
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
    "per_gpu_train_batch_size": _steps("per_device_train_batch_size"),
    "per_gpu_eval_batch_size": _steps("per_device_eval_batch_size"),
    "generation_max_length": _steps("max_length"),
    "generation_num_beams": _steps("num_beams"),
    "generate_max_length": _steps("max_length"),
    "adafactor": lambda value: {"optim": "adafactor"} if value else {},
    "precision": _precision,
    "label_smoothing": _steps("label_smoothing_factor"),
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


@dataclasses.dataclass(frozen=True)
class Settings:
    """A trial's configuration, sorted by who reads it."""

    training: dict[str, Any]
    generation: dict[str, Any]
    model: dict[str, Any]
    group_by_length: bool


def sort_out(config: Mapping[str, Any]) -> Settings:
    """Translate old names and sort a flat configuration by its readers.

    Raises:
        UserError: a name nobody reads, a name the search itself sets, or two names for one thing.
    """
    training: dict[str, Any] = {}
    generation: dict[str, Any] = {}
    model: dict[str, Any] = {}
    own: dict[str, Any] = {"group_by_length": True}
    said: dict[str, str] = {}
    for name, value in config.items():
        for current, translated in _translated(name, value).items():
            prefix, bare = _parted(current)
            identity = bare if prefix == _kind(bare) else current
            if identity in said:
                raise UserError(
                    f"{name} and {said[identity]} both set {identity}",
                    "one of them",
                    f"remove {name} or {said[identity]}",
                )
            said[identity] = name
            room = model if prefix == "model" else {"generation": generation, "training": training, "own": own}[prefix]
            room[bare] = translated
    return Settings(training, generation, model, bool(own["group_by_length"]))


def _translated(name: str, value: Any) -> dict[str, Any]:
    return ALIASES[name](value) if name in ALIASES else {name: value}


def _parted(name: str) -> tuple[str, str]:
    """Who reads a current name, and the name without a prefix.

    Raises:
        UserError: nobody reads it, or the search itself sets it.
    """
    prefix, _, bare = name.rpartition(".")
    if bare in OWNED and prefix != "model":
        raise UserError(f"{name} is set by the search itself", "", OWNED[bare])
    fields = {"generation": generation_fields(), "training": training_fields()}
    kind = prefix or _kind(bare)
    if kind == "model" or bare in {"own": OWN, **fields}.get(kind, ()):
        return kind, bare
    raise UserError(
        f"{name} is no parameter",
        "a field of Seq2SeqTrainingArguments or GenerationConfig, or model.FIELD",
        nearest(bare, [*fields["training"], *fields["generation"]]),
    )


def _kind(name: str) -> str:
    if name in OWN:
        return "own"
    return "training" if name in training_fields() else "generation" if name in generation_fields() else ""


#: Parameter -> the smallest value that makes sense; a trial with less would fail or stand still.
AT_LEAST: dict[str, float] = {
    "per_device_train_batch_size": 1,
    "per_device_eval_batch_size": 1,
    "gradient_accumulation_steps": 1,
    "num_beams": 1,
    "max_new_tokens": 1,
    "max_length": 2,
    "learning_rate": 0,
    "weight_decay": 0,
    "warmup_steps": 0,
    "label_smoothing_factor": 0,
}


def value_problems(config: Mapping[str, Any]) -> list[UserError]:
    """What is wrong with single values: words where numbers are needed, numbers that make no sense."""
    from transformers import GenerationConfig, Seq2SeqTrainingArguments

    # By the field, not its default: warmup_steps starts from 0, yet a share of all steps is a value too.
    numeric = {
        field.name: float if "float" in str(field.type) else type(field.default)
        for field in dataclasses.fields(Seq2SeqTrainingArguments)
        if isinstance(field.default, int | float)
    }
    generation = GenerationConfig()._get_default_generation_params()
    numeric |= {name: type(value) for name, value in generation.items() if isinstance(value, int | float)}
    numeric |= {"max_new_tokens": int, "max_length": int, "min_new_tokens": int}
    problems = []
    for name, value in config.items():
        try:
            translated = _translated(name, value)
        except UserError as error:
            problems.append(error)
            continue
        for current, meant in translated.items():
            prefix, _, bare = current.rpartition(".")
            if prefix != "model":
                problems += _value_problem(bare, name, meant, numeric)
    return problems


def _value_problem(name: str, written: str, value: Any, numeric: Mapping[str, type]) -> list[UserError]:
    wanted = numeric.get(name)
    if wanted is None or (value is None and name != "num_train_epochs"):
        return []
    if wanted is bool:
        fits, allowed = isinstance(value, bool) or name == "early_stopping", "true or false"
    else:
        fits, allowed = isinstance(value, int | float) and not isinstance(value, bool), "a number"
    if fits and wanted is int and isinstance(value, float) and not value.is_integer():
        fits, allowed = False, "a whole number"
    least = AT_LEAST.get(name, 0 if name == "num_train_epochs" else None)
    if fits and least is not None and (value < least or (name == "num_train_epochs" and value <= 0)):
        fits, allowed = False, f"more than {least:g}" if name == "num_train_epochs" else f"at least {least:g}"
    return [] if fits else [UserError(f"{written}: {value!r}", allowed, f"change {written}")]
