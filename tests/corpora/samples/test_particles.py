"""Particles depend on the sound before them."""

import pytest

from corpora.samples.particles import Word, particle


@pytest.mark.parametrize(
    ("word", "pair", "expected"),
    [
        ("지은", "은/는", "은"),  # 은 ends in ㄴ
        ("민수", "은/는", "는"),  # 수 is open
        ("강남역", "이/가", "이"),  # 역 ends in ㄱ
        ("카메라", "을/를", "를"),
        ("우산", "을/를", "을"),
        ("지훈", "과/와", "과"),
        ("유나", "과/와", "와"),
        ("서연", "아/야", "아"),
        ("지호", "아/야", "야"),
        ("부산", "으로/로", "으로"),
        ("제주", "으로/로", "로"),
        ("지하철", "으로/로", "로"),  # the exception: 로 after ㄹ
        ("지하철", "을/를", "을"),  # other particles have no exception
        ("삯", "은/는", "은"),  # a double final consonant
    ],
)
def test_particle_follows_the_final_consonant(word: str, pair: str, expected: str) -> None:
    """The form before the slash follows a final consonant; ㄹ takes 로."""
    assert particle(word, pair) == expected
    assert f"{Word(word):{pair}}" == word + expected


@pytest.mark.parametrize("word", ["", "3", "KTX", "역."])
def test_particle_needs_hangul(word: str) -> None:
    """A word with unknown pronunciation is refused."""
    with pytest.raises(ValueError, match="no Hangul syllable"):
        particle(word, "은/는")
