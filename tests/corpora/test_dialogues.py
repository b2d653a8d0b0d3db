"""The sample dialogues: reproducible, free of leaks between splits, and not to be solved by copying."""

import csv
import os
import re
import subprocess
import sys
from collections import Counter
from itertools import islice
from pathlib import Path
from statistics import mean

import pytest

from corpora.dialogue_phrases import CHATS, COMMON, FIRST, GIVEN, SURNAMES, TOPICS, WAY_PHRASES, Topic
from corpora.dialogues import MAX_TURNS, Scene, Word, directed, generate, overlaps, particle, scenes, write_samples

ROOT = Path(__file__).parents[2]
SIZES = {"train": 2400, "dev": 200, "test": 200}


@pytest.fixture(scope="module")
def many() -> list[Scene]:
    """As many scenes as the default splits hold together."""
    return list(islice(scenes(0), sum(SIZES.values())))


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, str]]]:
    """The default files, read back with the csv module."""
    paths = write_samples(tmp_path_factory.mktemp("samples"))
    return {split: _read(path) for split, path in paths.items()}


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _overlap_f1(guess: str, truth: str) -> float:
    shared = (Counter(guess.split()) & Counter(truth.split())).total()
    return 2 * shared / (len(guess.split()) + len(truth.split()))


def _changeable(topic: Topic) -> set[str]:
    return {name for name, slot in topic.slots.items() if slot.asker_why or slot.other_why}


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
        ("지하철", "으로/로", "로"),  # the exception: after ㄹ it is 로
        ("지하철", "을/를", "을"),  # which concerns no other particle
        ("삯", "은/는", "은"),  # a double final consonant
    ],
)
def test_particle_follows_the_final_consonant(word: str, pair: str, expected: str) -> None:
    """The form before the slash goes with a closed syllable, and ㄹ takes 로."""
    assert particle(word, pair) == expected
    assert f"{Word(word):{pair}}" == word + expected


@pytest.mark.parametrize("word", ["", "3", "KTX", "역."])
def test_particle_needs_hangul(word: str) -> None:
    """A word whose sound is unknown is refused instead of guessed."""
    with pytest.raises(ValueError, match="no Hangul syllable"):
        particle(word, "은/는")


def test_overlapping_values_are_told() -> None:
    """Containment in either direction counts, for it makes two values one to a reader."""
    assert overlaps("세 시", ["세 시 반"])
    assert overlaps("세 시 반", ["세 시"])
    assert not overlaps("네 시", ["세 시 반"])


def test_prices_move_in_the_interest_of_the_speaker() -> None:
    """The buyer, who asks, goes down and the seller goes up, by two steps at the most."""
    slot = TOPICS["중고 거래"].slots["price"]
    prices = slot.groups[0]
    assert directed(slot, prices[3], by_asker=True) == prices[1:3]
    assert directed(slot, prices[3], by_asker=False) == prices[4:6]
    assert directed(slot, prices[0], by_asker=True) == ()


def test_same_seed_same_bytes_in_another_process(tmp_path: Path) -> None:
    """Neither the process nor its hash seed shows in the files."""
    paths = write_samples(tmp_path / "here", train=30, dev=5, test=5)
    code = "import sys, pathlib, corpora.dialogues as d; d.write_samples(pathlib.Path(sys.argv[1]), 0, 30, 5, 5)"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "there")], check=True, env=environment)
    for path in paths.values():
        assert path.read_bytes() == (tmp_path / "there" / path.name).read_bytes()


def test_another_seed_gives_other_dialogues() -> None:
    """The seed does something: of 50 dialogues none is shared."""
    first, second = ({row["dialogue"] for row in generate(50, seed)} for seed in (1, 2))
    assert first.isdisjoint(second)


def test_generate_starts_alike_whatever_the_number_of_rows() -> None:
    """A smaller sample is the beginning of a larger one, with the promised keys."""
    rows = generate(20, 3)
    assert rows[:5] == generate(5, 3)
    assert [set(row) for row in rows] == [{"fname", "dialogue", "summary"}] * 20
    assert generate(0, 3) == []


def test_splits_hold_what_was_asked_for(splits: dict[str, list[dict[str, str]]]) -> None:
    """The files read back have the sizes and names of their splits and what `generate` makes from the same seed."""
    assert {split: len(rows) for split, rows in splits.items()} == SIZES
    for split, rows in splits.items():
        assert [row["fname"] for row in rows] == [f"{split}_{index}" for index in range(SIZES[split])]
    together = [(row["dialogue"], row["summary"]) for rows in splits.values() for row in rows]
    assert together == [(row["dialogue"], row["summary"]) for row in generate(2800, 0)]


@pytest.mark.parametrize("column", ["dialogue", "summary"])
def test_nothing_occurs_twice(splits: dict[str, list[dict[str, str]]], column: str) -> None:
    """No text is repeated inside a split or leaks from one into another."""
    texts = [row[column] for rows in splits.values() for row in rows]
    assert len(set(texts)) == len(texts)


def test_header_is_as_promised(tmp_path: Path) -> None:
    """The columns come in the order of the interface, into a folder that need not exist."""
    paths = write_samples(tmp_path / "new" / "folder", train=1, dev=1, test=1)
    assert {path.read_text(encoding="utf-8").splitlines()[0] for path in paths.values()} == {"fname,dialogue,summary"}


def test_turns_alternate_within_the_limits(many: list[Scene]) -> None:
    """Two to eight turns, each on its own line, spoken in turn, and both limits are reached."""
    for scene in many:
        tags = [re.match(r"#Person([12])#: \S", line) for line in scene.dialogue.split("\n")]
        assert [tag and tag[1] for tag in tags] == ["1", "2", "1", "2", "1", "2", "1", "2"][: len(tags)]
    assert {len(scene.turns) for scene in many} == set(range(2, MAX_TURNS + 1))


