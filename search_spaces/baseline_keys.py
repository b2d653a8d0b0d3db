"""Every key of other people's configuration files: how its value is read, and what it is in kotune's own form.

Two kinds of file are known: the `config.yaml` of a KoBART chat-summarisation baseline, in sections, and flat experiment
files of trainers around `Seq2SeqTrainer`, with that class's names or plain ones such as `epochs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from search_spaces.choices import WandbMode
from search_spaces.readers import Reader, flag, one_of, path, real, text, texts, whole
from search_spaces.schema import READERS
from search_spaces.values import as_written


@dataclass(frozen=True)
class Rule:
    """What is done with one key.

    Args:
        reads: how its value is read.
        becomes: from the value read to kotune's dotted keys, such as `fixed.num_beams`; none for what kotune decides.
        note: what the person who wrote the key should know.
        todo: what to do about a value that cannot be read; empty for an example.
    """

    reads: Reader
    becomes: Callable[[Any], Mapping[str, Any]]
    note: str = ""
    todo: str = ""


def to(target: str, reads: Reader, note: str = "", todo: str = "") -> Rule:
    """The value goes to one key of kotune's."""
    return Rule(reads, lambda value: {target: value}, note, todo)


def nothing(reads: Reader, note: str, todo: str = "") -> Rule:
    """The value is checked and goes nowhere; the note says what kotune does instead."""
    return Rule(reads, lambda value: {}, note, todo)


def parameter(name: str) -> Rule:
    """A parameter by its own name, of which nothing is known here but that it is a plain value."""
    return to(f"fixed.{name}", Reader("a finite number, text, true, false, or a list of those", "1", as_written))


def _must(answer: bool) -> Reader:
    def read(value: object) -> bool:
        if value is not answer:
            raise ValueError(value)
        return answer

    word = str(answer).lower()
    return Reader(word, word, read)


def _strategy(*names: str) -> Reader:
    reads = one_of(*names)
    # YAML 1.1 reads a bare `no` as false.
    return replace(reads, read=lambda value: reads.read("no" if value is False else value))


def _beams_end() -> Reader:
    def read(value: object) -> bool | str:
        if isinstance(value, bool):
            return value
        if value == "never":
            return "never"
        raise ValueError(value)

    return Reader("true, false or never", "true", read)


def _special_tokens() -> Reader:
    inside = "additional_special_tokens"

    def read(value: object) -> tuple[str, ...]:
        if isinstance(value, Mapping):
            if set(value) != {inside}:
                raise ValueError(value)
            value = value[inside]
        found: tuple[str, ...] = texts().read(value)
        return found

    return Reader(f"a list of texts, or {inside}: with one under it", "['#Person1#', '#Person2#']", read)


def _reporter() -> Reader:
    reads = one_of("wandb", "none")
    return replace(
        reads, read=lambda value: reads.read(value[0] if isinstance(value, list) and len(value) == 1 else value)
    )


def _data_files(folder: str) -> dict[str, str]:
    return {f"data.{split}": str(Path(folder) / f"{split}.csv") for split in ("train", "dev")}


def _wandb_mode(used: bool) -> dict[str, WandbMode]:
    return {"wandb.mode": WandbMode.AUTO if used else WandbMode.DISABLED}


def _run_name() -> Rule:
    return Rule(text(), lambda name: {"wandb.tags": (name,)}, "runs are named after their trials")


_COUNT, _FROM_ZERO, _SHARE, _POSITIVE = whole(at_least=1), whole(at_least=0), real(at_least=0), real(above=0)
_LENGTH = to(
    "fixed.max_length",
    whole(at_least=2),
    "tokens, with the start token; the space's own max_new_tokens no longer holds",
)
_EVALUATIONS = Rule(
    _strategy("epoch"),
    lambda _: {"eval_every": 1.0},
    "evaluations follow epochs",
    "write epoch, or take it out; eval_every (epochs, fractions allowed) says how often",
)
_OUTPUT = nothing(path(), "every study has its own folder, --storage says where")

