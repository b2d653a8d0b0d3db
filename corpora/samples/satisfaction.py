"""Generates the sample pairs of messages: a customer writes about the same product twice, more or less satisfied.

The score, -4.0 to 4.0, is the satisfaction of the second message minus that of the first one. The satisfaction of a
message is the mean over its one or two aspects: 2.0 for praise and -2.0 for criticism, times the degree of the adverb
(정말 1.0, none 0.7, 조금 0.3); a denied predicate counts as half of its opposite.

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
    """A judgement of one aspect: a past stem, as in `아주 빨랐`, and its satisfaction, -2.0 to 2.0."""

    aspect: Word
    past: str
    value: float


def _judgement(rng: Random, aspect: Aspect) -> Judgement:
    praise = rng.random() < 0.5
    statement = rng.choice(aspect.predicates(praise))
    worth = 2.0 if praise else -2.0
    if not statement.plain or " " in statement.stem:  # 하루 만에 오 takes no adverb
        return Judgement(aspect.name, statement.past, worth * PLAIN)
    if rng.random() < DENIED_SHARE:
        return Judgement(aspect.name, f"그리 {statement.stem}지 않았", worth * DENIED)
    if rng.random() < PLAIN_SHARE:
        return Judgement(aspect.name, statement.past, worth * PLAIN)
    adverb = rng.choice(list(DEGREES))
    return Judgement(aspect.name, f"{adverb} {statement.past}", worth * DEGREES[adverb])


def _joined(rng: Random, judgements: list[Judgement]) -> str:
    *before, last = judgements
    end = last.past + rng.choice(("어요", "습니다", "네요")) + "."
    if not before:
        return f"{last.aspect:이/가} {end}"
    (first,) = before
    if (first.value > 0) == (last.value > 0):
        return f"{first.aspect:이/가} {first.past}고 {last.aspect}도 {end}"
    return f"{first.aspect:은/는} {first.past}지만 {last.aspect:은/는} {end}"


def _message(rng: Random, opening: str, aspects: tuple[Aspect, ...]) -> tuple[str, float]:
    judgements = [_judgement(rng, aspect) for aspect in rng.sample(aspects, 2 if rng.random() < TWO_SHARE else 1)]
    return f"{opening} {_joined(rng, judgements)}", sum(one.value for one in judgements) / len(judgements)


def _pair(rng: Random) -> tuple[str, str, float]:
    names, extra = rng.choice(list(KINDS.items()))
    product = Word(rng.choice(names.split()))
    first, before = _message(rng, f"{rng.choice(FIRST)} {product:은/는}", COMMON + extra)
    second, after = _message(rng, f"{rng.choice(SECOND)} {product:은/는}", COMMON + extra)
    return first, second, after - before


def pairs(seed: int) -> Iterator[tuple[str, str, float]]:
    """Yields (sentence1, sentence2, score) without repeated sentences; raises RuntimeError when all are used."""
    rng = Random(seed)
    return distinct(lambda: _pair(rng), lambda pair: pair[:2], "pair")


def _row(pair: tuple[str, str, float], name: str) -> dict[str, str]:
    return {"id": name, "sentence1": pair[0], "sentence2": pair[1], "score": f"{round(pair[2], 1) + 0.0:.1f}"}


def generate(rows: int, seed: int) -> list[dict[str, str]]:
    """Returns `rows` records: id, sentence1, sentence2 and score (-4.0 to 4.0), without repeated sentences."""
    return [_row(pair, f"sample_{index}") for index, pair in enumerate(islice(pairs(seed), rows))]


def write_samples(folder: Path, seed: int = 0, train: int = 2000, dev: int = 200, test: int = 200) -> dict[str, Path]:
    """Writes train.csv, dev.csv and test.csv into `folder`, which is created, and returns their paths by split.

    All three come from one stream, so that they share a distribution but no sentence.
    """
    return write_csv(folder, pairs(seed), {"train": train, "dev": dev, "test": test}, FIELDS, _row)


if __name__ == "__main__":
    write_samples(Path(sys.argv[1]))
