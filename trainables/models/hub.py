"""What others have made, by hub id or folder: tokenizers, configurations, weights; each failure in one line.

Weights are read from safetensors alone, since a pickle may run anything. Code that comes with a model is run only where
`trust` says so, and nobody is asked on the terminal: transformers would ask if it were told neither yes nor no.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.utils import logging as hub_logging
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

import trainables.models.networks  # noqa: F401  so that transformers' auto classes know RNN and CNN
from foundation.checked_json import LIST, Kind, check_fields, maybe, read_object
from foundation.errors import UserError, first_line
from trainables.models.transformers_internals import is_missing_safetensors_error, is_remote_code_error

_TOKEN: Kind = ("a text, or an object with its content", lambda value: isinstance(value, str | dict))


def _is_tokenizer_model(value: Any) -> bool:
    known = (None, "BPE", "Unigram", "WordLevel", "WordPiece")  # files of old name none
    return isinstance(value, dict) and value.get("type") in known


#: Files of a tokenizer -> what must be of which kind in them, where it is there.
_TOKENIZER_FILES: dict[str, dict[str, Kind]] = {
    "tokenizer.json": {
        "model": ("an object with type BPE, Unigram, WordLevel or WordPiece", _is_tokenizer_model),
        "added_tokens": LIST,
    },
    "tokenizer_config.json": {f"{kind}_token": maybe(_TOKEN) for kind in ("pad", "eos", "bos", "unk")},
}
_MAY_LACK = ("added_tokens", "pad_token", "eos_token", "bos_token", "unk_token")

_WHERE = "a hub id, a folder saved with save_pretrained, or scratch:tiny|small|base"
_CHECK = "check the path; for a hub id, check the network and HF_HUB_OFFLINE"


def load_tokenizer(where: str, *, is_generative: bool = True, trust: bool = False) -> PreTrainedTokenizerBase:
    """The tokenizer of a hub id or a folder with `tokenizer.json`.

    Args:
        is_generative: whether it closes what a model writes, and so needs an end token.
        trust: run the code that comes with it.

    Raises:
        UserError: nothing there can be loaded.
    """
    _silence_hub()
    _check_tokenizer_files(Path(where))
    try:
        tokenizer = AutoTokenizer.from_pretrained(where, trust_remote_code=trust)
    except (OSError, ValueError, ImportError) as error:
        if is_remote_code_error(error):
            raise untrusted(f"tokenizer {where!r}") from error
        raise UserError(
            f"tokenizer {where!r} cannot be loaded: {first_line(error)}",
            "a hub id, or a folder with tokenizer.json",
            _CHECK,
        ) from error
    for kind in ("pad", "eos") if is_generative else ("pad",):
        if getattr(tokenizer, f"{kind}_token") is None:
            raise UserError(f"tokenizer {where!r} has no {kind} token", "a tokenizer with pad and end-of-text tokens")
    return tokenizer


def _check_tokenizer_files(folder: Path) -> None:
    """What is read of a tokenizer's files before anybody checks it.

    Raises:
        UserError: it is of another kind.
    """
    todo = "save the tokenizer again, or name another one"
    for name, kinds in _TOKENIZER_FILES.items():
        if os.path.isfile(folder / name):
            check_fields(
                read_object(folder / name, todo), kinds, str(folder / name), todo, optional=_MAY_LACK, more=True
            )


def load_model(
    where: str,
    auto_model: Any = AutoModelForSeq2SeqLM,
    fields: Mapping[str, Any] | None = None,
    *,
    trust: bool = False,
) -> PreTrainedModel:
    """The model of a hub id or a folder, in 32 bit, on the CPU.

    Args:
        auto_model: transformers' class for the task.
        fields: of the configuration, such as the classes; weights of a head of another size are drawn anew.
        trust: run the code that comes with it.

    Raises:
        UserError: nothing there can be loaded, or it is of another kind.
    """
    # A head of another size is no mistake where a task brings its own classes.
    given = {**(fields or {}), **({"ignore_mismatched_sizes": True} if fields else {})}
    try:
        model: PreTrainedModel = auto_model.from_pretrained(
            where, dtype=torch.float32, use_safetensors=True, trust_remote_code=trust, **given
        )
    except (OSError, ValueError, ImportError, RuntimeError, SafetensorError) as error:
        if is_remote_code_error(error):
            raise untrusted(f"model {where!r}") from error
        if isinstance(error, OSError) and _lacks_safetensors(where, error):
            raise _pickled(where, auto_model.__name__) from error
        raise UserError(f"model {where!r} cannot be loaded: {first_line(error)}", _WHERE, _CHECK) from error
    return model


def load_config(model: str, *, trust: bool = False) -> Any:
    """The configuration of a hub id or a folder.

    Args:
        trust: run the code that comes with it.

    Raises:
        UserError: nothing there can be loaded.
    """
    _silence_hub()
    try:
        return AutoConfig.from_pretrained(model, trust_remote_code=trust)
    except (OSError, ValueError, ImportError) as error:
        if is_remote_code_error(error):
            raise untrusted(f"model {model!r}") from error
        raise UserError(f"model {model!r} cannot be loaded: {first_line(error)}", _WHERE, _CHECK) from error


def untrusted(what: str) -> UserError:
    """Says that `what` cannot be had without running code of its own."""
    return UserError(
        f"{what} brings code of its own, which is not run",
        "an architecture that transformers has, or code that you have read and trust",
        "if so: --trust-remote-code (of tune, train, resume, export, predict and evaluate)",
    )


def _lacks_safetensors(where: str, error: OSError) -> bool:
    """Whether there are weights, but none in safetensors."""
    folder = Path(where)
    if folder.is_dir():
        return not any(folder.glob("*.safetensors*")) and any(folder.glob("*.bin*"))
    return is_missing_safetensors_error(error)


def _pickled(where: str, kind: str) -> UserError:
    code = (
        f"from transformers import AutoTokenizer, {kind}; m, new = {where!r}, 'converted'; "
        f"{kind}.from_pretrained(m).save_pretrained(new); AutoTokenizer.from_pretrained(m).save_pretrained(new)"
    )
    return UserError(
        f"model {where!r} has no weights in safetensors, only pickles (pytorch_model.bin), which are not opened",
        "a model with model.safetensors",
        f"if you trust its makers, convert it and give the new folder: python -c {shlex.quote(code)}",
    )


def _silence_hub() -> None:
    """Without a network the hub's client would tell of every one of its many attempts."""
    hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
