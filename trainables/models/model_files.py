"""Checks the files of a model or tokenizer before transformers opens them.

transformers opens whatever they name: files elsewhere on the machine, pickles, and kernels that it downloads and runs.
Files that it cannot use it often leaves out, so that the model reads or writes other texts than its authors'.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from huggingface_hub import hf_hub_download
from safetensors import SafetensorError, safe_open
from transformers.utils import CONFIG_NAME, GENERATION_CONFIG_NAME, SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME

from foundation.checked_json import read_json
from foundation.errors import UserError, first_line
from foundation.safe_paths import plain_name
from foundation.safe_weights import INDEX, WEIGHTS, read_weight_index, weights_name

_TODO = "download or save the model again, or choose another one"
_TOKENIZER_TODO = "save the tokenizer again, or name another one"

#: Endings of files that transformers reads from a model folder; it ignores everything else.
_READ = (".json", ".jinja", ".model", ".safetensors", ".txt", ".vocab", ".spm")
#: First bytes of the file that a clone without Git LFS has in the place of a large one, and the most that it has.
_LFS, _LFS_BYTES = b"version https://git-lfs.github.com/spec/", 1024
#: Files of a model that torch.distributed wrote, which transformers reads instead of `model.safetensors`.
_SHARDS = re.compile(r"shard-\d{5}-model-\d{5}-of-\d{5}\.safetensors")
_ADAPTER = "adapter_config.json"
#: Fields with the number of layers, which transformers builds one by one, and the most that a model may have.
_LAYERS, _MOST_LAYERS = re.compile(r"n_layers?|(num_|n_)?\w*layers"), 1000
#: Fields of a configuration, also of its parts, that may name a kernel on the hub.
_KERNEL_FIELDS = frozenset({"attn_implementation", "experts_implementation"})


class _Config(msgspec.Struct, frozen=True):
    """The fields of `config.json` that name files."""

    transformers_weights: str | None = None
    configuration_files: list[str] = []


class _TokenizerModel(msgspec.Struct, frozen=True):
    type: Literal["BPE", "Unigram", "WordLevel", "WordPiece"] | None = None  # old files have none
    merges: list[str | list[str]] = []
    continuing_subword_prefix: str | None = None


class _TokenizerFile(msgspec.Struct, frozen=True):
    """The fields of `tokenizer.json` that the tokenizers library does not check itself."""

    model: _TokenizerModel
    added_tokens: list[Any] = []


class _TokenizerConfig(msgspec.Struct, frozen=True):
    """The fields of `tokenizer_config.json` that name files, or that transformers does not check itself: a token, or an
    object with it."""

    fast_tokenizer_files: list[str] = []
    model_max_length: int | float | None = None
    pad_token: str | dict[str, Any] | None = None
    eos_token: str | dict[str, Any] | None = None
    bos_token: str | dict[str, Any] | None = None
    unk_token: str | dict[str, Any] | None = None


class _GenerationConfig(msgspec.Struct, frozen=True):
    """The fields of `generation_config.json` that transformers does not check itself."""

    pad_token_id: int | None = None
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    decoder_start_token_id: int | list[int] | None = None


class _AnyObject(msgspec.Struct, frozen=True):
    """A JSON object of which no field is checked here."""


_MODEL_FILES: dict[str, type[msgspec.Struct]] = {CONFIG_NAME: _Config, GENERATION_CONFIG_NAME: _GenerationConfig}
_TOKENIZER_FILES: dict[str, type[msgspec.Struct]] = {
    "tokenizer.json": _TokenizerFile,
    "tokenizer_config.json": _TokenizerConfig,
    "special_tokens_map.json": _AnyObject,
    "added_tokens.json": _AnyObject,
}


def check_tokenizer_files(source: str) -> None:
    """Checks the files of a tokenizer in a folder; does nothing for a hub id.

    Raises:
        UserError: a file is damaged or no file, or names one elsewhere.
    """
    folder = Path(source)
    if os.path.isdir(source):
        _check_entries(folder)
        for name, kind in _TOKENIZER_FILES.items():
            if (folder / name).exists():
                read_json(folder / name, kind, _TOKENIZER_TODO)
        if (folder / "tokenizer.json").exists():
            _check_merges(folder / "tokenizer.json")
        if (folder / "tokenizer_config.json").exists():
            config = read_json(folder / "tokenizer_config.json", _TokenizerConfig, _TOKENIZER_TODO)
            _check_plain(config.fast_tokenizer_files, folder / "tokenizer_config.json", "fast_tokenizer_files")


def check_config_files(source: str, *, trust: bool = False) -> None:
    """Checks the configuration of a model in a folder; does nothing for a hub id.

    Args:
        trust: code that comes with the model may be run.

    Raises:
        UserError: a file is damaged or no file, or names one elsewhere or a kernel on the hub.
    """
    folder = Path(source)
    if os.path.isdir(source):
        _check_entries(folder)
        for name, kind in _MODEL_FILES.items():
            if (folder / name).exists():
                read_json(folder / name, kind, _TODO)
        if (folder / CONFIG_NAME).exists():
            _check_config(folder / CONFIG_NAME, trust=trust)


def check_weight_files(source: str, *, trust: bool = False) -> None:
    """Checks the files of weights of a folder or a hub id, except the values of the weights.

    Args:
        trust: code that comes with the model may be run.

    Raises:
        UserError: a file is not in the folder, no safetensors, or damaged.
    """
    if os.path.isdir(source):
        check_config_files(source, trust=trust)
        _check_format(Path(source))
    elif os.path.exists(source):
        return  # a file: transformers has the message
    config = _local_file(source, CONFIG_NAME)
    named = None if config is None else _check_config(config, trust=trust)
    single = _local_file(source, named or SAFE_WEIGHTS_NAME) if os.path.isdir(source) else None
    if single is not None and not single.name.endswith(INDEX):
        _weight_names(single)
    elif named is None or named.endswith(INDEX):
        index = _local_file(source, named or SAFE_WEIGHTS_INDEX_NAME)
        files = {} if index is None else read_weight_index(index)
        if index is not None and os.path.isdir(source):
            _check_shards(index, files)


def _local_file(source: str, name: str) -> Path | None:
    """Returns the file of a folder, or of a hub id, which is downloaded; None if there is none, or no network."""
    if os.path.isdir(source):
        path = Path(source, name)
        return path if path.exists() else None
    try:
        return Path(hf_hub_download(source, name))
    except (OSError, ValueError):  # transformers reports it
        return None


def _check_merges(path: Path) -> None:
    """Checks the prefix of a BPE: tokenizers cuts it off each merge, and aborts the process where it is missing.

    Raises:
        UserError: a merge does not have it.
    """
    model = read_json(path, _TokenizerFile, _TOKENIZER_TODO).model
    if model.type in ("BPE", None) and model.continuing_subword_prefix:
        for merge in model.merges:
            second = merge.split(" ")[-1] if isinstance(merge, str) else merge[-1] if merge else ""
            if not second.startswith(model.continuing_subword_prefix):
                problem = f"{path}: model.continuing_subword_prefix is {model.continuing_subword_prefix!r}"
                raise UserError(problem, f"a prefix of the merge {merge!r}, or null", _TOKENIZER_TODO)


def _check_entries(folder: Path) -> None:
    """Checks that what transformers would read in a folder are files; it takes others for files that are missing."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if not entry.name.endswith(_READ):
            continue
        try:
            status = entry.stat()
        except OSError as error:  # a link to nothing, or to itself
            raise UserError(f"{entry.path} cannot be read: {error.strerror}", "a file", _TODO) from None
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{entry.path} is no regular file", "a file", _TODO)
        if status.st_size <= _LFS_BYTES and Path(entry.path).read_bytes().startswith(_LFS):
            problem = f"{entry.path} is a pointer of Git LFS, not the file itself"
            raise UserError(problem, "the file", "git lfs pull (in the folder), or download the file from the hub")


