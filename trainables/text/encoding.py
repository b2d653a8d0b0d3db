"""Texts as token ids, with the beginning and end tokens that the model was trained with, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from corpora.fingerprint import fingerprint
from search_spaces.choices import TokenizerKind
from trainables.text.word_tokenizers import CUT, cut_morphemes

#: How tokenizers write blanks and the insides of words: SentencePiece, byte-level BPE, WordPiece.
BLANK_MARKS = "▁Ġ# "

#: Token ids of several texts -> texts as they are scored.
TextDecoder = Callable[[Sequence[Sequence[int]]], list[str]]


def pretokenise(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Returns texts cut into morphemes if the tokenizer was trained on morphemes, else unchanged."""
    return cut_morphemes(texts) if tokenizer.init_kwargs.get(CUT) == TokenizerKind.MORPHEMES else list(texts)


def encode_with_ends(
    texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, *, start: bool = True
) -> list[list[int]]:
    """Returns token ids per text, with the end token last, or the tokens that the tokenizer puts after it.

    Many Korean tokenizers (KoBART's among them) add no beginning and end tokens themselves; this function adds them.

    Args:
        start: whether the texts are sources. Targets get no beginning token, because the decoder starts from its own
            start token; some tokenizers write the language of a source and of a target differently.
    """
    if not texts:
        return []
    written = {"text" if start else "text_target": list(texts)}
    ids: list[list[int]] = tokenizer(**written, return_attention_mask=False, return_token_type_ids=False)["input_ids"]
    if adds_end_token(tokenizer):
        return ids
    begin = [tokenizer.bos_token_id] if start and tokenizer.bos_token_id is not None else []
    return [[*begin, *tokens, tokenizer.eos_token_id] for tokens in ids]


def adds_end_token(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Returns whether the tokenizer itself ends every text with its end token."""
    return tokenizer.eos_token_id in _suffix(tokenizer)


def end_length(tokenizer: PreTrainedTokenizerBase) -> int:
    """Returns the number of tokens that end a text: more than one if the tokenizer marks its language after the end."""
    return len(_suffix(tokenizer)) if adds_end_token(tokenizer) else 1


def _suffix(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Returns the tokens that the tokenizer itself puts after a text."""
    plain, whole = (tokenizer("가", add_special_tokens=added)["input_ids"] for added in (False, True))
    starts = range(len(whole) - len(plain) + 1)
    prefix = next((start for start in starts if whole[start : start + len(plain)] == plain), 0)
    return list(whole[prefix + len(plain) :])


def truncate(tokens: Sequence[int], limit: int, ends: int = 1) -> list[int]:
    """Returns the first `limit` tokens, of which the last are still the `ends` tokens that end the text."""
    if len(tokens) <= limit:
        return list(tokens)
    ends = min(ends, limit)
    return [*tokens[: limit - ends], *tokens[-ends:]]


def encode_for_encoder(
    texts: Sequence[str], pairs: Sequence[str] | None, tokenizer: PreTrainedTokenizerBase, limit: int
) -> dict[str, list[Any]]:
    """Returns columns for an encoder that reads a text or a pair of texts per row.

    A tokenizer that puts no token between two texts gets its end token there.

    Returns:
        `input_ids`, `token_type_ids` if the model has them, `length`, and `cut_source`: whether the row was longer
        than `limit` tokens and was truncated.
    """
    first = pretokenise(texts, tokenizer)
    second = None if pairs is None else pretokenise(pairs, tokenizer)
    if not first:
        return {"input_ids": [], "length": [], "cut_source": []}
    options = {"return_attention_mask": False, "return_token_type_ids": "token_type_ids" in tokenizer.model_input_names}
    if second is not None and not _separates_pairs(tokenizer):
        first, second = [f"{one} {tokenizer.eos_token} {other}" for one, other in zip(first, second, strict=True)], None
    encoded = tokenizer(first, second, **options)
    lengths = [len(ids) for ids in encoded["input_ids"]]
    if any(length > limit for length in lengths):
        # Truncation shortens the longer text of a pair and keeps the beginning and end tokens.
        encoded = tokenizer(first, second, truncation=True, max_length=limit, **options)
    columns: dict[str, list[Any]] = {
        "input_ids": encoded["input_ids"],
        "length": [len(ids) for ids in encoded["input_ids"]],
        "cut_source": [length > limit for length in lengths],
    }
    if "token_type_ids" in encoded:
        columns["token_type_ids"] = encoded["token_type_ids"]
    return columns


def _separates_pairs(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Returns whether a pair has other tokens than its two texts encoded one after the other."""
    alone, both = (list(tokenizer(*texts)["input_ids"]) for texts in (("가",), ("가", "가")))
    return both != alone + alone


def clean_text(text: str, remove_tokens: Sequence[str]) -> str:
    """Returns generated text as it is scored and written: without `remove_tokens`, and with single blanks."""
    for token in remove_tokens:
        text = text.replace(token, " ")
    return " ".join(text.split())


def text_decoder(tokenizer: PreTrainedTokenizerBase, remove_tokens: Sequence[str] = ()) -> TextDecoder:
    """Returns the function that turns token ids into texts as they are scored."""

    def decode(sequences: Sequence[Sequence[int]]) -> list[str]:
        texts = tokenizer.batch_decode(list(map(list, sequences)), skip_special_tokens=True)
        return [clean_text(text, remove_tokens) for text in texts]

    return decode


def tokenizer_state(tokenizer: PreTrainedTokenizerBase) -> str:
    """Returns a fingerprint of all that decides how the tokenizer cuts a text."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    rules = backend.to_str() if backend is not None else ""
    settings = [tokenizer.model_input_names, *map(tokenizer.init_kwargs.get, ("src_lang", "tgt_lang"))]
    return fingerprint(type(tokenizer).__name__, sorted(tokenizer.get_vocab().items()), rules, settings)
