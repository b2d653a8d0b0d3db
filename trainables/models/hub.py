"""Tokenizers, configurations and weights by hub id or folder; each failure is one clear error.

Weights are loaded from safetensors only, because a pickle can run any code. Code that comes with a model runs only with
`trust`. transformers always gets a yes or a no: otherwise it would ask on the terminal.
"""

from __future__ import annotations

import os
import re
import shlex
import threading
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import try_to_load_from_cache
from huggingface_hub.utils import logging as hub_logging
from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME

import trainables.models.networks  # noqa: F401  registers RNN and CNN with the auto classes of transformers
from foundation.errors import UserError
from trainables.models.load_errors import MODEL_FILES, TOKENIZER_FILES, load_errors
from trainables.models.loaded_weights import Origin, check_loaded_weights
from trainables.models.model_files import check_config_files, check_tokenizer_files, check_weight_files
from trainables.models.transformers_internals import (
    is_missing_safetensors_error,
    is_remote_code_error,
)
from trainables.text.encoding import BLANK_MARKS

#: The largest number of a token; embeddings have a row for each number up to there.
_MOST_IDS = 10_000_000
#: While transformers loads a model it replaces a method of all models. Two threads would leave it replaced, and no
#: later model of the process would tie its embeddings.
_LOADING = threading.Lock()

_SOURCES = "a hub id, a folder saved with save_pretrained, or scratch:tiny|small|base"
_TODO = "check the path; for a hub id, check the network and HF_HUB_OFFLINE"


def load_tokenizer(source: str, *, is_generative: bool = True, trust: bool = False) -> PreTrainedTokenizerBase:
    """Loads the tokenizer of a hub id or of a folder with `tokenizer.json`.

    Args:
        is_generative: whether its model generates text, which needs an end token.
        trust: run the code that comes with the tokenizer.

    Raises:
        UserError: the tokenizer cannot be loaded, has no vocabulary, or lacks a token that training needs.
    """
    _silence_hub()
    check_tokenizer_files(source)
    what, allowed = f"tokenizer {source!r} cannot be loaded", "a hub id, or a folder with tokenizer.json"
    with load_errors(what, source, TOKENIZER_FILES, allowed=allowed, todo=_TODO):
        try:
            tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=trust)
        except ValueError as error:
            if is_remote_code_error(error):
                raise untrusted_code_error(f"tokenizer {source!r}") from error
            raise
        _check_ids(tokenizer, source)
    _check_vocabulary(tokenizer, source)
    for kind in ("pad", "eos") if is_generative else ("pad",):
        if getattr(tokenizer, f"{kind}_token") is None:
            raise UserError(
                f"tokenizer {source!r} has no {kind} token",
                "a tokenizer with a pad token" + (" and an end token" if is_generative else ""),
                f"add the authors' {kind}_token to tokenizer_config.json, or name another one: --tokenizer",
            )
    return tokenizer


def _check_ids(tokenizer: PreTrainedTokenizerBase, source: str) -> None:
    """Checks that each token has a number of its own; the tokenizers library takes any.

    Raises:
        UserError: two tokens share a number, or one is negative or far above the others.
    """
    vocabulary = tokenizer.get_vocab()
    ids = sorted(vocabulary.values())
    if ids and (ids[0] < 0 or len(set(ids)) < len(ids) or ids[-1] > _MOST_IDS):
        twice = next((one for one, other in pairwise(ids) if one == other), None)
        culprit = ids[0] if ids[0] < 0 else ids[-1] if twice is None else twice
        tokens = ", ".join(repr(token) for token, number in vocabulary.items() if number == culprit)[:80]
        problem = f"tokenizer {source!r} numbers {tokens} as {culprit}"
        raise UserError(problem, f"a number from 0 to {_MOST_IDS:,} for each token, used once", _TODO)


def _check_vocabulary(tokenizer: PreTrainedTokenizerBase, source: str) -> None:
    """Checks that a tokenizer has tokens of text.

    Without its files, transformers makes a tokenizer of special tokens only.

    Raises:
        UserError: all tokens are special tokens or marks of blanks.
    """
    special = {*tokenizer.all_special_tokens, *tokenizer.get_added_vocab()}
    if any(token not in special and token.strip(BLANK_MARKS) for token in tokenizer.get_vocab()):
        return
    files = sorted({"tokenizer.json", *type(tokenizer).vocab_files_names.values()})
    raise UserError(
        f"tokenizer {source!r} has no vocabulary, so that it reads every text alike",
        f"a tokenizer with its files: {', '.join(files)}",
        "add the files that the model was published with, or name another tokenizer: --tokenizer FOLDER",
    )


