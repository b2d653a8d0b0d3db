"""Sample sentence pairs made here: two Korean sentences and how alike their meanings are, from a seed and nothing else.

The similarity, 0.0 to 5.0, follows from what the two sentences tell, never from their words:

- the same action: 5.0, less 1.2 for another person, 1.0 for another place, 0.8 for another time and 0.6 for another
  amount; half of that where only one sentence tells it. Wording, word order and speech level cost nothing.
- another action of the same topic: 2.4, less 0.2 for each of person, place and time that differs.
- the contrary of the same action: 1.6, less 0.2 for each detail that differs.
- another topic: 0.0, and 0.2 for each of person and time that both tell alike.

`python -m corpora.sentence_pairs FOLDER` writes the splits as CSV files: id, sentence1, sentence2, score.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from random import Random

from corpora.particles import Word
from corpora.sample_files import write_csv
from corpora.sentence_pair_phrases import PAST, TOPICS, WHEN, WHO, Action

FIELDS = ("id", "sentence1", "sentence2", "score")
COSTS: Mapping[str, float] = {"who": 1.2, "where": 1.0, "when": 0.8, "amount": 0.6}
SHARED_BY_TOPICS = ("who", "when")
SHARED_BY_ACTIONS = ("who", "where", "when")
# how the second sentence comes from the first -> weight
RELATIONS: Mapping[str, int] = {"same": 20, "detail": 30, "action": 16, "contrary": 16, "topic": 18}
CHANGES = (1, 1, 1, 2, 2, 3)  # equally likely numbers of details changed
CONTRARY_SHARE = 0.25  # of first sentences: a negation alone tells nothing about the score
OMITTED_SHARE = 0.2
GIVE_UP_AFTER = 10_000  # duplicates in a row: the tables are exhausted


@dataclass(frozen=True)
class Statement:
    """What a sentence tells; `details` holds those of who, where, when and amount that are told."""

    topic: str
    action: str
    contrary: bool
    details: Mapping[str, str]


def _differing(a: Statement, b: Statement, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if a.details.get(name) != b.details.get(name)]


def _cost(a: Statement, b: Statement, name: str) -> float:
    return COSTS[name] if name in a.details and name in b.details else COSTS[name] / 2


def similarity(a: Statement, b: Statement) -> float:
    """How alike two statements are, from 0.0 to 5.0, by the rule at the head of this file."""
    if a.topic != b.topic:
        return 0.2 * sum(name in a.details and a.details[name] == b.details.get(name) for name in SHARED_BY_TOPICS)
    if a.action != b.action:
        return 2.4 - 0.2 * len(_differing(a, b, SHARED_BY_ACTIONS))
    differing = _differing(a, b, tuple(COSTS))
    if a.contrary != b.contrary:
        return 1.6 - 0.2 * len(differing)
    return 5.0 - sum(_cost(a, b, name) for name in differing)


# ---- what is told


def _options(statement: Statement, name: str) -> tuple[str, ...]:
    topic = TOPICS[statement.topic]
    return {"who": WHO, "where": topic.places, "when": WHEN, "amount": _action(statement).amounts}[name]


def _action(statement: Statement) -> Action:
    return TOPICS[statement.topic].actions[statement.action]


def _completed(rng: Random, statement: Statement) -> Statement:
    """The statement with every detail that its action can have; those it has are kept where they fit."""
    names = [name for name in COSTS if name != "who" or TOPICS[statement.topic].personal]
    details = {}
    for name in names:
        if options := _options(statement, name):
            kept = statement.details.get(name)
            details[name] = kept if kept in options else rng.choice(options)
    return replace(statement, details=details)


def _first(rng: Random) -> Statement:
    topic = rng.choice(sorted(TOPICS))
    action = rng.choice(sorted(TOPICS[topic].actions))
    return _completed(rng, Statement(topic, action, rng.random() < CONTRARY_SHARE, {}))


def _changed(rng: Random, statement: Statement, number: int) -> Statement:
    details = dict(statement.details)
    for name in rng.sample(sorted(details), min(number, len(details))):
        details[name] = rng.choice([value for value in _options(statement, name) if value != details[name]])
    return replace(statement, details=details)


def _second(rng: Random, first: Statement) -> Statement:
    relation = rng.choices(list(RELATIONS), list(RELATIONS.values()))[0]
    if relation == "topic":
        other = rng.choice([name for name in sorted(TOPICS) if name != first.topic])
        action = rng.choice(sorted(TOPICS[other].actions))
        return _changed(rng, _completed(rng, replace(first, topic=other, action=action)), rng.choice((2, 3, 4)))
    if relation == "action":
        other = rng.choice([name for name in sorted(TOPICS[first.topic].actions) if name != first.action])
        return _changed(rng, _completed(rng, replace(first, action=other)), rng.randrange(3))
    if relation == "contrary":
        return _changed(rng, replace(first, contrary=not first.contrary), rng.choice((0, 0, 1, 2)))
    return first if relation == "same" else _changed(rng, first, rng.choice(CHANGES))


def _shortened(rng: Random, statement: Statement) -> Statement:
    """The statement, in some cases without one of the details that a sentence can do without."""
    if rng.random() >= OMITTED_SHARE:
        return statement
    left_out = rng.choice([name for name in SHARED_BY_ACTIONS if name in statement.details])
    return replace(statement, details={name: value for name, value in statement.details.items() if name != left_out})


# ---- how it is told


def _worded(rng: Random, text: str) -> str:
    return re.sub(r"\(([^)]*)\)", lambda choice: rng.choice(choice[1].split("|")), text)


def _sentence(rng: Random, statement: Statement) -> str:
    action = _action(statement)
    core = _worded(rng, rng.choice(action.reversed if statement.contrary else action.said))
    words = {name: Word(rng.choice(value.split("|"))) for name, value in statement.details.items()}
    who = rng.choice(("{who:은/는}", "{who:이/가}"))
    patterns = {"who": who, "when": "{when}", "where": TOPICS[statement.topic].at}
    adjuncts = [pattern for name, pattern in patterns.items() if name in words]
    rng.shuffle(adjuncts)
    return " ".join([*adjuncts, core]).format(**words).replace("~", rng.choice(PAST)) + "."


def pairs(seed: int) -> Iterator[tuple[str, str, float]]:
    """Yield (sentence1, sentence2, score) without end, no sentence twice; raises RuntimeError when all are told."""
    rng = Random(seed)
    seen: set[str] = set()
    duplicates = 0
    while duplicates < GIVE_UP_AFTER:
        first = _first(rng)
        a, b = _shortened(rng, first), _shortened(rng, _second(rng, first))
        one, two = _sentence(rng, a), _sentence(rng, b)
        duplicates += 1
        if one != two and seen.isdisjoint((one, two)):
            seen |= {one, two}
            duplicates = 0
            yield one, two, similarity(a, b)
    raise RuntimeError(f"no new pair in {GIVE_UP_AFTER} attempts after {len(seen) // 2}")


def _row(pair: tuple[str, str, float], name: str) -> dict[str, str]:
    return {"id": name, "sentence1": pair[0], "sentence2": pair[1], "score": f"{pair[2]:.1f}"}


def generate(rows: int, seed: int) -> list[dict[str, str]]:
    """Return `rows` records with the keys id, sentence1, sentence2 and score (0.0 to 5.0); no sentence occurs twice."""
    return [_row(pair, f"sample_{index}") for index, pair in enumerate(islice(pairs(seed), rows))]


def write_samples(folder: Path, seed: int = 0, train: int = 2000, dev: int = 200, test: int = 200) -> dict[str, Path]:
    """Write train.csv, dev.csv and test.csv into `folder`, made if missing, and return their paths by split.

    All three are cut from one stream without repetition, so they share a distribution and no sentence.
    """
    return write_csv(folder, pairs(seed), {"train": train, "dev": dev, "test": test}, FIELDS, _row)


if __name__ == "__main__":
    write_samples(Path(sys.argv[1]))
