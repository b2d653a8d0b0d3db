"""What one side of a sample dialogue may propose."""

from corpora.samples.dialogue_talk import directed, overlaps
from corpora.samples.dialogue_topics_services import SERVICES


def test_overlapping_values_are_told() -> None:
    """Containment in either direction counts, for it makes two values one to a reader."""
    assert overlaps("세 시", ["세 시 반"])
    assert overlaps("세 시 반", ["세 시"])
    assert not overlaps("네 시", ["세 시 반"])


def test_prices_move_in_the_interest_of_the_speaker() -> None:
    """The buyer, who asks, goes down and the seller goes up, by two steps at the most."""
    slot = SERVICES["중고 거래"].slots["price"]
    prices = slot.groups[0]
    assert directed(slot, prices[3], by_asker=True) == prices[1:3]
    assert directed(slot, prices[3], by_asker=False) == prices[4:6]
    assert directed(slot, prices[0], by_asker=True) == ()