def _check_config(path: Path, *, trust: bool) -> str | None:
    """Checks what a `config.json` names; returns the file of weights that it names, if any."""
    config = read_json(path, _Config, _TODO)
    _check_plain(config.configuration_files, path, "configuration_files")
    fields = read_json(path, dict, _TODO)
    for name, value in fields.items():
        if _LAYERS.fullmatch(name) and isinstance(value, int | float) and not 0 <= value <= _MOST_LAYERS:
            raise UserError(f"{path}: {name} is {value}", f"0 to {_MOST_LAYERS:,} layers", _TODO)
    kernels = [] if trust else [line for line in _kernels(fields) if "/" in line]
    if kernels:
        problem = f"{path}: {kernels[0]} is code on the hub, which is not run"
        raise UserError(problem, "eager, sdpa, or another one of transformers", "remove it from config.json")
    named = config.transformers_weights
    if named is not None:
        weights_name(named, f"{path}: transformers_weights", (WEIGHTS, INDEX))
    return named


def _kernels(value: object) -> Iterator[str]:
    """Yields what a configuration and its parts say on implementations, as `NAME: VALUE`."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name.strip("_").removesuffix("_internal") in _KERNEL_FIELDS:
                yield f"{name}: {item}"
            else:
                yield from _kernels(item)


def _check_format(folder: Path) -> None:
    """Checks that transformers reads the weights of the folder, and no others instead of them or beside them."""
    if shards := sorted(name for name in os.listdir(folder) if _SHARDS.fullmatch(name)):
        problem = f"{folder / shards[0]}: weights as torch.distributed writes them"
        raise UserError(problem, SAFE_WEIGHTS_NAME, "load the model and save it again with save_pretrained")
    if (folder / _ADAPTER).exists():
        problem = f"{folder / _ADAPTER}: an adapter of PEFT, whose base model is elsewhere"
        raise UserError(
            problem, "a model with all of its weights", "merge the adapter: merge_and_unload(), save_pretrained"
        )


def _check_shards(index: Path, files: dict[str, set[str]]) -> None:
    """Checks that each weight is in the file that the index names, and in no other: transformers takes the last one."""
    origin: dict[str, str] = {}
    for name, expected in sorted(files.items()):
        path = index.parent / name
        if not path.exists():
            raise UserError(f"{path} is missing, which {index.name} names", "all files of the model", _TODO)
        weights = _weight_names(path)
        if missing := sorted(expected - weights):
            raise UserError(f"{path} has no {missing[0]}, which {index.name} says", "files of one model", _TODO)
        if twice := sorted(weights & origin.keys()):
            problem = f"{twice[0]} is in {origin[twice[0]]} and in {name} ({index.parent})"
            raise UserError(problem, "each weight once", _TODO)
        origin |= dict.fromkeys(weights, name)


def _weight_names(path: Path) -> set[str]:
    """Returns the names of the weights in a file, whose header is checked."""
    try:
        with safe_open(path, "pt") as file:
            names = file.keys()
            types = {name: file.get_slice(name).get_dtype() for name in names}
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path} is damaged: {first_line(error)}", "weights as safetensors", _TODO) from None
    whole = [name for name, kind in types.items() if name.endswith(".weight") and kind.startswith(("I", "U", "BOOL"))]
    if whole:
        problem = f"{path}: {whole[0]} is of type {types[whole[0]]}"
        raise UserError(problem, "floating-point weights, such as F32 or BF16", "choose a model that is not quantized")
    return set(types)


def _check_plain(names: Sequence[str], path: Path, field: str) -> None:
    for name in names:
        plain_name(name, f"{path}: {field}")
