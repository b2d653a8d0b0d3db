"""Tokenizers of whole words or morphemes, which are trained for the small networks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer, normalizers, pre_tokenizers, trainers
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from foundation.errors import UserError
from search_spaces.choices import RougeTokenizer, TokenizerKind
from trainables.text.rouge_tokenizers import text_tokenizer

#: The key of `tokenizer_config.json` for how texts are cut before they are tokenised.
CUT = "kotune_cut"

SPECIAL = ["<pad>", "<unk>", "<s>", "</s>"]

_BLOCK = 1000  # texts; limits the memory for morphemes as separate strings


def train_words(texts: Iterable[str], vocabulary: int, *, morphemes: bool = False) -> PreTrainedTokenizerFast:
    """Trains a tokenizer of the most frequent words between blanks, after NFKC normalisation.

    Words of equal frequency are taken in code point order. The tokenizer adds no beginning or end tokens. Other words
    become `<unk>`.

    Args:
        texts: with `morphemes`, texts that `cut_morphemes` has cut.
        vocabulary: the largest number of words, including the four special tokens.
        morphemes: write `kotune_cut: morphemes` into `tokenizer_config.json`, so that texts are cut before the
            tokenizer reads them.

    Raises:
        UserError: the vocabulary has no room for a word.
    """
    if vocabulary <= len(SPECIAL):
        raise UserError(
            f"vocabulary {vocabulary} has no room for words in addition to {', '.join(SPECIAL)}",
            f"{len(SPECIAL) + 1} or more",
            "use a few thousand words",
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
        **({CUT: TokenizerKind.MORPHEMES.value} if morphemes else {}),
    )


def cut_morphemes(texts: Sequence[str]) -> list[str]:
    """Returns each text as the surface forms of its morphemes, separated by blanks.

    A morpheme of several words (Kiwi has the title 나사의 회전 as one) is split at its blanks by the tokenizer.
    """
    kiwi = text_tokenizer(RougeTokenizer.KIWI_SPLIT_TAGS)  # as exported models of earlier versions were trained
    return [
        " ".join(forms)
        for start in range(0, len(texts), _BLOCK)
        for forms in kiwi.tokenize(texts[start : start + _BLOCK])
    ]
