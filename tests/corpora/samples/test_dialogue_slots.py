"""The values of the sample dialogues."""

from corpora.samples.dialogue_slots import GIVEN_NAMES, SURNAMES


def test_names_are_distinct() -> None:
    """At least 60 given names, all equally likely."""
    assert len(set(GIVEN_NAMES)) == len(GIVEN_NAMES) >= 60
    assert len(set(SURNAMES)) == len(SURNAMES)