def test_lengths_suit_a_small_model(many: list[Scene]) -> None:
    """The words of a dialogue, without the speakers' tags, stay between 10 and 90."""
    words = [sum(len(turn.split()) for turn in scene.turns) for scene in many]
    assert min(words) >= 10
    assert max(words) <= 90
    assert 25 < mean(words) < 50


def test_summary_holds_the_final_value_and_not_the_first(many: list[Scene]) -> None:
    """Where something was changed, the first value is gone, and what was agreed on is there."""
    changed = [scene for scene in many if scene.reversals]
    assert len(changed) > len(many) / 2
    assert any(len(scene.reversals) == 2 for scene in changed)
    for scene in changed:
        for first, final in scene.reversals:
            assert first in scene.dialogue
            assert final in scene.dialogue
            assert first not in scene.summary
            assert final in scene.summary or scene.outcome != "done"


def test_rejected_suggestions_stay_out_of_the_summary(many: list[Scene]) -> None:
    """The value heard last is not always the one that holds."""
    rejecting = [scene for scene in many if scene.rejected]
    assert len(rejecting) > len(many) / 20
    for scene in rejecting:
        assert all(value in scene.dialogue and value not in scene.summary for value in scene.rejected)


def test_subject_of_the_summary_is_named_in_the_dialogue(many: list[Scene]) -> None:
    """The person, or the place that person calls, can be known from the conversation."""
    for scene in many:
        assert re.sub("[은는]$", "", scene.summary.split()[0]) in scene.dialogue


def test_dialogues_vary(many: list[Scene]) -> None:
    """Topics, outcomes, askers and words are many, and no topic or outcome is a rarity."""
    topics, outcomes = Counter(scene.topic for scene in many), Counter(scene.outcome for scene in many)
    assert len(topics) >= 10
    assert min(topics.values()) > 100
    assert set(outcomes) == {"done", "refused", "cancelled"}
    assert min(outcomes.values()) > 200
    assert len({word for scene in many for word in scene.dialogue.split()}) > 2000
    assert len({given for given in GIVEN if any(given in scene.summary for scene in many)}) >= 60


def test_copying_a_turn_is_no_solution(many: list[Scene]) -> None:
    """No turn, be it the first, the last or the longest, shares many words with the summary."""
    assert mean(_overlap_f1(scene.turns[0], scene.summary) for scene in many) < 0.3
    assert mean(_overlap_f1(scene.turns[-1], scene.summary) for scene in many) < 0.3
    assert mean(_overlap_f1(max(scene.turns, key=len), scene.summary) for scene in many) < 0.3


def test_exhausted_tables_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing new to say the stream ends with an error instead of running for ever."""
    monkeypatch.setattr("corpora.dialogues.GIVE_UP_AFTER", 3)
    monkeypatch.setattr("corpora.dialogues._scene", lambda rng: Scene("약속", "done", ("응.",), "끝.", (), ()))
    with pytest.raises(RuntimeError, match="no new dialogue in 3 attempts after 1"):
        generate(2, 0)


def test_names_are_distinct() -> None:
    """At least 60 given names without repetition, so that no name is likelier than another."""
    assert len(set(GIVEN)) == len(GIVEN) >= 60
    assert len(set(SURNAMES)) == len(SURNAMES)


@pytest.mark.parametrize("name", sorted(TOPICS))
def test_topic_tells_everything_its_summaries_need(name: str) -> None:
    """Every request states every slot, and both wordings of success carry each value that can change."""
    topic = TOPICS[name]
    asks = [pattern for patterns in topic.ask.values() for pattern in patterns]
    for pattern in asks:
        needed = set(topic.slots) - {"desk"} | ({"a"} if "desk" in topic.slots else set())
        assert needed <= set(re.findall(r"\{(\w+)", pattern))
    for wording in topic.summaries["done"]:
        assert _changeable(topic) <= set(re.findall(r"\{(\w+)", wording))


@pytest.mark.parametrize("name", sorted(TOPICS))
def test_reasons_fit_every_speech_level(name: str) -> None:
    """A reason ends in 서, to which any ending can be joined, and none runs out in one dialogue."""
    topic = TOPICS[name]
    reasons = [why for slot in topic.slots.values() for why in slot.asker_why + slot.other_why]
    assert all(why.endswith("서") for why in (*reasons, *topic.refuse_why, *topic.cancel_why))
    assert len(topic.refuse_why) >= 4
    assert len(topic.cancel_why) >= 4 or "cancelled" not in topic.summaries


def test_no_particle_is_written_by_hand() -> None:
    """A particle that depends on the word before it is always given as a pair."""
    tables = [*COMMON.values(), *WAY_PHRASES.values(), *(topic.ask for topic in TOPICS.values())]
    patterns = [pattern for table in tables for lines in table.values() for pattern in lines]
    patterns += [text for topic in TOPICS.values() for pair in topic.summaries.values() for text in pair]
    assert [
        text for text in patterns if re.search(r"\w\}(은|는|이|가|을|를|과|와|로|으로|야|아|고|면|라고)\b", text)
    ] == []


def test_callers_learn_the_desk_and_chats_come_in_pairs() -> None:
    """Whoever opens a call names the desk, which the summary names too."""
    assert all("{desk" in pattern for pattern in FIRST["customer"] + COMMON["lead"]["staff"])
    assert all(len(pair) == 2 for pairs in CHATS.values() for pair in pairs)
