"""Keeps Optuna's study in agreement with the trial records, which are the source of truth."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from itertools import count

import optuna
from optuna.trial import FrozenTrial, TrialState

from foundation.statuses import TrialStatus
from search_spaces.choices import SamplerName
from search_spaces.values import Scalar
from tuning.algorithms import samplers
from tuning.algorithms.optuna_internals import emptied, storage_id, trial_by_storage_id
from tuning.algorithms.optuna_storage import retry_on_database_error
from tuning.algorithms.space_changes import is_of_another_space, outside, outside_line, parameters_in
from tuning.algorithms.untried import Untried
from tuning.studies.epochs import trial_epochs
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study

#: The user attribute of an Optuna trial that holds kotune's id of it.
_TRIAL_ID = "trial_id"


class OptunaMirror:
    """Optuna's trials of a study: one for each record, with the same values and the same end."""

    def __init__(self, study: Study, optuna_study: optuna.Study) -> None:
        self._study, self._optuna = study, optuna_study
        self._untried = Untried(study.space)
        self._storage_ids: dict[str, int] = {}  # by trial id
        self._outside: set[str] = set()  # ids of trials that are no configurations of the present space

    @property
    def untried(self) -> int | None:
        """The number of configurations that no trial has had; None if there is no end of them."""
        return self._untried.count(self._study.records.values())

    def ask(self) -> TrialRecord | None:
        """Asks the sampler for a new trial; the first one is the recipe default. None if everything was tried.

        If the sampler repeats a configuration, the new trial gets the nearest one that no trial has had.

        Raises:
            StorageLost: Optuna's database cannot be written.
        """
        return retry_on_database_error(self._ask)

    def _ask(self) -> TrialRecord | None:
        self._end_unused()  # an earlier attempt may have failed after it had created a trial
        space, records = self._study.space, self._study.records.values()
        # The lowest number that is free: a damaged trial that the user removed is searched again.
        used = {record.number for record in records}
        number = next(number for number in count() if number not in used)
        repeat = space.sampler.repeat_of(number)
        if number == 0:
            self._enqueue(samplers.defaults(space.search))
        elif repeated := self._parameters_of(number - repeat) if repeat else None:
            self._enqueue(repeated)
        elif self._untried.count(records) == 0:
            return None
        elif space.sampler.name is SamplerName.GRID:
            following = self._untried.next(records, samplers.derived_seed(space.seed, SamplerName.GRID))
            assert following is not None  # the space was checked: it can be listed
            self._enqueue(following)
        trial = samplers.ask(self._optuna, space, number)
        parameters = samplers.suggest(trial, space.search)
        if number and not repeat and self._untried.is_tried(parameters, records):
            trial, parameters = self._ask_instead(trial, parameters, number)
        trial_id = f"{self._study.name}-{number:04d}"
        trial.set_user_attr(_TRIAL_ID, trial_id)
        self._storage_ids[trial_id] = storage_id(trial)  # Optuna may still have a removed trial of this name
        config = {**space.fixed, **parameters}
        epochs = trial_epochs(space, config)
        return TrialRecord(number, trial_id, parameters, config, epochs, is_default=number == 0)

    def _enqueue(self, parameters: Mapping[str, Scalar]) -> None:
        # One is waiting after a crash between the two steps.
        if not self._optuna.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            self._optuna.enqueue_trial(dict(parameters))

    def _ask_instead(
        self, trial: optuna.Trial, parameters: Mapping[str, Scalar], number: int
    ) -> tuple[optuna.Trial, dict[str, Scalar]]:
        """Ends the Optuna trial of a repeated suggestion, and returns the nearest untried one."""
        space = self._study.space
        trial.set_user_attr("reason", "another trial has the same configuration")
        self._optuna.tell(trial, state=TrialState.FAIL)  # samplers ignore it
        seed = samplers.derived_seed(space.seed, "untried", number)
        self._enqueue(self._untried.nearest(parameters, self._study.records.values(), seed) or parameters)
        instead = samplers.ask(self._optuna, space, number)
        return instead, samplers.suggest(instead, space.search)

    def _parameters_of(self, number: int) -> dict[str, Scalar] | None:
        """Returns the parameters of a trial in the present space; None without it, or if it is outside."""
        record = next((record for record in self._study.records.values() if record.number == number), None)
        return None if record is None else parameters_in(self._study.space, record)

    def report(self, record: TrialRecord) -> None:
        """Reports the newest result of a record.

        Raises:
            StorageLost: Optuna's database cannot be written.
        """
        if record.trial_id in self._outside:
            return
        # Optuna's steps are whole numbers: each evaluation is one step, whatever share of an epoch it took.
        value, step = record.results[-1].metrics[self._study.metric], len(record.results)
        retry_on_database_error(lambda: _report(self._trial(record.trial_id), value, step))

    def tell(self, record: TrialRecord) -> None:
        """Ends the Optuna trial of a record that has ended.

        Raises:
            StorageLost: Optuna's database cannot be written.
        """
        if record.trial_id not in self._outside:
            retry_on_database_error(lambda: self._tell(record))

    def _tell(self, record: TrialRecord) -> None:
        trial = self._trial(record.trial_id)
        value, state = None, TrialState.FAIL
        if record.status == TrialStatus.COMPLETED:
            value, state = record.best_value(self._study.metric, self._study.mode), TrialState.COMPLETE
        elif record.status == TrialStatus.PRUNED:
            state = TrialState.PRUNED
        else:
            trial.set_user_attr("reason", record.reason)
            if record.infeasible:
                # Samplers learn nothing from a failed trial, but they avoid what violates a constraint.
                trial.set_constraint("memory", 1.0)
                state = TrialState.PRUNED
        self._optuna.tell(trial, value, state=state, skip_if_finished=True)

    def reconcile(self) -> list[str]:
        """Makes Optuna agree with the records, after a crash between the writes of the two or a change of the space.

        Returns:
            Lines for the user on trials outside the space, which the sampler does not learn from.
        """
        space, records, lines = self._study.space, self._study.records, list[str]()
        trials = self._optuna.get_trials(deepcopy=False)
        of_record = {
            trial.number: records[trial_id]
            for trial in trials
            if (trial_id := trial.user_attrs.get(_TRIAL_ID, "")) in records
        }
        if is_of_another_space(trials, of_record, space):
            self._optuna, trials = emptied(self._optuna), []
            lines.append("the search space has changed: Optuna's study is made again from the records")
        existing = {}
        for frozen in trials:
            if record := of_record.get(frozen.number):
                existing[record.trial_id] = frozen
        self._end_unused()
        outsiders = outside(space, records.values())
        self._outside = {record.trial_id for record in outsiders}
        for record in list(records.values()):
            self._reconcile_trial(record, existing.get(record.trial_id))
        return [*lines, outside_line(outsiders, len(records))] if outsiders else lines

    def _end_unused(self) -> None:
        """Ends the running trials that have no record: they were asked for and never begun."""
        for frozen in self._optuna.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if frozen.user_attrs.get(_TRIAL_ID) not in self._study.records:
                # The next trial gets its name.
                trial_by_storage_id(self._optuna, storage_id(frozen)).set_user_attr(_TRIAL_ID, "")
                self._optuna.tell(frozen.number, state=TrialState.FAIL)

    def _reconcile_trial(self, record: TrialRecord, frozen: FrozenTrial | None) -> None:
        if record.status == TrialStatus.RUNNING and record.results and record.results[-1].last:
            self._study.end(record.trial_id, TrialStatus.COMPLETED)
        if record.trial_id in self._outside:
            return
        if frozen is None:  # Optuna's database was damaged, lost, or made for another space
            self._optuna.add_trial(self._rebuilt(record))
        reported = 0 if frozen is None else len(frozen.intermediate_values)
        is_open = frozen is None or frozen.state == TrialState.RUNNING
        trial = self._trial(record.trial_id)
        for step, value in enumerate(record.values(self._study.metric).values(), 1):
            if step > reported and is_open:
                _report(trial, value, step)
        if record.status != TrialStatus.RUNNING and is_open:
            self.tell(record)

    def _rebuilt(self, record: TrialRecord) -> FrozenTrial:
        search, parameters = self._study.space.search, parameters_in(self._study.space, record) or {}
        return optuna.trial.create_trial(
            state=TrialState.RUNNING,
            params=dict(parameters),
            distributions={name: samplers.distribution(search[name]) for name in parameters},
            user_attrs={_TRIAL_ID: record.trial_id},
        )

    def _trial(self, trial_id: str) -> optuna.Trial:
        """The Optuna trial with kotune's id, also one of an earlier session."""
        if trial_id not in self._storage_ids:
            trials = self._optuna.get_trials(deepcopy=False)
            self._storage_ids = {trial.user_attrs.get(_TRIAL_ID, ""): storage_id(trial) for trial in trials}
        return trial_by_storage_id(self._optuna, self._storage_ids[trial_id])


def _report(trial: optuna.Trial, value: float, step: int) -> None:
    with warnings.catch_warnings():  # after a damaged record Optuna may already have the same value
        warnings.filterwarnings("ignore", message="The reported value is ignored")
        trial.report(value, step=step)
