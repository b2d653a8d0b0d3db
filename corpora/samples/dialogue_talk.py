"""One sample conversation in progress: who speaks, and what is proposed, changed, rejected or cancelled."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from corpora.samples.dialogue_phrases import BY_THE_WAY, CHATS, COMMON, FIRST, SECOND
from corpora.samples.dialogue_slots import Lines, Slot, Topic
from corpora.samples.particles import Word

MAX_TURNS = 8
EVENT_COUNTS = (0, 1, 1, 2)  # equally likely; an event is a counter-proposal, a correction or a rejected suggestion
SMALL_TALK_SHARE = 0.35


def overlaps(value: str, others: list[str]) -> bool:
    """Whether `value` contains, or is contained in, one of `others`, so that a reader could confuse the two."""
    return any(value in other or other in value for other in others)


def _group_of(slot: Slot, value: str) -> tuple[str, ...]:
    return next(group for group in slot.groups if value in group)


def directed(slot: Slot, value: str, by_asker: bool) -> tuple[str, ...]:
    """Returns what one side may propose instead of `value`: its group, or the next two steps if it is ordered."""
    group = _group_of(slot, value)
    if not slot.rising:
        return group
    at = group.index(value)
    return group[max(at - 2, 0) : at] if by_asker else group[at + 1 : at + 3]


@dataclass
class Talk:
    """A conversation so far; each method adds the next turns, with random phrasings."""

    rng: Random
    topic: Topic
    styles: tuple[str, str]  # by speaker
    asker: int  # 0 or 1: the speaker who wants something
    words: dict[str, Word]  # the two names, the current values of the slots and, at the end, a reason
    turns: list[str] = field(default_factory=list)
    used: list[str] = field(default_factory=list)  # values and reasons that were mentioned; none is used again
    phrasings: list[str] = field(default_factory=list)  # phrasings so far; new ones are preferred
    rejected: list[str] = field(default_factory=list)
    closed: str = ""  # a slot that cannot change any more
    pending: str = ""  # the slot of an open proposal

    @property
    def speaker(self) -> int:
        """The speaker of the next turn: 0 or 1."""
        return len(self.turns) % 2

    @property
    def style(self) -> str:
        """The speech style of the next speaker."""
        return self.styles[self.speaker]

    def pick(self, lines: Lines, **words: str) -> str:
        """Returns one of `lines` in the style of the next speaker, filled in, preferably one that was not used yet."""
        fresh = [line for line in lines[self.style] if line not in self.phrasings] or lines[self.style]
        self.phrasings.append(self.rng.choice(fresh))
        return self.phrasings[-1].format(**self.words, **words)

    def phrase(self, kind: str, **words: str) -> str:
        """Returns a line of this kind, from the topic or else from the common ones."""
        return self.pick(self.topic.phrases.get(kind, COMMON[kind]), **words)

    def vocative(self) -> str:
        """Returns how the next speaker addresses the other one."""
        other = self.words["b" if self.speaker == self.asker else "a"]
        return f"{other:아/야}" if self.style == "casual" else f"{other} 씨"

    def say(self, line: str) -> None:
        """Adds a turn; the first turn of each speaker has a greeting."""
        if len(self.turns) < 2:
            line = self.pick((FIRST, SECOND)[self.speaker], line=line, call=self.vocative())
        self.turns.append(line)

    def reasons(self, name: str, speaker: int) -> list[str]:
        """Returns unused reasons for this speaker to change the slot `name`."""
        slot = self.topic.slots[name]
        return [why for why in (slot.asker_why if speaker == self.asker else slot.other_why) if why not in self.used]

    def options(self, name: str, speaker: int) -> list[str]:
        """Returns unused values that this speaker may propose for the slot `name`."""
        values = directed(self.topic.slots[name], self.words[name], speaker == self.asker)
        mentioned = self.used + [self.words[slot] for slot in self.topic.slots]
        return [value for value in values if not overlaps(value, mentioned)]

    def draw(self, proposer: int, reasoner: int) -> tuple[str, dict[str, Word]] | None:
        """Returns a slot with its old value, a new one and a reason; None if nothing can change any more."""
        names = [name for name in self.topic.slots if name != self.closed]
        names = [name for name in names if self.reasons(name, reasoner) and self.options(name, proposer)]
        if not names:
            return None
        name = self.rng.choice(names)
        new, why = self.rng.choice(self.options(name, proposer)), self.rng.choice(self.reasons(name, reasoner))
        self.used += [self.words[name], new, why]
        return name, {"old": self.words[name], "new": Word(new), "why": Word(why)}

    def settle(self) -> None:
        """The next speaker accepts the pending proposal, or else everything; one turn."""
        self.say(self.phrase("settle", new=self.words[self.pending]) if self.pending else self.phrase("agree"))
        self.pending = ""

    def farewell(self) -> None:
        """The next speaker says thanks or goodbye; one turn."""
        self.say(self.phrase("thanks" if self.speaker == self.asker else "bye"))

    def open(self) -> None:
        """Greeting, sometimes small talk, and the request; one to three turns."""
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
        """The next speaker rejects a value and proposes another; one turn."""
        if drawn := self.draw(self.speaker, self.speaker):
            name, change = drawn
            line = self.phrase("counter", **change)
            self.say(self.phrase("bridge", line=line) if self.pending not in ("", name) else line)
            self.words[name], self.pending = change["new"], name

    def correct(self) -> None:
        """The next speaker agrees, then the other one has to change a value; two turns."""
        if drawn := self.draw(1 - self.speaker, 1 - self.speaker):
            name, change = drawn
            self.settle()
            self.say(self.phrase("correct", **change))
            self.words[name], self.pending = change["new"], name

    def suggest_and_reject(self) -> None:
        """The next speaker suggests another value, and the other one insists on the old one; two turns."""
        if drawn := self.draw(self.speaker, 1 - self.speaker):
            name, change = drawn
            self.say(self.phrase("suggest", **change))
            self.say(self.phrase("keep", **change))
            self.rejected.append(change["new"])
            self.closed = self.pending = name

    def negotiate(self, outcome: str) -> None:
        """Adds counter-proposals, corrections and suggestions, and leaves up to four turns for the end."""
        if outcome == "refused":  # a speaker who has agreed to something would not refuse
            if self.rng.random() < 0.5:
                self.suggest_and_reject()
            return
        first: tuple[Callable[[], None], ...] = (self.counter, self.counter, self.correct, self.suggest_and_reject)
        events = self.rng.choice(EVENT_COUNTS)
        if events:
            self.rng.choice(first)()
        if events == 2 and outcome == "done":
            self.rng.choice((self.counter, self.correct))()

    def refuse(self) -> None:
        """The next speaker refuses the request, and the other one may answer; one or two turns."""
        self.words["why"] = Word(self.rng.choice([why for why in self.topic.refuse_why if why not in self.used]))
        self.say(self.phrase("refuse"))
        if self.rng.random() < 0.5:
            self.say(self.phrase("yield"))

    def cancel(self) -> None:
        """Everything is agreed, then the asker cancels; three or four turns."""
        self.settle()
        if self.speaker != self.asker:
            self.farewell()
        self.words["why"] = Word(self.rng.choice([why for why in self.topic.cancel_why if why not in self.used]))
        self.say(self.phrase("cancel"))
        self.say(self.phrase("yield"))

    def finish(self) -> None:
        """Everything is agreed, sometimes with an unrelated question or a goodbye; one to three turns."""
        self.settle()
        if self.style == "customer" and len(self.turns) <= MAX_TURNS - 2 and self.rng.random() < SMALL_TALK_SHARE:
            self.turns += self.rng.choice(CHATS["customer"])
        elif len(self.turns) < MAX_TURNS and self.rng.random() < 0.4:
            self.farewell()
