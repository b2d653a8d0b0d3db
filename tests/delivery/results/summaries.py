"""Summaries for tests."""

from __future__ import annotations

from typing import Any

from delivery.results.summary import VERSION, BestTrial, DefaultTrial, Summary, TrialCounts
from foundation.statuses import TrialStatus


def a_summary(**changes: Any) -> Summary:
    """A summary of a study without trials, but for the changes."""
    values: dict[str, Any] = {
        "version": VERSION,
        "study": "s",
        "space": "kobart",
        "task": "summarisation",
        "model": "scratch:tiny",
        "metric": "rouge_sum",
        "mode": "max",
        "rouge_tokenizer": "whitespace",
        "trials": TrialCounts(0, 0, 0, 0, 0),
        "best": None,
        "default": None,
        "test": None,
        "failures": [],
        "slots": 1,
        "worker_groups_started": 1,
        "wall_seconds": 1.0,
        "data": {},
        "versions": {"kotune": "0.1.0"},
        "best_model": None,
    }
    return Summary(**{**values, **changes})


BEST = BestTrial("s-0001", 1.05, {"num_beams": 2}, 3.0, {"rouge_sum": 1.05, "loss": 0.5})
PRUNED_DEFAULT = DefaultTrial("s-0000", 0.11, TrialStatus.PRUNED, 1.0, 0.83)
