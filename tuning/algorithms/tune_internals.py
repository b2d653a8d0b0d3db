"""The private points of Ray Tune that kotune uses. An upgrade of Ray may move any of them.

`tests/tuning/algorithms/test_tune_internals.py` has a test for each, which fails when the point is gone.
"""

from __future__ import annotations

from typing import Any


def reset_failures(trial: Any) -> None:
    """Forgets the failures of a Tune trial, which `max_failures` limits. Uses `Trial.run_metadata.num_failures`."""
    trial.run_metadata.num_failures = 0


def last_error(trial: Any) -> str:
    """The last line of a Tune trial's error; empty without one. Uses `Trial.get_error`, whose result is a text."""
    lines = [line.strip() for line in (trial.get_error() or "").split("\n")]
    return next((line for line in reversed(lines) if line), "")
