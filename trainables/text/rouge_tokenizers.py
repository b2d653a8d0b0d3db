"""The tokenizers whose tokens ROUGE and BLEU count; each has a name that includes its version."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import Protocol

from foundation.errors import UserError, nearest
from search_spaces.choices import RougeTokenizer


class TextTokenizer(Protocol):
    """Splits texts into the tokens that ROUGE and BLEU count."""

    name: str

    def tokenize(self, texts: Sequence[str]) -> list[list[str]]:
        """Returns the tokens of each text."""


class WhitespaceTokenizer:
    """Words between blanks (eojeol)."""

    name = "whitespace"

    def tokenize(self, texts: Sequence[str]) -> list[list[str]]:
        return [text.split() for text in texts]


class SyllableTokenizer:
    """Every character that is not a blank."""

    name = "syllable"

    def tokenize(self, texts: Sequence[str]) -> list[list[str]]:
        return [[character for character in text if not character.isspace()] for text in texts]


class KiwiTokenizer:
    """Surface forms of morphemes, by Kiwi (https://github.com/bab2min/Kiwi)."""

    def __init__(self) -> None:
        from kiwipiepy import Kiwi

        self._kiwi = Kiwi(num_workers=1)
        self.name = f"kiwi-morphemes (kiwipiepy {version('kiwipiepy')}, model {version('kiwipiepy_model')})"

    def tokenize(self, texts: Sequence[str]) -> list[list[str]]:
        return [[token.form for token in tokens] for tokens in self._kiwi.tokenize(list(texts))]


TOKENIZERS: dict[RougeTokenizer, type[KiwiTokenizer] | type[WhitespaceTokenizer] | type[SyllableTokenizer]] = {
    RougeTokenizer.KIWI: KiwiTokenizer,
    RougeTokenizer.WHITESPACE: WhitespaceTokenizer,
    RougeTokenizer.SYLLABLE: SyllableTokenizer,
}


@cache
def text_tokenizer(name: str) -> TextTokenizer:
    """Returns the tokenizer called `name`; one instance per process, because Kiwi takes seconds to load.

    Raises:
        UserError: no tokenizer has this name.
    """
    if name not in TOKENIZERS:
        raise UserError(f"rouge_tokenizer {name!r} is unknown", ", ".join(TOKENIZERS), nearest(name, TOKENIZERS))
    return TOKENIZERS[RougeTokenizer(name)]()
