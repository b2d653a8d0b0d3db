"""Between Ray Tune and Optuna: every trial of Tune is one of Optuna's, and both hear the truth about its end.

Ray's `OptunaSearch` tells Optuna COMPLETE for a trial that ASHA stopped, with its half-trained score, and leaves a
NaN objective RUNNING for ever. Here a stopped trial is PRUNED with its curve, and a failed one FAIL with a reason.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState
from ray.tune.search import Searcher

from foundation.durable import StorageLost, retry_on_storage_error, write_json
from foundation.statuses import TrialStatus
from trainables.slots.mailbox import INFEASIBLE, STORAGE
from tuning.algorithms import samplers
from tuning.algorithms.optuna_storage import storage_errors
from tuning.studies import retention
from tuning.studies.attempts import MAX_SLOTS
from tuning.studies.epochs import trial_epochs
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study

#: Makes the job of a trial: what a worker needs to know.
MakeJob = Callable[[TrialRecord], dict[str, Any]]


class OptunaSearcher(Searcher):  # type: ignore[misc]
    """Proposes trials until the budget is spent; unfinished trials of an earlier sitting come first.

    Args:
        slot: what a slot is made of, as `SlotTrainable` reads it.
        say: tells a person one thing; None: nobody is there.
        room: answers how many slots there is room for, told how many there are and how many there is work for; None:
            always enough.
    """

    def __init__(
        self,
        study: Study,
        optuna_study: optuna.Study,
        make_job: MakeJob,
        slot: dict[str, Any],
        say: Callable[[str], None] | None = None,
        room: Callable[[int, int], int] | None = None,
    ) -> None:
        super().__init__(metric="objective", mode=study.mode)
        self._say, self._room = say, room
        self._open: set[str] = set()  # trials of Tune that have not ended
        self._study, self._optuna, self._make_job, self._slot = study, optuna_study, make_job, slot
        self._ours: dict[str, str] = {}  # Tune's trial id -> kotune's
        self._optuna_ids: dict[str, int] = {}
        self.groups: dict[str, int] = {}  # slot -> worker groups it started
        self.places: dict[str, dict[str, Any]] = {}
        self._reconcile()
        self._waiting = study.with_status(TrialStatus.RUNNING)
        self._again: list[TrialRecord] = []  # their slots were lost before they had begun in them
        self._lost: Counter[str] = Counter()
        self._causes: dict[str, str] = {}  # trial -> why its newest slot was lost

    def __getstate__(self) -> dict[str, Any]:
        # Ray Tune pickles this; terminal and cluster are of this process alone.
        return {**self.__dict__, "_say": None, "_room": None}

    def stopped(self, records: Iterable[TrialRecord]) -> None:
        """These were stopped by their last results, which an earlier sitting heard and did not live to act on."""
        for record in records:
            self._waiting.remove(record)
            self._end(record.trial_id, TrialStatus.PRUNED)

    def set_search_properties(self, metric: str | None, mode: str | None, config: Any, **spec: Any) -> bool:
        return True

    # ---- Tune asks

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        with self._writing():
            return self._suggested(trial_id)
        return str(Searcher.FINISHED)

    def _suggested(self, trial_id: str) -> dict[str, Any] | str | None:
        running = len(self._open)
        if self._room is not None and running >= self._room(running, running + self._left()):
            return None  # for now
        record = self._next()
        if record is None:  # what runs may still come back
            return None if self._study.with_status(TrialStatus.RUNNING) else str(Searcher.FINISHED)
        self._ours[trial_id] = record.trial_id
        self._open.add(trial_id)
        self._study.begin(record)
        job = self._make_job(record)
        file = self._study.paths.trial(record.trial_id) / "job.json"
        retry_on_storage_error(lambda: write_json(file, job), f"the job of trial {record.trial_id}")
        self._study.publish(file)
        return {"job": job, "slot": self._slot}

    def _left(self) -> int:
        """How many trials are still to be proposed."""
        new = 0 if self.all_trials_failed() else self._study.space.budget.trials - len(self._study.records)
        return len(self._again) + len(self._waiting) + max(0, new)

    def _next(self) -> TrialRecord | None:
        if self._again:
            return self._again.pop(0)
        if self._waiting:
            record = self._waiting.pop(0)
            record.sessions += 1
            return record
        if len(self._study.records) >= self._study.space.budget.trials or self.all_trials_failed():
            return None
        return self._ask()

    def all_trials_failed(self) -> bool:
        """Whether so many trials failed, and none did not, that the rest would too."""
        ended = [record for record in self._study.records.values() if record.status != TrialStatus.RUNNING]
        enough = self._study.space.budget.max_failures
        return len(ended) >= enough and all(record.status == TrialStatus.FAILED for record in ended)

    def _ask(self) -> TrialRecord:
        space = self._study.space
        # The lowest that is free: whoever takes a damaged trial out of the study gets another in its place.
        taken = {record.number for record in self._study.records.values()}
        number = next(number for number in count() if number not in taken)
        first = number == 0
        if first:
            waiting = self._optuna.get_trials(deepcopy=False, states=(TrialState.WAITING,))
            if not waiting:
                self._optuna.enqueue_trial(samplers.defaults(space.search))
        trial = samplers.ask(self._optuna, space, number)
        chosen = samplers.suggest(trial, space.search)
        trial_id = f"{self._study.name}-{number:04d}"
        trial.set_user_attr("trial_id", trial_id)
        self._optuna_ids[trial_id] = trial._trial_id  # Optuna may know an earlier one of this name, that was taken out
        config = {**space.fixed, **chosen}
        return TrialRecord(number, trial_id, chosen, config, trial_epochs(space, config), is_default=first)

    # ---- Tune tells

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        with self._writing():
            self._hear(self._ours[trial_id], result)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        self._open.discard(trial_id)
        with self._writing():
            self._complete(self._ours[trial_id], result, error)

    def _complete(self, ours: str, result: dict[str, Any] | None, error: bool) -> None:
        if result is not None:
            self._hear(ours, result)
        if error or result is None:
            # A slot that dies while it is given its next trial: Tune goes on with those only that had begun.
            self._lost[ours] += 1
            if self._lost[ours] < MAX_SLOTS:
                self._again.append(self._study.records[ours])
            else:
                cause = self._causes.get(ours, "")
                told = f"its slot was lost {MAX_SLOTS} times before it had begun"
                self._end(ours, TrialStatus.FAILED, f"{told}: {cause}" if cause else told)
        elif result.get("kind") == STORAGE:  # the trial is well, and goes on when its study does
            raise StorageLost(result["failure"])
        elif result.get("failure"):
            self._study.records[ours].infeasible = result.get("kind") == INFEASIBLE
            self._end(ours, TrialStatus.FAILED, result["failure"])
        elif result.get("left"):  # it was saved, and goes on when its study does
            return
        elif result.get("last"):
            self._end(ours, TrialStatus.COMPLETED)
        else:
            self._end(ours, TrialStatus.PRUNED)

    def _hear(self, ours: str, result: dict[str, Any]) -> None:
        if "slot" in result:
            slot, groups = result["slot"], result.get("groups", 0)
            if self.groups.get(slot, groups) != groups:
                number = self._study.records[ours].number
                self._tell_person(f"trial {number}: its workers were lost; it went on with others")
            self.groups[slot] = max(self.groups.get(slot, 0), groups)
            self.places[slot] = {
                name.removeprefix("place/"): value for name, value in result.items() if name.startswith("place/")
            }
        if "objective" not in result:
            return
        metrics = {
            name.removeprefix("metrics/"): value for name, value in result.items() if name.startswith("metrics/")
        }
        if self._study.add(ours, result["epoch"], result["step"], metrics, result["seconds"], bool(result.get("last"))):
            record = self._study.records[ours]
            # Optuna counts steps in whole numbers; an evaluation is one, whatever share of an epoch it took.
            _report(self._trial(ours), result["objective"], len(record.results))

    def slot_lost(self, ours: str, cause: str) -> None:
        """Whoever schedules says that a trial needs another slot, and why."""
        self._causes[ours] = cause
        self._tell_person(f"trial {self._study.records[ours].number}: its slot was lost; it goes on in another")

    def _tell_person(self, text: str) -> None:
        if self._say is not None:
            self._say(text)

    def _end(self, ours: str, status: TrialStatus, reason: str = "") -> None:
        # The record first: it is the truth, and what Optuna was not told before a crash is told at the next start.
        self._study.end(ours, status, reason)
        self._tell(self._study.records[ours])
        with suppress(OSError):  # what is in the way is swept at the next end of a trial
            retention.remove_unneeded_checkpoints(self._study)

    def _tell(self, record: TrialRecord) -> None:
        trial = self._trial(record.trial_id)
        if record.status == TrialStatus.COMPLETED:
            value = record.best_value(self._study.metric, self._study.mode)
            self._optuna.tell(trial, value, state=TrialState.COMPLETE, skip_if_finished=True)
        elif record.status == TrialStatus.PRUNED:
            self._optuna.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
        elif record.infeasible:  # samplers learn nothing from a failure, but keep away from what breaks a constraint
            trial.set_user_attr("reason", record.reason)
            trial.set_constraint("memory", 1.0)
            self._optuna.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
        else:
            trial.set_user_attr("reason", record.reason)
            self._optuna.tell(trial, state=TrialState.FAIL, skip_if_finished=True)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Nothing can be written any more: the study is told, and its search stops.

        Nothing is raised, since Tune takes what is raised while a trial ends for a failure of its slot. What the
        records or Optuna missed is told at the next start.
        """
        try:
            with storage_errors():
                yield
        except StorageLost as error:
            self._study.set_storage_error(error)

    def _reconcile(self) -> None:
        """Make Optuna agree with the records, which are the truth, after a crash between the two."""
        found = {}
        for frozen in self._optuna.get_trials(deepcopy=False):
            name = frozen.user_attrs.get("trial_id", "")
            if name in self._study.records:
                found[name] = frozen
            elif frozen.state == TrialState.RUNNING:  # asked for, never begun: its name is the next one's
                optuna.Trial(self._optuna, frozen._trial_id).set_user_attr("trial_id", "")
                self._optuna.tell(frozen.number, state=TrialState.FAIL)
        for record in list(self._study.records.values()):
            self._agree(record, found.get(record.trial_id))

    def _agree(self, record: TrialRecord, frozen: FrozenTrial | None) -> None:
        if frozen is None:  # its database was damaged or lost
            self._optuna.add_trial(self._rebuilt(record))
            known = 0
        else:
            known = len(frozen.intermediate_values)
        trial = self._trial(record.trial_id)
        for number, value in enumerate(record.values(self._study.metric).values(), 1):
            if number > known and (frozen is None or frozen.state == TrialState.RUNNING):
                _report(trial, value, number)
        if record.status == TrialStatus.RUNNING and record.results and record.results[-1].last:
            self._study.end(record.trial_id, TrialStatus.COMPLETED)
        if record.status != TrialStatus.RUNNING and (frozen is None or frozen.state == TrialState.RUNNING):
            self._tell(record)

    def _rebuilt(self, record: TrialRecord) -> FrozenTrial:
        search = self._study.space.search
        return optuna.trial.create_trial(
            state=TrialState.RUNNING,
            params=record.parameters,
            distributions={name: samplers.distribution(search[name]) for name in record.parameters},
            user_attrs={"trial_id": record.trial_id},
        )

    def _trial(self, ours: str) -> optuna.Trial:
        """Optuna's trial, also one that an earlier sitting asked for."""
        if ours not in self._optuna_ids:
            known = self._optuna.get_trials(deepcopy=False)
            self._optuna_ids = {frozen.user_attrs.get("trial_id", ""): frozen._trial_id for frozen in known}
        return optuna.Trial(self._optuna, self._optuna_ids[ours])

    # ---- Tune wants to write its own snapshot; the study folder is the truth, so there is nothing to keep

    def save(self, checkpoint_path: str) -> None:
        """Nothing: records and Optuna's database are written at every change."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: a study resumes from its records."""


def _report(trial: optuna.Trial, value: float, step: int) -> None:
    with warnings.catch_warnings():  # a trial whose record was damaged tells again what Optuna still knew: the same
        warnings.filterwarnings("ignore", message="The reported value is ignored")
        trial.report(value, step=step)
