"""Fresh models of KoBART's shape, and tokenizers that keep Korean whole."""

import pytest
from transformers import PreTrainedTokenizerBase

from search_spaces.errors import UserError
from tests.trainables.weights import TEXTS, same_weights
from trainables.scratch import SCRATCH_SIZES, ScratchSize, scratch_model, scratch_size, train_tokenizer


def test_kobarts_shape() -> None:
    """`scratch:base` is KoBART: 6 layers on either side, 768 wide, 16 heads, 30,000 pieces."""
    assert scratch_size("scratch:base") == ScratchSize(6, 768, 16, 3072, 30000)


@pytest.mark.parametrize("model", ["gogamza/kobart-base-v2", "scratch", "folder/scratch"])
def test_other_names_are_no_sizes(model: str) -> None:
    """They are hub ids or folders."""
    assert scratch_size(model) is None


def test_an_unknown_size_is_refused() -> None:
    """The message names the sizes there are and the one that was meant."""
    with pytest.raises(UserError, match="there is no size 'tinny'") as caught:
        scratch_size("scratch:tinny")
    assert caught.value.allowed == "scratch:tiny, scratch:small, scratch:base"
    assert caught.value.todo == "did you mean 'tiny'?"


@pytest.mark.parametrize("name", ["tiny", "small"])
def test_a_size_is_built_as_written(name: str, words: PreTrainedTokenizerBase) -> None:
    """Layers, width and heads on either side, the tokenizer's vocabulary and tokens, KoBART's positions."""
    size = SCRATCH_SIZES[name]
    config = scratch_model(size, words, seed=0).config
    assert (config.encoder_layers, config.decoder_layers, config.d_model) == (size.layers, size.layers, size.width)
    assert (config.encoder_attention_heads, config.decoder_attention_heads) == (size.heads, size.heads)
    assert (config.encoder_ffn_dim, config.decoder_ffn_dim) == (size.feed_forward, size.feed_forward)
    assert (config.vocab_size, config.max_position_embeddings) == (len(words), 1026)
    assert (config.pad_token_id, config.eos_token_id) == (words.pad_token_id, words.eos_token_id)
    assert config.decoder_start_token_id == words.eos_token_id


def test_weights_follow_the_seed(words: PreTrainedTokenizerBase) -> None:
    """And not what the global generator drew before."""
    first, other, again = (scratch_model(SCRATCH_SIZES["tiny"], words, seed) for seed in (1, 2, 1))
    assert same_weights(first, again)
    assert not same_weights(first, other)


def test_a_trained_tokenizer_keeps_to_its_vocabulary() -> None:
    """Its four own tokens come first, and no more pieces than asked for are learnt."""
    letters = {letter for text in TEXTS for letter in text if letter != " "}
    small = train_tokenizer(TEXTS, len(letters) + 10)
    assert len(small) == len(letters) + 10
    assert small.convert_ids_to_tokens([0, 1, 2, 3]) == ["<pad>", "<unk>", "<s>", "</s>"]
    assert (small.pad_token, small.unk_token, small.bos_token, small.eos_token) == ("<pad>", "<unk>", "<s>", "</s>")


def test_digits_and_punctuation_stand_alone(words: PreTrainedTokenizerBase) -> None:
    """20분에 is 2, 0 and a word, so that times not seen in training can still be written."""
    pieces = words.tokenize("20분에.")
    assert [piece for piece in pieces if set(piece) & set("20.")] == ["2", "0", "."]
