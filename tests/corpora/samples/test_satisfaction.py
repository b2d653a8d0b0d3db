"""The sample pairs of messages: scores follow from the texts, and cover their range."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from random import Random

import pytest

from corpora.samples import satisfaction as module
from corpora.samples.particles import Word
from corpora.samples.review_phrases import Aspect, predicate
from corpora.samples.satisfaction import DEGREES, Judgement, generate, pairs

GOLDEN = {
    "id": "sample_0",
    "sentence1": "처음 산 고구마는 맛이 아주 깔끔했고 고객 상담도 그리 느리지 않았어요.",  # (2.0 + 1.0) / 2
    "sentence2": "어제 받은 고구마는 맛이 너무 자극적이었어요.",  # -1.4
    "score": "-2.9",
}
DELIVERY = Aspect(Word("배송"), (predicate("빠르/빨랐"),), (predicate("느리/느렸"),))


@pytest.fixture(scope="module")
def many() -> list[tuple[str, str, float]]:
    """As many pairs as all default splits together."""
    return list(islice(pairs(0), 2400))


def test_the_first_row_is_stable() -> None:
    """With seed 0; a score is the second message's minus the first one's."""
    assert generate(1, 0) == [GOLDEN]


def test_scores_cover_their_range(many: list[tuple[str, str, float]]) -> None:
    """Each whole number from -3 to 3 has at least one pair in twenty, and no score is out of range."""
    counts = Counter(round(score) for *_, score in many)
    assert min(counts[step] for step in range(-3, 4)) > len(many) / 20
    assert max(abs(score) for *_, score in many) <= 4


def test_zero_has_no_sign(many: list[tuple[str, str, float]]) -> None:
    """A difference slightly below zero is written 0.0."""
    assert "-0.0" not in {row["score"] for row in generate(len(many), 0)}


def test_one_message_alone_does_not_give_the_score(many: list[tuple[str, str, float]]) -> None:
    """Most common last words of first messages precede both better and worse second messages."""
    ends = Counter((first.split()[-1].rstrip("."), score > 0) for first, _, score in many)
    common = [end for end, _ in ends if ends[end, True] + ends[end, False] >= 10]
    mixed = [end for end in common if ends[end, True] and ends[end, False]]
    assert len(mixed) > 0.8 * len(common)


def test_values_depend_on_adverb_and_negation() -> None:
    """Praise and criticism times the degree of the adverb; a denial is half of the opposite."""
    values = {one.past: one.value for one in (module._judgement(Random(seed), DELIVERY) for seed in range(400))}
    degrees = {f"{adverb} ": degree for adverb, degree in DEGREES.items()} | {"": 0.7}
    expected = {f"{adverb}빨랐": 2 * degree for adverb, degree in degrees.items()}
    expected |= {f"{adverb}느렸": -2 * degree for adverb, degree in degrees.items()}
    assert values == pytest.approx(expected | {"그리 빠르지 않았": -1.0, "그리 느리지 않았": 1.0})


def test_predicates_with_a_star_take_no_adverb() -> None:
    """하루 만에 왔어요 is neither stronger nor denied."""
    aspect = Aspect(Word("배송"), (predicate("하루 만에 오/왔*"),), (predicate("너무 크/컸"),))
    judgements = {module._judgement(Random(seed), aspect) for seed in range(100)}
    assert {(one.past, one.value) for one in judgements} == {("하루 만에 왔", 1.4), ("너무 컸", -1.4)}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((2.0,), "배송이 빨랐"),
        ((2.0, 1.0), "배송이 빨랐고 가격도 좋았"),
        ((-2.0, 1.0), "배송은 빨랐지만 가격은 좋았"),
    ],
)
def test_two_aspects_are_joined_by_their_values(values: tuple[float, ...], expected: str) -> None:
    """With 고 if both are positive or negative, with 지만 otherwise."""
    stems = (Word("배송"), "빨랐"), (Word("가격"), "좋았")
    judgements = [Judgement(aspect, past, value) for (aspect, past), value in zip(stems, values, strict=False)]
    assert module._joined(Random(0), judgements).startswith(expected)
