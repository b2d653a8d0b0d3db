"""Fresh weights of KoBART's architecture, and a tokenizer trained for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, trainers
from tokenizers.models import BPE
from transformers import (
    AutoModelForSeq2SeqLM,
    BartConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    set_seed,
)

from search_spaces.errors import UserError, nearest


@dataclass(frozen=True)
class ScratchSize:
    """One size of KoBART's architecture (https://github.com/SKT-AI/KoBART), with fresh weights.

    `layers` counts encoder layers; the decoder has as many. `vocabulary` is what a tokenizer trained on the
    training split may grow to.
    """

    layers: int
    width: int
    heads: int
    feed_forward: int
    vocabulary: int


SCRATCH_SIZES: dict[str, ScratchSize] = {
    "tiny": ScratchSize(layers=2, width=96, heads=4, feed_forward=256, vocabulary=2000),
    "small": ScratchSize(layers=3, width=256, heads=4, feed_forward=1024, vocabulary=8000),
    "base": ScratchSize(layers=6, width=768, heads=16, feed_forward=3072, vocabulary=30000),
}

POSITIONS = 1026  # KoBART's


def scratch_size(model: str) -> ScratchSize | None:
    """The size that `scratch:NAME` names; None when `model` is a hub id or a folder.

    Raises:
        UserError: `scratch:` with a size there is none of.
    """
    prefix, colon, name = model.partition(":")
    if prefix != "scratch" or not colon:
        return None
    if name not in SCRATCH_SIZES:
        raise UserError(
            f"model {model!r}: there is no size {name!r}",
            ", ".join(f"scratch:{size}" for size in SCRATCH_SIZES),
            nearest(name, SCRATCH_SIZES),
        )
    return SCRATCH_SIZES[name]


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """A character BPE with `▁` for blanks, as KoBART's, trained on `texts`; at most `vocabulary` pieces."""
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
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=["<pad>", "<unk>", "<s>", "</s>"], min_frequency=2, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )


def scratch_model(size: ScratchSize, tokenizer: PreTrainedTokenizerBase, seed: int) -> PreTrainedModel:
    """KoBART's architecture at `size` for the vocabulary of `tokenizer`, weights drawn from `seed`."""
    end = tokenizer.eos_token_id
    config = BartConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=POSITIONS,
        encoder_layers=size.layers,
        decoder_layers=size.layers,
        d_model=size.width,
        encoder_attention_heads=size.heads,
        decoder_attention_heads=size.heads,
        encoder_ffn_dim=size.feed_forward,
        decoder_ffn_dim=size.feed_forward,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=end,
        decoder_start_token_id=end,  # as KoBART and BART do
        forced_eos_token_id=end,
    )
    set_seed(seed)
    model: PreTrainedModel = AutoModelForSeq2SeqLM.from_config(config)
    return model
