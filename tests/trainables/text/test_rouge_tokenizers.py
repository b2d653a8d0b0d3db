"""Tokenizers of ROUGE and BLEU: their names include the versions that a score depends on."""

from __future__ import annotations

from importlib.metadata import version

import pytest
from rouge_score.rouge_scorer import RougeScorer

from foundation.errors import UserError
from search_spaces.choices import RougeTokenizer
from trainables.tasks.text_metrics import rouge
from trainables.text.rouge_tokenizers import text_tokenizer


def test_a_name_has_the_versions_that_a_score_depends_on() -> None:
    """Kiwi's name has the versions of its code and its model; the others depend on no package."""
    assert version("kiwipiepy") in text_tokenizer("kiwi").name
    assert version("kiwipiepy_model") in text_tokenizer("kiwi").name
    assert [text_tokenizer(name).name for name in ("whitespace", "syllable")] == ["whitespace", "syllable"]


def test_a_tokenizer_is_loaded_once() -> None:
    """Loading Kiwi takes seconds, so a process has one instance."""
    assert text_tokenizer("kiwi") is text_tokenizer("kiwi")


def test_an_unknown_tokenizer_is_refused() -> None:
    """The message lists all tokenizers and suggests the nearest."""
    with pytest.raises(UserError, match="'kiwy' is unknown") as caught:
        text_tokenizer("kiwy")
    assert caught.value.allowed == ", ".join(RougeTokenizer)
    assert caught.value.todo == "did you mean 'kiwi'?"


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("#Person1#은 #Person2#에게 말했다.", ["#Person1#", "은", "#Person2#", "에게", "말", "하", "었", "다", "."]),
        ("#Person1#: 네", ["#Person1#", ":", "네"]),
        ("#@이름#을 본다", ["#@이름#", "을", "보", "ᆫ다"]),
        ("100#을 눌렀다", ["100", "#을", "누르", "었", "다"]),
    ],
)
def test_a_speaker_tag_is_one_token(text: str, tokens: list[str]) -> None:
    """And its particle another, so that a summary with the right speaker and another particle gets its credit."""
    assert text_tokenizer("kiwi").tokenize(["딴 글", text])[1] == tokens


def test_kiwi_can_count_as_earlier_versions_did() -> None:
    """Under the name that their studies and models recorded."""
    before = text_tokenizer("kiwi_split_tags")
    assert before.tokenize(["#Person1#은"]) == [["#Person1", "#은"]]
    assert before.name == f"kiwi-morphemes (kiwipiepy {version('kiwipiepy')}, model {version('kiwipiepy_model')})"
    assert before.name != text_tokenizer("kiwi").name


@pytest.mark.parametrize("stemmed", [False, True])
def test_rouge_score_counts_as_published_english_results(stemmed: bool) -> None:
    """Equal to rouge-score on whole texts, with and without its stemmer."""
    pairs = [("The cats' sat-down, in 2 rooms.", "A cat sat in two Rooms."), ("Dogs barked!", "the dog barks")]
    tokenizer = text_tokenizer("rouge_score_stemmed" if stemmed else "rouge_score")
    scores = rouge(*(tokenizer.tokenize(texts) for texts in zip(*pairs, strict=True)))
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=stemmed)
    outside = [scorer.score(reference, prediction) for reference, prediction in pairs]
    for ours, theirs in (("rouge_1", "rouge1"), ("rouge_2", "rouge2"), ("rouge_l", "rougeL")):
        assert scores[ours] == pytest.approx(sum(score[theirs].fmeasure for score in outside) / 2)
    assert scores["rouge_1"] > (0.5 if stemmed else 0.2)
    assert ("with stemmer" in tokenizer.name) == stemmed
