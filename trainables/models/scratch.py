"""Architectures with fresh weights in three sizes, and tokenizers that are trained for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from transformers import (
    BartConfig,
    BertConfig,
    ByT5Tokenizer,
    PreTrainedTokenizerBase,
    T5Config,
)

from foundation.errors import UserError, nearest
from search_spaces.choices import TokenizerKind
from trainables.models.networks import CnnConfig, RnnConfig
from trainables.text.subword_tokenizers import train_subwords
from trainables.text.word_tokenizers import cut_morphemes, train_words

SIZES = ("tiny", "small", "base")


@dataclass(frozen=True)
class Architecture:
    """An architecture in three sizes.

    Args:
        config: makes a configuration from a tokenizer and the fields of a size.
        sizes: size -> fields of the configuration, and the largest `vocabulary` of a trained tokenizer.
        kinds: the tokenizers that can be trained for it, the default first.
        adds_ends: whether the trained tokenizer itself adds beginning and end tokens; otherwise
            `trainables.text.encoding` adds them where a task needs them.
        tokenizer: makes the fixed tokenizer of an architecture for which none is trained.
    """

    config: Callable[..., Any]
    sizes: Mapping[str, Mapping[str, int]]
    kinds: tuple[str, ...] = (TokenizerKind.BPE,)
    adds_ends: bool = False
    tokenizer: Callable[[], PreTrainedTokenizerBase] | None = None


def _bart(tokenizer: PreTrainedTokenizerBase, layers: int, width: int, heads: int, feed_forward: int) -> BartConfig:
    """KoBART's architecture (https://github.com/SKT-AI/KoBART); encoder and decoder have `layers` layers each."""
    return BartConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=1026,
        encoder_layers=layers,
        decoder_layers=layers,
        d_model=width,
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=feed_forward,
        decoder_ffn_dim=feed_forward,
        decoder_start_token_id=tokenizer.eos_token_id,  # as in BART and KoBART
        forced_eos_token_id=tokenizer.eos_token_id,
        **_special_ids(tokenizer),
    )


def _t5(
    tokenizer: PreTrainedTokenizerBase, layers: int, decoder_layers: int, width: int, heads: int, feed_forward: int
) -> T5Config:
    """T5 1.1's architecture (Shazeer 2020, https://arxiv.org/abs/2002.05202: gated GELU), as in mT5 and KE-T5.

    The output matrix, however, is the scaled embedding, as in the first T5 (Raffel et al. 2020,
    https://arxiv.org/abs/1910.10683): transformers always ties the two, and without scaling the first loss is in the
    tens.
    """
    fields: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "d_model": width,
        "d_kv": width // heads,
        "num_heads": heads,
        "d_ff": feed_forward,
        "num_layers": layers,
        "num_decoder_layers": decoder_layers,
        "feed_forward_proj": "gated-gelu",
        "decoder_start_token_id": tokenizer.pad_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    return T5Config(**fields)


def _bert(tokenizer: PreTrainedTokenizerBase, layers: int, width: int, heads: int, feed_forward: int) -> BertConfig:
    """KcBERT's architecture (https://github.com/Beomi/KcBERT)."""
    return BertConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=300,
        num_hidden_layers=layers,
        hidden_size=width,
        num_attention_heads=heads,
        intermediate_size=feed_forward,
        **_special_ids(tokenizer),
    )


def _rnn(tokenizer: PreTrainedTokenizerBase, **fields: Any) -> RnnConfig:
    return RnnConfig(vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, **fields)


def _cnn(tokenizer: PreTrainedTokenizerBase, **fields: Any) -> CnnConfig:
    return CnnConfig(vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, **fields)


def _special_ids(tokenizer: PreTrainedTokenizerBase) -> Mapping[str, Any]:
    return {
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }


def _t5_size(
    layers: int, decoder_layers: int, width: int, heads: int, feed_forward: int, vocabulary: int
) -> dict[str, int]:
    shape = {"layers": layers, "decoder_layers": decoder_layers, "width": width, "heads": heads}
    return {**shape, "feed_forward": feed_forward, "vocabulary": vocabulary}


_KINDS = tuple(TokenizerKind)

