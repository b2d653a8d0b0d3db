"""Generates the sample product reviews: Korean shopping reviews, 긍정 or 부정, from a seed.

The last statement, comparisons and negations decide the label, so that the same words occur with both labels.
`python -m corpora.samples.reviews FOLDER` writes the splits as TSV files without a header: label, text.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random

from corpora.samples.particles import Word
from corpora.samples.review_phrases import (
    CLOSINGS,
    COMMON,
    COMPARED,
    DENIALS,
    GIFTS,
    KINDS,
    LABELS,
    MISSPELT,
    OPENINGS,
    QUOTED,
    SURPRISES,
    TAILS,
    TRIED,
    TRYING,
    WEIGHTS,
    Aspect,
    Predicate,
)
from corpora.samples.sample_files import distinct, write_tsv

CLIPPED_SHARE = 0.25
OPENING_SHARE = 0.55
CLOSING_SHARE = 0.4
TAIL_SHARE = 0.3
MISSPELT_SHARE = 0.08
JOINED_SHARE = 0.08  # of reviews that lack a space


def present(past: str) -> str:
    """Returns the polite present of a past stem: 빨랐 -> 빨라요, 엉망이었 -> 엉망이에요."""
    for ending, polite in (("이었", "이에요"), ("였", "예요")):
        if past.endswith(ending):
            return past.removesuffix(ending) + polite
    return past[:-1] + chr(ord(past[-1]) - 20) + "요"  # ㅆ is Unicode's 20th final consonant


@dataclass(frozen=True)
class Writer:
    """The writer of one review: a random generator, a style, and the aspects of the product."""

    rng: Random
    clipped: bool
    extra: tuple[Aspect, ...]  # aspects of this kind of product

    @property
    def aspects(self) -> tuple[Aspect, ...]:
        """All aspects of the product."""
        return COMMON + self.extra

    def pick(self, pairs: tuple[tuple[str, str], ...]) -> str:
        """Returns one of the phrasings, in the writer's style."""
        return self.rng.choice(pairs)[self.clipped]

    def final(self, statement: Predicate) -> str:
        """Returns the predicate as the end of a sentence."""
        if self.clipped:
            return statement.past + "음"
        forms = [statement.past + ending for ending in ("어요", "어요", "네요", "습니다")]
        return self.rng.choice([*forms, present(statement.past), present(statement.past)] if statement.plain else forms)

    def two(self) -> tuple[Aspect, Aspect]:
        """Returns two different aspects."""
        first, second = self.rng.sample(self.aspects, 2)
        return first, second

    def closed(self, text: str, content: bool, share: float = CLOSING_SHARE) -> str:
        """Returns the text, sometimes followed by a closing judgement."""
        return f"{text}. {self.pick(CLOSINGS[content])}" if self.rng.random() < share else text


# ---- the kinds of review; each returns a text of a writer who is, or is not, content


def one_aspect(writer: Writer, content: bool) -> str:
    """Praises or criticizes one aspect."""
    aspect = writer.rng.choice(writer.aspects)
    statement = writer.final(writer.rng.choice(aspect.predicates(content)))
    much = writer.rng.choice(("", "", "정말 ", "진짜 ", "너무 ")) if " " not in statement else ""
    return writer.closed(f"{aspect.name:이/가} {much}{statement}", content)


def agreeing(writer: Writer, content: bool) -> str:
    """Praises, or criticizes, two aspects."""
    (a, b), pick = writer.two(), writer.rng.choice
    first, second = pick(a.predicates(content)), pick(b.predicates(content))
    joined = pick((first.past, first.stem)) if first.plain else first.past
    return writer.closed(f"{a.name:이/가} {joined}고 {b.name}도 {writer.final(second)}", content)


def contrasting(writer: Writer, content: bool) -> str:
    """Concedes one aspect, then names the decisive one."""
    (a, b), pick = writer.two(), writer.rng.choice
    first, second = pick(a.predicates(not content)), pick(b.predicates(content))
    turn = pick(("그런데", "근데", "하지만"))
    concessions = [f"{writer.final(first)}. {turn}", f"{first.past}지만", f"{first.past}는데"]
    if first.plain:
        concessions += [f"{first.stem}지만", f"{first.stem}긴 한데"]
    conceded = f"{a.name:은/는} {pick(concessions)}"
    return writer.closed(f"{conceded} {b.name:은/는} {writer.final(second)}", content, 0.5)


def weighing(writer: Writer, content: bool) -> str:
    """Names a good and a bad aspect in any order, then the one that matters more."""
    (a, b), pick = writer.two(), writer.rng.choice
    heavy_first = writer.rng.random() < 0.5
    first, second = pick(a.predicates(content == heavy_first)), pick(b.predicates(content != heavy_first))
    matters = writer.pick(WEIGHTS).format(aspect=a.name if heavy_first else b.name)
    return f"{a.name:은/는} {first.past}는데 {b.name:은/는} {writer.final(second)}. {matters}"


