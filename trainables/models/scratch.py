"""Fresh weights: every architecture in three sizes, and the tokenizers that are trained for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors, trainers
from tokenizers.models import BPE
from transformers import (
    BartConfig,
    BertConfig,
    ByT5Tokenizer,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    T5Config,
)

from foundation.errors import UserError, nearest
from search_spaces.choices import TokenizerKind
from trainables.models.networks import CnnConfig, RnnConfig
from trainables.text.word_tokenizers import cut_morphemes, train_words

SIZES = ("tiny", "small", "base")


@dataclass(frozen=True)
class Architecture:
    """An architecture in three sizes.

    Args:
        config: makes its configuration from a tokenizer and the fields of a size.
        sizes: size -> fields of its configuration, and the `vocabulary` that a trained tokenizer may grow to.
        ends: puts the tokenizer's own ends around a text, as the architecture was trained with; else texts get theirs
            from `trainables.text.encoding`.
        tokenizer: a fixed one, where none is trained.
    """

    config: Callable[..., Any]
    sizes: Mapping[str, Mapping[str, int]]
    kinds: tuple[str, ...] = (TokenizerKind.BPE,)
    ends: bool = False
    tokenizer: Callable[[], PreTrainedTokenizerBase] | None = None


def _bart(words: PreTrainedTokenizerBase, layers: int, width: int, heads: int, feed_forward: int) -> BartConfig:
    """KoBART's (https://github.com/SKT-AI/KoBART); `layers` counts the encoder's, the decoder has as many."""
    return BartConfig(
        vocab_size=len(words),
        max_position_embeddings=1026,
        encoder_layers=layers,
        decoder_layers=layers,
        d_model=width,
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=feed_forward,
        decoder_ffn_dim=feed_forward,
        decoder_start_token_id=words.eos_token_id,  # as KoBART and BART do
        forced_eos_token_id=words.eos_token_id,
        **_ends(words),
    )


def _t5(
    words: PreTrainedTokenizerBase, layers: int, decoder_layers: int, width: int, heads: int, feed_forward: int
) -> T5Config:
    """T5 1.1's (Shazeer 2020, https://arxiv.org/abs/2002.05202: gated GELU), as mT5 and KE-T5 have it.

    But the output matrix is the embedding, scaled as in the first T5 (Raffel et al. 2020,
    https://arxiv.org/abs/1910.10683): transformers ties the two always, and unscaled they start at a loss of tens.
    """
    fields: dict[str, Any] = {
        "vocab_size": len(words),
        "d_model": width,
        "d_kv": width // heads,
        "num_heads": heads,
        "d_ff": feed_forward,
        "num_layers": layers,
        "num_decoder_layers": decoder_layers,
        "feed_forward_proj": "gated-gelu",
        "decoder_start_token_id": words.pad_token_id,
        "pad_token_id": words.pad_token_id,
        "eos_token_id": words.eos_token_id,
    }
    return T5Config(**fields)


def _bert(words: PreTrainedTokenizerBase, layers: int, width: int, heads: int, feed_forward: int) -> BertConfig:
    """KcBERT's (https://github.com/Beomi/KcBERT)."""
    return BertConfig(
        vocab_size=len(words),
        max_position_embeddings=300,
        num_hidden_layers=layers,
        hidden_size=width,
        num_attention_heads=heads,
        intermediate_size=feed_forward,
        **_ends(words),
    )


def _rnn(words: PreTrainedTokenizerBase, **fields: Any) -> RnnConfig:
    return RnnConfig(vocab_size=len(words), pad_token_id=words.pad_token_id, **fields)


def _cnn(words: PreTrainedTokenizerBase, **fields: Any) -> CnnConfig:
    return CnnConfig(vocab_size=len(words), pad_token_id=words.pad_token_id, **fields)


def _ends(words: PreTrainedTokenizerBase) -> dict[str, Any]:
    return {
        "pad_token_id": words.pad_token_id,
        "bos_token_id": words.bos_token_id,
        "eos_token_id": words.eos_token_id,
    }


def _t5_size(layers: int, decoder_layers: int, width: int, heads: int, feed_forward: int, words: int) -> dict[str, int]:
    shape = {"layers": layers, "decoder_layers": decoder_layers, "width": width, "heads": heads}
    return {**shape, "feed_forward": feed_forward, "vocabulary": words}


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
    # Bytes are many and cheap to embed, so the encoder is the deeper one: three to one (Xue et al. 2022,
    # https://arxiv.org/abs/2105.13626).
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
        ends=True,
    ),
    # `base` is the baseline of product reviews: embedding 128, bidirectional LSTM 256 × 4.
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
    """The size that `scratch:NAME` names; None when `model` is a hub id or a folder.

    Raises:
        UserError: `scratch:` with a size there is none of.
    """
    prefix, colon, name = model.partition(":")
    if prefix != "scratch" or not colon:
        return None
    if name not in SIZES:
        raise UserError(
            f"model {model!r}: there is no size {name!r}",
            ", ".join(f"scratch:{size}" for size in SIZES),
            nearest(model, [f"scratch:{size}" for size in SIZES]),
        )
    return name


