"""Readers of single settings."""

from __future__ import annotations

import re

import pytest

from search_spaces.readers import renamed


def test_labels_may_be_numbers_in_yaml() -> None:
    """`{0: 부정}` has a number as a key; booleans, lists and an empty mapping are refused."""
    assert renamed().read({0: "부정", "1": "긍정"}) == {"0": "부정", "1": "긍정"}
    for wrong in ({}, {True: "긍정"}, {"0": ["부정"]}, "0: 부정", {0.5: "반"}):
        with pytest.raises(ValueError, match=re.escape(str(wrong))):
            renamed().read(wrong)
