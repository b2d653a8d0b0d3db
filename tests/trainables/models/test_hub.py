"""Loading by hub id or folder: each failure is one clear error."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from transformers import (
    BartConfig,
    BertConfig,
    ElectraConfig,
    MBartConfig,
    PreTrainedTokenizerBase,
    T5Config,
    XLMRobertaConfig,
)

from foundation.errors import UserError
from trainables.models.hub import load_config, load_model, load_tokenizer


@pytest.mark.parametrize("load", [load_tokenizer, load_model, load_config])
def test_an_empty_folder_cannot_be_loaded(load: Any, tmp_path: Path) -> None:
    """The message has one line with the folder, and states what to check."""
    with pytest.raises(UserError, match="cannot be loaded") as caught:
        load(str(tmp_path))
    assert str(tmp_path) in caught.value.problem
    assert "\n" not in caught.value.problem
    assert "check the path" in caught.value.todo


def test_a_tokenizer_needs_a_pad_token(words: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    """Batches are padded with it."""
    words.save_pretrained(tmp_path)
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({name: value for name, value in settings.items() if name != "pad_token"})
    )
    with pytest.raises(UserError, match="has no pad token"):
        load_tokenizer(str(tmp_path))


def test_a_tokenizer_needs_an_end_token(tmp_path: Path) -> None:
    """A generated text ends with it; BERT's tokenizer has none, which is fine for an encoder."""
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "가"]))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(UserError, match="has no eos token"):
        load_tokenizer(str(tmp_path))
    assert load_tokenizer(str(tmp_path), is_generative=False).pad_token == "[PAD]"


@pytest.mark.parametrize("kind", [BertConfig, ElectraConfig, XLMRobertaConfig, BartConfig, MBartConfig, T5Config])
def test_a_folder_without_tokenizer_files_is_refused(kind: Any, tmp_path: Path) -> None:
    """transformers makes a tokenizer of special tokens, which reads every text alike. The message names the files."""
    kind().save_pretrained(tmp_path)
    with pytest.raises(UserError, match="has no vocabulary") as caught:
        load_tokenizer(str(tmp_path), is_generative=False)
    assert str(tmp_path) in caught.value.problem
    assert "tokenizer.json" in caught.value.allowed
    assert "--tokenizer FOLDER" in caught.value.todo


@pytest.mark.parametrize(
    ("config", "content"),
    [({"model_type": "bert"}, b"\xff\xfe\x00"), ({"model_type": "marian"}, None), ({"model_type": "m2m_100"}, None)],
)
def test_whatever_transformers_raises_for_a_tokenizer_is_one_message(
    config: dict[str, str], content: bytes | None, tmp_path: Path
) -> None:
    """A vocabulary that is no text raises `Exception` itself, and a missing one a TypeError."""
    (tmp_path / "config.json").write_text(json.dumps(config))
    if content is not None:
        (tmp_path / "vocab.txt").write_bytes(content)
    with pytest.raises(UserError, match="cannot be loaded"):
        load_tokenizer(str(tmp_path))


def test_threads_load_models_one_after_the_other(tmp_path: Path) -> None:
    """Otherwise transformers, which patches its classes while it loads, would leave them patched."""
    BertConfig().save_pretrained(tmp_path)
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    inside = threading.Semaphore(1)

    class Slow:
        @classmethod
        def from_pretrained(cls, source: str, **options: Any) -> Any:
            assert inside.acquire(blocking=False), "two threads at once"
            time.sleep(0.05)
            inside.release()
            raise OSError("nothing to load")

    with ThreadPoolExecutor(4) as pool:
        for loading in [pool.submit(load_model, str(tmp_path), Slow) for _ in range(4)]:
            with pytest.raises(UserError, match="nothing to load"):
                loading.result()
