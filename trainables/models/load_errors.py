"""Turns whatever the libraries raise for the files of a model into one message with these files.

transformers, tokenizers, safetensors and torch check few fields before they use them: a damaged file raises anything
from a KeyError to a panic of Rust, in the middle of loading or with the first text.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from foundation.durable import StorageLost
from foundation.errors import UserError, first_line

#: Files of a model, and of a tokenizer, that may be damaged although they are valid JSON.
MODEL_FILES = ("config.json",)
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "spiece.model")
ALL_FILES = (*MODEL_FILES, "generation_config.json", *TOKENIZER_FILES)

_ALLOWED = "the files of one model, as its authors or save_pretrained wrote them"
_TODO = "download or save it again, or choose another one"


@contextmanager
def load_errors(
    what: str, source: str, files: Sequence[str], *, allowed: str = _ALLOWED, todo: str = _TODO
) -> Iterator[None]:
    """In this context every error of a library becomes a `UserError`.

    Args:
        what: what is done, such as `model 'folder' cannot be loaded`.
        source: folder or hub id.
        files: names of the files that are read.

    Raises:
        UserError: the context raised anything but a `UserError`, a lost storage, or an interrupt.
    """
    try:
        yield
    except (UserError, StorageLost):
        raise
    except Exception as error:
        raise _explained(error, what, source, files, allowed, todo) from error
    except BaseException as error:
        if not is_panic(error):
            raise
        raise _explained(error, what, source, files, allowed, todo) from error


def is_panic(error: BaseException) -> bool:
    """Returns whether Rust code raised `error`. Its class derives from BaseException, and cannot be imported."""
    return type(error).__name__ == "PanicException"


def _explained(
    error: BaseException, what: str, source: str, files: Sequence[str], allowed: str, todo: str
) -> UserError:
    text = first_line(error)
    is_named = type(error) is Exception or isinstance(error, OSError | ValueError | ImportError)
    if not is_named and not text.startswith(type(error).__name__):
        text = f"{type(error).__name__}: {text}"  # "'x'" or "list index out of range" say nothing alone
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in text:
        allowed, todo = (
            "a model and a batch that fit into memory",
            "a smaller --batch-size; or check the sizes in config.json",
        )
    present = [name for name in files if os.path.exists(Path(source, name))]
    where = f" ({', '.join(present)})" if present else ""
    return UserError(f"{what}: {text}{where}", allowed, todo)
