"""The model every trial starts from: a hub id, a local folder, or fresh weights of KoBART's architecture.

A study prepares its base model once, as a folder with weights, tokenizer and the special tokens added.
Trials copy it from memory.
"""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    BartConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    set_seed,
)
from transformers.utils.logging import disable_progress_bar

from search_spaces.errors import UserError, nearest
from trainables.scratch import POSITIONS, scratch_model, scratch_size, train_tokenizer


def load_tokenizer(where: str) -> PreTrainedTokenizerBase:
    """The tokenizer of a hub id or a folder with `tokenizer.json`.

    Raises:
        UserError: nothing there can be loaded.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(where)
    except (OSError, ValueError, ImportError) as error:
        raise UserError(
            f"tokenizer {where!r} cannot be loaded: {_first_line(error)}",
            "a hub id, or a folder with tokenizer.json",
            "check the path; for a hub id, check the network and HF_HUB_OFFLINE",
        ) from error
    for kind in ("pad", "eos"):
        if getattr(tokenizer, f"{kind}_token") is None:
            raise UserError(f"tokenizer {where!r} has no {kind} token", "a tokenizer with pad and end-of-text tokens")
    return tokenizer


def load_model(where: str) -> PreTrainedModel:
    """The encoder-decoder model of a hub id or a folder, in 32 bit, on the CPU.

    Raises:
        UserError: nothing there can be loaded, or it is no encoder-decoder.
    """
    try:
        model: PreTrainedModel = AutoModelForSeq2SeqLM.from_pretrained(where, dtype=torch.float32)
    except (OSError, ValueError, ImportError, RuntimeError, SafetensorError) as error:
        raise UserError(
            f"model {where!r} cannot be loaded: {_first_line(error)}",
            "a hub id, a folder saved with save_pretrained, or scratch:tiny|small|base",
            "check the path; for a hub id, check the network and HF_HUB_OFFLINE",
        ) from error
    return model


def check_model(model: str, overrides: Iterable[str] = (), longest: int = 0) -> None:
    """Check that `model` is there, has the fields in `overrides` and `longest` positions, without its weights.

    Raises:
        UserError: no such size, folder, hub id or field, or not an encoder-decoder.
    """
    fresh = scratch_size(model) is not None
    config: Any = BartConfig(max_position_embeddings=POSITIONS) if fresh else _load_config(model)
    if not config.is_encoder_decoder:
        raise UserError(
            f"model {model!r} is a {config.model_type}, which has no decoder that summarises",
            "an encoder-decoder such as BART or T5",
            "choose another --model",
        )
    positions = getattr(config, "max_position_embeddings", None)
    if positions is not None and longest > positions:
        raise UserError(
            f"{longest} tokens (max_source_length, max_target_length, max_new_tokens or max_length)",
            f"at most {positions}: model {model!r} has no more positions",
            "--set max_source_length=…, or whichever is too long",
        )
    for name in overrides:
        if not hasattr(config, name):
            raise UserError(f"model.{name} is no field of {type(config).__name__}", "", nearest(name, config.to_dict()))


def _load_config(model: str) -> Any:
    try:
        return AutoConfig.from_pretrained(model)
    except (OSError, ValueError) as error:
        raise UserError(
            f"model {model!r} cannot be loaded: {_first_line(error)}",
            "a hub id, a folder saved with save_pretrained, or scratch:tiny|small|base",
            "check the path; for a hub id, check the network and HF_HUB_OFFLINE",
        ) from error


def prepare_base(
    folder: Path,
    *,
    model: str,
    tokenizer: str | None,
    texts: Iterable[str],
    special_tokens: Sequence[str],
    seed: int,
) -> None:
    """Write the model and tokenizer that every trial of a study starts from into `folder`.

    Special tokens are added as words that are never cut and that decoding keeps; embeddings grow with them.
    The folder appears whole or not at all.
    """
    size = scratch_size(model)
    if size is None:
        words = load_tokenizer(tokenizer or model)
        network = load_model(model)
        words.add_tokens([token for token in special_tokens if token not in words.get_vocab()])
        embeddings: Any = network.get_input_embeddings()
        if len(words) > embeddings.num_embeddings:
            set_seed(seed)  # rows for new tokens are drawn
            network.resize_token_embeddings(len(words))
    else:
        words = load_tokenizer(tokenizer) if tokenizer else train_tokenizer(texts, size.vocabulary)
        words.add_tokens([token for token in special_tokens if token not in words.get_vocab()])
        network = scratch_model(size, words, seed)
    disable_progress_bar()
    staging = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    network.save_pretrained(staging)
    words.save_pretrained(staging)
    if folder.exists():
        shutil.rmtree(folder)
    staging.rename(folder)


class BaseModels:
    """Base models kept in memory, so that a trial starts from a copy instead of from disk."""

    def __init__(self) -> None:
        self._kept: dict[str, PreTrainedModel] = {}

    def fresh(self, folder: str, overrides: Mapping[str, Any]) -> PreTrainedModel:
        """A new copy of the model in `folder`, with fields of its configuration replaced by `overrides`.

        Raises:
            UserError: an override names no field, or changes the shape of weights.
        """
        if folder not in self._kept:
            self._kept = {folder: load_model(folder)}  # one study at a time: memory for one
        base = self._kept[folder]
        if not overrides:
            return copy.deepcopy(base)
        config = copy.deepcopy(base.config)
        for name in overrides:
            if not hasattr(config, name):
                raise UserError(f"model.{name} is no field of {type(config).__name__}", "", nearest(name, vars(config)))
        try:
            for name, value in overrides.items():
                setattr(config, name, value)
            model = type(base)(config)
            model.load_state_dict(base.state_dict())
        except (RuntimeError, ValueError, TypeError, KeyError, StrictDataclassError) as error:
            written = ", ".join(f"model.{name} = {value!r}" for name, value in overrides.items())
            raise UserError(
                f"{written} does not go with the weights: {_first_line(error)}",
                "fields that leave their shape as it is, such as dropout",
            ) from error
        model.generation_config = copy.deepcopy(base.generation_config)
        return model


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
