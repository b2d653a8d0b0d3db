"""ASHA and median stopping from Ray Tune, wrapped so that a resumed study can rebuild their state.

`Tuner.restore` does not restore a scheduler: its rungs would be empty. Here they are filled again from the records of
the trials, which the scheduler identifies by kotune's ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, MedianStoppingRule, TrialScheduler

from foundation.statuses import TrialStatus
from search_spaces.choices import Direction, SchedulerName
from search_spaces.schema import Scheduler, Space
from trainables.slots.messages import Evaluated, Message, TuneResult, from_tune_config, from_tune_result
from trainables.training.job import Job
from tuning.algorithms.tune_internals import last_error, reset_failures
from tuning.studies.attempts import read_attempts
from tuning.studies.records import Result, TrialRecord

#: The entries of the results that Ray's schedulers read.
_EPOCH, _OBJECTIVE = "epoch", "objective"


@dataclass(frozen=True)
class TrialHandle:
    """All that a scheduler needs of a trial; equal for one trial before and after a restart."""

    trial_id: str


@dataclass(frozen=True)
class _Score:
    """The value of the study's metric at an epoch."""

    epoch: float
    objective: float

    def to_result(self) -> dict[str, float]:
        """As Ray's schedulers read it."""
        # ASHA computes a rung of 0.1 * 3 epochs as 0.30000000000000004, which an evaluation at 0.3 would miss.
        return {_EPOCH: self.epoch + 1e-6, _OBJECTIVE: self.objective}


def _score_in(message: Message | None) -> _Score | None:
    event = message.event if message else None
    return _Score(event.report.epoch, event.objective) if isinstance(event, Evaluated) else None


class ResumableScheduler(TrialScheduler):  # type: ignore[misc]
    """Passes trials to `inner` under kotune's ids. A result without a value never reaches `inner`."""

    CONTINUE, STOP = TrialScheduler.CONTINUE, TrialScheduler.STOP

    def __init__(self, inner: TrialScheduler) -> None:
        super().__init__()
        self.inner = inner
        self._added: set[str] = set()
        self._epochs: dict[str, float] = {}  # of each trial's newest result
        self._slots_started: dict[str, int] = {}  # slots that had worked on a trial when it last lost one
        #: Writes a result to the trial's record before it is decided on; returns whether it is safe there.
        self.on_result: Callable[[str, Message | None], bool] = lambda trial_id, message: True
        #: Called with the id of a trial that lost its slot, and the cause.
        self.on_slot_lost: Callable[[str, str], None] = lambda trial_id, cause: None

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        return True  # `inner` has both

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        self._add(TrialHandle(_job(trial).trial_id))

    def on_trial_result(self, tune_controller: Any, trial: Any, result: TuneResult) -> str:
        message = from_tune_result(result)
        score = _score_in(message)
        if score is None:
            return str(self.CONTINUE)  # the message ends the trial
        handle = TrialHandle(_job(trial).trial_id)
        if not self.on_result(handle.trial_id, message):
            return str(self.NOOP)  # the workers wait until the search, which has lost its storage, ends
        if score.epoch <= self._epochs.get(handle.trial_id, 0.0):
            return str(self.CONTINUE)  # a trial that continued from its checkpoint repeats it; it was decided before
        self._epochs[handle.trial_id] = score.epoch
        return str(self.inner.on_trial_result(tune_controller, handle, score.to_result()))

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: TuneResult) -> None:
        self._complete(TrialHandle(_job(trial).trial_id), _score_in(from_tune_result(result)))

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """The trial lost its slot. Tune's count of failures is reset unless the slot never started to work.

        `tuning.studies.attempts` counts the slots that started.
        """
        job = _job(trial)
        self._added.discard(job.trial_id)
        self.on_slot_lost(job.trial_id, last_error(trial))
        attempts = read_attempts(job.folder)
        started = attempts.slots if attempts else 0
        if self._slots_started.get(job.trial_id, 0) < started:
            self._slots_started[job.trial_id] = started
            reset_failures(trial)

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        self._added.discard(_job(trial).trial_id)

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        return FIFOScheduler().choose_trial_to_run(tune_controller)

    def debug_string(self) -> str:
        return str(self.inner.debug_string())

    def replay(self, records: Iterable[TrialRecord], metric: str) -> list[TrialRecord]:
        """Fills the rungs with all earlier results, in their order.

        Returns the running trials that their last result stops: a crash came between the result and the decision.
        """
        stopped = []
        results = [(record, result) for record in records for result in record.results]
        for record, result in sorted(results, key=lambda entry: entry[1].order):
            if self._replay(record, result, _Score(result.epoch, result.metrics[metric])):
                stopped.append(record)
        return stopped

    def _replay(self, record: TrialRecord, result: Result, score: _Score) -> bool:
        """Replays one result; returns whether it stops a running trial."""
        handle, is_final = TrialHandle(record.trial_id), result is record.results[-1]
        self._add(handle)
        self._epochs[record.trial_id] = result.epoch
        decision = self.CONTINUE
        # As in Tune: a completed trial's last result reaches the scheduler only as its completion.
        if not (is_final and record.status == TrialStatus.COMPLETED):
            decision = str(self.inner.on_trial_result(None, handle, score.to_result()))
        stops = is_final and record.status == TrialStatus.RUNNING and decision == self.STOP
        # The end of a failed trial never reached the scheduler.
        if stops or (is_final and record.status in (TrialStatus.COMPLETED, TrialStatus.PRUNED)):
            self._complete(handle, score)
        return stops

    def _add(self, handle: TrialHandle) -> None:
        if handle.trial_id not in self._added:  # `replay` has added the trials of earlier sessions
            self._added.add(handle.trial_id)
            self.inner.on_trial_add(None, handle)

    def _complete(self, handle: TrialHandle, score: _Score | None) -> None:
        if handle.trial_id in self._added and score is not None:
            self.inner.on_trial_complete(None, handle, score.to_result())
        self._added.discard(handle.trial_id)


def _job(trial: Any) -> Job:
    return from_tune_config(trial.config).job


def _asha(options: Scheduler, mode: Direction | None, max_epochs: float) -> TrialScheduler:
    return ASHAScheduler(
        time_attr=_EPOCH,
        metric=_OBJECTIVE,
        mode=mode,
        grace_period=min(options.grace, max_epochs),
        max_t=max_epochs,
        reduction_factor=options.reduction_factor,
    )


def _median(options: Scheduler, mode: Direction | None, max_epochs: float) -> TrialScheduler:
    return MedianStoppingRule(
        time_attr=_EPOCH,
        metric=_OBJECTIVE,
        mode=mode,
        grace_period=options.grace,
        hard_stop=True,
        # An endless time slice: with too few samples Ray would pause trials, which frees no slot here.
        min_time_slice=float("inf"),
    )


#: Scheduler name -> a function of the options, the mode and the longest trial in epochs, the unit of time.
#: A scheduler may also return PAUSE; the trial is saved, and continues when `choose_trial_to_run` returns it.
SCHEDULERS: dict[SchedulerName, Callable[[Scheduler, Direction | None, float], TrialScheduler]] = {
    SchedulerName.ASHA: _asha,
    SchedulerName.MEDIAN: _median,
    SchedulerName.NONE: lambda options, mode, max_epochs: FIFOScheduler(),
}


def make_scheduler(space: Space, max_epochs: float) -> ResumableScheduler:
    """Returns the scheduler of a search space."""
    return ResumableScheduler(SCHEDULERS[space.scheduler.name](space.scheduler, space.mode, max_epochs))
