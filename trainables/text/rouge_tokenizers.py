"""The tokenizers whose tokens ROUGE and BLEU count; each has a name that includes its version."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib.metadata import version
from typing import Protocol

from foundation.errors import UserError, nearest
from search_spaces.choices import RougeTokenizer

#: Name of the tokenizer `kiwi` in studies of earlier versions, before the versions of its packages.
SPLIT_TAGS_NAME = "kiwi-morphemes"
_TAG = re.compile(r"#[A-Za-z]+[0-9]*#|#@[^\s#]+#")


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
    """Surface forms of morphemes, by Kiwi (https://github.com/bab2min/Kiwi).

    Args:
        whole_tags: A speaker tag (`#Person1#`) or a mask (`#@이름#`) is one token, and the particle after it another.
            Kiwi alone reads the second # as part of the particle.
    """

    def __init__(self, *, whole_tags: bool = True) -> None:
        from kiwipiepy import Kiwi

        self._kiwi = Kiwi(num_workers=1)
        self._spans = _tag_spans if whole_tags else None
        versions = f"(kiwipiepy {version('kiwipiepy')}, model {version('kiwipiepy_model')})"
        self.name = f"{'kiwi-morphemes-tags' if whole_tags else SPLIT_TAGS_NAME} {versions}"

    def tokenize(self, texts: Sequence[str]) -> list[list[str]]:
        rows = self._kiwi.tokenize(list(texts), pretokenized=self._spans)
        return [[token.form for token in tokens] for tokens in rows]


def _tag_spans(text: str) -> list[tuple[int, int, str]]:
    """Returns the start, the end and the part of speech (proper noun) of each tag."""
    return [(*match.span(), "NNP") for match in _TAG.finditer(text)]


class RougeScoreTokenizer:
    """Lower-case words of a–z and 0–9, by Google's rouge-score; published English results are counted with it.

    Args:
        stemmer: Words of more than three letters are reduced to their stem by the Porter stemmer.
    """

    def __init__(self, *, stemmer: bool = False) -> None:
        from rouge_score.tokenizers import DefaultTokenizer

        self._tokenizer = DefaultTokenizer(use_stemmer=stemmer)
        self.name = f"rouge_score{' with stemmer' if stemmer else ''} (rouge-score {version('rouge-score')})"

    def tokenize(self, texts: Sequence[str]) -> list[list[str]]:
        return [self._tokenizer.tokenize(text) for text in texts]


TOKENIZERS: dict[RougeTokenizer, Callable[[], TextTokenizer]] = {
    RougeTokenizer.KIWI: KiwiTokenizer,
    RougeTokenizer.KIWI_SPLIT_TAGS: partial(KiwiTokenizer, whole_tags=False),
    RougeTokenizer.WHITESPACE: WhitespaceTokenizer,
    RougeTokenizer.SYLLABLE: SyllableTokenizer,
    RougeTokenizer.ROUGE_SCORE: RougeScoreTokenizer,
    RougeTokenizer.ROUGE_SCORE_STEMMED: partial(RougeScoreTokenizer, stemmer=True),
}


@cache
def text_tokenizer(name: str) -> TextTokenizer:
    """Returns the tokenizer called `name`; one instance per process, because Kiwi takes seconds to load.

    Raises:
        UserError: no tokenizer has this name.
    """
    if name not in TOKENIZERS:
        raise UserError(
            f"rouge_tokenizer {name!r} is unknown",
            ", ".join(TOKENIZERS),
            nearest(name, TOKENIZERS) or "choose one of them",
        )
    return TOKENIZERS[RougeTokenizer(name)]()
