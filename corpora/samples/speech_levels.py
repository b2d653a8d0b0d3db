"""Generates the sample rewritings: casual Korean (해체, 해라체) to polite speech (해요체), from a seed.

The endings change, and with them irregular stems (굽자 -> 구워요, 만드니 -> 만들어요); 나 and 내 become 저 and 제, 응
becomes 네, vocatives and 너 are dropped. 우리 stays, and honorifics are added in requests only (-세요, 주세요).
`python -m corpora.samples.speech_levels FOLDER` writes the splits as TSV files without a header: source, target.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random

from corpora.samples import speech_level_phrases as phrases
from corpora.samples.dialogue_slots import GIVEN_NAMES
from corpora.samples.particles import Word
from corpora.samples.sample_files import distinct, write_tsv
from corpora.samples.speech_level_phrases import Endings, Predicate, values

FINALS = 28  # in Unicode a Hangul syllable is followed by itself with each of 27 final consonants
N, L, SS = 4, 8, 20  # ㄴ, ㄹ and ㅆ among them
CALL_SHARE = 0.25
START_SHARE = 0.3
WHEN_SHARE = 0.75
BECAUSE_SHARE = 0.35
PAST_SHARE = 0.35  # of sentences with an adjective
LEVELS = ("반말", "존댓말")
SYLLABLES = (5, 40)
NUMBERS: Mapping[str, tuple[str, ...]] = {
    "n": values("한; 두; 세; 네; 다섯"),
    "t": values("한; 두; 세; 네; 다섯; 여섯; 일곱; 여덟; 아홉"),
    "w": values("이; 삼; 사; 오; 육; 칠; 팔; 구"),
    "g": values("2; 3; 4; 5; 6; 7; 8; 9"),
    "d": values("1; 4; 8; 11; 15; 18; 20; 23; 27"),
}


def final_of(word: str) -> int:
    """Returns the index of the last syllable's final consonant in Unicode; 0 is none."""
    return (ord(word[-1]) - ord("가")) % FINALS


def with_final(word: str, final: int) -> str:
    """Returns the word with `final` as the final consonant of its last syllable."""
    return word[:-1] + chr(ord(word[-1]) - final_of(word) + final)


def forms(stem: str, before_eu: str, with_a: str) -> dict[str, str]:
    """Returns the forms that endings follow, from a stem, its form before 으 and its form with 아/어.

    For 굽, 구우, 구워 it is s 굽, e 구우 (before 려고, 면), es 구우 (before 세요), a 구워, p 구웠 (before 어, 다), n 굽
    (before 니, 는), nd 굽는 (before 다) and l 구울 (before 게, 까). A final ㄹ drops before ㄴ and 세요: 만드니,
    만드세요.
    """
    short = with_final(stem, 0) if final_of(stem) == L else stem
    return {
        "s": stem,
        "e": before_eu,
        "es": with_final(before_eu, 0) if final_of(before_eu) == L else before_eu,
        "a": with_a,
        "p": with_final(with_a, SS),
        "n": short,
        "nd": short + "는" if final_of(short) else with_final(short, N),
        "l": with_final(before_eu, L),
    }


@dataclass(frozen=True)
class Kind:
    """A kind of sentence with a verb: what may stand in front of it, how it ends, which marks it needs or shuns."""

    endings: Endings
    subjects: tuple[str, ...]
    whens: tuple[str, ...]
    because: tuple[str, ...] = ()  # or question words
    starts: tuple[str, ...] = ("있잖아,",)
    needs: str = ""
    shuns: str = ""


