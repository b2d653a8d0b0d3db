"""JSON decoded into types: every refusal names the place, the value and what is allowed."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from foundation.checked_json import Count, Finite, decode_json, plain
from foundation.durable import write_json
from foundation.errors import UserError
from foundation.statuses import TrialStatus


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A nested object."""

    step: Count
    epoch: Finite
    metrics: dict[str, float]


class Curve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file's object."""

    number: int
    status: TrialStatus
    points: list[Point] = []


@pytest.mark.parametrize(
    ("content", "problem", "allowed"),
    [
        ("[]", "file is []", "an object {…}"),
        ('{"number": "a"}', "file: number is 'a'", "a whole number"),
        ('{"number": true, "status": "running"}', "file: number is True", "a whole number"),
        ('{"number": 1}', "file: status is missing", "a JSON file"),
        ('{"number": 1, "status": "done"}', "file: status is 'done'", "a JSON file"),
        ('{"number": 1, "status": "failed", "color": 1}', "file: unknown field 'color'", "a JSON file"),
        ('{"number": 1, "status": "failed", "points": [null]}', "file: points[0] is None", "an object {…}"),
        ('{"number": 1, "status": "failed", "points": [{}]}', "file: points[0]: step is missing", "a JSON file"),
        (
            '{"number": 1, "status": "failed", "points": [{"step": -1}]}',
            "file: points[0].step is -1",
            "a whole number >= 0",
        ),
        (
            '{"number": 1, "status": "failed", "points": [{"step": 1, "epoch": NaN}]}',
            "file: points[0].epoch is nan",
            "a finite number",
        ),
        (
            '{"number": 1, "status": "failed", "points": [{"step": 1, "epoch": 1, "metrics": {"a": 1, "b": "c"}}]}',
            "file: points[0].metrics.b is 'c'",
            "a number",
        ),
        ("{", "file, line 1, character 2: Expecting property name enclosed in double quotes", "a JSON file"),
        (b"\xff", "file: 'utf-8' codec can't decode byte 0xff", "a JSON file"),
        ("[" * 100_000, "file: maximum recursion depth exceeded", "a JSON file"),
        ("1" * 5_000, "file: Exceeds the limit", "a JSON file"),
    ],
)
def test_a_refusal_names_place_value_and_what_is_allowed(content: str | bytes, problem: str, allowed: str) -> None:
    """Also for values deep inside, and for content that is not JSON."""
    with pytest.raises(UserError) as caught:
        decode_json(content, Curve, "file", "put it back")
    assert caught.value.problem.startswith(problem)
    assert caught.value.allowed.startswith(allowed)
    assert caught.value.todo == "put it back"


@pytest.mark.parametrize("loss", [0.5, math.inf, math.nan])
def test_what_write_json_writes_is_read_back(tmp_path: Any, loss: float) -> None:
    """NaN and Infinity too: a loss may overflow where the objective is finite."""
    curve = Curve(1, TrialStatus.PRUNED, [Point(1, 0.5, {"loss": loss})])
    write_json(tmp_path / "curve.json", plain(curve))
    again = decode_json((tmp_path / "curve.json").read_bytes(), Curve, "file", "")
    assert str(again) == str(curve)
