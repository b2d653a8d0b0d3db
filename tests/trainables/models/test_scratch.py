"""Fresh models of KoBART's shape, and tokenizers that keep Korean whole."""

import math
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from foundation.errors import UserError
from tests.trainables.weights import TEXTS, same_weights
from trainables.models.base_models import initialise_model
from trainables.models.scratch import (
    ARCHITECTURES,
    SIZES,
    make_tokenizer,
    scratch_config,
    scratch_size,
)
from trainables.tasks.registry import make_task
from trainables.text.encoding import encode_for_encoder


def test_bart_base_has_the_shape_of_kobart() -> None:
    """`scratch:base` of `bart` is KoBART: 6 layers each in encoder and decoder, width 768, 16 heads, 30,000 tokens."""
    assert ARCHITECTURES["bart"].sizes["base"] == {
        "layers": 6, "width": 768, "heads": 16, "feed_forward": 3072, "vocabulary": 30000
    }  # fmt: skip


@pytest.mark.parametrize("model", ["gogamza/kobart-base-v2", "scratch", "folder/scratch"])
def test_other_models_have_no_scratch_size(model: str) -> None:
    """They are hub ids or folders."""
    assert scratch_size(model) is None


def test_an_unknown_size_is_refused() -> None:
    """The message lists all sizes and suggests the nearest."""
    with pytest.raises(UserError, match="size 'tinny' does not exist") as caught:
        scratch_size("scratch:tinny")
    assert caught.value.allowed == "scratch:tiny, scratch:small, scratch:base"
    assert caught.value.todo == "did you mean 'scratch:tiny'?"


@pytest.mark.parametrize("name", ["tiny", "small"])
def test_a_configuration_has_the_fields_of_its_size(name: str, words: PreTrainedTokenizerBase) -> None:
    """Layers, width and heads of encoder and decoder, the tokenizer's vocabulary and ids, KoBART's positions."""
    size = ARCHITECTURES["bart"].sizes[name]
    config = scratch_config("bart", name, words)
    assert (config.encoder_layers, config.decoder_layers) == (size["layers"], size["layers"])
    assert (config.d_model, config.encoder_ffn_dim) == (size["width"], size["feed_forward"])
    assert (config.encoder_attention_heads, config.decoder_attention_heads) == (size["heads"], size["heads"])
    assert (config.vocab_size, config.max_position_embeddings) == (len(words), 1026)
    assert (config.pad_token_id, config.eos_token_id) == (words.pad_token_id, words.eos_token_id)
    assert config.decoder_start_token_id == words.eos_token_id


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_size_can_be_configured(architecture: str, size: str, words: PreTrainedTokenizerBase) -> None:
    """No field is invalid, and the vocabulary is the tokenizer's."""
    config = scratch_config(architecture, size, words)
    assert config.vocab_size == len(words)
    assert config.pad_token_id == words.pad_token_id


@pytest.mark.parametrize("architecture", ["bart", "t5", "byt5"])
def test_the_first_loss_is_near_that_of_guessing(architecture: str, words: PreTrainedTokenizerBase) -> None:
    """Guessing has a loss of ln V; a much larger first loss would cost epochs."""
    model = initialise_model(scratch_config(architecture, "tiny", words), make_task("seq2seq", {}), 1)
    tokens = torch.arange(len(words)).unsqueeze(0)
    with torch.no_grad():
        loss = model.eval()(input_ids=tokens, labels=tokens).loss
    assert loss < 2 * math.log(len(words))  # an unscaled T5 had 15 times ln V


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_weights_follow_the_seed(architecture: str, words: PreTrainedTokenizerBase) -> None:
    """Equal seeds give equal weights whatever the global generator drew before; other seeds give others."""
    is_generative = architecture in ("bart", "t5", "byt5")
    task = make_task("seq2seq", {}) if is_generative else make_task("classification", {"labels": ["나", "다"]})
    config = scratch_config(architecture, "tiny", words)
    first, other, again = (initialise_model(config, task, seed) for seed in (1, 2, 1))
    assert same_weights(first, again)
    assert not same_weights(first, other)


@pytest.mark.parametrize("kind", ["bpe", "whitespace", "morphemes"])
def test_a_saved_tokenizer_of_every_kind_encodes_alike(kind: str, tmp_path: Path) -> None:
    """The loaded tokenizer encodes as the trained one, including the cut into morphemes before it."""
    texts = ["정말 재미있었다 추천해요", "별로 재미없었다 비추천"] * 5
    trained = make_tokenizer("cnn", "tiny", texts, kind, 60)
    trained.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert encode_for_encoder(texts, None, loaded, 20) == encode_for_encoder(texts, None, trained, 20)
    assert len(trained) <= 60
    assert trained.unk_token_id not in encode_for_encoder(texts[:1], None, loaded, 20)["input_ids"][0]


def test_byt5_has_a_fixed_tokenizer() -> None:
    """Nothing is trained, and a tokenizer kind is refused."""
    assert make_tokenizer("byt5", "tiny", []).encode("가") == [0xEA + 3, 0xB0 + 3, 0x80 + 3, 1]  # three bytes, the end
    with pytest.raises(UserError, match="trains no tokenizer"):
        make_tokenizer("byt5", "tiny", [], "bpe")


def test_the_tokenizer_of_an_encoder_adds_ends() -> None:
    """One text between <s> and </s>, two with a </s> between them and different token types."""
    words = make_tokenizer("bert", "tiny", TEXTS, None, 100)
    begin, end = words.convert_tokens_to_ids(["<s>", "</s>"])
    columns = encode_for_encoder(["안녕"], ["전화"], words, 50)
    ids, types = columns["input_ids"][0], columns["token_type_ids"][0]
    assert (ids[0], ids[-1], ids.count(end)) == (begin, end, 2)
    assert [types[0], types[-1]] == [0, 1]
    assert types == sorted(types)


def test_an_unsupported_tokenizer_kind_is_refused() -> None:
    """So is an unknown architecture."""
    with pytest.raises(UserError, match="tokenizer_kind 'morphemes' with architecture bart"):
        make_tokenizer("bart", "tiny", TEXTS, "morphemes")
    with pytest.raises(UserError, match="'bartt' is unknown"):
        make_tokenizer("bartt", "tiny", TEXTS)
