"""Parameters of a trial: who reads each name, and which values are valid."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from foundation.errors import UserError, nearest
from search_spaces.choices import options_text
from search_spaces.values import as_word
from trainables.training.parameter_names import ALIASES, BOUNDS, EXTRA, EXTRA_NUMBERS, EXTRA_WORDS, RESERVED, Values


@cache
def training_fields() -> frozenset[str]:
    """Returns the fields of `Seq2SeqTrainingArguments` that a trial may set."""
    from transformers import Seq2SeqTrainingArguments

    return frozenset(field.name for field in dataclasses.fields(Seq2SeqTrainingArguments) if field.init) - {
        *RESERVED,
        *EXTRA,
    }


@cache
def generation_fields() -> frozenset[str]:
    """Returns the fields of `GenerationConfig` that a trial may set."""
    from transformers import GenerationConfig

    hidden = {"transformers_version", "generation_kwargs"}
    return frozenset(name for name in vars(GenerationConfig()) if not name.startswith("_")) - hidden


@cache
def parameter_kinds() -> Mapping[str, str]:
    """Returns name -> kind of every parameter: `training`, `generation`, `extra` or `alias`.

    A name of both classes belongs to training; `generation.NAME` selects the other one.
    """
    kinds = dict.fromkeys(generation_fields(), "generation")
    kinds.update(dict.fromkeys(training_fields(), "training"))
    kinds.update(dict.fromkeys(EXTRA, "extra"))
    kinds.update(dict.fromkeys(ALIASES, "alias"))
    shared = generation_fields() & training_fields()
    kinds.update({f"generation.{name}": "generation" for name in shared})
    return kinds


def alias_meanings() -> Mapping[str, str]:
    """Returns what each alias became, for messages."""
    return {name: alias.meaning for name, alias in ALIASES.items()}


@dataclasses.dataclass(frozen=True)
class Settings:
    """A trial's configuration, grouped by reader; aliases are resolved.

    Args:
        training: fields of `Seq2SeqTrainingArguments`.
        generation: fields of `GenerationConfig`.
        model: fields of the model's configuration.
        extra: parameters that kotune adds.
    """

    training: dict[str, Any] = dataclasses.field(default_factory=dict)
    generation: dict[str, Any] = dataclasses.field(default_factory=dict)
    model: dict[str, Any] = dataclasses.field(default_factory=dict)
    extra: dict[str, Any] = dataclasses.field(default_factory=dict)

    def value(self, name: str) -> Any:
        """Returns an extra or a training parameter; None if it is not set."""
        return self.extra.get(name, self.training.get(name))


def split_parameters(config: Mapping[str, Any]) -> Settings:
    """Resolves aliases and groups a flat configuration by reader.

    Raises:
        UserError: a name is unknown or set by the search itself, or two names set the same parameter.
    """
    settings = Settings()
    written_names: dict[str, str] = {}  # parameter -> the name that the user wrote
    for name, value in config.items():
        for current, translated in _resolved(name, value).items():
            kind, bare = _parse(current)
            identity = bare if kind == _kind(bare) else current
            if identity in written_names:
                other = written_names[identity]
                raise UserError(f"{name} and {other} both set {identity}", "one of them", f"remove {name} or {other}")
            written_names[identity] = name
            getattr(settings, kind)[bare] = _as_meant(bare, translated)
    return settings


def _resolved(name: str, value: Any) -> Values:
    return ALIASES[name].translate(value) if name in ALIASES else {name: value}


def _parse(name: str) -> tuple[str, str]:
    """Returns the kind of a current name, and the name without its prefix.

    Raises:
        UserError: the name is unknown, or set by the search itself.
    """
    prefix, _, bare = name.rpartition(".")
    if bare in RESERVED and prefix != "model":
        raise UserError(f"{name} cannot be set", "the parameters that a search does not set itself", RESERVED[bare])
    fields = {"generation": generation_fields(), "training": training_fields()}
    kind = prefix or _kind(bare)
    if kind == "model" or bare in {"extra": EXTRA, **fields}.get(kind, ()):
        return kind, bare
    raise UserError(
        f"{name} is not a parameter",
        "a field of Seq2SeqTrainingArguments or GenerationConfig, or model.FIELD",
        nearest(bare, [*fields["training"], *fields["generation"]]) or f"remove {name}",
    )


def _kind(name: str) -> str:
    if name in EXTRA:
        return "extra"
    return "training" if name in training_fields() else "generation" if name in generation_fields() else ""


@cache
def _words() -> Mapping[str, list[str]]:
    """Returns the words that training fields with a fixed choice take."""
    import torch._inductor
    from accelerate.utils import DynamoBackend
    from transformers import Seq2SeqTrainingArguments
    from transformers.training_args import trainer_log_levels
    from transformers.utils.generic import ExplicitEnum

    hints = get_type_hints(Seq2SeqTrainingArguments)
    types = {name: [kind for kind in (*get_args(hint), hint) if isinstance(kind, type)] for name, hint in hints.items()}
    words = {
        name: [str(word.value) for word in kind]
        for name, kinds in types.items()
        for kind in kinds
        if issubclass(kind, ExplicitEnum)
    }
    # Plain texts by their annotation.
    words["log_level_replica"] = list(trainer_log_levels)
    words["torch_compile_backend"] = [str(backend.value).lower() for backend in DynamoBackend]
    words["torch_compile_mode"] = ["default", *torch._inductor.list_mode_options()]
    return words


@cache
def _never_null() -> frozenset[str]:
    """Returns the training fields whose annotation excludes null: transformers accepts it, and training fails."""
    from transformers import Seq2SeqTrainingArguments

    hints = get_type_hints(Seq2SeqTrainingArguments)
    return frozenset(name for name in training_fields() if type(None) not in get_args(hints[name]))


#: Fields of `GenerationConfig` without a default, and their types.
_UNSET: dict[str, type] = {
    **dict.fromkeys(
        ("max_new_tokens", "max_length", "min_new_tokens", "max_cache_len", "max_matching_ngram_size"), int
    ),
    **dict.fromkeys(("min_p", "top_h"), float),
    **dict.fromkeys(("renormalize_logits", "output_attentions", "output_logits", "disable_compile"), bool),
}
_UNSET_TEXTS = ("num_assistant_tokens_schedule", "speculation_type")


@cache
def _number_types() -> Mapping[str, type]:
    """Returns the type of training and generation parameters that are numbers or flags."""
    from transformers import Seq2SeqTrainingArguments

    from trainables.models.transformers_internals import default_generation_parameters

    # By the field's annotation, not its default: warmup_steps defaults to 0, but a fraction of all steps is valid too.
    types = {
        field.name: float if "float" in str(field.type) else type(field.default)
        for field in dataclasses.fields(Seq2SeqTrainingArguments)
        if isinstance(field.default, int | float)
    }
    generation = default_generation_parameters()
    types |= {name: type(value) for name, value in generation.items() if isinstance(value, int | float)}
    return types | _UNSET


#: How messages call the types of other fields.
_TYPE_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    dict: "a mapping",
    list: "a list",
}


@cache
def _field_types() -> Mapping[str, tuple[type, ...]]:
    """Returns the types of fields that are neither words nor numbers by default, without null."""
    from transformers import Seq2SeqTrainingArguments

    def types(hint: Any) -> tuple[type, ...]:
        members = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        kinds = [get_origin(member) or member for member in members]
        return tuple(kind for kind in (*kinds, *([int] if float in kinds else [])) if isinstance(kind, type))

    hints = get_type_hints(Seq2SeqTrainingArguments)
    training = {
        name: tuple(kind for kind in types(hints[name]) if kind is not type(None)) for name in training_fields()
    }
    return training | dict.fromkeys(_UNSET_TEXTS, (str,))


def _as_meant(name: str, value: Any) -> Any:
    """Returns 16.0 as 16 if the parameter is a whole number, and false as `no` or `none` if it is a word.

    YAML and `1e4` give floats, which `range` refuses, and YAML reads `no` as false.
    """
    if words := EXTRA_WORDS.get(name) or _words().get(name):
        return as_word(value, words)
    kind = EXTRA_NUMBERS[name][0] if name in EXTRA_NUMBERS else _number_types().get(name)
    return int(value) if kind is int and isinstance(value, float) and value.is_integer() else value


def value_problems(config: Mapping[str, Any]) -> list[UserError]:
    """Returns the problems of single values: words instead of numbers, unknown words, numbers out of range."""
    problems = []
    for name, value in config.items():
        try:
            resolved = _resolved(name, value)
        except UserError as error:
            problems.append(error)
            continue
        for current, translated in resolved.items():
            prefix, _, bare = current.rpartition(".")
            if prefix == "generation" and translated is None:
                continue  # not set
            if prefix != "model" and (problem := _value_problem(bare, name, translated)) is not None:
                problems.append(problem)
    return problems


def _value_problem(name: str, written_name: str, value: Any) -> UserError | None:
    if name in EXTRA and value is not None:
        return _extra_problem(name, value)
    if value is None and name not in _never_null():
        return None
    if words := _words().get(name, ()):
        return _word_problem(written_name, value, words)
    kind = _number_types().get(name)
    if kind is None:
        is_valid = isinstance(value, _field_types().get(name, object))
        allowed = " or ".join(dict.fromkeys(_TYPE_WORDS[kind] for kind in _field_types().get(name, ())))
        return None if is_valid else UserError(f"{written_name}: {value!r}", allowed, f"change {written_name}")
    if kind is bool:
        is_valid, allowed = isinstance(value, bool) or name == "early_stopping", "true or false"
    else:
        is_valid, allowed = _is_number(value), "a number"
    if is_valid and kind is int and isinstance(value, float) and not value.is_integer():
        is_valid, allowed = False, "a whole number"
    for bounds, holds, words_of_bound in BOUNDS:
        if is_valid and name in bounds and not holds(value, bounds[name]):
            is_valid, allowed = False, f"{words_of_bound} {bounds[name]:g}"
    return None if is_valid else UserError(f"{written_name}: {value!r}", allowed, f"change {written_name}")


def _extra_problem(name: str, value: Any) -> UserError | None:
    if name in EXTRA_WORDS:
        return _word_problem(name, value, EXTRA_WORDS[name])
    if name not in EXTRA_NUMBERS:
        return None if isinstance(value, bool) else UserError(f"{name}: {value!r}", "true or false", f"change {name}")
    kind, smallest, largest = EXTRA_NUMBERS[name]
    if _is_number(value) and (kind is float or float(value).is_integer()) and smallest <= value <= largest:
        return None
    allowed = f"a {'whole ' if kind is int else ''}number, at least {smallest:g}"
    allowed += f" and at most {largest:g}" if math.isfinite(largest) else ""
    return UserError(f"{name}: {value!r}", allowed, f"change {name}")


def _word_problem(name: str, value: Any, words: list[str] | tuple[str, ...]) -> UserError | None:
    if str(as_word(value, words)) in words:
        return None
    return UserError(f"{name}: {value!r}", options_text(words), nearest(str(value), words) or f"change {name}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def model_variant(config: Mapping[str, Any]) -> tuple[Values, int]:
    """Returns what a trial changes in its model: fields of its configuration, and the number of frozen layers."""
    settings = split_parameters(config)
    return settings.model, int(settings.extra.get("freeze_layers") or 0)
