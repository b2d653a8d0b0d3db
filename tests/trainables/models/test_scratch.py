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
    train_tokenizer,
)
from trainables.tasks.registry import make_task
from trainables.text.encoding import encode_for_encoder


def test_kobarts_shape() -> None:
    """`scratch:base` of `bart` is KoBART: 6 layers on either side, 768 wide, 16 heads, 30,000 pieces."""
    assert ARCHITECTURES["bart"].sizes["base"] == {
        "layers": 6, "width": 768, "heads": 16, "feed_forward": 3072, "vocabulary": 30000
    }  # fmt: skip


@pytest.mark.parametrize("model", ["gogamza/kobart-base-v2", "scratch", "folder/scratch"])
def test_other_names_are_no_sizes(model: str) -> None:
    """They are hub ids or folders."""
    assert scratch_size(model) is None


def test_an_unknown_size_is_refused() -> None:
    """The message names the sizes there are and the one that was meant."""
    with pytest.raises(UserError, match="size 'tinny' does not exist") as caught:
        scratch_size("scratch:tinny")
    assert caught.value.allowed == "scratch:tiny, scratch:small, scratch:base"
    assert caught.value.todo == "did you mean 'scratch:tiny'?"


@pytest.mark.parametrize("name", ["tiny", "small"])
def test_a_size_is_built_as_written(name: str, words: PreTrainedTokenizerBase) -> None:
    """Layers, width and heads on either side, the tokenizer's vocabulary and tokens, KoBART's positions."""
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
    """Heads divide widths, widths of filters are numbers; each has the tokenizer's vocabulary."""
    config = scratch_config(architecture, size, words)
    assert config.vocab_size == len(words)
    assert config.pad_token_id == words.pad_token_id


@pytest.mark.parametrize("architecture", ["bart", "t5", "byt5"])
def test_a_fresh_writer_has_no_strong_opinion(architecture: str, words: PreTrainedTokenizerBase) -> None:
    """Its first loss is near that of guessing, ln V: what must be unlearned first costs epochs."""
    model = initialise_model(scratch_config(architecture, "tiny", words), make_task("seq2seq", {}), 1)
    tokens = torch.arange(len(words)).unsqueeze(0)
    with torch.no_grad():
        loss = model.eval()(input_ids=tokens, labels=tokens).loss
    assert loss < 2 * math.log(len(words))  # a T5 expects its last token again; unscaled it had 15 times ln V


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_weights_follow_the_seed(architecture: str, words: PreTrainedTokenizerBase) -> None:
    """And not what the global generator drew before."""
    is_generative = architecture in ("bart", "t5", "byt5")
    task = make_task("seq2seq", {}) if is_generative else make_task("classification", {"labels": ["나", "다"]})
    config = scratch_config(architecture, "tiny", words)
    first, other, again = (initialise_model(config, task, seed) for seed in (1, 2, 1))
    assert same_weights(first, again)
    assert not same_weights(first, other)


@pytest.mark.parametrize("kind", ["bpe", "whitespace", "morphemes"])
def test_a_tokenizer_of_every_kind_comes_back_from_its_folder(kind: str, tmp_path: Path) -> None:
    """With the way in which texts are cut before it."""
    texts = ["정말 재미있었다 추천해요", "별로 재미없었다 비추천"] * 5
    made = make_tokenizer("cnn", "tiny", texts, kind, 60)
    made.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert encode_for_encoder(texts, None, loaded, 20) == encode_for_encoder(texts, None, made, 20)
    assert len(made) <= 60
    assert made.unk_token_id not in encode_for_encoder(texts[:1], None, loaded, 20)["input_ids"][0]


def test_bytes_need_no_tokenizer() -> None:
    """ByT5's is fixed: nothing is trained, and asking for a kind or a size is a mistake."""
    assert make_tokenizer("byt5", "tiny", []).encode("가") == [0xEA + 3, 0xB0 + 3, 0x80 + 3, 1]  # three bytes, the end
    with pytest.raises(UserError, match="trains no tokenizer"):
        make_tokenizer("byt5", "tiny", [], "bpe")


def test_an_encoder_gets_its_ends() -> None:
    """One text between <s> and </s>, two with a </s> between them, told apart by their type."""
    words = make_tokenizer("bert", "tiny", TEXTS, None, 100)
    begin, end = words.convert_tokens_to_ids(["<s>", "</s>"])
    found = encode_for_encoder(["안녕"], ["전화"], words, 50)
    ids, types = found["input_ids"][0], found["token_type_ids"][0]
    assert (ids[0], ids[-1], ids.count(end)) == (begin, end, 2)
    assert [types[0], types[-1]] == [0, 1]
    assert types == sorted(types)


def test_an_architecture_takes_its_own_tokenizers() -> None:
    """The message names them; an unknown architecture is named too."""
    with pytest.raises(UserError, match="tokenizer_kind 'morphemes' with architecture bart"):
        make_tokenizer("bart", "tiny", TEXTS, "morphemes")
    with pytest.raises(UserError, match="'bartt' is unknown"):
        make_tokenizer("bartt", "tiny", TEXTS)


def test_a_trained_tokenizer_keeps_to_its_vocabulary() -> None:
    """Its four own tokens come first, and no more pieces than asked for are learnt."""
    letters = {letter for text in TEXTS for letter in text if letter != " "}
    small = train_tokenizer(TEXTS, len(letters) + 10)
    assert len(small) == len(letters) + 10
    assert small.convert_ids_to_tokens([0, 1, 2, 3]) == ["<pad>", "<unk>", "<s>", "</s>"]
    assert (small.pad_token, small.unk_token, small.bos_token, small.eos_token) == ("<pad>", "<unk>", "<s>", "</s>")


def test_more_letters_than_vocabulary_are_cut_to_the_frequent_ones() -> None:
    """Ten pieces are ten: four special ones and six letters."""
    assert len(train_tokenizer(TEXTS, 10)) == 10


def test_digits_and_punctuation_stand_alone(words: PreTrainedTokenizerBase) -> None:
    """20분에 is 2, 0 and a word, so that times not seen in training can still be written."""
    pieces = words.tokenize("20분에.")
    assert [piece for piece in pieces if set(piece) & set("20.")] == ["2", "0", "."]
