"""Shares of unknown tokens and of different texts with the same tokens."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import ByT5Tokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from foundation.errors import UserError
from trainables.text.coverage import Coverage, check_coverage, coverage_lines, measure, measure_split


def word_tokenizer(*words: str, **special: str) -> PreTrainedTokenizerBase:
    """A tokenizer of whole words; other words are unknown."""
    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "[SEP]", "▁", *words])}
    backend = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    backend.pre_tokenizer = WhitespaceSplit()
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "sep_token": "[SEP]", **special}
    return PreTrainedTokenizerFast(tokenizer_object=backend, **special)


def coverage_of(texts: list[str], tokenizer: PreTrainedTokenizerBase, limit: int = 100) -> Coverage:
    """The coverage of texts that end with [SEP] and are truncated to `limit` tokens."""
    tokens = [[*ids, tokenizer.sep_token_id] for ids in tokenizer(texts)["input_ids"]]
    return measure(texts, [row[:limit] for row in tokens], [len(row) > limit for row in tokens], tokenizer)


def test_the_share_of_unknown_tokens() -> None:
    """One of four words; the end token and blanks do not count."""
    assert coverage_of(["영화 좋다", "▁ 영화 싫다"], word_tokenizer("영화", "좋다")) == Coverage(0.25, 0.0)


def test_different_texts_with_the_same_tokens() -> None:
    """Two of three: one word of each is unknown. Texts that differ in blanks and case only are not different."""
    tokenizer = word_tokenizer("영화", "Film")
    assert coverage_of(["영화 좋다", "영화 싫다", "영화"], tokenizer) == Coverage(0.4, 2 / 3)
    assert coverage_of(["영화", "영화 ", " 영화"], tokenizer) == Coverage()


def test_truncated_texts_are_not_compared() -> None:
    """They are alike because of the limit. Their unknown tokens count."""
    tokenizer = word_tokenizer("영화", "좋다", "싫다")
    assert coverage_of(["영화 영화 좋다", "영화 영화 싫다"], tokenizer, limit=2).alike == 0.0
    assert coverage_of(["새 새 영화", "새 새 좋다"], tokenizer, limit=2) == Coverage(1.0, 0.0)


def test_tokenizers_of_bytes_have_no_unknown_tokens() -> None:
    """ByT5's never uses its unknown token; GPT-2's end token is named as the unknown one, too."""
    tokenizer = ByT5Tokenizer()
    tokens = tokenizer(["영화 뷁"])["input_ids"]
    assert measure(["영화 뷁"], tokens, [False], tokenizer) == Coverage()
    assert coverage_of(["영화", "좋다"], word_tokenizer("영화", "좋다", unk_token="[SEP]")) == Coverage()


def test_targets_count_where_they_are_texts() -> None:
    """A summary whose words are all unknown; both texts of a pair belong to the source."""
    tokenizer = word_tokenizer("영화", "좋다")
    rows = [{"source": "영화", "pair": "좋다", "target": "별로"}]
    table = {"input_ids": [[4, 5]], "cut_source": [False], "labels": [[1]], "cut_target": [False]}
    assert measure_split(rows, table, tokenizer, targets=False) == {"source": Coverage()}
    assert measure_split(rows, table, tokenizer, targets=True) == {"source": Coverage(), "target": Coverage(1.0, 0.0)}


def test_most_unknown_is_refused() -> None:
    """The message names tokenizer, split and share."""
    tokenizer = word_tokenizer()
    check_coverage({"train": {"source": Coverage(0.5, 0.5)}}, tokenizer, "some/model")
    with pytest.raises(UserError, match=r"'some/model': 50\.1% of the source tokens in dev are unknown \(\[UNK\]\)"):
        check_coverage({"train": {"source": Coverage()}, "dev": {"source": Coverage(0.501)}}, tokenizer, "some/model")
    with pytest.raises(UserError, match=r"60\.0% of the target texts in train have the same tokens"):
        check_coverage({"train": {"target": Coverage(0.1, 0.6)}}, tokenizer, "some/model")


def test_shares_are_shown_and_large_ones_are_warnings() -> None:
    """One line for all splits; one warning for each role, about its worst split."""
    tokenizer, good = word_tokenizer(), {"source": Coverage(0.02, 0.02)}
    assert coverage_lines({"train": good, "dev": good}, tokenizer, is_trained=False) == [
        "unknown tokens: train 2.0%, dev 2.0%; different texts with the same tokens: train 2.0%, dev 2.0%"
    ]
    bad = {"train": {"source": Coverage(0.03)}, "dev": {"source": Coverage(0.0, 0.2)}}
    assert coverage_lines(bad, tokenizer, is_trained=False)[1:] == [
        "warning: 20.0% of the source texts in dev have the same tokens as a different text; "
        "another --tokenizer may read them"
    ]
    assert "tokenizer_kind=bpe or a larger vocabulary" in coverage_lines(bad, tokenizer, is_trained=True)[1]
