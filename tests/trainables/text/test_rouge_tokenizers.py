"""Tokenizers of ROUGE and BLEU: their names include the versions that a score depends on."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from foundation.errors import UserError
from trainables.text.rouge_tokenizers import text_tokenizer


def test_a_name_has_the_versions_that_a_score_depends_on() -> None:
    """Kiwi's name has the versions of its code and its model; the others depend on no package."""
    assert version("kiwipiepy") in text_tokenizer("kiwi").name
    assert version("kiwipiepy_model") in text_tokenizer("kiwi").name
    assert [text_tokenizer(name).name for name in ("whitespace", "syllable")] == ["whitespace", "syllable"]


def test_a_tokenizer_is_loaded_once() -> None:
    """Loading Kiwi takes seconds, so a process has one instance."""
    assert text_tokenizer("kiwi") is text_tokenizer("kiwi")


def test_an_unknown_tokenizer_is_refused() -> None:
    """The message lists all tokenizers and suggests the nearest."""
    with pytest.raises(UserError, match="'kiwy' is unknown") as caught:
        text_tokenizer("kiwy")
    assert caught.value.allowed == "kiwi, whitespace, syllable"
    assert caught.value.todo == "did you mean 'kiwi'?"
