"""Source and target languages of multilingual models (mBART, mBART-50, NLLB, M2M-100), as their tokenizers write them.

Such a tokenizer marks the language of a text by a token, before it or after its end token.
"""

from __future__ import annotations

import re

from transformers import PreTrainedTokenizerBase

from foundation.errors import UserError, nearest

#: How languages are written: ko_KR (mBART), kor_Hang (NLLB), __ko__ (M2M-100).
_CODE = re.compile(r"[a-z]{2,3}_[A-Z][A-Za-z]+|__[a-z]{2,3}__")
_SETTINGS = {"src_lang": "source_language", "tgt_lang": "target_language"}


def set_languages(tokenizer: PreTrainedTokenizerBase, source: str | None, target: str | None, name: str) -> None:
    """Sets the languages of a tokenizer, which it keeps when it is saved.

    Args:
        source: the language of the texts that the model reads; None: the one in the tokenizer's files.
        target: the same, of the texts that it writes.
        name: hub id or folder of the tokenizer.

    Raises:
        UserError: the tokenizer has no languages, needs one, or does not have this one.
    """
    languages = dict(zip(_SETTINGS, (source, target), strict=True))
    if not has_languages(tokenizer):
        for attribute, language in languages.items():
            if language is not None:
                problem = f"{_SETTINGS[attribute]}: tokenizer {name!r} has no languages"
                raise UserError(problem, "a multilingual model such as mBART-50 or NLLB", "remove it")
        return
    codes = language_codes(tokenizer)
    for attribute, language in languages.items():
        # The class has a default, often English, which is not in the files.
        language = language or tokenizer.init_kwargs.get(attribute)
        if language not in codes:
            setting = _SETTINGS[attribute]
            problem = f"{setting} is not set" if language is None else f"{setting} {language!r}"
            raise UserError(
                f"{problem}: tokenizer {name!r} {'needs it' if language is None else 'has no such language'}",
                f"one of {len(codes)} codes, such as {', '.join(_examples(codes))}",
                nearest(language or "", codes) or f"--set {setting}=…",
            )
        setattr(tokenizer, attribute, language)
        tokenizer.init_kwargs[attribute] = language


def has_languages(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Returns whether the tokenizer marks the language of a text; its files may lack the tokens for that."""
    return hasattr(tokenizer, "src_lang") and bool(language_codes(tokenizer))


def language_codes(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Returns the codes of the languages whose tokens are in the vocabulary."""
    return sorted(token.strip("_") for token in language_tokens(tokenizer))


def language_tokens(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Returns the tokens that mark languages."""
    return [token for token in tokenizer.get_vocab() if _CODE.fullmatch(token)]


def _examples(codes: list[str]) -> list[str]:
    usual = [code for code in codes if code.startswith(("ko", "en", "eng", "ja", "zh"))]
    return (usual or codes)[:6]


def languages_line(tokenizer: PreTrainedTokenizerBase) -> str:
    """Returns a line that names the languages."""
    return f"languages: {tokenizer.init_kwargs['src_lang']} to {tokenizer.init_kwargs['tgt_lang']}"
