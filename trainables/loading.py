"""What others have made, by hub id or folder: tokenizers, configurations, weights; each failure in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from huggingface_hub.utils import logging as hub_logging
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

import trainables.networks  # noqa: F401  so that transformers' auto classes know RNN and CNN
from search_spaces.errors import UserError

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
            f"tokenizer {where!r} cannot be loaded: {first_line(error)}",
            "a hub id, or a folder with tokenizer.json",
            _CHECK,
        ) from error
    for kind in ("pad", "eos") if writes else ("pad",):
        if getattr(tokenizer, f"{kind}_token") is None:
            raise UserError(f"tokenizer {where!r} has no {kind} token", "a tokenizer with pad and end-of-text tokens")
    return tokenizer


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
        raise UserError(f"model {where!r} cannot be loaded: {first_line(error)}", _WHERE, _CHECK) from error
    return model


def load_config(model: str) -> Any:
    """The configuration of a hub id or a folder.

    Raises:
        UserError: nothing there can be loaded.
    """
    _silence_hub()
    try:
        return AutoConfig.from_pretrained(model)
    except (OSError, ValueError) as error:
        raise UserError(f"model {model!r} cannot be loaded: {first_line(error)}", _WHERE, _CHECK) from error


def first_line(error: BaseException) -> str:
    """What an error says, in one line."""
    if isinstance(error, KeyError):
        return f"unknown {error}"  # it says no more than the key
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _silence_hub() -> None:
    """Without a network the hub's client would tell of every one of its many attempts."""
    hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
