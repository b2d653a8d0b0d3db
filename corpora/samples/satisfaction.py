"""Sample pairs of messages made here: a customer writes twice of the same product, and is more, or less, satisfied.

The number, -4.0 to 4.0, is the satisfaction that the second message tells less that of the first one. A message tells
the mean of what it says of one or two aspects: 2.0 for praise and -2.0 for blame, times the degree of the adverb
(정말 1.0, none 0.7, 조금 0.3); what is denied counts half of its opposite.

`python -m corpora.samples.satisfaction FOLDER` writes the splits as CSV files: id, sentence1, sentence2, score.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random

from corpora.samples.particles import Word
from corpora.samples.review_phrases import COMMON, KINDS, Aspect
from corpora.samples.sample_files import distinct, write_csv

FIELDS = ("id", "sentence1", "sentence2", "score")
FIRST = ("처음 산", "저번에 산", "지난달에 산", "먼저 주문한")
SECOND = ("다시 산", "이번에 산", "어제 받은", "나중에 주문한")
PLAIN = 0.7  # degree of a predicate without an adverb
DEGREES: Mapping[str, float] = {"정말": 1.0, "아주": 1.0, "무척": 1.0, "조금": 0.3, "약간": 0.3, "살짝": 0.3}
DENIED = -0.5
DENIED_SHARE = 0.15
PLAIN_SHARE = 0.3
TWO_SHARE = 0.6  # of messages that judge two aspects


@dataclass(frozen=True)
class Judgement:
    """What is said of one aspect: a past stem, as in `아주 빨랐`, and the satisfaction it tells, -2.0 to 2.0."""

    aspect: Word
    past: str
    value: float


def _judgement(rng: Random, aspect: Aspect) -> Judgement:
    praise = rng.random() < 0.5
    said = rng.choice(aspect.says(praise))
    worth = 2.0 if praise else -2.0
    if not said.plain or " " in said.stem:  # 하루 만에 오: neither more nor less of it can be said
        return Judgement(aspect.name, said.past, worth * PLAIN)
    if rng.random() < DENIED_SHARE:
        return Judgement(aspect.name, f"그리 {said.stem}지 않았", worth * DENIED)
    if rng.random() < PLAIN_SHARE:
        return Judgement(aspect.name, said.past, worth * PLAIN)
    adverb = rng.choice(list(DEGREES))
    return Judgement(aspect.name, f"{adverb} {said.past}", worth * DEGREES[adverb])


def _joined(rng: Random, told: list[Judgement]) -> str:
    *before, last = told
    end = last.past + rng.choice(("어요", "습니다", "네요")) + "."
    if not before:
        return f"{last.aspect:이/가} {end}"
    (first,) = before
    if (first.value > 0) == (last.value > 0):
        return f"{first.aspect:이/가} {first.past}고 {last.aspect}도 {end}"
    return f"{first.aspect:은/는} {first.past}지만 {last.aspect:은/는} {end}"


def _message(rng: Random, opening: str, aspects: tuple[Aspect, ...]) -> tuple[str, float]:
    told = [_judgement(rng, aspect) for aspect in rng.sample(aspects, 2 if rng.random() < TWO_SHARE else 1)]
    return f"{opening} {_joined(rng, told)}", sum(one.value for one in told) / len(told)


def _pair(rng: Random) -> tuple[str, str, float]:
    names, extra = rng.choice(list(KINDS.items()))
    product = Word(rng.choice(names.split()))
    first, before = _message(rng, f"{rng.choice(FIRST)} {product:은/는}", COMMON + extra)
    second, after = _message(rng, f"{rng.choice(SECOND)} {product:은/는}", COMMON + extra)
    return first, second, after - before


def pairs(seed: int) -> Iterator[tuple[str, str, float]]:
    """Yield (sentence1, sentence2, score) without end, no sentence twice; raises RuntimeError when all are told."""
    rng = Random(seed)
    return distinct(lambda: _pair(rng), lambda pair: pair[:2], "pair")


def _row(pair: tuple[str, str, float], name: str) -> dict[str, str]:
    return {"id": name, "sentence1": pair[0], "sentence2": pair[1], "score": f"{round(pair[2], 1) + 0.0:.1f}"}


def generate(rows: int, seed: int) -> list[dict[str, str]]:
    """Return `rows` records: id, sentence1, sentence2 and score (-4.0 to 4.0); no sentence occurs twice."""
    return [_row(pair, f"sample_{index}") for index, pair in enumerate(islice(pairs(seed), rows))]


def write_samples(folder: Path, seed: int = 0, train: int = 2000, dev: int = 200, test: int = 200) -> dict[str, Path]:
    """Write train.csv, dev.csv and test.csv into `folder`, made if missing, and return their paths by split.

    All three are cut from one stream without repetition, so they share a distribution and no sentence.
    """
    return write_csv(folder, pairs(seed), {"train": train, "dev": dev, "test": test}, FIELDS, _row)


if __name__ == "__main__":
    write_samples(Path(sys.argv[1]))
