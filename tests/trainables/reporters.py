"""Reporters for tests: record what a trial reports and decide on it."""

from __future__ import annotations

import math

from trainables.training.reports import Decision, Report


class RecordingReporter:
    """Records reports; continues until epoch `until` and stops there."""

    def __init__(self, until: float = math.inf) -> None:
        self.reports: list[Report] = []
        self._until = until

    def report(self, report: Report) -> Decision:
        self.reports.append(report)
        return Decision.CONTINUE if report.epoch < self._until else Decision.STOP

    @property
    def epochs(self) -> list[float]:
        return [report.epoch for report in self.reports]
