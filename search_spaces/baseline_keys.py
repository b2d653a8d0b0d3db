"""The keys of configuration files of other programs: how each value is read and translated.

There are three formats: the `config.yaml` of a KoBART chat-summarisation baseline, in sections; that of a regression
trainer with torch's names of losses, optimizers and schedulers, in nested sections; and flat experiment files of
trainers around `Seq2SeqTrainer`, with that class's names or plain ones such as `epochs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from search_spaces.choices import RegressionLoss, Tracking, WandbMode
from search_spaces.names import FAMILIAR
from search_spaces.readers import Reader, flag, one_of, path, real, share, text, texts, whole
from search_spaces.schema import READERS
from search_spaces.values import as_written


@dataclass(frozen=True)
class Rule:
    """How one key is translated.

    Args:
        reader: Reads its value.
        translate: Typed value -> dotted keys of a search space, such as `fixed.num_beams`; empty if kotune ignores it.
        note: A note for the user.
        todo: What to do about an invalid value; empty: write the reader's example.
    """

    reader: Reader
    translate: Callable[[Any], Mapping[str, Any]]
    note: str = ""
    todo: str = ""


def to(target: str, reader: Reader, note: str = "", todo: str = "") -> Rule:
    """Returns the rule for a value that goes to one key."""
    return Rule(reader, lambda value: {target: value}, note, todo)


def nothing(reader: Reader, note: str, todo: str = "") -> Rule:
    """Returns the rule for a value that is checked and ignored; the note says what kotune does instead."""
    return Rule(reader, lambda value: {}, note, todo)


def parameter(name: str) -> Rule:
    """Returns the rule for a parameter with its own name and any plain value."""
    return to(f"fixed.{name}", Reader("a finite number, text, true, false, or a list of those", "1", as_written))


def _must(required: bool) -> Reader:
    def read(value: object) -> bool:
        if value is not required:
            raise ValueError(value)
        return required

    word = str(required).lower()
    return Reader(word, word, read)


def _early_stopping() -> Reader:
    def read(value: object) -> bool | str:
        if isinstance(value, bool):
            return value
        if value == "never":
            return "never"
        raise ValueError(value)

    return Reader("true, false or never", "true", read)


def _special_tokens() -> Reader:
    name = "additional_special_tokens"

    def read(value: object) -> tuple[str, ...]:
        if isinstance(value, Mapping):
            if set(value) != {name}:
                raise ValueError(value)
            value = value[name]
        tokens: tuple[str, ...] = texts().read(value)
        return tokens

    return Reader(f"a list of texts, or {name}: with one under it", "['#Person1#', '#Person2#']", read)


def _named(what: str, names: Mapping[str, str]) -> Reader:
    """Reads a name of torch, in any case, as the name here; other texts stay, since they may be names here."""

    def read(value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            raise ValueError(value)
        return {name.lower(): here for name, here in names.items()}.get(value.lower(), value)

    return Reader(f"{', '.join(names)}, or {what}", next(iter(names)), read)


def _losses() -> Reader:
    reader = _named(" or ".join(RegressionLoss), _LOSSES)

    def read(value: object) -> RegressionLoss:
        return RegressionLoss(reader.read(value))

    allowed = f"for a regression {reader.allowed}; other tasks have one loss, and no such key"
    return replace(reader, read=read, names=tuple(_LOSSES), allowed=allowed)


def _plateau(name: str, reader: Reader) -> Rule:
    return Rule(reader, lambda value: {PLATEAU: {name: value}}, "of reduce_lr_on_plateau, in evaluations")


def _reporters() -> Reader:
    """Reads `report_to` of transformers: a name, or a list of names."""
    programs = (Tracking.WANDB.value, Tracking.TENSORBOARD.value)
    names = {"all": programs, "none": (), **{name: (name,) for name in programs}}
    reader = one_of(*names)

    def read(value: object) -> Tracking:
        items = value if isinstance(value, list | tuple) else [value]
        used = {name for item in items for name in names[str(reader.read(item))]}
        return Tracking.BOTH if len(used) == len(programs) else Tracking(next(iter(used), Tracking.NONE))

    return Reader(f"{', '.join(names)}, or a list of these", "tensorboard", read, tuple(names))


def _data_files(folder: str) -> dict[str, str]:
    return {f"data.{split}": str(Path(folder) / f"{split}.csv") for split in ("train", "dev")}


def _wandb_mode(used: bool) -> dict[str, WandbMode]:
    return {"wandb.mode": WandbMode.AUTO if used else WandbMode.DISABLED}


def _run_name() -> Rule:
    return Rule(text(), lambda name: {"wandb.tags": (name,)}, "runs are named after their trials")


#: A list and a mapping that several foreign keys may extend.
LIST, PLATEAU = "wandb.tags", "fixed.lr_scheduler_kwargs"
#: Names of torch -> names here.
_LOSSES = {"MSELoss": "mse", "L1Loss": "l1", "HuberLoss": "huber", "SmoothL1Loss": "huber"}  # both with a delta of 1
_OPTIMIZERS = {name: name.lower() for name in ("SGD", "RMSprop", "Adagrad", "Adafactor")} | {"AdamW": "adamw_torch"}
_SCHEDULERS = {"ReduceLROnPlateau": "reduce_lr_on_plateau", "CosineAnnealingLR": "cosine", "LinearLR": "linear"}

_COUNT, _FROM_ZERO, _SHARE, _POSITIVE = whole(at_least=1), whole(at_least=0), real(at_least=0), real(above=0)
_LENGTH = to(
    "fixed.max_length",
    whole(at_least=2),
    "tokens, including the start token; replaces max_new_tokens of the space",
)
_EVALUATIONS = Rule(
    one_of("epoch", "steps"),
    lambda unit: {"eval_every": 1.0} if unit == "epoch" else {},
    "eval_steps sets another interval",
    "write epoch, or remove it; eval_every (epochs, fractions allowed) sets the interval",
)
_OUTPUT = nothing(path(), "every study has its own folder, set with --storage")

GENERAL: dict[str, Rule] = {
    "data_path": Rule(
        path(), _data_files, "unless --train or --dev is used; test.csv has no summaries, pass it to predict"
    ),
    "model_name": to("model", text()),
    "output_dir": _OUTPUT,
}
INFERENCE: dict[str, Rule] = {
    "batch_size": nothing(_COUNT, "a search does no inference; use predict --batch-size"),
    "ckt_path": nothing(text(), "predict takes a folder that tune or export wrote"),
    "early_stopping": to("fixed.early_stopping", _early_stopping(), "of beam search, not of training"),
    "generate_max_length": _LENGTH,
    "no_repeat_ngram_size": to("fixed.no_repeat_ngram_size", _FROM_ZERO),
    "num_beams": to("fixed.num_beams", _COUNT),
    "remove_tokens": to("remove_tokens", texts(), "removed before scoring and output"),
    "result_path": nothing(text(), "use predict --out"),
}
TOKENIZER: dict[str, Rule] = {
    "bos_token": nothing(text(), "the tokenizer defines its own"),
    "eos_token": nothing(text(), "the tokenizer defines its own"),
    "decoder_max_len": to("max_target_length", _COUNT, "tokens"),
    "encoder_max_len": to("max_source_length", _COUNT, "tokens"),
    "special_tokens": to("special_tokens", _special_tokens(), "added to the tokenizer; embeddings are resized"),
}
TRAINING: dict[str, Rule] = {
    "do_eval": nothing(_must(True), "a trial is always evaluated", "remove it: trials are compared by evaluations"),
    "do_train": nothing(_must(True), "a trial always trains", "remove it: a search trains; predict does not"),
    "early_stopping_patience": to("fixed.early_stopping_patience", _COUNT, "evaluations, inside one trial"),
    "early_stopping_threshold": to("fixed.early_stopping_threshold", _SHARE, "of the metric, inside one trial"),
    "evaluation_strategy": _EVALUATIONS,
    "fp16": to("fixed.fp16", flag(), "a CPU computes in 32 bit in any case"),
    "generation_max_length": _LENGTH,
    "gradient_accumulation_steps": to("fixed.gradient_accumulation_steps", _COUNT),
    "learning_rate": to("fixed.learning_rate", _POSITIVE),
    "loss": to("fixed.regression_loss", _losses()),
    "load_best_model_at_end": nothing(flag(), "the best evaluation of a trial is always used"),
    "logging_dir": nothing(text(), "logs are in the study's folder"),
    "logging_strategy": nothing(
        one_of("epoch", "steps", "no"), "losses are logged by steps, scores by evaluations; use logging_steps"
    ),
    "lr_scheduler_type": to("fixed.lr_scheduler_type", text()),
    "num_train_epochs": to("fixed.num_train_epochs", _POSITIVE),
    "optim": to("fixed.optim", text()),
    "overwrite_output_dir": nothing(flag(), "kotune never overwrites a study"),
    "per_device_eval_batch_size": to("fixed.per_device_eval_batch_size", _COUNT),
    "per_device_train_batch_size": to("fixed.per_device_train_batch_size", _COUNT),
    "predict_with_generate": nothing(_must(True), "evaluation always generates", "remove it: scores need summaries"),
    "report_to": Rule(_reporters(), lambda used: {"tracking": used} | ({} if used.uses_wandb else _wandb_mode(False))),
    "save_strategy": nothing(
        one_of("epoch", "steps", "best", "no"), "a trial that continues is saved after each evaluation"
    ),
    "save_total_limit": to("checkpoints.keep_best", _COUNT, "of the whole study, not of each trial"),
    "seed": to("seed", READERS["seed"], "shared by all trials"),
    "shuffle": nothing(_must(True), "every epoch has its own order", "remove it: training rows are always shuffled"),
    "train_path": to("data.train", path(), "unless --train is used"),
    "warmup_ratio": to("fixed.warmup_ratio", _SHARE, "of all steps"),
    "weight_decay": to("fixed.weight_decay", _SHARE),
}
WANDB: dict[str, Rule] = {
    "entity": to("wandb.entity", text()),
    "name": _run_name(),
    "project": to("wandb.project", text()),
    **{key: to(f"wandb.{key}", READERS[f"wandb.{key}"]) for key in ("mode", "tags")},
}
OPTIMIZATION: dict[str, Rule] = {
    "name": to("fixed.optim", _named("an optimizer of transformers", _OPTIMIZERS)),
    "learning_rate": TRAINING["learning_rate"],
    "lr": TRAINING["learning_rate"],
    "weight_decay": TRAINING["weight_decay"],
}
SCHEDULER: dict[str, Rule] = {
    "name": to("fixed.lr_scheduler_type", _named("a scheduler of transformers", _SCHEDULERS)),
    "patience": _plateau("patience", _FROM_ZERO),
    "factor": _plateau("factor", share()),
    "threshold": _plateau("threshold", _SHARE),
    "cooldown": _plateau("cooldown", _FROM_ZERO),
    "min_lr": _plateau("min_lr", _SHARE),
}
TEST: dict[str, Rule] = {
    "dev_path": to("data.dev", path(), "unless --dev is used"),
    "test_path": to("data.test", path(), "unless --test is used"),
    "predict_path": nothing(text(), "pass the file to predict"),
}

#: Section -> its keys, for files in sections.
BASELINE: dict[str, dict[str, Rule]] = {
    "general": GENERAL,
    "inference": INFERENCE,
    "tokenizer": TOKENIZER,
    "training": TRAINING,
    "training.optimization": OPTIMIZATION,
    "training.scheduler": SCHEDULER,
    "test": TEST,
    "wandb": WANDB,
}
#: Section -> the kinds of parameters that it may have in addition, with their own or their familiar names.
MORE_KINDS = {"training": ("training", "extra", "alias"), "inference": ("generation",)}

_PLAIN: dict[str, Rule] = {
    "batch_size": to("fixed.per_device_train_batch_size", _COUNT, "rows of training, per device"),
    "train_batch_size": to("fixed.per_device_train_batch_size", _COUNT, "rows of training, per device"),
    "debug": nothing(
        _must(False), "a search is not a debug run", "remove it; use train --rows 500, or --dry-run for checks only"
    ),
    "eval_strategy": _EVALUATIONS,
    "greater_is_better": nothing(flag(), "each metric has its own direction"),
    "logging_steps": to("fixed.logging_steps", _COUNT),
    "max_length": _LENGTH,
    "max_new_tokens": to("fixed.max_new_tokens", _COUNT, "tokens"),
    "metric_for_best_model": Rule(text(), lambda name: {"metric": name.removeprefix("eval_")}),
    "model_name_or_path": to("model", text()),
    "num_checkpoints": TRAINING["save_total_limit"],
    "run_name": _run_name(),
    "test_file": to("data.test", path(), "unless --test is used"),
    "train_file": to("data.train", path(), "unless --train is used"),
    "use_wandb": Rule(flag(), _wandb_mode),
    "validation_file": to("data.dev", path(), "unless --dev is used"),
    "wandb_entity": WANDB["entity"],
    "wandb_project": WANDB["project"],
    "wandb_run_name": WANDB["name"],
    "wandb_tags": to("wandb.tags", texts()),
    "warmup_steps": to("fixed.warmup_steps", _SHARE, "steps; below 1, a share of all"),
}

#: The keys of a flat file, which may include keys of search spaces: `metric`, or `columns:` with `source` under it.
FLAT: dict[str, Rule] = {
    **{key: to(key, reader) for key, reader in READERS.items()},
    **GENERAL,
    **INFERENCE,
    **TOKENIZER,
    **TRAINING,
    **TEST,
    **{f"wandb.{key}": rule for key, rule in WANDB.items()},
    **{
        name: TRAINING.get(current) or INFERENCE.get(current) or parameter(current)
        for name, current in FAMILIAR.items()
    },
    **_PLAIN,  # last, so that a plain `batch_size` is that of training
}