def get_architecture(name: str) -> Architecture:
    """The architecture called `name`.

    Raises:
        UserError: there is none.
    """
    if name not in ARCHITECTURES:
        raise UserError(f"architecture {name!r} is unknown", ", ".join(ARCHITECTURES), nearest(name, ARCHITECTURES))
    return ARCHITECTURES[name]


def scratch_config(architecture: str, size: str, words: PreTrainedTokenizerBase) -> Any:
    """The configuration of `architecture` at `size` for the vocabulary of `words`."""
    chosen = get_architecture(architecture)
    fields = {name: value for name, value in chosen.sizes[size].items() if name != "vocabulary"}
    return chosen.config(words, **fields)


def make_tokenizer(
    architecture: str, size: str, texts: Iterable[str], kind: str | None = None, vocabulary: int | None = None
) -> PreTrainedTokenizerBase:
    """The tokenizer of a scratch model: trained on `texts`, or the architecture's own where it has a fixed one.

    Args:
        kind: `bpe`, `whitespace` or `morphemes`; None: the architecture's usual one.
        vocabulary: most pieces; None: the size's.

    Raises:
        UserError: a kind that the architecture does not take.
    """
    chosen = get_architecture(architecture)
    if chosen.tokenizer is not None:
        if kind or vocabulary:
            given = "tokenizer_kind" if kind else "vocabulary"
            raise UserError(f"{given}: {architecture} reads bytes and trains no tokenizer", "", f"take {given} out")
        return chosen.tokenizer()
    if kind is not None and kind not in chosen.kinds:
        raise UserError(f"tokenizer_kind {kind!r} with architecture {architecture}", ", ".join(chosen.kinds))
    kind, most = kind or chosen.kinds[0], vocabulary or chosen.sizes[size]["vocabulary"]
    if kind == TokenizerKind.BPE:
        return train_tokenizer(texts, most, ends=chosen.ends)
    morphemes = kind == TokenizerKind.MORPHEMES
    return train_words(cut_morphemes(list(texts)) if morphemes else texts, most, morphemes=morphemes)


def train_tokenizer(texts: Iterable[str], vocabulary: int, *, ends: bool = False) -> PreTrainedTokenizerFast:
    """A character BPE with `▁` for blanks, as KoBART's, trained on `texts`; at most `vocabulary` pieces.

    Args:
        ends: put `<s>` and `</s>` around a text and between two, as BERT's [CLS] and [SEP].
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
    special = ["<pad>", "<unk>", "<s>", "</s>"]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=special,
        limit_alphabet=vocabulary - len(special),  # more letters than that are a vocabulary larger than asked for
        min_frequency=2,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    named = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    if ends:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>",
            pair="<s> $A </s> $B:1 </s>:1",
            special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("<s>", "</s>")],
        )
        named |= {"cls_token": "<s>", "sep_token": "</s>"}
        inputs = ["input_ids", "token_type_ids", "attention_mask"]
        return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_input_names=inputs, **named)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named)
