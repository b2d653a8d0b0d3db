"""The model every trial starts from: a hub id, a local folder, or fresh weights of an architecture.

A study prepares its base model once, as a folder with weights, tokenizer and the special tokens added.
Trials copy it from memory.
"""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from huggingface_hub.utils import logging as hub_logging
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    set_seed,
)
from transformers.utils.logging import disable_progress_bar

from search_spaces.errors import UserError, nearest
from trainables.scratch import architecture_named, make_tokenizer, scratch_config, scratch_size
from trainables.task import Task

_WHERE = "a hub id, a folder saved with save_pretrained, or scratch:tiny|small|base"
_CHECK = "check the path; for a hub id, check the network and HF_HUB_OFFLINE"


def load_tokenizer(where: str, *, writes: bool = True) -> PreTrainedTokenizerBase:
    """The tokenizer of a hub id or a folder with `tokenizer.json`.

    Args:
        writes: whether it closes what a model writes, and so needs an end token.

    Raises:
        UserError: nothing there can be loaded.
    """
    _silence_hub()
    try:
        tokenizer = AutoTokenizer.from_pretrained(where)
    except (OSError, ValueError, ImportError) as error:
        raise UserError(
            f"tokenizer {where!r} cannot be loaded: {_first_line(error)}",
            "a hub id, or a folder with tokenizer.json",
            _CHECK,
        ) from error
    for kind in ("pad", "eos") if writes else ("pad",):
        if getattr(tokenizer, f"{kind}_token") is None:
            raise UserError(f"tokenizer {where!r} has no {kind} token", "a tokenizer with pad and end-of-text tokens")
    return tokenizer


#: What a configuration or a model raises that cannot be built as told.
_UNFIT = (RuntimeError, ValueError, TypeError, KeyError, StrictDataclassError)


def load_model(
    where: str, auto_model: Any = AutoModelForSeq2SeqLM, fields: Mapping[str, Any] | None = None
) -> PreTrainedModel:
    """The model of a hub id or a folder, in 32 bit, on the CPU.

    Args:
        auto_model: transformers' class for the task.
        fields: of the configuration, such as the classes; weights of a head of another size are drawn anew.

    Raises:
        UserError: nothing there can be loaded, or it is of another kind.
    """
    # A head of another size is no mistake where a task brings its own classes.
    given = {**(fields or {}), **({"ignore_mismatched_sizes": True} if fields else {})}
    try:
        model: PreTrainedModel = auto_model.from_pretrained(where, dtype=torch.float32, **given)
    except (OSError, ValueError, ImportError, RuntimeError, SafetensorError) as error:
        raise UserError(f"model {where!r} cannot be loaded: {_first_line(error)}", _WHERE, _CHECK) from error
    return model


def check_model(model: str, architecture: str, task: Task, overrides: Iterable[str] = (), longest: int = 0) -> None:
    """Check that `model` is there, has the fields in `overrides` and `longest` positions, without its weights.

    Raises:
        UserError: no such size, folder, hub id or field, or a model that cannot do the task.
    """
    size, chosen = scratch_size(model), architecture_named(architecture)
    config = scratch_config(architecture, size, _NoWords()) if size else _load_config(model)  # type: ignore[arg-type]
    problem = task.model_problem(config)
    if problem:
        raise UserError(
            f"model {model!r} is a {config.model_type}, {problem}",
            "an encoder-decoder such as BART or T5" if task.writes else "an encoder such as BERT",
            "choose another --model",
        )
    positions = chosen.positions if size else getattr(config, "max_position_embeddings", None)
    if positions and longest > positions:
        raise UserError(
            f"{longest} tokens (max_source_length, max_target_length, max_new_tokens or max_length)",
            f"at most {positions}: model {model!r} has no more positions",
            "--set max_source_length=…, or whichever is too long",
        )
    _check_fields(config, overrides)


def describe_config(model: str, architecture: str, overrides: Mapping[str, Any]) -> Any:
    """The configuration of a model; a scratch one has the largest vocabulary that its size allows.

    Raises:
        UserError: no such model, or an override that is no field of it.
    """
    size = scratch_size(model)
    if size is None:
        config = _load_config(model)
    else:
        most = architecture_named(architecture).sizes[size]["vocabulary"] or 384  # bytes, and what stands beside them
        config = scratch_config(architecture, size, _NoWords(most))  # type: ignore[arg-type]
    _check_fields(config, overrides)
    try:
        return _made_again(config, overrides)
    except _UNFIT as error:
        raise UserError(f"{_written(overrides)} cannot be: {_first_line(error)}", "", "change it") from error


def _check_fields(config: Any, names: Iterable[str]) -> None:
    for name in names:
        if not hasattr(config, name):
            raise UserError(f"model.{name} is no field of {type(config).__name__}", "", nearest(name, config.to_dict()))


