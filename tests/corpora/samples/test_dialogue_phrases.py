"""The phrases of the sample dialogues fit any value."""

import re

from corpora.samples.dialogue_phrases import CHATS, COMMON, FIRST, WAY_PHRASES
from corpora.samples.dialogues import TOPICS


def test_particles_are_written_as_pairs() -> None:
    """If they depend on the word before them."""
    tables = [*COMMON.values(), *WAY_PHRASES.values(), *(topic.ask for topic in TOPICS.values())]
    patterns = [pattern for table in tables for lines in table.values() for pattern in lines]
    patterns += [text for topic in TOPICS.values() for pair in topic.summaries.values() for text in pair]
    assert [
        text for text in patterns if re.search(r"\w\}(은|는|이|가|을|를|과|와|로|으로|야|아|고|면|라고)\b", text)
    ] == []


def test_calls_name_the_business_and_chats_come_in_pairs() -> None:
    """The first turn of a call names the business, which the summary names too."""
    assert all("{desk" in pattern for pattern in FIRST["customer"] + COMMON["lead"]["staff"])
    assert all(len(pair) == 2 for pairs in CHATS.values() for pair in pairs)
