"""Labels: those of the training rows, and generated texts corrected to the nearest one."""

from __future__ import annotations

import shlex

import pytest

from foundation.checked_yaml import load_yaml
from foundation.errors import UserError
from search_spaces.readers import renamed
from trainables.tasks.labels import LabelCorrector, labels_of


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


@pytest.mark.parametrize(
    ("usual", "other"),
    [
        ("1", "1.0"),
        ("긍정", "긍\u200b정"),
        ("긍정", "긍정\x01"),
        ("매우 긍정", "매우\u00a0 긍정"),
        ("a$(b)'", "a$(b)'\x7f"),
    ],
)
def test_two_spellings_of_a_label_are_refused(usual: str, other: str) -> None:
    """pandas writes 1.0 where a column has missing values; the command of the message makes them one label.

    Characters that are not drawn are shown, and the shell runs nothing that a label contains.
    """
    rows = {"train": [{"target": "0"}, {"target": usual}, {"target": "기타"}], "dev": [{"target": other}]}
    with pytest.raises(UserError) as caught:
        labels_of(rows)
    assert f"are the same number: {usual!r} and {other!r}" in str(caught.value)
    option = shlex.split(str(caught.value).rpartition("--set ")[2])[0]
    labels = renamed().read(load_yaml(option.removeprefix("data.labels="), "data.labels"))
    assert labels == {"0": "0", usual: usual, other: usual, "기타": "기타"}


def test_several_labels_in_a_row_are_explained() -> None:
    """A row has one class."""
    train = [{"target": "기쁨"}, {"target": "슬픔"}]
    with pytest.raises(UserError, match=r"label '기쁨, 슬픔' of dev .*\n.*\n.*multi-label\) are not supported"):
        labels_of({"train": train, "dev": [{"target": "기쁨, 슬픔"}]})
