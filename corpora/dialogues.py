"""The sample data made here: Korean chat dialogues and one-sentence Korean summaries, from a seed and nothing else.

Two people settle something; often the day, the place or the choice proposed first is changed once or twice, or a
change is turned down, so the summary has to follow the conversation. `python -m corpora.dialogues FOLDER` writes the
splits as CSV files with the columns fname, dialogue, summary.
"""

import csv
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random

from corpora.dialogue_phrases import (
    BY_THE_WAY,
    CHATS,
    COMMON,
    FIRST,
    GIVEN,
    SECOND,
    SURNAMES,
    TOPICS,
    Lines,
    Slot,
    Topic,
)

FIELDS = ("fname", "dialogue", "summary")
MAX_TURNS = 8
EVENT_COUNTS = (0, 1, 1, 2)  # equally likely; an event is a counter-proposal, a correction or a suggestion turned down
REFUSED_SHARE = 0.14
CANCELLED_SHARE = 0.14
OTHER_OPENS_SHARE = 0.35
SMALL_TALK_SHARE = 0.35
GIVE_UP_AFTER = 10_000  # duplicates in a row: the tables are exhausted


def particle(word: str, pair: str) -> str:
    """Choose from `pair`, such as 은/는, the particle for `word`: the first form follows a final consonant.

    A final ㄹ takes 로, not 으로. Raises ValueError where `word` does not end in a Hangul syllable.
    """
    closed, open_ = pair.split("/")
    offset = ord(word[-1]) - ord("가") if word else -1
    if not 0 <= offset <= ord("힣") - ord("가"):
        raise ValueError(f"no Hangul syllable at the end of {word!r} to choose {pair} by")
    final = offset % 28  # position in Unicode's list of final consonants: 0 is none, 8 is ㄹ
    return open_ if final == 0 or (final == 8 and closed.startswith("으로")) else closed


class Word(str):
    """A value in a pattern; the format specification is the particle pair to attach, as in `{name:은/는}`."""

    def __format__(self, spec: str) -> str:
        return str(self) + (particle(self, spec) if spec else "")


@dataclass(frozen=True)
class Scene:
    """A dialogue with what is known about it; `reversals` are (first, final) values, `rejected` never took effect."""

    topic: str
    outcome: str  # done, refused or cancelled
    turns: tuple[str, ...]
    summary: str
    reversals: tuple[tuple[str, str], ...]
    rejected: tuple[str, ...]

    @property
    def dialogue(self) -> str:
        """The turns, one on each line, with the speaker's tag."""
        return "\n".join(f"#Person{1 + turn % 2}#: {line}" for turn, line in enumerate(self.turns))


def overlaps(value: str, others: list[str]) -> bool:
    """Whether `value` contains, or is contained in, one of `others`: a reader could not tell the two apart."""
    return any(value in other or other in value for other in others)


def _full_name(rng: Random) -> str:
    return rng.choice(SURNAMES) + rng.choice(GIVEN)


def _two_names(rng: Random, casual: bool) -> tuple[Word, Word]:
    first = second = ""
    while overlaps(first, [second]):
        first, second = (rng.choice(GIVEN) if casual else _full_name(rng) for _ in range(2))
    return Word(first), Word(second)


def _initial_values(rng: Random, topic: Topic) -> dict[str, Word]:
    values: dict[str, Word] = {}
    for name, slot in topic.slots.items():
        options = [value for value in rng.choice(slot.groups) if not overlaps(value, list(values.values()))]
        values[name] = Word(rng.choice(options))
    return values


def _group_of(slot: Slot, value: str) -> tuple[str, ...]:
    return next(group for group in slot.groups if value in group)


def directed(slot: Slot, value: str, by_asker: bool) -> tuple[str, ...]:
    """Return what one side may propose in place of `value`: its group, or the next two steps if that is ordered."""
    group = _group_of(slot, value)
    if not slot.rising:
        return group
    at = group.index(value)
    return group[max(at - 2, 0) : at] if by_asker else group[at + 1 : at + 3]