ANSWERS = values("응,; 아니,; 그래,; 있잖아,")
ME = values("나는; 난; 나; 내가; 나도; ")
OTHERS = values("동생이; 언니가; 내 친구가; 내 동생은; 형이; 짝꿍이; 누나는")
YOU = values("너; 넌; ; ")
BEFORE = values("어제; 그저께; 아까; 지난주에; 지난 토요일에; 오늘 아침에; 어제 {t} 시쯤; 오후 {t} 시에; {g}월 {d}일에")
AHEAD = values(
    "내일; 모레; 이따가; 오늘 저녁에; 다음 주에; 토요일에; 오후 {t} 시에; {t} 시 반에; {g}월 {d}일에; 주말에"
)
HABITS = values("주말마다; 아침마다; 저녁마다; 토요일마다; 가끔; 자주")
REQUESTED = values("지금; 먼저; 빨리; 내일; 이따가; 오늘 안에")
WHY = values("갑자기 생각나서; 시간이 남아서; 친구가 부탁해서; 약속이 취소돼서; 일이 일찍 끝나서")
IF = values("시간이 나면; 일이 끝나면; 비가 그치면; 숙제가 끝나면; 몸이 괜찮으면")
SINCE = values("시간이 있으니까; 날씨가 좋으니까; 주말이니까; 오늘은 한가하니까; 할 일이 없으니까")
WH = values("언제; 어디서; 왜; 누구랑; 몇 시에")

KINDS: Mapping[Kind, int] = {  # -> weight
    Kind(phrases.PAST, ME, BEFORE, WHY, ANSWERS): 12,
    Kind(phrases.SEEN, OTHERS, BEFORE, WHY): 8,
    Kind(phrases.HABIT, ME + OTHERS, HABITS): 6,
    Kind(phrases.NOW, ME + OTHERS, ("지금",), (), ANSWERS, shuns="~"): 6,
    Kind(phrases.PLAN, ME, AHEAD, IF, (*ANSWERS, "글쎄,", "미안해,")): 16,
    Kind(phrases.ASK_PAST, YOU, BEFORE, WH): 10,
    Kind(phrases.ASK, YOU, AHEAD, WH): 10,
    Kind(phrases.SUGGEST, values("우리; 같이; 우리 같이"), AHEAD, SINCE): 10,
    Kind(phrases.REQUEST, ("",), REQUESTED, IF, shuns="!"): 6,
    Kind(phrases.FAVOUR, ("",), REQUESTED, IF, needs="+"): 8,
    Kind(phrases.FORBID, ("",), values("지금; 아직; 오늘은; 이제"), shuns="!"): 4,
}
CLAUSES = {"verb": 70, "adjective": 18, "noun": 12}  # kind of predicate -> weight
DEGREES = values("; 정말; 너무; 꽤; 아주; 생각보다")
DENIED_DEGREES = values("; 그렇게; 생각보다")
FRAMES = values("어제는; 아까는; 지난번에는; 오늘 아침에는")


@dataclass(frozen=True)
class Draft:
    """The words in front of an ending, the pair of patterns that end it, and what these are filled with."""

    front: list[str]
    ending: tuple[str, str]
    words: Mapping[str, str]


def politely(words: str) -> str:
    """Return the words with each casual one, such as 나 or 응, replaced or dropped."""
    polite = (phrases.POLITE_WORDS.get(word, word) for word in words.split())
    return " ".join(word for word in polite if word)


def _fits(verb: Predicate, kind: Kind) -> bool:
    return all(mark in verb.marks for mark in kind.needs) and not any(mark in verb.marks for mark in kind.shuns)


def _because(rng: Random, kind: Kind, about: str) -> str:
    placed = any(word.endswith(("에", "에서")) for word in about.split())
    options = [option for option in kind.because if option != "어디서" or not placed]
    return rng.choice(options) if options and rng.random() < BECAUSE_SHARE else ""


def _with_verb(rng: Random) -> Draft:
    kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
    verb = rng.choice([verb for verb in phrases.VERBS if _fits(verb, kind)])
    about = rng.choice(verb.about)
    start = rng.choice(kind.starts) if rng.random() < START_SHARE else ""
    because, subject = _because(rng, kind, about), rng.choice(kind.subjects)
    timeless = because in (*IF, *SINCE, "언제", "몇 시에")
    when = rng.choice(kind.whens) if rng.random() < WHEN_SHARE and not timeless else ""
    front = [because, subject] if because in IF + SINCE else [subject, when, because]
    return Draft([start, *front, about], rng.choice(kind.endings), forms(*verb.stems))


