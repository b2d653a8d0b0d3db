"""Metrics of generated text: ROUGE and BLEU computed by hand, and exact matches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU

from trainables.tasks.text_metrics import bleu, exact_match, rouge, rouge_of_several
from trainables.text.rouge_tokenizers import TOKENIZERS, text_tokenizer

SENTENCE = "민수는 오늘 #Person1#과 학교에 갔다."


def scores(reference: str, prediction: str, tokenizer: str = "whitespace") -> dict[str, float]:
    """ROUGE of one row."""
    return rouge(*(text_tokenizer(tokenizer).tokenize([text]) for text in (reference, prediction)))


@pytest.mark.parametrize("tokenizer", sorted(name for name in TOKENIZERS if "rouge_score" not in name))
def test_hangul_against_itself_scores_one(tokenizer: str) -> None:
    """The sum is therefore 3; rouge-score's own tokenizer would delete every syllable and score 0."""
    assert scores(SENTENCE, SENTENCE, tokenizer) == {"rouge_1": 1, "rouge_2": 1, "rouge_l": 1, "rouge_sum": 3}


def test_rouge_of_a_missing_word() -> None:
    """나는 오늘 학교에 갔다, predicted without 오늘."""
    result = scores("나는 오늘 학교에 갔다", "나는 학교에 갔다")
    # 3 shared words of 4 and 3: recall 3/4, precision 1, F1 = 2 · 3/4 / (7/4) = 6/7.
    # 1 shared pair (학교에 갔다) of 3 and 2: recall 1/3, precision 1/2, F1 = 2 · 1/6 / (5/6) = 2/5.
    # Longest common subsequence: all 3 predicted words, so 6/7 again.
    assert result == pytest.approx({"rouge_1": 6 / 7, "rouge_2": 2 / 5, "rouge_l": 6 / 7, "rouge_sum": 74 / 35})


def test_rouge_of_another_order() -> None:
    """The same three words in another order have the same ROUGE-1, but other pairs and subsequences."""
    result = scores("나는 오늘 학교에 갔다", "학교에 나는 갔다")
    # No pair is shared. The subsequence 나는 갔다 has 2 of 4 and 3: recall 1/2, precision 2/3, F1 = 2/3 / (7/6) = 4/7.
    assert result == pytest.approx({"rouge_1": 6 / 7, "rouge_2": 0, "rouge_l": 4 / 7, "rouge_sum": 10 / 7})


def test_rouge_counts_the_tokens_of_its_tokenizer() -> None:
    """Words, syllables regardless of blanks, and morphemes: 학교에 and 학교는 share one of two."""
    assert scores("가나 다", "가 나다")["rouge_1"] == 0
    assert scores("가나 다", "가 나다", "syllable")["rouge_2"] == 1
    assert scores("학교에", "학교는")["rouge_1"] == 0
    # 학교+에 against 학교+는: recall and precision 1/2, so F1 = 1/2.
    assert scores("학교에", "학교는", "kiwi")["rouge_1"] == pytest.approx(1 / 2)


def test_rouge_is_the_mean_over_rows() -> None:
    """A row that scores 1 and an empty prediction give 1/2."""
    assert rouge([["가", "나"], ["다", "라"]], [["가", "나"], []])["rouge_2"] == pytest.approx(1 / 2)


@pytest.mark.parametrize(("references", "predictions"), [([], []), ([["가"], ["나"]], [["가"]])])
def test_rows_of_rouge_must_match(references: list[list[str]], predictions: list[list[str]]) -> None:
    """No rows and unequal numbers of rows are refused."""
    with pytest.raises(ValueError, match="references against"):
        rouge(references, predictions)


def tokens(*texts: str) -> list[list[str]]:
    """The words of each text."""
    return [text.split() for text in texts]


def alone(references: Sequence[Any]) -> list[list[Any]]:
    """One reference per row."""
    return [[reference] for reference in references]


def test_bleu_of_a_text_against_itself_is_one() -> None:
    """In every order, if the text has at least four tokens."""
    result = bleu(alone(tokens("민수 는 학교 에 갔다")), tokens("민수 는 학교 에 갔다"))
    assert result == pytest.approx({f"bleu_{order}": 1 for order in (1, 2, 3, 4)})


