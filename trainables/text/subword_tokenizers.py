"""Tokenizers of subwords, which are trained for models with fresh weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors, trainers
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast

_SPECIAL = ["<pad>", "<unk>", "<s>", "</s>"]

#: What Metaspace writes for a blank, and before every text.
_BLANK = "▁"

_BLOCK = 1000  # texts, which are normalized together


def train_subwords(texts: Iterable[str], vocabulary: int, *, adds_ends: bool = False) -> PreTrainedTokenizerFast:
    """Trains a character BPE tokenizer with `▁` for blanks, as KoBART's, of at most `vocabulary` tokens.

    Letters that the vocabulary has no room for become `<unk>`: the rarest, and of equally rare ones those that come
    later in code point order.

    Args:
        adds_ends: the tokenizer adds `<s>` and `</s>` around a text and between two, like BERT's [CLS] and [SEP].
    """
    tokenizer = Tokenizer(BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(prepend_scheme="first"),
            pre_tokenizers.Punctuation(),
            pre_tokenizers.Digits(individual_digits=True),
        ]
    )
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    texts, room = list(texts), vocabulary - len(_SPECIAL)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=_SPECIAL,
        limit_alphabet=room,  # otherwise many letters would exceed the vocabulary
        initial_alphabet=_most_frequent(texts, tokenizer.normalizer, room),
        min_frequency=2,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    named = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    if adds_ends:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>",
            pair="<s> $A </s> $B:1 </s>:1",
            special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("<s>", "</s>")],
        )
        named |= {"cls_token": "<s>", "sep_token": "</s>"}
        inputs = ["input_ids", "token_type_ids", "attention_mask"]
        return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_input_names=inputs, **named)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named)


def _most_frequent(texts: Sequence[str], normalizer: normalizers.Normalizer, room: int) -> list[str]:
    """Returns the letters of a vocabulary that has no room for all of them; none if it has.

    The trainer's own choice among letters of equal frequency differs from one process to the next.
    """
    counts: Counter[str] = Counter({_BLANK: len(texts)})
    for start in range(0, len(texts), _BLOCK):
        block = texts[start : start + _BLOCK]
        counts.update(normalizer.normalize_str("\n".join(block)).replace(" ", _BLANK))
        counts["\n"] -= len(block) - 1
    counts += Counter()  # without letters that occur 0 times
    if len(counts) <= room:
        return []
    return sorted(counts, key=lambda letter: (-counts[letter], letter))[: max(0, room)]