@dataclass
class _Talk:
    rng: Random
    topic: Topic
    styles: tuple[str, str]  # by speaker
    asker: int  # 0 or 1: the speaker who wants something
    words: dict[str, Word]  # the two names, the slots' current values and, in the end, a reason
    turns: list[str] = field(default_factory=list)
    used: list[str] = field(default_factory=list)  # values and reasons already heard; none comes back
    heard: list[str] = field(default_factory=list)  # phrasings already taken; another is preferred
    rejected: list[str] = field(default_factory=list)
    closed: str = ""  # a slot no longer open to change
    pending: str = ""  # the slot of a proposal not yet answered

    @property
    def speaker(self) -> int:
        return len(self.turns) % 2

    @property
    def style(self) -> str:
        return self.styles[self.speaker]

    def pick(self, lines: Lines, **words: str) -> str:
        fresh = [line for line in lines[self.style] if line not in self.heard] or lines[self.style]
        self.heard.append(self.rng.choice(fresh))
        return self.heard[-1].format(**self.words, **words)

    def phrase(self, kind: str, **words: str) -> str:
        return self.pick(self.topic.phrases.get(kind, COMMON[kind]), **words)

    def vocative(self) -> str:
        other = self.words["b" if self.speaker == self.asker else "a"]
        return f"{other:아/야}" if self.style == "casual" else f"{other} 씨"

    def say(self, line: str) -> None:
        if len(self.turns) < 2:
            line = self.pick((FIRST, SECOND)[self.speaker], line=line, call=self.vocative())
        self.turns.append(line)

    def reasons(self, name: str, speaker: int) -> list[str]:
        slot = self.topic.slots[name]
        return [why for why in (slot.asker_why if speaker == self.asker else slot.other_why) if why not in self.used]

    def options(self, name: str, speaker: int) -> list[str]:
        values = directed(self.topic.slots[name], self.words[name], speaker == self.asker)
        taken = self.used + [self.words[slot] for slot in self.topic.slots]
        return [value for value in values if not overlaps(value, taken)]

    def draw(self, proposer: int, reasoner: int) -> tuple[str, dict[str, Word]] | None:
        names = [name for name in self.topic.slots if name != self.closed]
        names = [name for name in names if self.reasons(name, reasoner) and self.options(name, proposer)]
        if not names:
            return None
        name = self.rng.choice(names)
        new, why = self.rng.choice(self.options(name, proposer)), self.rng.choice(self.reasons(name, reasoner))
        self.used += [self.words[name], new, why]
        return name, {"old": self.words[name], "new": Word(new), "why": Word(why)}

    def settle(self) -> None:
        self.say(self.phrase("settle", new=self.words[self.pending]) if self.pending else self.phrase("agree"))
        self.pending = ""

    def farewell(self) -> None:
        self.say(self.phrase("thanks" if self.speaker == self.asker else "bye"))

    def open(self) -> None:
        if self.asker == 1:
            self.say(self.phrase("lead"))
            self.say(self.pick(self.topic.ask))
        elif self.style in BY_THE_WAY and self.rng.random() < SMALL_TALK_SHARE:
            for line in self.rng.choice(CHATS[self.style]):
                self.say(line)
            self.say(self.pick(BY_THE_WAY, line=self.pick(self.topic.ask)))
        else:
            self.say(self.pick(self.topic.ask))

    def counter(self) -> None:
        """The next speaker cannot take a value and proposes another; one turn."""
        if drawn := self.draw(self.speaker, self.speaker):
            name, change = drawn
            line = self.phrase("counter", **change)
            self.say(self.phrase("bridge", line=line) if self.pending not in ("", name) else line)
            self.words[name], self.pending = change["new"], name

    def correct(self) -> None:
        """The next speaker agrees, whereupon the other one has to change a value after all; two turns."""
        if drawn := self.draw(1 - self.speaker, 1 - self.speaker):
            name, change = drawn
            self.settle()
            self.say(self.phrase("correct", **change))
            self.words[name], self.pending = change["new"], name

    def suggest_in_vain(self) -> None:
        """The next speaker suggests another value and the other one keeps to the old; two turns."""
        if drawn := self.draw(self.speaker, 1 - self.speaker):
            name, change = drawn
            self.say(self.phrase("suggest", **change))
            self.say(self.phrase("keep", **change))
            self.rejected.append(change["new"])
            self.closed = self.pending = name

    def negotiate(self, outcome: str) -> None:
        """Leave room for the end, which takes one turn when done and up to four when cancelled."""
        if outcome == "refused":  # whoever has agreed to anything can hardly refuse
            if self.rng.random() < 0.5:
                self.suggest_in_vain()
            return
        first: tuple[Callable[[], None], ...] = (self.counter, self.counter, self.correct, self.suggest_in_vain)
        events = self.rng.choice(EVENT_COUNTS)
        if events:
            self.rng.choice(first)()
        if events == 2 and outcome == "done":
            self.rng.choice((self.counter, self.correct))()

    def refuse(self) -> None:
        self.words["why"] = Word(self.rng.choice([why for why in self.topic.refuse_why if why not in self.used]))
        self.say(self.phrase("refuse"))
        if self.rng.random() < 0.5:
            self.say(self.phrase("yield"))

    def cancel(self) -> None:
        self.settle()
        if self.speaker != self.asker:
            self.farewell()
        self.words["why"] = Word(self.rng.choice([why for why in self.topic.cancel_why if why not in self.used]))
        self.say(self.phrase("cancel"))
        self.say(self.phrase("yield"))

    def finish(self) -> None:
        self.settle()
        if self.style == "customer" and len(self.turns) <= MAX_TURNS - 2 and self.rng.random() < SMALL_TALK_SHARE:
            self.turns += self.rng.choice(CHATS["customer"])
        elif len(self.turns) < MAX_TURNS and self.rng.random() < 0.4:
            self.farewell()


