"""Models of transformers that kotune did not export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerBase, set_seed

from trainables.text.subword_tokenizers import train_subwords

TEXTS = ["배송이 빨라요", "포장이 꼼꼼해요", "다시는 안 사요", "별로예요", "그냥 그래요", "값이 싸고 좋아요"]
SIZES: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 64,
    "type_vocab_size": 1,
}


@pytest.fixture(scope="module")
def words() -> PreTrainedTokenizerBase:
    """A tokenizer of the texts."""
    return train_subwords(TEXTS * 3, 120)


@pytest.fixture
def make_bert(words: PreTrainedTokenizerBase, tmp_path: Path) -> Callable[..., Path]:
    """Saves a BERT with a head and a tokenizer; the fields are those of its configuration."""

    def make(name: str = "bert", kind: Any = BertForSequenceClassification, **fields: Any) -> Path:
        set_seed(1)
        config = BertConfig(vocab_size=len(words), pad_token_id=words.pad_token_id, **SIZES, **fields)
        kind(config).save_pretrained(tmp_path / name)
        words.save_pretrained(tmp_path / name)
        return tmp_path / name

    return make
