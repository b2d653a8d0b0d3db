"""The values of the sample dialogues."""

from corpora.samples.dialogue_slots import GIVEN, SURNAMES


def test_names_are_distinct() -> None:
    """At least 60 given names without repetition, so that no name is likelier than another."""
    assert len(set(GIVEN)) == len(GIVEN) >= 60
    assert len(set(SURNAMES)) == len(SURNAMES)
