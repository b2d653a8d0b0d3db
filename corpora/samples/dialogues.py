"""Generates the sample dialogues: Korean chat dialogues and one-sentence Korean summaries, from a seed.

Two people agree on something; often the day, the place or the choice proposed first is changed once or twice, or a
change is rejected, so that the summary has to follow the conversation. `python -m corpora.samples.dialogues FOLDER`
writes the splits as CSV files with the columns fname, dialogue, summary.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random

from corpora.samples.dialogue_slots import GIVEN_NAMES, SURNAMES, Topic
from corpora.samples.dialogue_talk import Talk, overlaps
from corpora.samples.dialogue_topics_deals import DEALS
from corpora.samples.dialogue_topics_plans import PLANS
from corpora.samples.dialogue_topics_services import SERVICES
from corpora.samples.particles import Word
from corpora.samples.sample_files import distinct, write_csv

FIELDS = ("fname", "dialogue", "summary")
TOPICS: Mapping[str, Topic] = {**PLANS, **SERVICES, **DEALS}
REFUSED_SHARE = 0.14
CANCELLED_SHARE = 0.14
OTHER_OPENS_SHARE = 0.35


@dataclass(frozen=True)
class Scene:
    """A dialogue with its summary; `reversals` are (first, final) values, `rejected` values were never accepted."""

    topic: str
    outcome: str  # done, refused or cancelled
    turns: tuple[str, ...]
    summary: str
    reversals: tuple[tuple[str, str], ...]
    rejected: tuple[str, ...]

    @property
    def dialogue(self) -> str:
        """The turns, one per line, each with its speaker's tag."""
        return "\n".join(f"#Person{1 + turn % 2}#: {line}" for turn, line in enumerate(self.turns))


def _full_name(rng: Random) -> str:
    return rng.choice(SURNAMES) + rng.choice(GIVEN_NAMES)


def _two_names(rng: Random, casual: bool) -> tuple[Word, Word]:
    first = second = ""
    while overlaps(first, [second]):
        first, second = (rng.choice(GIVEN_NAMES) if casual else _full_name(rng) for _ in range(2))
    return Word(first), Word(second)


def _initial_values(rng: Random, topic: Topic) -> dict[str, Word]:
    values: dict[str, Word] = {}
    for name, slot in topic.slots.items():
        options = [value for value in rng.choice(slot.groups) if not overlaps(value, list(values.values()))]
        values[name] = Word(rng.choice(options))
    return values


def _start(rng: Random, topic: Topic) -> Talk:
    asker = int(rng.random() < OTHER_OPENS_SHARE)
    style = rng.choice(sorted(topic.ask))
    other_style = "staff" if style == "customer" else style
    a, b = _two_names(rng, style == "casual")
    words = {"a": a, "b": b, **_initial_values(rng, topic)}
    return Talk(rng, topic, (other_style, style) if asker else (style, other_style), asker, words)


def _outcome(rng: Random, topic: Topic) -> str:
    chance = rng.random()
    outcome = "refused" if chance < REFUSED_SHARE else "cancelled" if chance > 1 - CANCELLED_SHARE else "done"
    return outcome if outcome in topic.summaries else "done"


def _scene(rng: Random) -> Scene:
    topic_name = rng.choice(sorted(TOPICS))
    talk = _start(rng, TOPICS[topic_name])
    first = {name: talk.words[name] for name in talk.topic.slots}
    outcome = _outcome(rng, talk.topic)
    talk.open()
    talk.negotiate(outcome)
    {"done": talk.finish, "refused": talk.refuse, "cancelled": talk.cancel}[outcome]()
    summary = talk.topic.summaries[outcome][talk.asker].format(**talk.words)
    reversals = tuple((str(old), str(talk.words[name])) for name, old in first.items() if old != talk.words[name])
    return Scene(topic_name, outcome, tuple(talk.turns), summary, reversals, tuple(talk.rejected))


def scenes(seed: int) -> Iterator[Scene]:
    """Yields scenes without repeated dialogues or summaries; raises RuntimeError when no new one can be generated."""
    rng = Random(seed)
    return distinct(lambda: _scene(rng), lambda scene: (scene.dialogue, scene.summary), "dialogue")


def _row(scene: Scene, fname: str) -> dict[str, str]:
    return {"fname": fname, "dialogue": scene.dialogue, "summary": scene.summary}


def generate(rows: int, seed: int) -> list[dict[str, str]]:
    """Returns `rows` records with the keys fname, dialogue and summary, without repeated dialogues or summaries."""
    return [_row(scene, f"sample_{index}") for index, scene in enumerate(islice(scenes(seed), rows))]


def write_samples(folder: Path, seed: int = 0, train: int = 2400, dev: int = 200, test: int = 200) -> dict[str, Path]:
    """Writes train.csv, dev.csv and test.csv into `folder`, which is created, and returns their paths by split.

    All three come from one stream, so that they share a distribution but no dialogue or summary.
    """
    return write_csv(folder, scenes(seed), {"train": train, "dev": dev, "test": test}, FIELDS, _row)


if __name__ == "__main__":
    write_samples(Path(sys.argv[1]))
