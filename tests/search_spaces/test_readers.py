"""Readers of single settings."""

from __future__ import annotations

import re

import pytest

from foundation.checked_yaml import load_yaml
from search_spaces.readers import prefix, renamed
from search_spaces.values import as_written


def test_labels_may_be_numbers_in_yaml() -> None:
    """`{0: 부정}` has a number as a key; booleans, lists and an empty mapping are refused."""
    assert renamed().read({0: "부정", "1": "긍정"}) == {"0": "부정", "1": "긍정"}
    for wrong in ({}, {True: "긍정"}, {"0": ["부정"]}, "0: 부정", {0.5: "반"}):
        with pytest.raises(ValueError, match=re.escape(str(wrong))):
            renamed().read(wrong)


def test_labels_keep_their_spelling_in_yaml() -> None:
    """pandas writes True and 1.0, JSON true; YAML reads them as booleans and numbers, but not as keys."""
    labels = as_written(load_yaml("{True: 긍정, no: 부정, 1.0: 긍정, 007: 부정, null: 없음}", "data.labels"))
    assert list(renamed().read(labels)) == ["True", "no", "1.0", "007", "null"]


def test_a_prefix_keeps_the_blank_at_its_end() -> None:
    """YAML reads `summarize: ` without quotes as a key without a value."""
    for written in ("summarize: ", '"summarize: "', "'summarize: '", "summarize:"):
        assert prefix().read(load_yaml(written, "source_prefix")) == "summarize: "
    for wrong in ("  ", 3, {"a": "b"}, {"a": None, "b": None}, ["a"]):
        with pytest.raises(ValueError, match=re.escape(str(wrong))):
            prefix().read(wrong)
