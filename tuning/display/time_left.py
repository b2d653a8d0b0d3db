"""How long a search still takes: the steps and evaluations that are left, at the speed of those that were timed.

A running trial ends at its last epoch, under ASHA at the mean of the rungs that may stop it. A trial that is still to
come trains as long as the mean of those that have begun. Slots take them one after another. The estimate never rises
while trials run on at their speed: only an event (a trial starts, ends or is evaluated, the slots change, training
becomes clearly slower) may raise it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, repeat
from statistics import fmean

from foundation.formatting import clock_text
from foundation.statuses import TrialStatus
from search_spaces.choices import Runner, SchedulerName
from search_spaces.schema import Space
from trainables.tasks.metric import EVAL_SECONDS
from trainables.training.reports import StepProgress
from tuning.studies.epochs import rungs
from tuning.studies.records import TrialRecord

#: A speed counts once this many steps were timed, for this many seconds.
_FEW_STEPS, _FEW_SECONDS = 5, 5.0

#: The speed of the first evaluation counts once this share of it is done.
_FEW_ROWS = 0.1

#: An estimate that is this many times the one shown means that training has become slower.
_SLOWER = 1.25

#: Epochs are sums of fractions; two that are closer than this are the same.
_SAME_EPOCH = 1e-6

#: Of more trials than this the mean is taken instead of a plan.
_MOST_PLANNED = 10_000


@dataclass(frozen=True)
class TimeLeft:
    """An estimate of the seconds until a search ends.

    Args:
        is_limit: Whether it ends no later, as far as one can say, rather than at about that time.
        has_evaluations: Whether evaluations are part of it; none was timed before the first.
    """

    seconds: float
    is_limit: bool = False
    has_evaluations: bool = True

    @property
    def text(self) -> str:
        """For people: about 12:40 left; empty if nothing is left."""
        if not self.seconds:
            return ""
        text = f"{'at most' if self.is_limit else 'about'} {clock_text(round(self.seconds))} left"
        return text if self.has_evaluations else f"{text} + evaluations"


@dataclass(frozen=True)
class Speed:
    """Seconds per epoch of training and per evaluation; None where nothing was timed."""

    epoch: float | None = None
    evaluation: float | None = None


def timed_speed(steps: StepProgress) -> Speed:
    """Returns the speed of a running trial."""
    is_steady = steps.timed_steps >= _FEW_STEPS and steps.training_seconds >= _FEW_SECONDS
    epoch = steps.seconds_per_epoch if is_steady or steps.evaluations else None
    is_measured = steps.evaluations or (steps.evaluated or 0.0) >= _FEW_ROWS
    return Speed(epoch, steps.seconds_per_evaluation if is_measured else None)


def recorded_speed(record: TrialRecord) -> Speed:
    """Returns the speed between the evaluations on record; scoring and checkpoints count as training."""
    seconds = epochs = reached = before = 0.0
    evaluations = []
    for result in record.results:
        evaluation = result.metrics.get(EVAL_SECONDS.name, 0.0)
        evaluations.append(evaluation)
        if result.seconds >= before:  # otherwise a new session began, at an epoch that is not on record
            seconds += result.seconds - before - evaluation
            epochs += result.epoch - reached
        reached, before = result.epoch, result.seconds
    return Speed(max(seconds, 0.0) / epochs if epochs else None, fmean(evaluations) if evaluations else None)


def makespan(running: Sequence[float], to_come: int, each: float, slots: int) -> float:
    """Returns when the last trial ends if each slot takes the next one as soon as it is free.

    Args:
        running: Seconds that each trial which has begun still takes.
        to_come: The number of trials that follow, of `each` seconds.
    """
    slots = max(1, min(slots, len(running) + to_come))
    if to_come > _MOST_PLANNED:
        return max((sum(running) + to_come * each) / slots, *running, each)
    ends = [0.0] * slots
    for seconds in (*running, *repeat(each, to_come)):
        heapq.heapreplace(ends, ends[0] + seconds)
    return max(ends)


class TimeLeftEstimator:
    """Estimates the time left of one session. It remembers what was shown, so that an estimate does not rise.

    Args:
        records: The trials of earlier sessions.
    """

    def __init__(self, space: Space, records: Iterable[TrialRecord] = ()) -> None:
        self._every = space.eval_every
        is_local, patience = space.runner is Runner.LOCAL, "early_stopping_patience"  # alone, nothing stops a trial
        self._rungs = [] if is_local else rungs(space)
        self._share = 1 / space.scheduler.reduction_factor
        has_patience = space.fixed.get(patience) is not None or patience in space.search
        self._may_end_anywhere = has_patience or (space.scheduler.name is SchedulerName.MEDIAN and not is_local)
        self._earlier = {record.trial_id for record in records if record.status is not TrialStatus.RUNNING}
        self._speeds: dict[str, Speed] = {}
        self._final: set[str] = set()  # trials that have ended, whose speed does not change any more
        self._shown = 0.0
        self._event: object = None

    def estimate(
        self,
        records: Sequence[TrialRecord],
        steps: Mapping[str, StepProgress],
        *,
        trials: int,
        slots: int,
        budget_left: float | None = None,
    ) -> TimeLeft | None:
        """Returns the time left; None before a few steps were timed.

        Args:
            records: All trials of the study.
            steps: The newest steps of each trial of this session.
            trials: How many trials the study has at its end.
            slots: How many slots there is room for.
            budget_left: Seconds until the time budget of the session is spent.
        """
        running = [record for record in records if record.status is TrialStatus.RUNNING]
        to_come = max(0, trials - len(records))
        if not running and not to_come:
            return TimeLeft(0.0)
        speeds = self._measure(records, steps)
        mean = _mean([each for trial, each in speeds.items() if trial not in self._earlier], speeds.values())
        if mean.epoch is None:
            return None
        expected = {record.trial_id: self.expected_epochs(record) for record in records}
        rest = [
            self._seconds(
                _or(speeds.get(record.trial_id), mean),
                *self._left(record, steps.get(record.trial_id), expected[record.trial_id]),
            )
            for record in running
        ]
        epochs = self._mean_epochs(records, list(expected.values()))
        seconds = makespan(rest, to_come, self._seconds(mean, epochs, epochs / self._every), slots)
        is_limit = self._may_end_anywhere and len(running) == len(records)
        results = sum(len(record.results) for record in records)
        measured = sum(speed.epoch is not None for speed in speeds.values())
        event = len(records), len(running), results, measured, slots, mean.evaluation is None
        if event == self._event and seconds <= self._shown * _SLOWER:
            seconds = min(seconds, self._shown)
        self._shown, self._event = seconds, event
        left = TimeLeft(seconds, is_limit, mean.evaluation is not None)
        if budget_left is not None and budget_left < seconds:
            return replace(left, seconds=max(0.0, budget_left), is_limit=True, has_evaluations=True)
        return left

    def expected_epochs(self, record: TrialRecord) -> float:
        """Returns the epochs that a trial has trained at its end.

        One that runs: its last epoch, under ASHA the mean over the rungs ahead, of which each stops all trials but one
        in `reduction_factor`.
        """
        is_running = record.status is TrialStatus.RUNNING
        return self._expected(record.last_epoch, record.max_epochs) if is_running else record.last_epoch

    def _expected(self, reached: float, last: float) -> float:
        ends = [*(rung for rung in self._rungs if reached + _SAME_EPOCH < rung < last - _SAME_EPOCH), last]
        steps = enumerate(pairwise(ends), 1)
        return ends[0] + sum(self._share**number * (after - before) for number, (before, after) in steps)

    def _mean_epochs(self, records: Sequence[TrialRecord], expected: Sequence[float]) -> float:
        """Returns the epochs of a trial to come: the mean of those that have begun.

        Under ASHA `reduction_factor` trials that end as on average count too: a few trials may all be short, or long.
        """
        longest = fmean(record.max_epochs for record in records)
        weight = 1 / self._share if self._rungs else 0.0
        return (sum(expected) + weight * self._expected(0.0, longest)) / (len(expected) + weight)

    def _measure(self, records: Sequence[TrialRecord], steps: Mapping[str, StepProgress]) -> Mapping[str, Speed]:
        """Returns the speed of every trial: from its steps, and what these lack from its record."""
        for record in records:
            if record.trial_id not in self._final:
                timed = steps.get(record.trial_id)
                speed = _or(timed_speed(timed) if timed else None, recorded_speed(record))
                self._speeds[record.trial_id] = speed
            if record.status is not TrialStatus.RUNNING:
                self._final.add(record.trial_id)
        return self._speeds

    def _left(self, record: TrialRecord, steps: StepProgress | None, expected: float) -> tuple[float, float]:
        """Returns the epochs and the evaluations that a running trial still has before it."""
        reached = max(record.last_epoch, steps.epoch if steps else 0.0)
        evaluations = (expected - record.last_epoch) / self._every
        if steps and steps.epoch > record.last_epoch + _SAME_EPOCH:  # otherwise that evaluation is on record
            evaluations -= steps.evaluated or 0.0
        return max(0.0, expected - reached), max(0.0, evaluations)

    def _seconds(self, speed: Speed, epochs: float, evaluations: float) -> float:
        return epochs * (speed.epoch or 0.0) + evaluations * (speed.evaluation or 0.0)


def _or(speed: Speed | None, other: Speed) -> Speed:
    """Returns a speed with what it lacks from another one."""
    if speed is None:
        return other
    return Speed(
        other.epoch if speed.epoch is None else speed.epoch,
        other.evaluation if speed.evaluation is None else speed.evaluation,
    )


def _mean(preferred: Iterable[Speed], every: Iterable[Speed]) -> Speed:
    """Returns the mean of `preferred`, and of `every` where that has nothing."""
    return _or(_mean_of(preferred), _mean_of(every))


def _mean_of(speeds: Iterable[Speed]) -> Speed:
    timed = list(speeds)
    epochs = [speed.epoch for speed in timed if speed.epoch is not None]
    evaluations = [speed.evaluation for speed in timed if speed.evaluation is not None]
    return Speed(fmean(epochs) if epochs else None, fmean(evaluations) if evaluations else None)
