"""Labels: generated texts are corrected to the nearest one."""

from __future__ import annotations

import pytest

from trainables.tasks.labels import LabelCorrector


def test_the_nearest_label() -> None:
    """The distance counts inserted, removed or replaced characters; a tie goes to the first in sorted order."""
    corrector = LabelCorrector(["부정", "긍정", "아주 부정"])
    assert corrector.correct("긍정") == ("긍정", False)
    assert corrector.correct("아주부정") == ("아주 부정", True)  # 1 away; 부정 is 2 away
    assert corrector.correct("정") == ("긍정", True)  # 1 away from both, and 긍 comes before 부
    assert corrector.correct("") == ("긍정", True)  # 2 away from both
    with pytest.raises(ValueError, match="no labels"):
        LabelCorrector([])


def test_the_share_of_corrected_texts() -> None:
    """Two of four texts are no labels; equal texts count each time."""
    assert LabelCorrector(["긍정", "부정"]).correct_all(["긍정", "부적", "부적", "부정"]) == (
        ["긍정", "부정", "부정", "부정"],
        0.5,
    )
    assert LabelCorrector(["긍정"]).correct_all([]) == ([], 0.0)
