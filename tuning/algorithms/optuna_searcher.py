"""The search algorithm that Tune asks for trials: Optuna's samplers, and the records of the study.

Ray's `OptunaSearch` tells Optuna COMPLETE for a trial that ASHA stopped, with the score it had then, and leaves a trial
with a NaN objective RUNNING for ever. Here a stopped trial is PRUNED, with its curve, and a failed one FAIL, with a
reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import optuna
from ray.tune.search import Searcher

from foundation.durable import StorageLost
from foundation.statuses import TrialStatus
from trainables.slots.messages import (
    Evaluated,
    Failed,
    FailureKind,
    Message,
    Saved,
    TrialConfig,
    TuneResult,
    WorkerInfo,
    from_tune_result,
    to_tune_config,
)
from trainables.slots.settings import SlotSettings
from trainables.training.job import Job
from tuning.algorithms.optuna_mirror import OptunaMirror
from tuning.algorithms.optuna_storage import storage_errors
from tuning.studies import retention
from tuning.studies.attempts import MAX_SLOTS
from tuning.studies.job_file import write_job
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study


class OptunaSearcher(Searcher):  # type: ignore[misc]
    """Proposes trials until the budget is spent; unfinished trials of an earlier session come first.

    Args:
        make_job: makes the job of a trial.
        slot: the settings of every slot.
        say: shows a line to the user; None to show nothing.
        room: returns the number of slots that there is room for, given the number of slots that run and the number
            that there is work for; None if there is always enough room.
    """

    def __init__(
        self,
        study: Study,
        optuna_study: optuna.Study,
        make_job: Callable[[TrialRecord], Job],
        slot: SlotSettings,
        say: Callable[[str], None] | None = None,
        room: Callable[[int, int], int] | None = None,
    ) -> None:
        super().__init__(metric="objective", mode=study.mode)
        self._study, self._make_job, self._slot, self._say, self._room = study, make_job, slot, say, room
        self._open: set[str] = set()  # Tune's ids of trials that have not ended
        self._trial_ids: dict[str, str] = {}  # kotune's id of a trial, by Tune's
        self.groups: dict[str, int] = {}  # worker groups that each slot has started
        self.workers: dict[str, WorkerInfo] = {}  # by slot
        self._optuna = OptunaMirror(study, optuna_study)
        for line in self._optuna.reconcile():
            self._show(line)
        self._unfinished = study.with_status(TrialStatus.RUNNING)
        self._retries: list[TrialRecord] = []  # trials that lost their slots before they started
        self._lost_slots: Counter[str] = Counter()
        self._causes: dict[str, str] = {}  # why each trial lost its last slot

    def __getstate__(self) -> dict[str, object]:
        # Ray Tune pickles the searcher; terminal and cluster belong to this process.
        return {**self.__dict__, "_say": None, "_room": None}

    def prune(self, records: Iterable[TrialRecord]) -> None:
        """Ends unfinished trials whose last result stops them: the earlier session ended before it acted on it."""
        for record in records:
            self._unfinished.remove(record)
            self._end(record.trial_id, TrialStatus.PRUNED)

    def set_search_properties(self, metric: str | None, mode: str | None, config: Any, **spec: Any) -> bool:
        return True

    # ---- called by Tune for a new trial

    def suggest(self, trial_id: str) -> dict[str, object] | str | None:
        with self._losing_storage():
            return self._suggest(trial_id)
        return str(Searcher.FINISHED)

    def _suggest(self, tune_id: str) -> dict[str, object] | str | None:
        running = len(self._open)
        if self._room is not None and running >= self._room(running, running + self._trials_left()):
            return None  # Tune asks again later
        record = self._next()
        if record is None:  # a running trial may still lose its slot and come back
            return None if self._study.with_status(TrialStatus.RUNNING) else str(Searcher.FINISHED)
        self._trial_ids[tune_id] = record.trial_id
        self._open.add(tune_id)
        self._study.begin(record)
        job = self._make_job(record)
        write_job(self._study, job)
        return to_tune_config(TrialConfig(job, self._slot))

    def _trials_left(self) -> int:
        """How many trials are still to be proposed."""
        new = 0 if self.all_trials_failed() else self._study.space.budget.trials - len(self._study.records)
        if new > 0 and (untried := self._optuna.untried) is not None:
            new = min(new, untried * self._study.space.sampler.repeats)
        return len(self._retries) + len(self._unfinished) + max(0, new)

    def _next(self) -> TrialRecord | None:
        if self._retries:
            return self._retries.pop(0)
        if self._unfinished:
            record = self._unfinished.pop(0)
            record.sessions += 1
            return record
        if len(self._study.records) >= self._study.space.budget.trials or self.all_trials_failed():
            return None
        return self._optuna.ask()

    def is_exhausted(self) -> bool:
        """Whether every configuration of the space has had its trials."""
        return self._optuna.untried == 0 and not self._trials_left()

    def all_trials_failed(self) -> bool:
        """Whether all trials that ended have failed, and `budget.max_failures` or more have."""
        ended = [record for record in self._study.records.values() if record.status != TrialStatus.RUNNING]
        enough = self._study.space.budget.max_failures
        return len(ended) >= enough and all(record.status == TrialStatus.FAILED for record in ended)

    # ---- called by Tune for a result, and at the end of a trial

    def on_trial_result(self, trial_id: str, result: TuneResult) -> None:
        message = from_tune_result(result)
        if message is not None:
            with self._losing_storage():
                self._record(self._trial_ids[trial_id], message)

    def record(self, trial_id: str, message: Message | None) -> bool:
        """Records a result before the scheduler decides on it; returns whether it is on record.

        A worker must not go on after an evaluation that the next session may have to decide on once more.
        """
        if message is not None:
            with self._losing_storage():
                self._record(trial_id, message)
        return self._study.storage_error is None

    def on_trial_complete(self, trial_id: str, result: TuneResult | None = None, error: bool = False) -> None:
        self._open.discard(trial_id)
        with self._losing_storage():
            if error or result is None:
                self._retry(self._trial_ids[trial_id])
            else:
                self._complete(self._trial_ids[trial_id], from_tune_result(result))

    def _retry(self, trial_id: str) -> None:
        # Tune retries only trials that had started; a slot that dies while it receives its next trial ends that trial.
        self._lost_slots[trial_id] += 1
        if self._lost_slots[trial_id] < MAX_SLOTS:
            self._retries.append(self._study.records[trial_id])
            return
        cause = self._causes.get(trial_id, "")
        reason = f"its slot was lost {MAX_SLOTS} times before it had begun"
        self._end(trial_id, TrialStatus.FAILED, f"{reason}: {cause}" if cause else reason)

    def _complete(self, trial_id: str, message: Message | None) -> None:
        if message is not None:
            self._record(trial_id, message)
        match message.event if message else None:
            case Failed(reason, FailureKind.STORAGE):  # the trial is well, and continues when the study is resumed
                raise StorageLost(reason)
            case Failed(reason, kind):
                self._study.records[trial_id].infeasible = kind is FailureKind.INFEASIBLE
                self._end(trial_id, TrialStatus.FAILED, reason)
            case Saved():  # it continues when the study is resumed
                return
            case Evaluated(report) if report.last:
                self._end(trial_id, TrialStatus.COMPLETED)
            case _:
                self._end(trial_id, TrialStatus.PRUNED)

    def _record(self, trial_id: str, message: Message) -> None:
        """Adds a message to the records and to Optuna."""
        record = self._study.records[trial_id]
        if message.slot:
            if self.groups.get(message.slot, message.groups) != message.groups:
                self._show(f"trial {record.number}: its workers were lost; it continued with new ones")
            self.groups[message.slot] = max(self.groups.get(message.slot, 0), message.groups)
            if message.worker is not None:
                self.workers[message.slot] = message.worker
        if isinstance(message.event, Evaluated):
            report = message.event.report
            if self._study.add(trial_id, report.epoch, report.step, report.metrics, report.seconds, report.last):
                self._optuna.report(record)

    def slot_lost(self, trial_id: str, cause: str) -> None:
        """The scheduler reports that a trial needs another slot, and why."""
        self._causes[trial_id] = cause
        self._show(f"trial {self._study.records[trial_id].number}: its slot was lost; it continues in another one")

    def _show(self, text: str) -> None:
        if self._say is not None:
            self._say(text)

    def _end(self, trial_id: str, status: TrialStatus, reason: str = "") -> None:
        # The record first: after a crash between the two, `reconcile` tells Optuna at the next start.
        self._study.end(trial_id, status, reason)
        self._optuna.tell(self._study.records[trial_id])
        with suppress(OSError):  # the next end of a trial sweeps again
            retention.remove_unneeded_checkpoints(self._study)

    @contextmanager
    def _losing_storage(self) -> Iterator[None]:
        """If nothing can be written any more, tells the study, which ends the search.

        Raises nothing: Tune would count an exception at the end of a trial as a failure of its slot. The next start
        repeats what the records or Optuna missed.
        """
        try:
            with storage_errors():
                yield
        except StorageLost as error:
            self._study.set_storage_error(error)

    # ---- called by Tune for its snapshots; the study's folder holds everything already

    def save(self, checkpoint_path: str) -> None:
        """Does nothing: records and Optuna's database are written at every change."""

    def restore(self, checkpoint_path: str) -> None:
        """Does nothing: a study resumes from its records."""
