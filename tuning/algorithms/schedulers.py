"""ASHA and median stopping from Ray Tune, told apart by kotune's trial ids so that a resumed study can rebuild them.

`Tuner.restore` does not restore a scheduler: its rungs would be empty. Here they are filled again from the trials'
own records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, MedianStoppingRule, TrialScheduler

from foundation.statuses import TrialStatus
from search_spaces.choices import SchedulerName
from search_spaces.schema import Space
from tuning.studies.attempts import slots_begun
from tuning.studies.records import TrialRecord


@dataclass(frozen=True)
class TrialHandle:
    """All that a scheduler needs of a trial; equal for one trial before and after a restart."""

    trial_id: str


class ResumableScheduler(TrialScheduler):  # type: ignore[misc]
    """Passes trials to `inner` under kotune's own ids; a result without a value never reaches it."""

    CONTINUE, STOP = TrialScheduler.CONTINUE, TrialScheduler.STOP

    def __init__(self, inner: TrialScheduler) -> None:
        super().__init__()
        self.inner = inner
        self._added: set[str] = set()
        self._heard: dict[str, float] = {}  # trial -> epoch of its newest result
        self._begun: dict[str, int] = {}  # trial -> how many slots had begun to work for it when it last lost one
        #: Told which trial lost its slot, and why.
        self.lost: Callable[[str, str], None] = lambda trial_id, cause: None

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        return True  # `inner` was given both

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        self._add(TrialHandle(trial.config["job"]["trial_id"]))

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        if "objective" not in result:
            return str(self.CONTINUE)  # a failure, which says so itself
        named = TrialHandle(trial.config["job"]["trial_id"])
        if result["epoch"] <= self._heard.get(named.trial_id, 0.0):
            return str(self.CONTINUE)  # told again by a trial that went on from its checkpoint; it was decided then
        self._heard[named.trial_id] = result["epoch"]
        return str(self.inner.on_trial_result(tune_controller, named, _on_the_rung(result)))

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        self._complete(TrialHandle(trial.config["job"]["trial_id"]), result)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Its slot was lost. Slots that began to work are counted there, others by Tune: it is to see those alone."""
        job = trial.config["job"]
        self._added.discard(job["trial_id"])
        lines = (trial.get_error() or "").split("\n")
        self.lost(job["trial_id"], next((line.strip() for line in reversed(lines) if line.strip()), ""))
        begun = slots_begun(job).get("slots", 0)
        if self._begun.get(job["trial_id"], 0) < begun:
            self._begun[job["trial_id"]] = begun
            trial.run_metadata.num_failures = 0

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        self._added.discard(trial.config["job"]["trial_id"])

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        return FIFOScheduler().choose_trial_to_run(tune_controller)

    def debug_string(self) -> str:
        return str(self.inner.debug_string())

    def replay(self, records: Iterable[TrialRecord], metric: str) -> list[TrialRecord]:
        """Fill the rungs with what was reported before, in the order in which it came.

        Answers the running trials whose last result stops them: a crash came between the result and the decision.
        """
        stopped = []
        known = [(result.order, record, result) for record in records for result in record.results]
        for _, record, result in sorted(known, key=lambda entry: entry[0]):
            named = TrialHandle(record.trial_id)
            self._add(named)
            told = {"epoch": result.epoch, "objective": result.metrics[metric]}
            final = result is record.results[-1]
            # As Tune does: the last result of a trial that completed is told as its completion alone.
            decision = self.CONTINUE
            self._heard[record.trial_id] = result.epoch
            if not (final and record.status == TrialStatus.COMPLETED):
                decision = str(self.inner.on_trial_result(None, named, _on_the_rung(told)))
            if final and record.status == TrialStatus.RUNNING and decision == self.STOP:
                stopped.append(record)
                self._complete(named, told)
            if final and record.status in (
                TrialStatus.COMPLETED,
                TrialStatus.PRUNED,
            ):  # a failure's end never reached the scheduler
                self._complete(named, told)
        return stopped

    def _add(self, named: TrialHandle) -> None:
        if named.trial_id not in self._added:  # a resumed trial was added by `replay`
            self._added.add(named.trial_id)
            self.inner.on_trial_add(None, named)

    def _complete(self, named: TrialHandle, result: dict[str, Any]) -> None:
        if named.trial_id in self._added and "objective" in result:
            self.inner.on_trial_complete(None, named, _on_the_rung(result))
        self._added.discard(named.trial_id)


def _on_the_rung(result: dict[str, Any]) -> dict[str, Any]:
    """A grace of 0.1 times 3 is a hair above 0.3; the rung there would be met an evaluation late."""
    return {**result, "epoch": result["epoch"] + 1e-6}


def make_scheduler(space: Space, max_epochs: float) -> ResumableScheduler:
    """The scheduler that the space names; its times are epochs."""
    wanted = space.scheduler
    common = {"time_attr": "epoch", "metric": "objective", "mode": space.mode}
    if wanted.name == SchedulerName.ASHA:
        grace = min(wanted.grace, max_epochs)
        inner = ASHAScheduler(**common, grace_period=grace, max_t=max_epochs, reduction_factor=wanted.reduction_factor)
    elif wanted.name == SchedulerName.MEDIAN:
        # An endless time slice: with too few samples Ray would pause trials, which frees no slot here.
        inner = MedianStoppingRule(**common, grace_period=wanted.grace, hard_stop=True, min_time_slice=float("inf"))
    else:
        inner = FIFOScheduler()
    return ResumableScheduler(inner)
