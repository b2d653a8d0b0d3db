"""Texts as token ids, closed by the tokenizer's own ends, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from trainables.text.word_tokenizers import CUT, cut_morphemes


def precut(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Texts as the tokenizer was trained to see them: cut into morphemes, if it was trained on those."""
    return cut_morphemes(texts) if tokenizer.init_kwargs.get(CUT) == "morphemes" else list(texts)


def encode(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, *, start: bool = True) -> list[list[int]]:
    """Token ids per text, closed by the end token.

    Many Korean tokenizers (KoBART's among them) add no ends of their own; then they are put here.

    Args:
        start: put the beginning token too; targets go without, since the decoder starts from its own.
    """
    if not texts:
        return []
    ids: list[list[int]] = tokenizer(list(texts), return_attention_mask=False, return_token_type_ids=False)["input_ids"]
    if ends_itself(tokenizer):
        return ids
    begin = [tokenizer.bos_token_id] if start and tokenizer.bos_token_id is not None else []
    return [[*begin, *tokens, tokenizer.eos_token_id] for tokens in ids]


def ends_itself(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the tokenizer closes texts with an end token of its own accord."""
    return bool(tokenizer("가")["input_ids"][-1] == tokenizer.eos_token_id)


def cut(tokens: Sequence[int], limit: int) -> list[int]:
    """The first tokens up to `limit`, still closed by the end token."""
    return list(tokens) if len(tokens) <= limit else [*tokens[: limit - 1], tokens[-1]]


def encode_whole(
    texts: Sequence[str], pairs: Sequence[str] | None, tokenizer: PreTrainedTokenizerBase, limit: int
) -> dict[str, list[Any]]:
    """Texts, or pairs of texts, as an encoder reads them: `input_ids`, `token_type_ids` if the model has them,
    `length`, and `cut_source` for those that were longer than `limit` tokens.

    A tokenizer that joins no pairs of its own accord gets its end token between the two.
    """
    first = precut(texts, tokenizer)
    second = None if pairs is None else precut(pairs, tokenizer)
    if not first:
        return {"input_ids": [], "length": [], "cut_source": []}
    wanted = {"return_attention_mask": False, "return_token_type_ids": "token_type_ids" in tokenizer.model_input_names}
    if second is not None and _joins_nothing(tokenizer):
        first, second = [f"{one} {tokenizer.eos_token} {other}" for one, other in zip(first, second, strict=True)], None
    whole = tokenizer(first, second, **wanted)
    lengths = [len(ids) for ids in whole["input_ids"]]
    if any(length > limit for length in lengths):
        # The longer of a pair gives way, and the tokenizer's own ends stay.
        whole = tokenizer(first, second, truncation=True, max_length=limit, **wanted)
    found: dict[str, list[Any]] = {
        "input_ids": whole["input_ids"],
        "length": [len(ids) for ids in whole["input_ids"]],
        "cut_source": [length > limit for length in lengths],
    }
    if "token_type_ids" in whole:
        found["token_type_ids"] = whole["token_type_ids"]
    return found


def _joins_nothing(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether nothing is put between two texts but what ends the first one and starts the second."""
    alone, both = (list(tokenizer(*texts)["input_ids"]) for texts in (("가",), ("가", "가")))
    return both == alone + alone


def clean(text: str, remove_tokens: Sequence[str]) -> str:
    """Generated text as it is scored and written: unwanted tokens out, runs of blanks made one."""
    for token in remove_tokens:
        text = text.replace(token, " ")
    return " ".join(text.split())


def decoder(
    tokenizer: PreTrainedTokenizerBase, remove_tokens: Sequence[str]
) -> Callable[[Sequence[Sequence[int]]], list[str]]:
    """Token ids -> texts as they are scored."""

    def decode(sequences: Sequence[Sequence[int]]) -> list[str]:
        texts = tokenizer.batch_decode(list(map(list, sequences)), skip_special_tokens=True)
        return [clean(text, remove_tokens) for text in texts]

    return decode