def _with_adjective(rng: Random) -> Draft:
    adjective = rng.choice(phrases.ADJECTIVES)
    past = "!" not in adjective.marks and rng.random() < PAST_SHARE
    ending = rng.choice(phrases.QUALITY_PAST if past else phrases.QUALITY)
    start = rng.choice(ANSWERS) if rng.random() < START_SHARE and not ending[0].endswith("?") else ""
    degree = rng.choice(DENIED_DEGREES if "지 않" in ending[0] else DEGREES)
    return Draft(
        [start, rng.choice(FRAMES) if past else "", rng.choice(adjective.about), degree],
        ending,
        forms(*adjective.stems),
    )


def _with_noun(rng: Random) -> Draft:
    subject = rng.choice(sorted(phrases.NOUNS))
    noun = rng.choice(phrases.NOUNS[subject])
    mine = noun.startswith("내") and not noun.startswith("내일")  # a speaker does not ask others about own things
    start = rng.choice(ANSWERS) if rng.random() < START_SHARE else ""
    ending = rng.choice(phrases.IDENTITY[:2] if mine or start else phrases.IDENTITY)
    return Draft([start, subject], ending, {"noun": noun})


def _numbered(rng: Random, text: str) -> str:
    return re.sub(r"\{(\w)\}", lambda slot: rng.choice(NUMBERS[slot[1]]), text)


def _sentence(rng: Random) -> tuple[str, str]:
    makers = {"verb": _with_verb, "adjective": _with_adjective, "noun": _with_noun}
    draft = makers[rng.choices(list(CLAUSES), list(CLAUSES.values()))[0]](rng)
    front = _numbered(rng, " ".join(part for part in draft.front if part))
    casual = {name: Word(_numbered(rng, word)) for name, word in draft.words.items()}
    polite = {name: Word(politely(word)) for name, word in casual.items()}
    call = f"{Word(rng.choice(GIVEN_NAMES)):아/야}, " if rng.random() < CALL_SHARE and "," not in front else ""
    source = f"{call}{front} {draft.ending[0].format(**casual)}"
    target = f"{politely(front)} {draft.ending[1].format(**polite)}".strip()
    stop = "" if source.endswith("?") else "."
    return source + stop, target + stop


def _length(text: str) -> int:
    return sum("가" <= character <= "힣" for character in text)


def _if_it_fits(rng: Random) -> tuple[str, str] | None:
    pair = _sentence(rng)
    return pair if all(SYLLABLES[0] <= _length(text) <= SYLLABLES[1] for text in pair) else None


def rewritings(seed: int) -> Iterator[tuple[str, str]]:
    """Yields (casual, polite) without repetition; raises RuntimeError when no new pair can be generated."""
    rng = Random(seed)
    return distinct(lambda: _if_it_fits(rng), lambda pair: pair, "sentence")


def generate(rows: int, seed: int) -> list[dict[str, str]]:
    """Returns `rows` records with the keys source (casual) and target (polite), without repetition."""
    return [{"source": source, "target": target} for source, target in islice(rewritings(seed), rows)]


def write_samples(folder: Path, seed: int = 0, train: int = 2000, dev: int = 200, test: int = 200) -> dict[str, Path]:
    """Writes train.tsv, dev.tsv and test.tsv into `folder`, which is created, and returns their paths by split.

    A line is source, tab, target; there is no header. All three come from one stream without repetition.
    """
    return write_tsv(folder, rewritings(seed), {"train": train, "dev": dev, "test": test})


def judged(seed: int) -> Iterator[tuple[str, str]]:
    """Yields (sentence, its level: 반말 or 존댓말), one random side of each rewriting."""
    rng = Random(seed)
    for casual, polite in rewritings(seed):
        yield (casual, LEVELS[0]) if rng.random() < 0.5 else (polite, LEVELS[1])


def write_judged(folder: Path, seed: int = 0, train: int = 2000, dev: int = 200, test: int = 200) -> dict[str, Path]:
    """Writes files like `write_samples`, with lines of sentence, tab, level."""
    return write_tsv(folder, judged(seed), {"train": train, "dev": dev, "test": test})


if __name__ == "__main__":
    write_samples(Path(sys.argv[1]))
