"""Tokenizers of whole words or morphemes, trained for the small networks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer, normalizers, pre_tokenizers, trainers
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from foundation.errors import UserError
from trainables.text.rouge_tokenizers import text_tokenizer

#: The entry of `tokenizer_config.json` that says how texts are cut before the tokenizer sees them.
CUT = "kotune_cut"

SPECIAL = ["<pad>", "<unk>", "<s>", "</s>"]

_AT_ONCE = 1000  # texts whose morphemes are held as separate strings


def train_words(texts: Iterable[str], vocabulary: int, *, morphemes: bool = False) -> PreTrainedTokenizerFast:
    """The most frequent words between blanks, after NFKC; of words seen equally often the first in code point order.

    It puts no ends around a text. What it does not know is `<unk>`.

    Args:
        texts: with `morphemes`, already cut by `cut_morphemes`.
        vocabulary: at most so many words, the four special tokens included.
        morphemes: the tokenizer carries `kotune_cut: morphemes` in its `tokenizer_config.json`, so that whoever
            loads it knows to cut texts first.

    Raises:
        UserError: a vocabulary without room for a word.
    """
    if vocabulary <= len(SPECIAL):
        raise UserError(
            f"vocabulary {vocabulary} has no room for words beside {', '.join(SPECIAL)}",
            f"{len(SPECIAL) + 1} or more",
            "a few thousand words are usual",
        )
    tokenizer = Tokenizer(WordLevel(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordLevelTrainer(vocab_size=vocabulary, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        **({CUT: "morphemes"} if morphemes else {}),
    )


def cut_morphemes(texts: Sequence[str]) -> list[str]:
    """Each text as the surface forms of its morphemes, with blanks between them.

    A name that Kiwi knows as one morpheme of several words (나사의 회전) falls apart again at its blanks.
    """
    kiwi = text_tokenizer("kiwi")
    return [
        " ".join(forms)
        for start in range(0, len(texts), _AT_ONCE)
        for forms in kiwi.tokenize(texts[start : start + _AT_ONCE])
    ]
