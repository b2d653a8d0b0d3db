"""Word tokenizers: the most frequent words, independent of the order of texts, and morphemes between blanks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from foundation.errors import UserError
from trainables.text import word_tokenizers
from trainables.text.rouge_tokenizers import text_tokenizer
from trainables.text.word_tokenizers import CUT, SPECIAL, cut_morphemes, train_words

TEXTS = ["배송이 빨라요 !", "다시 살래요 배송이", "포장이 배송이 빨라요 가격"]


def words(tokenizer: Any) -> list[str]:
    """The vocabulary in order of ids."""
    vocabulary = tokenizer.get_vocab()
    return sorted(vocabulary, key=vocabulary.__getitem__)


def test_the_most_frequent_words_are_learned() -> None:
    """Special tokens come first, then words by frequency, on a tie in code point order, for any order of texts."""
    # 배송이 3 times, 빨라요 twice, and of those seen once: ! < 가격 < 다시 < 살래요 < 포장이, of which 2 have room.
    expected = [*SPECIAL, "배송이", "빨라요", "!", "가격"]
    assert words(train_words(TEXTS, 8)) == expected
    assert words(train_words(iter(TEXTS[::-1]), 8)) == expected
    assert len(words(train_words(TEXTS, 1000))) == len(SPECIAL) + 7


def test_texts_are_encoded_word_by_word() -> None:
    """Words between any blanks are encoded after NFKC, without end tokens; an unknown word is one `<unk>`."""
    tokenizer = train_words(["Ａ급 배송", "배송"], 10)
    assert words(tokenizer)[4:] == ["배송", "A급"]
    assert tokenizer("배송\tA급\n반품 배송!")["input_ids"] == [4, 5, 1, 1]
    assert tokenizer("")["input_ids"] == []
    special_ids = (tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id)
    assert special_ids == (0, 1, 2, 3)


@pytest.mark.parametrize("morphemes", [False, True])
def test_a_saved_tokenizer_states_how_texts_are_cut(morphemes: bool, tmp_path: Path) -> None:
    """`kotune_cut` is saved and loaded, and the ids are the same."""
    tokenizer = train_words(TEXTS, 8, morphemes=morphemes)
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert loaded.init_kwargs.get(CUT) == ("morphemes" if morphemes else None)
    assert loaded(TEXTS)["input_ids"] == tokenizer(TEXTS)["input_ids"]


def test_a_vocabulary_without_room_is_refused() -> None:
    """Four special tokens leave no room for a word in a vocabulary of 4."""
    with pytest.raises(UserError, match="vocabulary 4 has no room") as caught:
        train_words(TEXTS, 4)
    assert caught.value.allowed == "5 or more"


def test_texts_are_cut_into_morphemes() -> None:
    """학교+에 가+었+다; a name of several words has blanks in it; an empty text stays empty."""
    assert cut_morphemes(["학교에 갔다.", "", "나사의 회전을 읽었다"]) == [
        "학교 에 가 었 다 .",
        "",
        "나사의 회전 을 읽 었 다",
    ]
    assert cut_morphemes([]) == []


def test_long_lists_are_cut_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kiwi gets at most a block of texts at once, and the results are complete and in order."""
    seen: list[int] = []

    class Fake:
        def tokenize(self, texts: list[str]) -> list[list[str]]:
            seen.append(len(texts))
            return [list(text) for text in texts]

    monkeypatch.setattr(word_tokenizers, "_BLOCK", 2)
    monkeypatch.setattr(word_tokenizers, "text_tokenizer", {"kiwi_split_tags": Fake()}.__getitem__)
    assert cut_morphemes(["가나", "다", "라", "마바", "사"]) == ["가 나", "다", "라", "마 바", "사"]
    assert seen == [2, 2, 1]
    assert text_tokenizer("kiwi") is text_tokenizer("kiwi")