def _start(rng: Random, topic: Topic) -> _Talk:
    asker = int(rng.random() < OTHER_OPENS_SHARE)
    style = rng.choice(sorted(topic.ask))
    other_style = "staff" if style == "customer" else style
    a, b = _two_names(rng, style == "casual")
    words = {"a": a, "b": b, **_initial_values(rng, topic)}
    return _Talk(rng, topic, (other_style, style) if asker else (style, other_style), asker, words)


def _outcome(rng: Random, topic: Topic) -> str:
    chance = rng.random()
    wanted = "refused" if chance < REFUSED_SHARE else "cancelled" if chance > 1 - CANCELLED_SHARE else "done"
    return wanted if wanted in topic.summaries else "done"


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
    """Yield scenes without end, no dialogue and no summary twice; raises RuntimeError when the tables run dry."""
    rng = Random(seed)
    seen: set[str] = set()
    duplicates = 0
    while duplicates < GIVE_UP_AFTER:
        scene = _scene(rng)
        duplicates += 1
        if seen.isdisjoint((scene.dialogue, scene.summary)):
            seen |= {scene.dialogue, scene.summary}
            duplicates = 0
            yield scene
    raise RuntimeError(f"no new dialogue in {GIVE_UP_AFTER} attempts after {len(seen) // 2}")


def _row(scene: Scene, fname: str) -> dict[str, str]:
    return {"fname": fname, "dialogue": scene.dialogue, "summary": scene.summary}


def generate(rows: int, seed: int) -> list[dict[str, str]]:
    """Return `rows` records with the keys fname, dialogue and summary; no dialogue and no summary occurs twice."""
    return [_row(scene, f"sample_{index}") for index, scene in enumerate(islice(scenes(seed), rows))]


def _write_csv(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_samples(folder: Path, seed: int = 0, train: int = 2400, dev: int = 200, test: int = 200) -> dict[str, Path]:
    """Write train.csv, dev.csv and test.csv into `folder`, made if missing, and return their paths by split.

    All three are cut from one stream without repetition, so they share a distribution and no dialogue or summary.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stream = scenes(seed)
    paths = {}
    for split, size in {"train": train, "dev": dev, "test": test}.items():
        rows = [_row(scene, f"{split}_{index}") for index, scene in enumerate(islice(stream, size))]
        paths[split] = _write_csv(folder / f"{split}.csv", rows)
    return paths


if __name__ == "__main__":
    write_samples(Path(sys.argv[1]))
