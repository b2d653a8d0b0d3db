"""Fixtures of the tests of models and training."""

import pytest
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerBase,
    T5Config,
    T5ForConditionalGeneration,
)

from tests.trainables.weights import TEXTS
from trainables.text.subword_tokenizers import train_subwords


@pytest.fixture(scope="module")
def words() -> PreTrainedTokenizerBase:
    """A tokenizer trained on a few words."""
    return train_subwords(TEXTS, 100)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here may ask the hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture
def bert() -> BertForSequenceClassification:
    """Two layers."""
    sizes = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8, "num_hidden_layers": 2}
    return BertForSequenceClassification(BertConfig(vocab_size=20, max_position_embeddings=16, **sizes))


@pytest.fixture
def t5() -> T5ForConditionalGeneration:
    """Two encoder and three decoder layers."""
    return T5ForConditionalGeneration(
        T5Config(
            vocab_size=20,
            d_model=8,
            d_kv=4,
            d_ff=8,
            num_heads=2,
            num_layers=2,
            num_decoder_layers=3,
            decoder_start_token_id=0,
        )
    )
