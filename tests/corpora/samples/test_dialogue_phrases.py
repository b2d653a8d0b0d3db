"""The phrasings of the sample dialogues: any value fits into them."""

import re

from corpora.samples.dialogue_phrases import CHATS, COMMON, FIRST, WAY_PHRASES
from corpora.samples.dialogues import TOPICS


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