def test_bleu_by_hand() -> None:
    """Counts of the whole corpus, clipped, with a penalty for brevity and the smoothing of a missing order."""
    result = bleu(alone(tokens("가 나 다 라 마", "바 사")), tokens("가 나 다 마", "바 바"))
    # Words: 가 나 다 마 바 of 6 (the second 바 is clipped). Pairs: 가나 나다 of 3 + 1. Triples: 가나다 of 2.
    # Quadruples: 0 of 1, smoothed to 1/2 of 1. Lengths 6 against 7: penalty exp(1 - 7/6).
    penalty, precisions = math.exp(-1 / 6), [5 / 6, 2 / 4, 1 / 2, 1 / 2]
    expected = {f"bleu_{order}": penalty * math.prod(precisions[:order]) ** (1 / order) for order in (1, 2, 3, 4)}
    assert result == pytest.approx(expected)


def test_bleu_of_short_and_empty_texts() -> None:
    """Three tokens have no 4-gram, so BLEU-4 is 0; empty texts have BLEU 0."""
    result = bleu(alone(tokens("가 나 다")), tokens("가 나 다"))
    assert (result["bleu_3"], result["bleu_4"]) == (pytest.approx(1), pytest.approx(0))
    nothing = {f"bleu_{order}": 0.0 for order in (1, 2, 3, 4)}
    assert bleu(alone(tokens("가 나")), tokens("")) == nothing
    assert bleu(alone(tokens("")), tokens("가 나")) == nothing


def test_a_token_with_a_blank_is_one_token() -> None:
    """Kiwi has 나사의 회전 as one token; as two tokens, half of it would match."""
    assert bleu(alone([["나사의 회전"]]), [["나사의 회전"]])["bleu_2"] == pytest.approx(0)
    assert bleu(alone([["나사의 회전"]]), [["나사의"]])["bleu_1"] == 0


def test_bleu_counts_the_given_tokens() -> None:
    """sacreBLEU does not split them: of `가`, `.` and `나`, the reference `가.`, `나` has one of three."""
    assert bleu(alone([["가.", "나"]]), [["가", ".", "나"]])["bleu_1"] == pytest.approx(1 / 3)
    assert bleu(alone([["가.", "나"]]), [["가.", "나"]])["bleu_1"] == pytest.approx(1)


def test_exact_match_ignores_blanks() -> None:
    """One of three texts differs in a syllable, one only in blanks."""
    assert exact_match(alone(["가 나", "가나", "다"]), [" 가\n나 ", "가나", "라"]) == pytest.approx(2 / 3)
    assert exact_match(alone(["가 나"]), ["가나"]) == 0


@pytest.mark.parametrize(("references", "predictions"), [([], []), (["가", "나"], ["가"])])
def test_rows_must_match(references: list[str], predictions: list[str]) -> None:
    """No rows and unequal numbers of rows are refused."""
    for score in (bleu, exact_match):
        with pytest.raises(ValueError, match="references against"):
            score(references, predictions)


SEVERAL = [tokens("가 나 다 라", "가 나", "마 라"), tokens("바 사 아"), tokens("자 차 카 타", "자 타")]
PREDICTED = tokens("가 나 라", "바 아", "차 자 타 카 타")


@pytest.mark.parametrize("best", [False, True])
def test_rouge_of_several_references(best: bool) -> None:
    """The best is what score_multi of rouge-score returns; the mean is the mean of its scores with each reference."""
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=Words())
    expected = {}
    for name, kind in (("rouge_1", "rouge1"), ("rouge_2", "rouge2"), ("rouge_l", "rougeL")):
        rows = []
        for references, prediction in zip(SEVERAL, map(" ".join, PREDICTED), strict=True):
            texts = [" ".join(reference) for reference in references]
            each = [scorer.score(text, prediction)[kind].fmeasure for text in texts]
            rows.append(scorer.score_multi(texts, prediction)[kind].fmeasure if best else sum(each) / len(each))
        expected[name] = sum(rows) / len(rows)
    expected["rouge_sum"] = sum(expected.values())
    assert rouge_of_several(SEVERAL, PREDICTED, best=best) == pytest.approx(expected)
    assert rouge_of_several(alone(PREDICTED), PREDICTED, best=best)["rouge_sum"] == pytest.approx(3)


def test_bleu_and_exact_match_of_several_references() -> None:
    """BLEU clips by the reference with most matches and takes the nearest length, as sacrebleu's command does."""
    streams = [["가 나 다 라", "바 사 아", "자 차 카 타"], ["가 나", None, "자 타"], ["마 라", None, None]]
    outside = BLEU(tokenize="none", force=True, smooth_method="exp")
    expected = outside.corpus_score([" ".join(row) for row in PREDICTED], streams).score / 100
    assert bleu(SEVERAL, PREDICTED)["bleu_4"] == pytest.approx(expected)
    assert exact_match([["가", "나 다"], ["라"]], ["나  다", "가"]) == 0.5


class Words:
    """rouge-score's interface of a tokenizer, for words between blanks."""

    def tokenize(self, text: str) -> list[str]:
        return text.split()
