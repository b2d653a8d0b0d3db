"""Checks of a model without its weights: whether it suits the task, its input lengths, and its overrides."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import PreTrainedConfig, PreTrainedModel

from foundation.errors import UserError, first_line, near_names, nearest, raise_all
from trainables.models.freezing import freeze
from trainables.models.hub import load_config, untrusted_code_error
from trainables.models.scratch import get_architecture, scratch_config, scratch_size
from trainables.models.transformers_internals import (
    is_remote_code_error,
    is_unsupported_type_error,
    source_of_config,
)
from trainables.models.weight_tying import check_no_new_ties
from trainables.tasks.task import Task

#: Exceptions of configurations and models that cannot be built with the given fields.
BUILD_ERRORS = (
    *(RuntimeError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError),
    *(ImportError, MemoryError, StrictDataclassError),
)
#: Overrides that are allowed for trained weights, in messages.
SHAPE_PRESERVING = "fields that do not change the shape of weights, such as dropout"
#: Overrides that are allowed for fresh weights, in messages.
_BUILDABLE = "values with which the model can be built"
_MISFIT = " does not fit the model: "
#: Fields that are set from the tokenizer and the task.
_DERIVED = ("vocab_size", "pad_token_id", "num_labels", "id2label", "label2id", "problem_type")


def check_model(
    model: str,
    architecture: str,
    task: Task,
    variants: Iterable[tuple[Mapping[str, Any], int]] = (),
    longest: int = 0,
    longest_target: int = 0,
    *,
    trust: bool = False,
) -> None:
    """Checks that `model` suits the task, and that each of its `variants` can be built and reads `longest` tokens.

    Args:
        variants: overrides of the model's configuration and the number of frozen layers, as trials have them.
        longest: largest number of tokens of a source.
        longest_target: largest number of tokens of a target or a generated text.
        trust: run the code that comes with the model.

    Raises:
        UserError: the model does not exist or does not suit the task, or overrides that it does not take; all
            problems of overrides at once.
    """
    config = base_config(model, architecture, trust=trust)
    problem = task.model_problem(config)
    if problem:
        raise UserError(
            f"model {model!r} is of type {config.model_type}, {problem}",
            "an encoder-decoder such as BART or T5" if task.is_generative else "an encoder such as BERT",
            "choose another model",
        )
    source = (longest, "max_source_length")
    target = (longest_target, "max_target_length, max_new_tokens or max_length")
    lengths = {"encoder": source, "decoder": target if task.is_generative else source}
    plain = build_meta_model(config, task, trust=trust)
    _check_positions(plain, model, lengths)
    problems: dict[str, UserError] = {}  # by reason: a problem of every variant is reported once
    unique = {repr(variant): variant for variant in variants}
    for overrides, frozen in unique.values():
        try:
            changed = build_meta_model(override_config(config, overrides), task, overrides, frozen, trust=trust)
            _check_positions(changed, model, lengths)
            if scratch_size(model) is None:
                _check_weights(overrides, changed, plain)
        except UserError as error:
            problems.setdefault(_reason(error), error)
    raise_all(list(problems.values()))


def _check_weights(overrides: Mapping[str, Any], changed: PreTrainedModel, plain: PreTrainedModel) -> None:
    """Checks that trained weights fit the changed model."""
    if _shapes(changed) != _shapes(plain):
        raise misfit_error(overrides, "its weights have other shapes", SHAPE_PRESERVING)
    try:
        check_no_new_ties(changed, plain)
    except ValueError as error:
        raise misfit_error(overrides, str(error), SHAPE_PRESERVING) from error


def _reason(error: UserError) -> str:
    """Returns the problem without the values of the fields, unless there is only one field."""
    fields, _, reason = error.problem.partition(_MISFIT)
    return reason if ", model." in fields else error.problem


def base_config(model: str, architecture: str, *, trust: bool = False) -> Any:
    """Returns the configuration of a model; a scratch model gets the largest vocabulary of its size.

    Raises:
        UserError: the model does not exist.
    """
    size = scratch_size(model)
    if size is None:
        return load_config(model, trust=trust)
    most = get_architecture(architecture).sizes[size]["vocabulary"] or 384  # 256 bytes, and ByT5's special tokens
    return scratch_config(architecture, size, _VocabularySize(most))  # type: ignore[arg-type]


def override_config(config: Any, overrides: Mapping[str, Any]) -> Any:
    """Returns the configuration with `overrides`.

    Raises:
        UserError: unknown fields, fields that are set from tokenizer and data, or values that are not allowed.
    """
    check_config_fields(config, overrides)
    for name, value in overrides.items():
        if name in _DERIVED:
            raise misfit_error({name: value}, "it is set from the tokenizer and the data", "other fields of the model")
        if "drop" in name and isinstance(value, float | int) and not 0 <= value <= 1:
            raise misfit_error({name: value}, "it is a probability", "0 to 1")  # many models raise only in a step
    try:
        return rebuild_config(config, overrides)
    except BUILD_ERRORS as error:
        raise misfit_error(overrides, first_line(error)) from error


def build_meta_model(
    config: Any,
    task: Task | type[Task],
    overrides: Mapping[str, Any] | None = None,
    freeze_layers: int = 0,
    *,
    trust: bool = False,
) -> PreTrainedModel:
    """Builds a model of `config` on torch's meta device: layers and shapes without values.

    Args:
        overrides: the fields of `config` that were changed, for the message.
        trust: run the code that comes with the model.

    Raises:
        UserError: the model cannot be built, or it has fewer layers than `freeze_layers`.
    """
    try:
        with torch.device("meta"):
            model: PreTrainedModel = task.auto_model.from_config(config, trust_remote_code=trust)
    except BUILD_ERRORS as error:
        if is_remote_code_error(error):
            raise untrusted_code_error(f"model {source_of_config(config)!r}") from error
        if overrides:
            raise misfit_error(overrides, first_line(error)) from error
        problem = f"no model for {task.name} can be built from type {config.model_type}"
        problem += "" if is_unsupported_type_error(error) else f": {first_line(error)}"
        allowed = f"a model type that {task.auto_model.__name__} of transformers supports"
        raise UserError(problem, allowed, "choose another --model") from error
    freeze(model, freeze_layers)
    return model


def check_config_fields(config: Any, names: Iterable[str]) -> None:
    """Checks that a configuration has the fields.

    Raises:
        UserError: a field does not exist.
    """
    for name in names:
        if not hasattr(config, name):
            raise UserError(
                f"model.{name} is not a field of {type(config).__name__}",
                near_names(name, config.to_dict()) or "the fields in the config.json of such a model",
                nearest(name, config.to_dict()) or f"remove model.{name}",
            )


def rebuild_config(config: Any, overrides: Mapping[str, Any]) -> Any:
    """Builds the configuration again with `overrides`, so that it checks itself and derives dependent fields.

    Raises:
        ValueError: a field keeps its old value. T5, for example, derives another field from `tie_word_embeddings`.
    """
    names = {field.name for field in dataclasses.fields(type(config)) if field.init}
    fields = {name: value for name, value in config.to_dict().items() if name in names}
    # Other entries are derived, such as T5's `dense_act_fn`, unless they were set explicitly.
    derived = type(config)(**fields).to_dict()
    others = {name: value for name, value in config.to_dict().items() if name not in names}
    explicit = {name: value for name, value in others.items() if derived.get(name) != value}
    rebuilt = type(config)(**{**fields, **explicit, **overrides})
    for name, value in overrides.items():
        actual = getattr(rebuilt, name)
        # Other types have several equal forms, such as a dtype and its name.
        is_plain = all(isinstance(one, bool | int | float | str) for one in (value, actual))
        if is_plain and actual != value:
            raise ValueError(f"{type(config).__name__} keeps {name} at {actual!r}")
    return rebuilt


def misfit_error(overrides: Mapping[str, Any], why: str, allowed: str = _BUILDABLE) -> UserError:
    """Returns the error for overrides that a model does not take."""
    fields = ", ".join(f"model.{name} = {value!r}" for name, value in overrides.items())
    return UserError(f"{fields}{_MISFIT}{why}", allowed, "change it, or remove it")


def _check_positions(model: PreTrainedModel, name: str, lengths: Mapping[str, tuple[int, str]]) -> None:
    """Checks that a model has enough positions.

    Args:
        lengths: side -> its largest number of tokens, and the settings that limit it.
    """
    # RoBERTa numbers positions from its padding index + 1, and so reads fewer tokens than it has positions.
    embeddings = [module for path, module in model.named_modules() if path.endswith("position_embeddings")]
    paddings = [getattr(module, "padding_idx", None) for module in embeddings]
    unused = max((padding + 1 for padding in paddings if padding is not None), default=0)
    for side, (tokens, settings) in lengths.items():
        positions = _positions(model.config, side)
        if positions is not None and tokens > positions - unused:
            raise UserError(
                f"{tokens} tokens ({settings})",
                f"at most {positions - unused}: model {name!r} has no more positions",
                f"--set {settings.split(',')[0]}={positions - unused}, or the setting that is too long",
            )


def _positions(config: Any, side: str) -> int | None:
    """Returns the number of positions of the encoder or the decoder; None if the configuration states no limit."""
    part = getattr(config, side, config)  # two models that are joined have a configuration each
    part = part if isinstance(part, PreTrainedConfig) else config
    names = (f"max_{side}_position_embeddings", "max_position_embeddings")  # LED has one for each side
    stated = (getattr(part, name, None) for name in names)
    return next((int(positions) for positions in stated if positions), None)


def _shapes(model: PreTrainedModel) -> dict[str, torch.Size]:
    return {name: weight.shape for name, weight in model.state_dict().items()}


class _VocabularySize:
    """A stand-in for a tokenizer, for configurations that need only its size and special ids."""

    pad_token_id, bos_token_id, eos_token_id = 0, 2, 3

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size