GENERAL: dict[str, Rule] = {
    "data_path": Rule(
        path(), _data_files, "unless --train or --dev is given; test.csv has no summaries, give it to predict"
    ),
    "model_name": to("model", text()),
    "output_dir": _OUTPUT,
}
INFERENCE: dict[str, Rule] = {
    "batch_size": nothing(_COUNT, "a search infers nothing, give it as predict --batch-size"),
    "ckt_path": nothing(text(), "predict takes the folder that tune or export wrote"),
    "early_stopping": to("fixed.early_stopping", _beams_end(), "of beams, not of training"),
    "generate_max_length": _LENGTH,
    "no_repeat_ngram_size": to("fixed.no_repeat_ngram_size", _FROM_ZERO),
    "num_beams": to("fixed.num_beams", _COUNT),
    "remove_tokens": to("remove_tokens", texts(), "taken out before scoring and output"),
    "result_path": nothing(text(), "predict --out says where"),
}
TOKENIZER: dict[str, Rule] = {
    "bos_token": nothing(text(), "the tokenizer brings its own"),
    "eos_token": nothing(text(), "the tokenizer brings its own"),
    "decoder_max_len": to("max_target_length", _COUNT, "tokens"),
    "encoder_max_len": to("max_source_length", _COUNT, "tokens"),
    "special_tokens": to("special_tokens", _special_tokens(), "added to the tokenizer, embeddings grow"),
}
TRAINING: dict[str, Rule] = {
    "do_eval": nothing(_must(True), "a trial is always evaluated", "take it out: trials are compared by evaluations"),
    "do_train": nothing(_must(True), "a trial always trains", "take it out: a search trains; predict does not"),
    "early_stopping_patience": to("fixed.early_stopping_patience", _COUNT, "evaluations, inside one trial"),
    "early_stopping_threshold": to("fixed.early_stopping_threshold", _SHARE, "of the metric, inside one trial"),
    "evaluation_strategy": _EVALUATIONS,
    "fp16": to("fixed.fp16", flag(), "a CPU computes in 32 bit either way"),
    "generation_max_length": _LENGTH,
    "gradient_accumulation_steps": to("fixed.gradient_accumulation_steps", _COUNT),
    "learning_rate": to("fixed.learning_rate", _POSITIVE),
    "load_best_model_at_end": nothing(flag(), "the best evaluation of a trial is always the one kept"),
    "logging_dir": nothing(text(), "logs lie in the study's folder"),
    "logging_strategy": nothing(
        _strategy("epoch", "steps", "no"), "losses are logged by steps, scores by evaluations; logging_steps says when"
    ),
    "lr_scheduler_type": to("fixed.lr_scheduler_type", text()),
    "num_train_epochs": to("fixed.num_train_epochs", _POSITIVE),
    "optim": to("fixed.optim", text()),
    "overwrite_output_dir": nothing(flag(), "nothing is ever overwritten"),
    "per_device_eval_batch_size": to("fixed.per_device_eval_batch_size", _COUNT),
    "per_device_train_batch_size": to("fixed.per_device_train_batch_size", _COUNT),
    "predict_with_generate": nothing(_must(True), "evaluation always generates", "take it out: scores need summaries"),
    "report_to": Rule(_reporter(), lambda name: _wandb_mode(name == "wandb")),
    "save_strategy": nothing(
        _strategy("epoch", "steps", "best", "no"), "a trial that goes on is saved after each evaluation"
    ),
    "save_total_limit": to("checkpoints.keep_best", _COUNT, "of the whole study, not of each trial"),
    "seed": to("seed", READERS["seed"], "all trials share it"),
    "warmup_ratio": to("fixed.warmup_ratio", _SHARE, "of all steps"),
    "weight_decay": to("fixed.weight_decay", _SHARE),
}
WANDB: dict[str, Rule] = {
    "entity": to("wandb.entity", text()),
    "name": _run_name(),
    "project": to("wandb.project", text()),
}

#: Section → its keys, of the file in sections.
BASELINE: dict[str, dict[str, Rule]] = {
    "general": GENERAL,
    "inference": INFERENCE,
    "tokenizer": TOKENIZER,
    "training": TRAINING,
    "wandb": WANDB,
}

_PLAIN: dict[str, Rule] = {
    "batch_size": to("fixed.per_device_train_batch_size", _COUNT, "rows of training, per device"),
    "debug": nothing(
        _must(False), "a search is no debug run", "take it out; train --rows 500 is one, --dry-run only checks"
    ),
    "epochs": to("fixed.num_train_epochs", _POSITIVE),
    "eval_strategy": _EVALUATIONS,
    "generation_num_beams": to("fixed.num_beams", _COUNT),
    "greater_is_better": nothing(flag(), "each metric has its own direction"),
    "logging_steps": to("fixed.logging_steps", _COUNT),
    "lr": to("fixed.learning_rate", _POSITIVE),
    "max_length": _LENGTH,
    "max_new_tokens": to("fixed.max_new_tokens", _COUNT, "tokens"),
    "metric_for_best_model": to("metric", text()),
    "model_name_or_path": to("model", text()),
    "num_checkpoints": TRAINING["save_total_limit"],
    "run_name": _run_name(),
    "test_file": to("data.test", path(), "unless --test is given"),
    "train_file": to("data.train", path(), "unless --train is given"),
    "use_wandb": Rule(flag(), _wandb_mode),
    "validation_file": to("data.dev", path(), "unless --dev is given"),
    "wandb_entity": WANDB["entity"],
    "wandb_project": WANDB["project"],
    "wandb_run_name": WANDB["name"],
    "wandb_tags": to("wandb.tags", texts()),
    "warmup_steps": to("fixed.warmup_steps", _SHARE, "steps; below 1, a share of all"),
}

#: The keys of a flat file. Kotune's own may stand among them: `metric`, or `columns:` with `source` under it.
FLAT: dict[str, Rule] = {
    **{key: to(key, reads) for key, reads in READERS.items()},
    **GENERAL,
    **INFERENCE,
    **TOKENIZER,
    **TRAINING,
    **_PLAIN,  # last: a plain `batch_size` is that of training
}
