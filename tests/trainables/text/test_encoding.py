"""Texts as tokens: closed by an end, cut whole, pairs joined; and back to clean text."""

import pytest
from tokenizers.processors import RobertaProcessing, TemplateProcessing
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from trainables.models.scratch import train_tokenizer
from trainables.text.encoding import adds_end_token, clean_text, encode_for_encoder, encode_with_ends, truncate


@pytest.fixture
def words() -> PreTrainedTokenizerBase:
    """A tokenizer with one token that is never cut: `@` × n are n tokens."""
    tokenizer = train_tokenizer(["가 나 다", "가나다"], 20)
    tokenizer.add_tokens(["@"])
    return tokenizer


@pytest.fixture
def closing_words(words: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """The same, but it puts beginning and end itself, as BART's."""
    ids = [(token, words.convert_tokens_to_ids(token)) for token in ("<s>", "</s>")]
    words.backend_tokenizer.post_processor = TemplateProcessing(single="<s> $A </s>", special_tokens=ids)
    return words


def test_ends_are_put_where_the_tokenizer_puts_none(words: PreTrainedTokenizerBase) -> None:
    """A source stands between <s> and </s>; a target has its end alone, since the decoder brings its own start."""
    begin, end, at = words.convert_tokens_to_ids(["<s>", "</s>", "@"])
    assert not adds_end_token(words)
    assert encode_with_ends(["@@", "@"], words) == [[begin, at, at, end], [begin, at, end]]
    assert encode_with_ends(["@@"], words, start=False) == [[at, at, end]]


def test_no_second_end_is_put(closing_words: PreTrainedTokenizerBase) -> None:
    """A tokenizer that closes its texts is taken at its word, for sources and targets."""
    begin, end, at = closing_words.convert_tokens_to_ids(["<s>", "</s>", "@"])
    assert adds_end_token(closing_words)
    assert (
        encode_with_ends(["@"], closing_words)
        == encode_with_ends(["@"], closing_words, start=False)
        == [[begin, at, end]]
    )


def test_a_beginning_is_put_only_where_there_is_one(words: PreTrainedTokenizerBase) -> None:
    """T5's tokenizers have none."""
    words.bos_token = None
    assert encode_with_ends(["@"], words) == [words.convert_tokens_to_ids(["@", "</s>"])]


def test_no_texts_are_no_rows(words: PreTrainedTokenizerBase) -> None:
    """A tokenizer itself stumbles over an empty list."""
    assert encode_with_ends([], words) == []


@pytest.mark.parametrize(
    ("limit", "kept"), [(5, [7, 8, 9, 2]), (4, [7, 8, 9, 2]), (3, [7, 8, 2]), (2, [7, 2]), (1, [2])]
)
def test_a_cut_row_is_still_closed(limit: int, kept: list[int]) -> None:
    """A summary without its end would teach the model never to stop."""
    tokens = [7, 8, 9, 2]
    assert truncate(tokens, limit) == kept
    assert tokens == [7, 8, 9, 2]


def test_clean_text() -> None:
    """Unwanted tokens go with the blanks they leave; all else stays."""
    assert clean_text(" <usr>민수는\n<pad> 집에  간다.<pad>", ["<usr>", "<pad>"]) == "민수는 집에 간다."
    assert clean_text("민수는<usr>집에", ["<usr>"]) == "민수는 집에"
    assert clean_text("#Person1#은 <s> 간다", []) == "#Person1#은 <s> 간다"


def test_a_pair_is_joined_by_an_end(words: PreTrainedTokenizerBase) -> None:
    """Where the tokenizer joins nothing itself; no second type is told then."""
    at, end = words.convert_tokens_to_ids(["@", "</s>"])
    found = encode_for_encoder(["@@"], ["@"], words, 10)
    kept = [token for token in found["input_ids"][0] if token in (at, end)]
    assert kept == [at, at, end, at]
    assert "token_type_ids" not in found


def test_a_pair_keeps_the_ends_of_its_tokenizer(words: PreTrainedTokenizerBase) -> None:
    """RoBERTa's `<s> a </s></s> b </s>` is twice as long as `<s> a </s>`, yet two ends part the texts already."""
    backend, ids = words.backend_tokenizer, words.convert_tokens_to_ids(["<s>", "</s>"])
    start, end = ids
    backend.post_processor = RobertaProcessing(("</s>", end), ("<s>", start), add_prefix_space=False)
    roberta = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>", pad_token="<pad>")
    found = encode_for_encoder(["@@"], ["@"], roberta, 10)["input_ids"][0]
    assert [token for token in found if token in (start, end)] == [start, end, end, end]
    assert roberta("@@", "@")["input_ids"] == found


def test_a_long_text_is_cut_and_counted(closing_words: PreTrainedTokenizerBase) -> None:
    """With its ends: <s> @ @ @ </s> is 5 tokens, cut to 4 it keeps both ends."""
    begin, end, at = closing_words.convert_tokens_to_ids(["<s>", "</s>", "@"])
    found = encode_for_encoder(["@@@", "@"], None, closing_words, 4)
    assert found["input_ids"] == [[begin, at, at, end], [begin, at, end]]
    assert (found["length"], found["cut_source"]) == ([4, 3], [True, False])


def test_no_texts_are_no_columns(words: PreTrainedTokenizerBase) -> None:
    """A tokenizer itself stumbles over an empty list."""
    assert encode_for_encoder([], None, words, 4) == {"input_ids": [], "length": [], "cut_source": []}
