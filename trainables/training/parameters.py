"""Every name that a trial's configuration may hold, where it belongs, and what old names became."""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Mapping
from functools import cache
from typing import Any, get_args, get_type_hints

from foundation.errors import UserError, nearest
from trainables.training.parameter_names import ALIASES, EXTRA, EXTRA_NUMBERS, EXTRA_WORDS, RESERVED


@cache
def training_fields() -> frozenset[str]:
    """Names of all fields of `Seq2SeqTrainingArguments` that a trial may set."""
    from transformers import Seq2SeqTrainingArguments

    return frozenset(field.name for field in dataclasses.fields(Seq2SeqTrainingArguments) if field.init) - set(RESERVED)


@cache
def generation_fields() -> frozenset[str]:
    """Names of all fields of `GenerationConfig` that a trial may set."""
    from transformers import GenerationConfig

    hidden = {"transformers_version", "generation_kwargs"}
    return frozenset(name for name in vars(GenerationConfig()) if not name.startswith("_")) - hidden


@cache
def known_parameters() -> dict[str, str]:
    """Parameter name -> its kind: `training`, `generation`, `extra` or `alias`.

    A name that both classes have belongs to training; `generation.NAME` says otherwise.
    """
    names = dict.fromkeys(generation_fields(), "generation")
    names.update(dict.fromkeys(training_fields(), "training"))
    names.update(dict.fromkeys(EXTRA, "extra"))
    names.update(dict.fromkeys(ALIASES, "alias"))
    shared = generation_fields() & training_fields()
    names.update({f"generation.{name}": "generation" for name in shared})
    return names


@dataclasses.dataclass(frozen=True)
class Settings:
    """A trial's configuration, sorted by who reads it."""

    training: dict[str, Any]
    generation: dict[str, Any]
    model: dict[str, Any]
    extra: dict[str, Any]

    def value(self, name: str) -> Any:
        """A parameter of training or of kotune's own; None where it is not set."""
        return self.extra.get(name, self.training.get(name))


def split_parameters(config: Mapping[str, Any]) -> Settings:
    """Translate old names and sort a flat configuration by its readers.

    Raises:
        UserError: a name nobody reads, a name the search itself sets, or two names for one thing.
    """
    training: dict[str, Any] = {}
    generation: dict[str, Any] = {}
    model: dict[str, Any] = {}
    extra: dict[str, Any] = {}
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
            room = (
                model if prefix == "model" else {"generation": generation, "training": training, "extra": extra}[prefix]
            )
            room[bare] = _whole(bare, translated)
    return Settings(training, generation, model, extra)


def _translated(name: str, value: Any) -> dict[str, Any]:
    return ALIASES[name](value) if name in ALIASES else {name: value}


def _parted(name: str) -> tuple[str, str]:
    """Who reads a current name, and the name without a prefix.

    Raises:
        UserError: nobody reads it, or the search itself sets it.
    """
    prefix, _, bare = name.rpartition(".")
    if bare in RESERVED and prefix != "model":
        raise UserError(f"{name} is set by the search itself", "", RESERVED[bare])
    fields = {"generation": generation_fields(), "training": training_fields()}
    kind = prefix or _kind(bare)
    if kind == "model" or bare in {"extra": EXTRA, **fields}.get(kind, ()):
        return kind, bare
    raise UserError(
        f"{name} is no parameter",
        "a field of Seq2SeqTrainingArguments or GenerationConfig, or model.FIELD",
        nearest(bare, [*fields["training"], *fields["generation"]]),
    )


def _kind(name: str) -> str:
    if name in EXTRA:
        return "extra"
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
    "adam_beta1": 0,
    "adam_beta2": 0,
    "adam_epsilon": 0,
    "max_grad_norm": 0,
    "no_repeat_ngram_size": 0,
}
#: What divides, or is a share of which something must be.
ABOVE: dict[str, float] = {"num_train_epochs": 0, "temperature": 0, "repetition_penalty": 0, "top_p": 0}
#: Torch takes no decay of one, and labels of which nothing is left teach nothing.
BELOW: dict[str, float] = {"label_smoothing_factor": 1, "adam_beta1": 1, "adam_beta2": 1}
AT_MOST: dict[str, float] = {"top_p": 1}
_BOUNDS = (
    (AT_LEAST, operator.ge, "at least"),
    (ABOVE, operator.gt, "more than"),
    (BELOW, operator.lt, "below"),
    (AT_MOST, operator.le, "at most"),
)