def load_model(
    source: str,
    auto_model: Any = AutoModelForSeq2SeqLM,
    fields: Mapping[str, Any] | None = None,
    *,
    trust: bool = False,
    origin: Origin = Origin.BASE,
) -> PreTrainedModel:
    """Loads the model of a hub id or a folder, in 32 bit, on the CPU.

    Args:
        auto_model: the auto class of transformers for the task.
        fields: of the configuration, such as the classes; a head of another size gets fresh weights.
        trust: run the code that comes with the model.
        origin: where the model comes from; only a base model may lack the weights of its head.

    Raises:
        UserError: the model cannot be loaded, is not of `auto_model`, or has other weights than it must have.
    """
    check_weight_files(source, trust=trust)
    # A head of another size is expected if the task has its own classes.
    options = {**fields, "ignore_mismatched_sizes": True} if fields else {}
    loads = load_errors(f"model {source!r} cannot be loaded", source, MODEL_FILES, allowed=_SOURCES, todo=_TODO)
    with _LOADING, loads:
        try:
            loaded: tuple[PreTrainedModel, Mapping[str, Any]] = auto_model.from_pretrained(
                source,
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=trust,
                output_loading_info=True,
                **options,
            )
        except (OSError, ValueError) as error:
            if is_remote_code_error(error):
                raise untrusted_code_error(f"model {source!r}") from error
            if isinstance(error, OSError) and _lacks_safetensors(source, error):
                raise _pickle_error(source, auto_model.__name__) from error
            raise
    model, report = loaded
    check_loaded_weights(source, model, report, origin, has_new_head=bool(fields))
    return model


def may_be_hub_id(model: str) -> bool:
    """Returns whether a model that is no path of this machine has the form of a hub id, `OWNER/NAME` or `NAME`."""
    return re.fullmatch(r"\w[\w.-]*(/[\w.-]+)?", model) is not None and not os.path.exists(model)


def has_local_weights(model: str) -> bool:
    """Returns whether the weights of a hub id or a folder are on this machine, so that loading downloads nothing."""
    if Path(model).exists():
        return True
    names = (SAFE_WEIGHTS_NAME, SAFE_WEIGHTS_INDEX_NAME)
    return any(isinstance(try_to_load_from_cache(model, name), str) for name in names)


def load_config(model: str, *, trust: bool = False) -> Any:
    """Loads the configuration of a hub id or a folder.

    Args:
        trust: run the code that comes with the model.

    Raises:
        UserError: the configuration cannot be loaded.
    """
    _silence_hub()
    check_config_files(model, trust=trust)
    with load_errors(f"model {model!r} cannot be loaded", model, MODEL_FILES, allowed=_SOURCES, todo=_TODO):
        try:
            return AutoConfig.from_pretrained(model, trust_remote_code=trust)
        except ValueError as error:
            if is_remote_code_error(error):
                raise untrusted_code_error(f"model {model!r}") from error
            raise


def untrusted_code_error(what: str) -> UserError:
    """Returns the error for a model or tokenizer that needs its own code to load.

    Args:
        what: kind and name, such as `model 'owner/name'`.
    """
    return UserError(
        f"{what} comes with its own code, which is not run",
        "an architecture of transformers, or code that you have read and trust",
        "to run it: --trust-remote-code (of tune, train, resume, export, predict and evaluate)",
    )


def _lacks_safetensors(source: str, error: OSError) -> bool:
    """Returns whether the model has weights, but not in safetensors."""
    folder = Path(source)
    if folder.is_dir():
        return not any(folder.glob("*.safetensors*")) and any(folder.glob("*.bin*"))
    return is_missing_safetensors_error(error)


def _pickle_error(source: str, kind: str) -> UserError:
    code = (
        f"from transformers import AutoTokenizer, {kind}; m, new = {source!r}, 'converted'; "
        f"{kind}.from_pretrained(m).save_pretrained(new); AutoTokenizer.from_pretrained(m).save_pretrained(new)"
    )
    return UserError(
        f"model {source!r} has its weights only as pickles (pytorch_model.bin), which are not loaded",
        "a model with model.safetensors",
        f"if you trust its source, convert it and use the new folder: python -c {shlex.quote(code)}",
    )


def _silence_hub() -> None:
    """Silences the hub's client, which logs each of its many attempts if there is no network."""
    hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
