"""What tests of models share."""

import pytest
from transformers import PreTrainedTokenizerBase

from tests.trainables.weights import TEXTS
from trainables.scratch import train_tokenizer


@pytest.fixture(scope="module")
def words() -> PreTrainedTokenizerBase:
    """A tokenizer trained on a few words."""
    return train_tokenizer(TEXTS, 100)
