"""Snapshots of searches for the tests of what a person sees of them."""

from collections.abc import Sequence
from typing import Any

from tuning.display.progress import Progress, TrialRow

PARAMETERS = {"learning_rate": 3.2e-4, "weight_decay": 0.1131, "num_beams": 4}


def a_row(number: int = 3, status: str = "running", **changes: Any) -> TrialRow:
    """A trial without a report yet, but for the changes."""
    values: dict[str, Any] = {"epoch": None, "max_epochs": 6, "value": None, "best": None, "parameters": PARAMETERS}
    return TrialRow(number, status, **{**values, **changes})


def a_progress(rows: Sequence[TrialRow], **changes: Any) -> Progress:
    """A search on two slots, 42 seconds old, but for the changes."""
    values: dict[str, Any] = {
        "study": "대화요약",
        "metric": "rouge_sum (kiwi)",
        "mode": "max",
        "total_trials": 40,
        "slots": 2,
        "elapsed_seconds": 42.0,
        "time_budget_seconds": None,
        "workers_note": "2 slots × 1 CPU",
    }
    return Progress(rows=rows, **{**values, **changes})


def rows_with(**statuses: int) -> list[TrialRow]:
    """So many rows of each status, numbered from 0."""
    names = [status for status, count in statuses.items() for _ in range(count)]
    return [a_row(number, status) for number, status in enumerate(names)]
