"""What a model would be, without its weights: does it do the task, read so much, and build as a trial wants it?"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import PreTrainedModel

from foundation.errors import UserError, first_line, nearest, raise_all
from trainables.models.freezing import freeze
from trainables.models.hub import load_config, untrusted
from trainables.models.scratch import architecture_named, scratch_config, scratch_size
from trainables.models.transformers_internals import is_remote_code_error, source_of_config
from trainables.models.weight_tying import check_ties
from trainables.tasks.task import Task

#: What a configuration or a model raises that cannot be built as told.
UNFIT = (RuntimeError, ValueError, TypeError, KeyError, ArithmeticError, AssertionError, StrictDataclassError)
#: What may be changed in a model that was trained.
KEEPS_SHAPES = "fields that leave its weights their shape, such as dropout"
_MISFIT = " does not go with the model: "
#: Fields that follow from the tokenizer and the task.
_DECIDED = ("vocab_size", "pad_token_id", "num_labels", "id2label", "label2id", "problem_type")


def check_model(
    model: str,
    architecture: str,
    task: Task,
    variants: Iterable[tuple[Mapping[str, Any], int]] = (),
    longest: int = 0,
    *,
    trust: bool = False,
) -> None:
    """Check that `model` does the task, and that each of its `variants` reads `longest` tokens.

    Args:
        variants: changed fields of the model's configuration, and how many layers are frozen, as in trials.
        trust: run the code that comes with it.

    Raises:
        UserError: no such size, folder or hub id, a model that cannot do the task, or fields that it cannot have; all
            of those at once.
    """
    config = base_config(model, architecture, trust=trust)
    problem = task.model_problem(config)
    if problem:
        raise UserError(
            f"model {model!r} is a {config.model_type}, {problem}",
            "an encoder-decoder such as BART or T5" if task.is_generative else "an encoder such as BERT",
            "choose another --model",
        )
    plain = outline(config, task, trust=trust)
    _check_positions(plain, model, longest)
    problems: dict[str, UserError] = {}  # by reason: one that is wrong in every configuration is told once
    different = {repr(variant): variant for variant in variants}
    for overrides, frozen in different.values():
        try:
            changed = outline(described(config, overrides), task, overrides, frozen, trust=trust)
            _check_positions(changed, model, longest)
            if scratch_size(model) is None:
                _check_weights(overrides, changed, plain)
        except UserError as error:
            problems.setdefault(_reason(error), error)
    raise_all(list(problems.values()))


def _check_weights(overrides: Mapping[str, Any], changed: PreTrainedModel, plain: PreTrainedModel) -> None:
    """What was learned must find its place."""
    if _shapes(changed) != _shapes(plain):
        raise unfit(overrides, "its weights have other shapes", KEEPS_SHAPES)
    try:
        check_ties(changed, plain)
    except ValueError as error:
        raise unfit(overrides, str(error), KEEPS_SHAPES) from error


def _reason(error: UserError) -> str:
    """What is wrong, without the values that are searched beside it; one field by itself is its own reason."""
    fields, _, reason = error.problem.partition(_MISFIT)
    return reason if ", model." in fields else error.problem


def base_config(model: str, architecture: str, *, trust: bool = False) -> Any:
    """The configuration of a model; a scratch one has the largest vocabulary that its size allows.

    Raises:
        UserError: no such model.
    """
    size = scratch_size(model)
    if size is None:
        return load_config(model, trust=trust)
    most = architecture_named(architecture).sizes[size]["vocabulary"] or 384  # bytes, and what stands beside them
    return scratch_config(architecture, size, _NoWords(most))  # type: ignore[arg-type]


def described(config: Any, overrides: Mapping[str, Any]) -> Any:
    """The configuration with other fields.

    Raises:
        UserError: fields that it does not have, that are decided elsewhere, or values that they cannot have.
    """
    check_fields(config, overrides)
    for name, value in overrides.items():
        if name in _DECIDED:
            raise unfit({name: value}, "it follows from the tokenizer and the data")
        if "drop" in name and isinstance(value, float | int) and not 0 <= value <= 1:
            raise unfit({name: value}, "it is a probability", "0 to 1")  # many models find out in their first step
    try:
        return made_again(config, overrides)
    except UNFIT as error:
        raise unfit(overrides, first_line(error)) from error


def outline(
    config: Any,
    task: Task | type[Task],
    overrides: Mapping[str, Any] | None = None,
    freeze_layers: int = 0,
    *,
    trust: bool = False,
) -> PreTrainedModel:
    """A model of `config` on torch's meta device: layers and shapes, and nothing in them.

    Args:
        overrides: what `config` was changed by, for the message.
        trust: run the code that comes with the model.

    Raises:
        UserError: no model can be made of it, or it has fewer layers than are to be frozen.
    """
    try:
        with torch.device("meta"):
            model: PreTrainedModel = task.auto_model.from_config(config, trust_remote_code=trust)
    except UNFIT as error:
        if is_remote_code_error(error):
            raise untrusted(f"model {source_of_config(config)!r}") from error
        if overrides:
            raise unfit(overrides, first_line(error)) from error
        given = f"no model for {task.name} can be made of a {config.model_type}: {first_line(error)}"
        raise UserError(given, f"one that {task.auto_model.__name__} knows", "choose another --model") from error
    freeze(model, freeze_layers)
    return model


def check_fields(config: Any, names: Iterable[str]) -> None:
    """Check that a configuration has the fields.

    Raises:
        UserError: it lacks one.
    """
    for name in names:
        if not hasattr(config, name):
            raise UserError(f"model.{name} is no field of {type(config).__name__}", "", nearest(name, config.to_dict()))


def made_again(config: Any, overrides: Mapping[str, Any]) -> Any:
    """The configuration with other fields; made anew, so that it checks itself and derives what follows from them.

    Raises:
        ValueError: a field does not take its value. T5 reads `tie_word_embeddings` as a word on something else.
    """
    fields = {field.name for field in dataclasses.fields(type(config)) if field.init}
    given = {name: value for name, value in config.to_dict().items() if name in fields}
    # What is no field is derived, such as T5's `dense_act_fn`, unless it was set by hand.
    same = type(config)(**given).to_dict()
    others = {name: value for name, value in config.to_dict().items() if name not in fields}
    by_hand = {name: value for name, value in others.items() if same.get(name) != value}
    made = type(config)(**{**given, **by_hand, **overrides})
    for name, value in overrides.items():
        found = getattr(made, name)
        plain = all(isinstance(one, bool | int | float | str) for one in (value, found))  # others are written in ways
        if plain and found != value:
            raise ValueError(f"{type(config).__name__} keeps {name} at {found!r}")
    return made


def unfit(overrides: Mapping[str, Any], why: str, allowed: str = "") -> UserError:
    """Says that a model cannot have these fields."""
    written = ", ".join(f"model.{name} = {value!r}" for name, value in overrides.items())
    return UserError(f"{written}{_MISFIT}{why}", allowed, "change it, or take it out")


def _check_positions(model: PreTrainedModel, named: str, longest: int) -> None:
    positions = getattr(model.config, "max_position_embeddings", None)
    if not positions:
        return
    # RoBERTa counts from behind its padding, and so reads fewer tokens than it has positions.
    found = [part for name, part in model.named_modules() if name.endswith("position_embeddings")]
    paddings = [getattr(part, "padding_idx", None) for part in found]
    positions -= max((padding + 1 for padding in paddings if padding is not None), default=0)
    if longest > positions:
        raise UserError(
            f"{longest} tokens (max_source_length, max_target_length, max_new_tokens or max_length)",
            f"at most {positions}: model {named!r} has no more positions",
            "--set max_source_length=…, or whichever is too long",
        )


def _shapes(model: PreTrainedModel) -> dict[str, torch.Size]:
    return {name: weight.shape for name, weight in model.state_dict().items()}


class _NoWords:
    """Stands for a tokenizer where only the shape of a configuration is asked for."""

    pad_token_id, bos_token_id, eos_token_id = 0, 2, 3

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size
