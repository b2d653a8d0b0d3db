"""The sample reviews: balanced, and not decided by single words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import islice
from random import Random

import pytest

from corpora.samples.review_phrases import COMMON, KINDS, TRYING, Aspect, predicate
from corpora.samples.reviews import KINDS_OF_REVIEW, Writer, comparing, generate, present, reviews, weighing

GOLDEN = [
    {
        "label": "부정",
        "text": "색상은 화면이랑 똑같았지만 사이즈는 애매했어요.",
    },
    {
        "label": "긍정",
        "text": "열흘 발라 본 바디로션 후기입니다. 향이 전혀 이상하지 않네요.",
    },
]


@pytest.fixture(scope="module")
def many() -> list[tuple[str, str]]:
    """As many reviews as all default splits together."""
    return list(islice(reviews(0), 2400))


def test_the_first_rows_are_stable() -> None:
    """With seed 0."""
    assert generate(2, 0) == GOLDEN


@pytest.mark.parametrize("part", [slice(0, 2000), slice(2000, 2200), slice(2200, 2400)])
def test_classes_are_balanced(many: list[tuple[str, str]], part: slice) -> None:
    """Half of each default split is 긍정, the other half 부정."""
    labels = Counter(label for label, _ in many[part])
    assert labels["긍정"] == labels["부정"] == len(many[part]) / 2


def test_single_words_do_not_give_the_label(many: list[tuple[str, str]]) -> None:
    """Most words that occur at least twenty times are common in both classes."""
    everywhere = Counter(word for _, text in many for word in text.split())
    praising = Counter(word for label, text in many if label == "긍정" for word in text.split())
    common = [word for word, count in everywhere.items() if count >= 20]
    mixed = [word for word in common if 0.2 < praising[word] / everywhere[word] < 0.8]
    assert len(mixed) > len(common) / 2


@pytest.mark.parametrize("kind", [comparing, weighing])
def test_the_same_words_occur_with_both_labels(kind: Callable[[Writer, bool], str]) -> None:
    """In a comparison, and in a weighing of two aspects."""
    extra = (Aspect(COMMON[0].name, (predicate("빠르/빨랐*"),), (predicate("느리/느렸*"),)),)
    bags = {}
    for content in (False, True):
        texts = [kind(Writer(Random(seed), True, extra), content) for seed in range(400)]
        bags[content] = {frozenset(Counter(text.replace(".", "").split()).items()) for text in texts}
    assert bags[False] & bags[True]


def test_every_kind_of_review_can_be_written_for_every_product() -> None:
    """In both styles and with both labels."""
    for extra in KINDS.values():
        for kind in KINDS_OF_REVIEW:
            texts = {kind(Writer(Random(seed), bool(seed % 2), extra), bool(seed % 3)) for seed in range(12)}
            assert len(texts) > 6
    assert len(TRYING) == len(KINDS)


@pytest.mark.parametrize(
    ("past", "polite"), [("빨랐", "빨라요"), ("예뻤", "예뻐요"), ("별로였", "별로예요"), ("엉망이었", "엉망이에요")]
)
def test_the_present_of_a_past_stem(past: str, polite: str) -> None:
    """Including the copula."""
    assert present(past) == polite
