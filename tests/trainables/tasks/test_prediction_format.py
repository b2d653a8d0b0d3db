"""Predictions as text: the most probable classes, rounded numbers, and the requested options."""

import pytest

from trainables.tasks.prediction_format import PredictionFormat, format_number, most_probable


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (PredictionFormat(), "긍정"),
        (PredictionFormat(top_k=2), "긍정 부정"),
        (PredictionFormat(top_k=3, probabilities=True), "긍정:0.5000 부정:0.2500 중립:0.2500"),
    ],
)
def test_the_most_probable_come_first(options: PredictionFormat, text: str) -> None:
    """Of two equally probable classes, the one with the lower number comes first."""
    assert most_probable(["부정", "긍정", "중립"], [0.25, 0.5, 0.25], options) == text


def test_a_number_just_below_zero_has_no_sign() -> None:
    """-0.04 with one decimal is 0.0; without decimals it is unchanged."""
    assert [format_number(number, 1) for number in (-0.04, 0.04, -0.06)] == ["0.0", "0.0", "-0.1"]
    assert format_number(-0.04, None) == "-0.04"


def test_requested_options_differ_from_their_defaults() -> None:
    """Options that a task does not support can then be refused."""
    assert PredictionFormat().requested_options == []
    assert PredictionFormat(top_k=2, decimals=0).requested_options == ["top_k", "decimals"]
