"""Tokenizers of subwords that are trained on a user's texts."""

from __future__ import annotations

from transformers import PreTrainedTokenizerBase

from tests.trainables.weights import TEXTS
from trainables.text.subword_tokenizers import train_subwords


def test_a_trained_tokenizer_has_the_requested_vocabulary() -> None:
    """The four special tokens come first, and no more tokens than requested are learned."""
    letters = {letter for text in TEXTS for letter in text if letter != " "}
    small = train_subwords(TEXTS, len(letters) + 10)
    assert len(small) == len(letters) + 10
    assert small.convert_ids_to_tokens([0, 1, 2, 3]) == ["<pad>", "<unk>", "<s>", "</s>"]
    assert (small.pad_token, small.unk_token, small.bos_token, small.eos_token) == ("<pad>", "<unk>", "<s>", "</s>")


def test_the_vocabulary_limits_the_number_of_letters() -> None:
    """A vocabulary of ten has four special tokens and the six most frequent letters."""
    assert len(train_subwords(TEXTS, 10)) == 10


def test_digits_and_punctuation_are_tokens_of_their_own(words: PreTrainedTokenizerBase) -> None:
    """20분에 becomes 2, 0 and a word, so that times that are not in the training data can be generated."""
    pieces = words.tokenize("20분에.")
    assert [piece for piece in pieces if set(piece) & set("20.")] == ["2", "0", "."]


def test_equally_frequent_letters_are_taken_in_code_point_order() -> None:
    """The vocabulary holds the blank, the most frequent letter, and the first three of 200 that occur once."""
    letters = [chr(0xAC00 + number) for number in range(200)]
    tokenizer = train_subwords(["힣힣 " + "".join(reversed(letters))], 4 + 5)
    assert sorted(tokenizer.get_vocab()) == ["</s>", "<pad>", "<s>", "<unk>", "▁", *letters[:3], "힣"]


def test_letters_are_counted_as_the_tokenizer_reads_them() -> None:
    """Full-width letters are those of NFKC, and a decomposed syllable is one letter."""
    tokenizer = train_subwords(["ＡＡA한한다", "A나"], 4 + 3)
    assert {"▁", "A", "한"} < set(tokenizer.get_vocab())