@cache
def _words() -> dict[str, list[str]]:
    """Training fields that take one of several words, and which."""
    from transformers import Seq2SeqTrainingArguments
    from transformers.utils.generic import ExplicitEnum

    kinds = get_type_hints(Seq2SeqTrainingArguments)
    enums = {name: [kind for kind in (*get_args(hint), hint) if isinstance(kind, type)] for name, hint in kinds.items()}
    return {
        name: [str(word.value) for word in kind]
        for name, found in enums.items()
        for kind in found
        if issubclass(kind, ExplicitEnum)
    }


@cache
def _numeric() -> dict[str, type]:
    """Parameters of training and generation that are numbers or flags, and of which type."""
    from transformers import Seq2SeqTrainingArguments

    from trainables.models.transformers_internals import default_generation_parameters

    # By the field, not its default: warmup_steps starts from 0, yet a share of all steps is a value too.
    numeric = {
        field.name: float if "float" in str(field.type) else type(field.default)
        for field in dataclasses.fields(Seq2SeqTrainingArguments)
        if isinstance(field.default, int | float)
    }
    generation = default_generation_parameters()
    numeric |= {name: type(value) for name, value in generation.items() if isinstance(value, int | float)}
    return numeric | {"max_new_tokens": int, "max_length": int, "min_new_tokens": int}


def _whole(name: str, value: Any) -> Any:
    """16.0 as 16 where a whole number is meant: YAML and `1e4` make floats, which `range` does not take."""
    wanted = EXTRA_NUMBERS[name][0] if name in EXTRA_NUMBERS else _numeric().get(name)
    return int(value) if wanted is int and isinstance(value, float) and value.is_integer() else value


def value_problems(config: Mapping[str, Any]) -> list[UserError]:
    """What is wrong with single values: words where numbers are needed, numbers that make no sense."""
    numeric = _numeric()
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
    if name in EXTRA and value is not None:
        return _own_problem(name, value)
    words = _words().get(name, ())
    if words:
        known = value is None or str(value) in words
        todo = nearest(str(value), words) or f"change {written}"
        return [] if known else [UserError(f"{written}: {value!r}", ", ".join(words), todo)]
    wanted = numeric.get(name)
    if wanted is None or (value is None and name != "num_train_epochs"):
        return []
    if wanted is bool:
        fits, allowed = isinstance(value, bool) or name == "early_stopping", "true or false"
    else:
        fits, allowed = isinstance(value, int | float) and not isinstance(value, bool), "a number"
    if fits and wanted is int and isinstance(value, float) and not value.is_integer():
        fits, allowed = False, "a whole number"
    for bounds, holds, said in _BOUNDS:
        if fits and name in bounds and not holds(value, bounds[name]):
            fits, allowed = False, f"{said} {bounds[name]:g}"
    return [] if fits else [UserError(f"{written}: {value!r}", allowed, f"change {written}")]


def _own_problem(name: str, value: Any) -> list[UserError]:
    if name in EXTRA_WORDS:
        known = EXTRA_WORDS[name]
        fits, allowed = value in known, ", ".join(known)
    elif name in EXTRA_NUMBERS:
        kind, least, most = EXTRA_NUMBERS[name]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        whole = number and (kind is float or float(value).is_integer())
        fits = whole and least <= value <= most
        allowed = f"a {'whole ' if kind is int else ''}number, at least {least:g}"
        allowed += f" and at most {most:g}" if math.isfinite(most) else ""
    else:
        fits, allowed = isinstance(value, bool), "true or false"
    todo = nearest(str(value), EXTRA_WORDS.get(name, ())) or f"change {name}"
    return [] if fits else [UserError(f"{name}: {value!r}", allowed, todo)]


def model_variant(config: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """What a trial changes in its model: fields of the model's configuration, and how many layers are frozen."""
    settings = split_parameters(config)
    return settings.model, int(settings.extra.get("freeze_layers") or 0)
