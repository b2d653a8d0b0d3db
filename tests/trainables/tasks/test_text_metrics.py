"""Text metrics: BLEU counted by hand, labels set right, and the nearness of meaning that RDASS defines."""

from __future__ import annotations

import math
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from foundation.errors import UserError
from trainables.tasks.text_metrics import LabelCorrector, SentenceEncoder, bleu, exact_match, rdass


def tokens(*texts: str) -> list[list[str]]:
    """Texts cut at blanks."""
    return [text.split() for text in texts]


def test_a_text_against_itself_scores_one() -> None:
    """In every order, once it has four tokens."""
    found = bleu(tokens("민수 는 학교 에 갔다"), tokens("민수 는 학교 에 갔다"))
    assert found == pytest.approx({f"bleu_{order}": 1 for order in (1, 2, 3, 4)})


def test_bleu_by_hand() -> None:
    """Counts of the whole corpus, clipped, with a penalty for brevity and the smoothing of a missing order."""
    found = bleu(tokens("가 나 다 라 마", "바 사"), tokens("가 나 다 마", "바 바"))
    # Words: 가 나 다 마 바 of 6 (the second 바 is clipped). Pairs: 가나 나다 of 3 + 1. Triples: 가나다 of 2.
    # Quadruples: 0 of 1, smoothed to 1/2 of 1. Lengths 6 against 7: penalty exp(1 - 7/6).
    penalty, precisions = math.exp(-1 / 6), [5 / 6, 2 / 4, 1 / 2, 1 / 2]
    wanted = {f"bleu_{order}": penalty * math.prod(precisions[:order]) ** (1 / order) for order in (1, 2, 3, 4)}
    assert found == pytest.approx(wanted)


def test_bleu_of_what_is_short_or_empty() -> None:
    """Three tokens make no four; a corpus of nothing scores nothing."""
    found = bleu(tokens("가 나 다"), tokens("가 나 다"))
    assert (found["bleu_3"], found["bleu_4"]) == (pytest.approx(1), pytest.approx(0))
    nothing = {f"bleu_{order}": 0.0 for order in (1, 2, 3, 4)}
    assert bleu(tokens("가 나"), tokens("")) == nothing
    assert bleu(tokens(""), tokens("가 나")) == nothing


def test_a_token_with_a_blank_is_one_token() -> None:
    """Kiwi gives 나사의 회전 as one; two tokens against it would be half right."""
    assert bleu([["나사의 회전"]], [["나사의 회전"]])["bleu_2"] == pytest.approx(0)
    assert bleu([["나사의 회전"]], [["나사의"]])["bleu_1"] == 0


def test_texts_match_but_for_blanks() -> None:
    """One of three differs in a syllable, one in blanks alone."""
    assert exact_match(["가 나", "가나", "다"], [" 가\n나 ", "가나", "라"]) == pytest.approx(2 / 3)
    assert exact_match(["가 나"], ["가나"]) == 0


@pytest.mark.parametrize(("references", "predictions"), [([], []), (["가", "나"], ["가"])])
def test_rows_must_match(references: list[str], predictions: list[str]) -> None:
    """No rows, or unequal numbers of them, are no score."""
    for score in (bleu, exact_match):
        with pytest.raises(ValueError, match="references against"):
            score(references, predictions)


def test_the_nearest_label() -> None:
    """By characters put in, taken out or exchanged; of equals the first in sorted order."""
    corrector = LabelCorrector(["부정", "긍정", "아주 부정"])
    assert corrector.correct("긍정") == ("긍정", False)
    assert corrector.correct("아주부정") == ("아주 부정", True)  # 1 away; 부정 is 2 away
    assert corrector.correct("정") == ("긍정", True)  # 1 away from both, and 긍 comes before 부
    assert corrector.correct("") == ("긍정", True)  # 2 away from both
    with pytest.raises(ValueError, match="no labels"):
        LabelCorrector([])


def test_the_share_of_corrected() -> None:
    """Two of four were no labels; each row counts, be its text seen before or not."""
    assert LabelCorrector(["긍정", "부정"]).correct_all(["긍정", "부적", "부적", "부정"]) == (
        ["긍정", "부정", "부정", "부정"],
        0.5,
    )
    assert LabelCorrector(["긍정"]).correct_all([]) == ([], 0.0)


def test_rdass_by_hand() -> None:
    """Two rows of two numbers; lengths do not matter."""
    predictions = np.array([[2.0, 0.0], [0.0, 1.0]])
    references = np.array([[1.0, 1.0], [0.0, 3.0]])
    documents = np.array([[0.0, 5.0], [0.0, 0.0]])
    # Row 1: cos 45° and cos 90°, (1/√2 + 0) / 2. Row 2: 1, and a document of zeros counts as 0, (1 + 0) / 2.
    wanted = (1 / math.sqrt(2) / 2 + 1 / 2) / 2
    assert rdass(documents, references, predictions) == pytest.approx(wanted)
    assert rdass(predictions, predictions, predictions) == pytest.approx(1)


@pytest.mark.parametrize(("one", "other"), [((2, 3), (2, 4)), ((2, 3), (1, 3)), ((0, 3), (0, 3)), ((3,), (3,))])
def test_vectors_must_match(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    """Unequal shapes, no rows, and what is no table."""
    with pytest.raises(ValueError, match="of shapes"):
        rdass(np.ones(one), np.ones(one), np.ones(other))


class FakeTransformer:
    """Stands in for sentence-transformers' class: a vector of the text's length and one."""

    def __init__(self, where: str, *, trust_remote_code: bool, model_kwargs: dict[str, Any]) -> None:
        assert not trust_remote_code
        assert model_kwargs == {"use_safetensors": True}
        if where != "here":
            raise OSError("no such folder")

    def encode(self, texts: list[str], show_progress_bar: bool) -> Any:
        return np.array([[len(text), 1.0] for text in texts], dtype=np.float64)


def test_sentences_become_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    """float32, a row per text; a model that is not there is the user's to mend."""
    fake = ModuleType("sentence_transformers")
    fake.SentenceTransformer = FakeTransformer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sentence_transformers", fake)
    found = SentenceEncoder("here").encode(("가나", "다"))
    assert found.dtype == np.float32
    assert found.tolist() == [[2, 1], [1, 1]]
    with pytest.raises(UserError, match=r"from 'there' \(no such folder\)"):
        SentenceEncoder("there")


def test_without_sentence_transformers_the_user_hears_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an optional extra."""
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(UserError, match="not installed") as caught:
        SentenceEncoder("here")
    assert caught.value.todo == "pip install -e .[rdass]"
