"""The sample for speech levels: correct conjugation, and no solution by copying."""

from __future__ import annotations

from itertools import islice

import pytest

from corpora.samples import speech_levels as module
from corpora.samples.speech_level_phrases import ADJECTIVES, POLITE_WORDS, VERBS
from corpora.samples.speech_levels import KINDS, forms, generate, judged, politely, rewritings, with_final

GOLDEN = [
    {
        "source": "오늘 아침에는 신발이 너무 컸구나.",
        "target": "오늘 아침에는 신발이 너무 컸군요.",
    },
    {
        "source": "응, 이건 누나 지갑이다.",
        "target": "네, 이건 누나 지갑이에요.",
    },
]


@pytest.fixture(scope="module")
def many() -> list[tuple[str, str]]:
    """As many rewritings as all default splits together."""
    return list(islice(rewritings(0), 2400))


def test_the_first_rows_are_stable() -> None:
    """With seed 0."""
    assert generate(2, 0) == GOLDEN


def test_the_level_is_that_of_the_drawn_side(many: list[tuple[str, str]]) -> None:
    """About half of each level; each sentence is one side of its rewriting."""
    sentences = list(islice(judged(0), 2400))
    assert 1100 < sum(level == "반말" for _, level in sentences) < 1300
    for (sentence, level), (casual, polite) in zip(sentences, many, strict=True):
        assert sentence == {"반말": casual, "존댓말": polite}[level]


def test_lengths_are_5_to_40_syllables(many: list[tuple[str, str]]) -> None:
    """A small model can read them."""
    lengths = [module._length(text) for pair in many for text in pair]
    assert min(lengths) >= 5
    assert max(lengths) <= 40


def test_targets_are_polite_and_sources_are_not(many: list[tuple[str, str]]) -> None:
    """Every target ends in 요 or 죠, no source does, and no casual word is left."""
    for source, target in many:
        assert target.rstrip(".?")[-1] in "요죠"
        assert source.rstrip(".?")[-1] not in "요죠"
        assert set(target.split()).isdisjoint(POLITE_WORDS)


def test_copying_and_appending_are_no_solution(many: list[tuple[str, str]]) -> None:
    """No target is its source, and 요 put at the end is right for fewer than one in six."""
    assert all(source != target for source, target in many)
    appended = sum(f"{source[:-1]}요{source[-1]}" == target for source, target in many)
    assert appended < len(many) / 6


@pytest.mark.parametrize(
    ("stems", "expected"),
    [
        ("굽 구우 구워", "굽는다 굽니 구울 구웠 구우세요"),  # ㅂ
        ("걷 걸으 걸어", "걷는다 걷니 걸을 걸었 걸으세요"),  # ㄷ
        ("부르 부르 불러", "부른다 부르니 부를 불렀 부르세요"),  # 르
        ("긋 그으 그어", "긋는다 긋니 그을 그었 그으세요"),  # ㅅ
        ("만들 만들 만들어", "만든다 만드니 만들 만들었 만드세요"),  # ㄹ
        ("담그 담그 담가", "담근다 담그니 담글 담갔 담그세요"),  # 으
        ("하 하 해", "한다 하니 할 했 하세요"),
        ("읽 읽으 읽어", "읽는다 읽니 읽을 읽었 읽으세요"),
    ],
)
def test_irregular_stems_take_their_endings(stems: str, expected: str) -> None:
    """Present, question, future, past and request of every irregular class."""
    stem_forms = forms(*stems.split())
    assert (
        f"{stem_forms['nd']}다 {stem_forms['n']}니 {stem_forms['l']} {stem_forms['p']} {stem_forms['es']}세요"
        == expected
    )


def test_with_final_replaces_the_last_consonant() -> None:
    """A consonant that is there gives way."""
    assert with_final("부르", module.N) == "부른"
    assert with_final("만들", 0) == "만드"


@pytest.mark.parametrize(
    ("casual", "polite"),
    [("응, 나는 내 책을", "네, 저는 제 책을"), ("너 어제", "어제"), ("나무가 내일", "나무가 내일")],
)
def test_whole_words_become_polite(casual: str, polite: str) -> None:
    """나 is replaced, 너 dropped, and a longer word that begins alike is left alone."""
    assert politely(casual) == polite


def test_every_kind_has_verbs() -> None:
    """What a kind needs and shuns leaves it at least twenty verbs."""
    assert all(sum(module._fits(verb, kind) for verb in VERBS) >= 20 for kind in KINDS)


def test_stems_agree() -> None:
    """A written stem with 아/어 ends in an open syllable, and the one before 으 is open or ends in ㄹ."""
    for predicate in (*VERBS, *ADJECTIVES):
        _, before_eu, with_a = predicate.stems
        assert module.final_of(with_a) == 0
        assert module.final_of(before_eu) in (0, module.L)