def comparing(writer: Writer, content: bool) -> str:
    """Compares the product with another one, in any order."""
    aspect = writer.rng.choice(writer.extra)
    this, other = writer.rng.choice(COMPARED)
    mine = writer.rng.choice(aspect.predicates(content)).past
    theirs = writer.rng.choice(aspect.predicates(not content)).past
    ending = "음" if writer.clipped else writer.rng.choice(("어요", "네요", "습니다"))
    if writer.rng.random() < 0.5:
        return f"{this} {aspect.name:이/가} {mine}는데 {other} {theirs}{ending}"
    return f"{other} {aspect.name:이/가} {theirs}는데 {this} {mine}{ending}"


def _plain(writer: Writer, content: bool) -> tuple[Aspect, Predicate]:
    aspect = writer.rng.choice(writer.aspects)
    return aspect, writer.rng.choice([statement for statement in aspect.predicates(content) if statement.plain])


def denying(writer: Writer, content: bool) -> str:
    """Denies the opposite."""
    aspect, statement = _plain(writer, not content)
    return writer.closed(f"{aspect.name:이/가} {writer.pick(DENIALS).format(stem=statement.stem)}", content, 0.25)


def quoting(writer: Writer, content: bool) -> str:
    """Quotes others and confirms or denies it, or is surprised."""
    true = writer.rng.random() < 0.5
    aspect, statement = _plain(writer, content == true)
    phrase = writer.pick(QUOTED[true] + (SURPRISES if true else ()))
    return writer.closed(f"{aspect.name:이/가} {phrase.format(stem=statement.stem)}", content, 0.25)


KINDS_OF_REVIEW: Mapping[Callable[[Writer, bool], str], int] = {  # -> weight
    one_aspect: 14,
    agreeing: 24,
    contrasting: 28,
    weighing: 6,
    comparing: 8,
    denying: 12,
    quoting: 8,
}


# ---- complete reviews


def _opening(rng: Random, product: Word, trying: str) -> str:
    who, days = rng.choice(GIFTS), rng.choice(TRIED)
    return rng.choice(OPENINGS).format(product=product, who=who, days=days, trying=trying) + " "


def _careless(rng: Random, text: str) -> str:
    if rng.random() < MISSPELT_SHARE:
        right, wrong = rng.choice(MISSPELT)
        text = text.replace(right, wrong)
    if rng.random() < JOINED_SHARE:
        spaces = [index for index, character in enumerate(text) if character == " " and text[index - 1] != "."]
        at = rng.choice(spaces)
        text = text[:at] + text[at + 1 :]
    return text


def _review(rng: Random, content: bool) -> tuple[str, str]:
    (names, extra), trying = rng.choice(list(zip(KINDS.items(), TRYING, strict=True)))
    product = Word(rng.choice(names.split()))
    writer = Writer(rng, rng.random() < CLIPPED_SHARE, extra)
    kind = rng.choices(list(KINDS_OF_REVIEW), list(KINDS_OF_REVIEW.values()))[0]
    opening = _opening(rng, product, trying) if rng.random() < OPENING_SHARE else ""
    end = rng.choice(TAILS[content]) if rng.random() < TAIL_SHARE else "" if writer.clipped else "."
    return LABELS[content], _careless(rng, opening + kind(writer, content)) + end


def reviews(seed: int) -> Iterator[tuple[str, str]]:
    """Yields (label, text) without repeated texts; raises RuntimeError when no new text can be generated.

    Each two reviews have one of each label, in any order, so that every split is balanced.
    """
    rng = Random(seed)
    contents = rng.sample((False, True), 2)
    for review in distinct(lambda: _review(rng, contents[-1]), lambda review: review[1:], "review"):
        contents.pop()
        contents.extend([] if contents else rng.sample((False, True), 2))
        yield review


def generate(rows: int, seed: int) -> list[dict[str, str]]:
    """Returns `rows` records with the keys label (긍정 or 부정) and text, without repeated texts."""
    return [{"label": label, "text": text} for label, text in islice(reviews(seed), rows)]


def write_samples(folder: Path, seed: int = 0, train: int = 2000, dev: int = 200, test: int = 200) -> dict[str, Path]:
    """Writes train.tsv, dev.tsv and test.tsv into `folder`, which is created, and returns their paths by split.

    A line is label, tab, text; there is no header. All three come from one stream without repetition.
    """
    return write_tsv(folder, reviews(seed), {"train": train, "dev": dev, "test": test})


if __name__ == "__main__":
    write_samples(Path(sys.argv[1]))