def _made_again(config: Any, overrides: Mapping[str, Any]) -> Any:
    """The configuration with other fields; made anew, so that it checks itself."""
    return type(config)(**{**config.to_dict(), **overrides})


def _written(overrides: Mapping[str, Any]) -> str:
    return ", ".join(f"model.{name} = {value!r}" for name, value in overrides.items())


class _NoWords:
    """Stands for a tokenizer where only the shape of a configuration is asked for."""

    pad_token_id, bos_token_id, eos_token_id = 0, 2, 3

    def __init__(self, size: int = 10) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size


def _silence_hub() -> None:
    """Without a network the hub's client would tell of every one of its many attempts."""
    hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call]


def _load_config(model: str) -> Any:
    _silence_hub()
    try:
        return AutoConfig.from_pretrained(model)
    except (OSError, ValueError) as error:
        raise UserError(f"model {model!r} cannot be loaded: {_first_line(error)}", _WHERE, _CHECK) from error


@dataclass(frozen=True)
class Recipe:
    """What a base model is made of.

    Args:
        model: hub id, folder, or `scratch:SIZE` of `architecture`.
        tokenizer: hub id or folder; None: the model's own, or one that is trained on the training texts.
        kind, vocabulary: of a tokenizer that is trained; None: as usual for the architecture and size.
        special_tokens: words that are never cut and that decoding keeps.
    """

    model: str
    architecture: str = "bart"
    tokenizer: str | None = None
    kind: str | None = None
    vocabulary: int | None = None
    special_tokens: tuple[str, ...] = ()
    seed: int = 0


def prepare_base(folder: Path, recipe: Recipe, task: Task, texts: Iterable[str]) -> None:
    """Write the model and tokenizer that trials start from into `folder`; it appears whole or not at all."""
    size = scratch_size(recipe.model)
    if size is not None:
        words = (
            load_tokenizer(recipe.tokenizer, writes=task.writes)
            if recipe.tokenizer
            else make_tokenizer(recipe.architecture, size, texts, recipe.kind, recipe.vocabulary)
        )
        _add_tokens(words, recipe.special_tokens)
        network = fresh_model(_with(scratch_config(recipe.architecture, size, words), task), task, recipe.seed)
    else:
        words = load_tokenizer(recipe.tokenizer or recipe.model, writes=task.writes)
        set_seed(recipe.seed)  # a new head, and rows for new tokens, are drawn
        network = load_model(recipe.model, task.auto_model, task.model_options())
        _add_tokens(words, recipe.special_tokens)
        embeddings: Any = network.get_input_embeddings()
        if len(words) > embeddings.num_embeddings:
            set_seed(recipe.seed)
            network.resize_token_embeddings(len(words))
        if network.config.pad_token_id is None:
            network.config.pad_token_id = words.pad_token_id
    disable_progress_bar()
    staging = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    network.save_pretrained(staging)
    words.save_pretrained(staging)
    if folder.exists():
        shutil.rmtree(folder)
    staging.rename(folder)


def _add_tokens(words: PreTrainedTokenizerBase, special_tokens: Iterable[str]) -> None:
    known = words.get_vocab()
    words.add_tokens([token for token in special_tokens if token not in known])


def _with(config: Any, task: Task) -> Any:
    for name, value in task.model_options().items():
        setattr(config, name, value)
    return config


def fresh_model(config: Any, task: Task, seed: int) -> PreTrainedModel:
    """A model of `config` with weights drawn from `seed`."""
    set_seed(seed)
    model: PreTrainedModel = task.auto_model.from_config(config)
    return model


class BaseModels:
    """Base models kept in memory, so that a trial starts from a copy instead of from disk."""

    def __init__(self) -> None:
        self._kept: dict[str, PreTrainedModel] = {}

    def fresh(self, folder: str, overrides: Mapping[str, Any], task: Task, weights_seed: int | None) -> PreTrainedModel:
        """A new copy of the model in `folder`, with fields of its configuration replaced by `overrides`.

        Args:
            weights_seed: of a model that was never trained: overrides may then change the shape of its weights, which
                are drawn anew.

        Raises:
            UserError: an override names no field, or changes the shape of weights.
        """
        if folder not in self._kept:
            self._kept = {folder: load_model(folder, task.auto_model)}  # one study at a time: memory for one
        base = self._kept[folder]
        if not overrides:
            return copy.deepcopy(base)
        _check_fields(base.config, overrides)
        try:
            if weights_seed is None:
                config = copy.deepcopy(base.config)
                for name, value in overrides.items():
                    setattr(config, name, value)
                model = type(base)(config)
                model.load_state_dict(base.state_dict())
            else:
                model = fresh_model(_made_again(base.config, overrides), task, weights_seed)
        except _UNFIT as error:
            raise UserError(
                f"{_written(overrides)} does not go with the weights: {_first_line(error)}",
                "fields that leave their shape as it is, such as dropout",
            ) from error
        if task.writes:
            model.generation_config = copy.deepcopy(base.generation_config)
        return model


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
