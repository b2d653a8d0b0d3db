"""Values that one side of a sample dialogue may propose."""

from corpora.samples.dialogue_talk import directed, overlaps
from corpora.samples.dialogue_topics_deals import DEALS


def test_overlapping_values_are_detected() -> None:
    """In both directions, since a reader may confuse them."""
    assert overlaps("세 시", ["세 시 반"])
    assert overlaps("세 시 반", ["세 시"])
    assert not overlaps("네 시", ["세 시 반"])


def test_prices_move_in_the_interest_of_the_speaker() -> None:
    """The buyer proposes lower prices and the seller higher ones, by at most two steps."""
    slot = DEALS["중고 거래"].slots["price"]
    prices = slot.groups[0]
    assert directed(slot, prices[3], by_asker=True) == prices[1:3]
    assert directed(slot, prices[3], by_asker=False) == prices[4:6]
    assert directed(slot, prices[0], by_asker=True) == ()
