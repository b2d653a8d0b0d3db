"""The sample dialogues: correct summaries, variety, and no solution by copying."""

import re
from collections import Counter
from itertools import islice
from statistics import mean

import pytest

from corpora.samples.dialogue_slots import GIVEN_NAMES, Topic
from corpora.samples.dialogue_talk import MAX_TURNS
from corpora.samples.dialogues import TOPICS, Scene, scenes


@pytest.fixture(scope="module")
def many() -> list[Scene]:
    """As many scenes as all default splits together."""
    return list(islice(scenes(0), 2800))


def _overlap_f1(guess: str, truth: str) -> float:
    shared = (Counter(guess.split()) & Counter(truth.split())).total()
    return 2 * shared / (len(guess.split()) + len(truth.split()))


def _changeable(topic: Topic) -> set[str]:
    return {name for name, slot in topic.slots.items() if slot.asker_why or slot.other_why}


def test_turns_alternate_within_the_limits(many: list[Scene]) -> None:
    """Two to eight turns, one per line, of alternating speakers."""
    for scene in many:
        tags = [re.match(r"#Person([12])#: \S", line) for line in scene.dialogue.split("\n")]
        assert [tag and tag[1] for tag in tags] == ["1", "2", "1", "2", "1", "2", "1", "2"][: len(tags)]
    assert {len(scene.turns) for scene in many} == set(range(2, MAX_TURNS + 1))


def test_dialogues_are_short(many: list[Scene]) -> None:
    """10 to 90 words without the speakers' tags, for a small model."""
    words = [sum(len(turn.split()) for turn in scene.turns) for scene in many]
    assert min(words) >= 10
    assert max(words) <= 90
    assert 25 < mean(words) < 50


def test_the_summary_has_the_final_value_and_not_the_first(many: list[Scene]) -> None:
    """If a value was changed."""
    changed = [scene for scene in many if scene.reversals]
    assert len(changed) > len(many) / 2
    assert any(len(scene.reversals) == 2 for scene in changed)
    for scene in changed:
        for first, final in scene.reversals:
            assert first in scene.dialogue
            assert final in scene.dialogue
            assert first not in scene.summary
            assert final in scene.summary or scene.outcome != "done"


def test_rejected_suggestions_are_not_in_the_summary(many: list[Scene]) -> None:
    """The last value in the dialogue is not always the final one."""
    rejecting = [scene for scene in many if scene.rejected]
    assert len(rejecting) > len(many) / 20
    for scene in rejecting:
        assert all(value in scene.dialogue and value not in scene.summary for value in scene.rejected)


def test_the_subject_of_the_summary_is_in_the_dialogue(many: list[Scene]) -> None:
    """A person, or the business that a person calls."""
    for scene in many:
        assert re.sub("[은는]$", "", scene.summary.split()[0]) in scene.dialogue


def test_dialogues_vary(many: list[Scene]) -> None:
    """In topics, outcomes, askers and words; no topic or outcome is rare."""
    topics, outcomes = Counter(scene.topic for scene in many), Counter(scene.outcome for scene in many)
    assert len(topics) >= 10
    assert min(topics.values()) > 100
    assert set(outcomes) == {"done", "refused", "cancelled"}
    assert min(outcomes.values()) > 200
    assert len({word for scene in many for word in scene.dialogue.split()}) > 2000
    assert len({name for name in GIVEN_NAMES if any(name in scene.summary for scene in many)}) >= 60


def test_copying_a_turn_does_not_give_the_summary(many: list[Scene]) -> None:
    """The first, the last and the longest turn share few words with it."""
    assert mean(_overlap_f1(scene.turns[0], scene.summary) for scene in many) < 0.3
    assert mean(_overlap_f1(scene.turns[-1], scene.summary) for scene in many) < 0.3
    assert mean(_overlap_f1(max(scene.turns, key=len), scene.summary) for scene in many) < 0.3


@pytest.mark.parametrize("name", sorted(TOPICS))
def test_requests_and_summaries_have_all_values(name: str) -> None:
    """A request has every slot, and both wordings of a success have every value that can change."""
    topic = TOPICS[name]
    asks = [pattern for patterns in topic.ask.values() for pattern in patterns]
    for pattern in asks:
        needed = set(topic.slots) - {"desk"} | ({"a"} if "desk" in topic.slots else set())
        assert needed <= set(re.findall(r"\{(\w+)", pattern))
    for wording in topic.summaries["done"]:
        assert _changeable(topic) <= set(re.findall(r"\{(\w+)", wording))


@pytest.mark.parametrize("name", sorted(TOPICS))
def test_reasons_fit_every_speech_level(name: str) -> None:
    """A reason ends in 서, which fits any ending, and there are enough reasons for one dialogue."""
    topic = TOPICS[name]
    reasons = [why for slot in topic.slots.values() for why in slot.asker_why + slot.other_why]
    assert all(why.endswith("서") for why in (*reasons, *topic.refuse_why, *topic.cancel_why))
    assert len(topic.refuse_why) >= 4
    assert len(topic.cancel_why) >= 4 or "cancelled" not in topic.summaries
