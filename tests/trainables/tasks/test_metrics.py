"""Metrics: Hangul counts, scores are those of Lin's definition, and no NaN ever wins."""

import math
from importlib.metadata import version

import pytest

from foundation.errors import UserError
from trainables.tasks.metrics import best_of, is_better, rouge
from trainables.text.rouge_tokenizers import TOKENIZERS, text_tokenizer

SENTENCE = "민수는 오늘 #Person1#과 학교에 갔다."


def scores(reference: str, prediction: str, tokenizer: str = "whitespace") -> dict[str, float]:
    """ROUGE of one row."""
    return rouge(*(text_tokenizer(tokenizer).tokenize([text]) for text in (reference, prediction)))


@pytest.mark.parametrize("tokenizer", sorted(TOKENIZERS))
def test_hangul_against_itself_scores_one(tokenizer: str) -> None:
    """And so the sum is 3; rouge-score's own tokenizer would delete every syllable and score 0."""
    assert scores(SENTENCE, SENTENCE, tokenizer) == {"rouge_1": 1, "rouge_2": 1, "rouge_l": 1, "rouge_sum": 3}


def test_a_left_out_word() -> None:
    """나는 오늘 학교에 갔다, predicted without 오늘."""
    found = scores("나는 오늘 학교에 갔다", "나는 학교에 갔다")
    # 3 shared words of 4 and 3: recall 3/4, precision 1, F1 = 2 · 3/4 / (7/4) = 6/7.
    # 1 shared pair (학교에 갔다) of 3 and 2: recall 1/3, precision 1/2, F1 = 2 · 1/6 / (5/6) = 2/5.
    # Longest common subsequence: all 3 predicted words, so 6/7 again.
    assert found == pytest.approx({"rouge_1": 6 / 7, "rouge_2": 2 / 5, "rouge_l": 6 / 7, "rouge_sum": 74 / 35})


def test_an_exchanged_order() -> None:
    """The same three words in another order: single words do not notice, pairs and the subsequence do."""
    found = scores("나는 오늘 학교에 갔다", "학교에 나는 갔다")
    # No pair is shared. The subsequence 나는 갔다 has 2 of 4 and 3: recall 1/2, precision 2/3, F1 = 2/3 / (7/6) = 4/7.
    assert found == pytest.approx({"rouge_1": 6 / 7, "rouge_2": 0, "rouge_l": 4 / 7, "rouge_sum": 10 / 7})


def test_each_tokenizer_cuts_its_own_units() -> None:
    """Words, syllables without regard to blanks, and morphemes: 학교에 and 학교는 share one of two."""
    assert scores("가나 다", "가 나다")["rouge_1"] == 0
    assert scores("가나 다", "가 나다", "syllable")["rouge_2"] == 1
    assert scores("학교에", "학교는")["rouge_1"] == 0
    # 학교+에 against 학교+는: recall and precision 1/2, so F1 = 1/2.
    assert scores("학교에", "학교는", "kiwi")["rouge_1"] == pytest.approx(1 / 2)


def test_the_mean_is_over_rows() -> None:
    """A row that scores 1 and one that says nothing make 1/2."""
    assert rouge([["가", "나"], ["다", "라"]], [["가", "나"], []])["rouge_2"] == pytest.approx(1 / 2)


@pytest.mark.parametrize(("references", "predictions"), [([], []), ([["가"], ["나"]], [["가"]])])
def test_rows_must_match(references: list[list[str]], predictions: list[list[str]]) -> None:
    """No rows, or unequal numbers of them, are no score."""
    with pytest.raises(ValueError, match="references against"):
        rouge(references, predictions)


def test_a_name_says_all_that_a_score_depends_on() -> None:
    """Kiwi's carries the versions of code and model; the others have none."""
    assert version("kiwipiepy") in text_tokenizer("kiwi").name
    assert version("kiwipiepy_model") in text_tokenizer("kiwi").name
    assert [text_tokenizer(name).name for name in ("whitespace", "syllable")] == ["whitespace", "syllable"]


def test_a_tokenizer_is_loaded_once() -> None:
    """Kiwi takes seconds, so a process has one."""
    assert text_tokenizer("kiwi") is text_tokenizer("kiwi")


def test_an_unknown_tokenizer_is_refused() -> None:
    """The message names what there is and what was meant."""
    with pytest.raises(UserError, match="'kiwy' is unknown") as caught:
        text_tokenizer("kiwy")
    assert caught.value.allowed == "kiwi, whitespace, syllable"
    assert caught.value.todo == "did you mean 'kiwi'?"


@pytest.mark.parametrize(("mode", "better", "worse"), [("max", 2.0, 1.0), ("min", 1.0, 2.0)])
def test_better_follows_the_direction(mode: str, better: float, worse: float) -> None:
    """Equal is not better, and anything finite beats nothing."""
    assert is_better(better, worse, mode)
    assert not is_better(worse, better, mode)
    assert not is_better(better, better, mode)
    assert is_better(worse, None, mode)


@pytest.mark.parametrize("mode", ["max", "min"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_never_wins(value: float, mode: str) -> None:
    """Neither against a number nor against nothing."""
    assert not is_better(value, None, mode)
    assert not is_better(value, 0.0, mode)


def test_the_best_of_many() -> None:
    """The earliest wins a tie, NaN is passed over, and of nothing finite there is no best."""
    values = {1.0: math.nan, 2.0: 0.3, 3.0: 0.5, 4.0: 0.5, 5.0: 0.3}
    assert best_of(values, "max") == 3.0
    assert best_of(values, "min") == 2.0
    assert best_of({1.0: math.nan}, "max") is None
    assert best_of({}, "min") is None