ARCHITECTURES: dict[str, Architecture] = {
    "bart": Architecture(
        _bart,
        {
            "tiny": {"layers": 2, "width": 96, "heads": 4, "feed_forward": 256, "vocabulary": 2000},
            "small": {"layers": 3, "width": 256, "heads": 4, "feed_forward": 1024, "vocabulary": 8000},
            "base": {"layers": 6, "width": 768, "heads": 16, "feed_forward": 3072, "vocabulary": 30000},
        },
    ),
    "t5": Architecture(
        _t5,
        {
            "tiny": _t5_size(2, 2, 96, 4, 256, 2000),
            "small": _t5_size(3, 3, 256, 4, 768, 8000),
            "base": _t5_size(12, 12, 768, 12, 2048, 64000),
        },
    ),
    # Byte sequences are long and need few embeddings, so the encoder has three times the decoder's layers (Xue et al.
    # 2022, https://arxiv.org/abs/2105.13626).
    "byt5": Architecture(
        _t5,
        {
            "tiny": _t5_size(3, 1, 96, 4, 256, 0),
            "small": _t5_size(6, 2, 256, 4, 768, 0),
            "base": _t5_size(18, 6, 1536, 12, 3968, 0),
        },
        kinds=(),
        tokenizer=ByT5Tokenizer,
    ),
    "bert": Architecture(
        _bert,
        {
            "tiny": {"layers": 2, "width": 96, "heads": 4, "feed_forward": 256, "vocabulary": 2000},
            "small": {"layers": 4, "width": 256, "heads": 4, "feed_forward": 1024, "vocabulary": 8000},
            "base": {"layers": 12, "width": 768, "heads": 12, "feed_forward": 3072, "vocabulary": 30000},
        },
        adds_ends=True,
    ),
    # `base` is the baseline for product reviews: embedding 128, bidirectional LSTM of 4 layers with 256 units.
    "rnn": Architecture(
        _rnn,
        {
            "tiny": {"embedding_size": 64, "hidden_size": 64, "num_layers": 1, "vocabulary": 2000},
            "small": {"embedding_size": 128, "hidden_size": 128, "num_layers": 2, "vocabulary": 8000},
            "base": {"embedding_size": 128, "hidden_size": 256, "num_layers": 4, "vocabulary": 16000},
        },
        kinds=_KINDS,
    ),
    # `base` is Kim's with an embedding of 256 and 100 filters of each width.
    "cnn": Architecture(
        _cnn,
        {
            "tiny": {"embedding_size": 64, "num_filters": 32, "vocabulary": 2000},
            "small": {"embedding_size": 128, "num_filters": 100, "vocabulary": 8000},
            "base": {"embedding_size": 256, "num_filters": 100, "vocabulary": 16000},
        },
        kinds=_KINDS,
    ),
}


def scratch_size(model: str) -> str | None:
    """Returns the size in `scratch:SIZE`; None if `model` is a hub id or a folder.

    Raises:
        UserError: the size does not exist.
    """
    prefix, colon, name = model.partition(":")
    if prefix != "scratch" or not colon:
        return None
    if name not in SIZES:
        raise UserError(
            f"model {model!r}: size {name!r} does not exist",
            ", ".join(f"scratch:{size}" for size in SIZES),
            nearest(model, [f"scratch:{size}" for size in SIZES]) or "choose one of them",
        )
    return name


def get_architecture(name: str) -> Architecture:
    """Returns the architecture called `name`.

    Raises:
        UserError: no architecture has this name.
    """
    if name not in ARCHITECTURES:
        raise UserError(
            f"architecture {name!r} is unknown",
            ", ".join(ARCHITECTURES),
            nearest(name, ARCHITECTURES) or "choose one of them",
        )
    return ARCHITECTURES[name]


def scratch_config(architecture: str, size: str, tokenizer: PreTrainedTokenizerBase) -> Any:
    """Returns the configuration of `architecture` at `size` for the vocabulary of `tokenizer`."""
    entry = get_architecture(architecture)
    fields = {name: value for name, value in entry.sizes[size].items() if name != "vocabulary"}
    return entry.config(tokenizer, **fields)


def make_tokenizer(
    architecture: str, size: str, texts: Iterable[str], kind: str | None = None, vocabulary: int | None = None
) -> PreTrainedTokenizerBase:
    """Returns the tokenizer of a scratch model: trained on `texts`, or the fixed one of the architecture.

    Args:
        kind: `bpe`, `whitespace` or `morphemes`; None: the architecture's default.
        vocabulary: the largest number of tokens; None: the size's.

    Raises:
        UserError: the architecture does not support the kind, or trains no tokenizer.
    """
    entry = get_architecture(architecture)
    if entry.tokenizer is not None:
        if kind or vocabulary:
            name = "tokenizer_kind" if kind else "vocabulary"
            problem = f"{name}: {architecture} reads bytes and trains no tokenizer"
            raise UserError(problem, f"no {name}, or an architecture with a tokenizer", f"remove {name}")
        return entry.tokenizer()
    if kind is not None and kind not in entry.kinds:
        problem = f"tokenizer_kind {kind!r} with architecture {architecture}"
        raise UserError(
            problem, ", ".join(entry.kinds), f"--set tokenizer_kind={entry.kinds[0]}, or another architecture"
        )
    kind, most = kind or entry.kinds[0], vocabulary or entry.sizes[size]["vocabulary"]
    if kind == TokenizerKind.BPE:
        return train_subwords(texts, most, adds_ends=entry.adds_ends)
    morphemes = kind == TokenizerKind.MORPHEMES
    return train_words(cut_morphemes(list(texts)) if morphemes else texts, most, morphemes=morphemes)
