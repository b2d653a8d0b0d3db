"""Encoding: beginning and end tokens, truncation, pairs, and decoding to clean text."""

import pytest
from tokenizers.processors import RobertaProcessing, TemplateProcessing
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from trainables.text.encoding import adds_end_token, clean_text, encode_for_encoder, encode_with_ends, truncate
from trainables.text.subword_tokenizers import train_subwords


@pytest.fixture
def words() -> PreTrainedTokenizerBase:
    """A tokenizer with one token that is never merged: `@` × n are n tokens."""
    tokenizer = train_subwords(["가 나 다", "가나다"], 20)
    tokenizer.add_tokens(["@"])
    return tokenizer


@pytest.fixture
def words_with_ends(words: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """The same tokenizer, but it adds beginning and end tokens itself, like BART's."""
    ids = [(token, words.convert_tokens_to_ids(token)) for token in ("<s>", "</s>")]
    words.backend_tokenizer.post_processor = TemplateProcessing(single="<s> $A </s>", special_tokens=ids)
    return words


def test_ends_are_added_if_the_tokenizer_adds_none(words: PreTrainedTokenizerBase) -> None:
    """A source gets <s> and </s>; a target gets only </s>, because the decoder has its own start token."""
    begin, end, at = words.convert_tokens_to_ids(["<s>", "</s>", "@"])
    assert not adds_end_token(words)
    assert encode_with_ends(["@@", "@"], words) == [[begin, at, at, end], [begin, at, end]]
    assert encode_with_ends(["@@"], words, start=False) == [[at, at, end]]


def test_no_second_end_is_added(words_with_ends: PreTrainedTokenizerBase) -> None:
    """The ends of a tokenizer that adds them itself are not repeated, for sources and targets."""
    begin, end, at = words_with_ends.convert_tokens_to_ids(["<s>", "</s>", "@"])
    assert adds_end_token(words_with_ends)
    assert (
        encode_with_ends(["@"], words_with_ends)
        == encode_with_ends(["@"], words_with_ends, start=False)
        == [[begin, at, end]]
    )


def test_a_tokenizer_without_a_beginning_token_adds_only_the_end(words: PreTrainedTokenizerBase) -> None:
    """T5's tokenizers have no beginning token."""
    words.bos_token = None
    assert encode_with_ends(["@"], words) == [words.convert_tokens_to_ids(["@", "</s>"])]


def test_no_texts_give_no_rows(words: PreTrainedTokenizerBase) -> None:
    """The tokenizer itself raises for an empty list."""
    assert encode_with_ends([], words) == []


@pytest.mark.parametrize(
    ("limit", "expected"), [(5, [7, 8, 9, 2]), (4, [7, 8, 9, 2]), (3, [7, 8, 2]), (2, [7, 2]), (1, [2])]
)
def test_a_truncated_row_has_its_end_token(limit: int, expected: list[int]) -> None:
    """From summaries without an end token the model would learn never to stop."""
    tokens = [7, 8, 9, 2]
    assert truncate(tokens, limit) == expected
    assert tokens == [7, 8, 9, 2]


def test_clean_text() -> None:
    """Tokens to remove become single blanks; the rest of the text does not change."""
    assert clean_text(" <usr>민수는\n<pad> 집에  간다.<pad>", ["<usr>", "<pad>"]) == "민수는 집에 간다."
    assert clean_text("민수는<usr>집에", ["<usr>"]) == "민수는 집에"
    assert clean_text("#Person1#은 <s> 간다", []) == "#Person1#은 <s> 간다"


def test_a_pair_is_separated_by_an_end_token(words: PreTrainedTokenizerBase) -> None:
    """The end token is added if the tokenizer separates pairs by nothing; there are no token types then."""
    at, end = words.convert_tokens_to_ids(["@", "</s>"])
    columns = encode_for_encoder(["@@"], ["@"], words, 10)
    assert [token for token in columns["input_ids"][0] if token in (at, end)] == [at, at, end, at]
    assert "token_type_ids" not in columns


def test_a_pair_has_the_separator_of_its_tokenizer(words: PreTrainedTokenizerBase) -> None:
    """RoBERTa's `<s> a </s></s> b </s>` is as long as two texts alone, but is separated already."""
    backend, ids = words.backend_tokenizer, words.convert_tokens_to_ids(["<s>", "</s>"])
    start, end = ids
    backend.post_processor = RobertaProcessing(("</s>", end), ("<s>", start), add_prefix_space=False)
    roberta = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>", pad_token="<pad>")
    ids = encode_for_encoder(["@@"], ["@"], roberta, 10)["input_ids"][0]
    assert [token for token in ids if token in (start, end)] == [start, end, end, end]
    assert roberta("@@", "@")["input_ids"] == ids


def test_a_long_text_is_truncated_and_counted(words_with_ends: PreTrainedTokenizerBase) -> None:
    """<s> @ @ @ </s> has 5 tokens; truncated to 4 it still has both ends."""
    begin, end, at = words_with_ends.convert_tokens_to_ids(["<s>", "</s>", "@"])
    columns = encode_for_encoder(["@@@", "@"], None, words_with_ends, 4)
    assert columns["input_ids"] == [[begin, at, at, end], [begin, at, end]]
    assert (columns["length"], columns["cut_source"]) == ([4, 3], [True, False])


def test_no_texts_give_empty_columns(words: PreTrainedTokenizerBase) -> None:
    """The tokenizer itself raises for an empty list."""
    assert encode_for_encoder([], None, words, 4) == {"input_ids": [], "length": [], "cut_source": []}
