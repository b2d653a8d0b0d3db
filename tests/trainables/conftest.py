"""What tests of models share."""

import pytest
from transformers import PreTrainedTokenizerBase

from tests.trainables.weights import TEXTS
from trainables.models.scratch import train_tokenizer


@pytest.fixture(scope="module")
def words() -> PreTrainedTokenizerBase:
    """A tokenizer trained on a few words."""
    return train_tokenizer(TEXTS, 100)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here may ask the hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
