"""What must hold after a history, whatever happened: the checks of `benchmarks._fault_checks`, and more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from optuna.trial import FrozenTrial, TrialState

from benchmarks.histories.observations import Result, saved_records
from benchmarks.histories.scenario import METRIC, StudySettings
from benchmarks.simulation.simulation import STUDY
from benchmarks.simulation.training import STEPS_PER_EPOCH, SmoothCurve
from foundation.statuses import TrialStatus
from search_spaces.choices import Direction
from tuning.algorithms.schedulers import TrialHandle, make_scheduler
from tuning.studies import retention
from tuning.studies.epochs import longest_epochs
from tuning.studies.paths import Paths
from tuning.studies.ranking import rank_trials
from tuning.studies.records import TrialRecord
from tuning.studies.storage import Storage
from tuning.studies.study import Study

_OPTUNA_STATES = {
    TrialStatus.COMPLETED: TrialState.COMPLETE,
    TrialStatus.PRUNED: TrialState.PRUNED,
    TrialStatus.FAILED: TrialState.FAIL,
}

#: Parts of the reasons of trials that failed because they lost their processes again and again.
_LOST = ("its slot was lost", "its workers died", "the worker group broke")

#: Number of losses that no trial may fail of.
_HARMLESS_LOSSES = 3


def violations_of(study: StudySettings, result: Result, undisturbed: Result | None, folder: Path) -> list[str]:
    """Returns every violation of a history, one sentence each.

    Args:
        undisturbed: the same study without incidents; None if it is not comparable.
        folder: the storage of the study.
    """
    records = [result.records[number] for number in sorted(result.records)]
    violations = list(result.observations.violations)
    if [record.number for record in records] != list(range(study.trials)):
        violations.append(f"trial numbers are {[record.number for record in records]}")
    for record in records:
        violations += _trial_violations(study, record, result)
    violations += _decision_violations(study, records, result)
    violations += optuna_violations(records, result.trials)
    violations += _file_violations(study, folder)
    if undisturbed is not None and not any(_was_lost(record) for record in records):
        violations += _differences(undisturbed.records, result.records)
    return violations


def _trial_violations(study: StudySettings, record: TrialRecord, result: Result) -> list[str]:
    """Checks that a trial has all of its results, each of its own, and has ended for a reason."""
    name, curve, violations = record.trial_id, SmoothCurve(METRIC, study.failures), list[str]()
    epochs = [entry.epoch for entry in record.results]
    if epochs != [float(number) for number in range(1, len(epochs) + 1)]:
        violations.append(f"{name} has epochs {epochs}")
    if record.status is TrialStatus.COMPLETED and len(epochs) != study.epochs:
        violations.append(f"{name} is completed after {len(epochs)} epochs")
    if record.status is TrialStatus.RUNNING:
        violations.append(f"{name} is still running")
    for entry in record.results:
        metrics = curve.at(record.config, entry.epoch)
        if metrics is None or (entry.step, entry.metrics[METRIC]) != (entry.epoch * STEPS_PER_EPOCH, metrics[METRIC]):
            violations.append(f"{name} has at epoch {entry.epoch:g} a result of another trial or step")
        if entry.last != (entry.epoch == study.epochs):
            violations.append(f"{name}, epoch {entry.epoch:g}: last is {entry.last}")
    losses = result.observations.losses
    fails_by_itself = curve.at(record.config, len(epochs) + 1.0) is None
    may_be_lost = _was_lost(record) and losses > _HARMLESS_LOSSES
    if record.status is TrialStatus.FAILED and not fails_by_itself and not may_be_lost:
        violations.append(f"{name} failed after {losses} losses: {record.reason}")
    return violations


def _was_lost(record: TrialRecord) -> bool:
    return record.status is TrialStatus.FAILED and record.reason.startswith(_LOST)


def _decision_violations(study: StudySettings, records: list[TrialRecord], result: Result) -> list[str]:
    """Repeats all decisions from the records alone, and compares them with what became of the trials."""
    violations = []
    for record in records:
        if (
            record.status is TrialStatus.PRUNED
            and (record.trial_id, record.last_epoch) in result.observations.continued
        ):
            violations.append(f"{record.trial_id} went on at epoch {record.last_epoch:g}, and was pruned there")
    results = sorted(
        ((record, entry) for record in records for entry in record.results), key=lambda pair: pair[1].order
    )
    orders = [entry.order for _, entry in results]
    if orders != list(range(1, len(orders) + 1)):
        violations.append(f"the results have the orders {orders}")
    scheduler = make_scheduler(study.space(), longest_epochs(study.space())).inner
    handles = {record.trial_id: TrialHandle(record.trial_id) for record in records}
    for handle in handles.values():
        scheduler.on_trial_add(None, handle)
    for record, entry in results:
        handle, is_final = handles[record.trial_id], entry is record.results[-1]
        score = {"epoch": entry.epoch + 1e-6, "objective": entry.metrics[METRIC]}
        if is_final and record.status is TrialStatus.COMPLETED:
            scheduler.on_trial_complete(None, handle, score)
            continue
        stops = scheduler.on_trial_result(None, handle, score) == scheduler.STOP
        if stops != (is_final and record.status is TrialStatus.PRUNED):
            violations.append(
                f"{record.trial_id}, {record.status}: the scheduler decides otherwise at epoch {entry.epoch:g}"
            )
        if stops and is_final:
            scheduler.on_trial_complete(None, handle, score)
    return violations


def optuna_violations(records: list[TrialRecord], trials: list[FrozenTrial]) -> list[str]:
    """Returns where Optuna's study and the records differ."""
    by_id = {record.trial_id: record for record in records}
    violations = [
        f"Optuna's trial {trial.number} is {trial.state.name}" for trial in trials if not trial.state.is_finished()
    ]
    named = [trial for trial in trials if trial.user_attrs.get("trial_id") in by_id]
    counts = Counter(trial.user_attrs["trial_id"] for trial in named)
    violations += [f"{name} is {counts[name]} times in Optuna" for name in by_id if counts[name] != 1]
    for trial in named:
        record = by_id[trial.user_attrs["trial_id"]]
        curve = [entry.metrics[METRIC] for entry in record.results]
        if trial.state != _OPTUNA_STATES.get(record.status):
            violations.append(f"{record.trial_id} is {record.status}, in Optuna {trial.state.name}")
        if list(trial.intermediate_values.values()) != curve:
            violations.append(f"{record.trial_id} has {curve}, in Optuna {trial.intermediate_values}")
        if record.status is TrialStatus.COMPLETED and trial.value != max(curve):
            violations.append(f"{record.trial_id} has {max(curve)}, in Optuna {trial.value}")
        if trial.params != record.parameters:
            violations.append(f"{record.trial_id} has {record.parameters}, in Optuna {trial.params}")
    return violations


def _file_violations(settings: StudySettings, folder: Path) -> list[str]:
    """Checks that the study's folder holds the model of the best trial, and no leftovers."""
    study = Study(settings.space(), Paths.of(Storage(folder), STUDY), STUDY)
    study.records = saved_records(folder)
    violations = [f"a temporary file remains: {path.name}" for path in study.paths.root.rglob(".*.tmp")]
    violations += [f"{path.name} remains" for path in (study.paths.ray, study.paths.lock_owner) if path.exists()]
    with_models = [record for record in study.records.values() if study.checkpoints.saved(record)]
    if len(with_models) > study.space.checkpoints.keep_best:
        violations.append(f"{len(with_models)} trials have models")
    for record in with_models:
        violations += _model_violations(study, record)
    best = next(iter(study.ranked()), None)
    if best is not None and retention.best_saved_trial(study) is not best and not _was_pruned_by_failed(study, best):
        violations.append(f"the model of {best.trial_id}, the best trial, is lost")
    return violations


def _was_pruned_by_failed(study: Study, best: TrialRecord) -> bool:
    """Whether the best trial was pruned at its best evaluation, where it is not saved, by a trial that failed later."""
    has_failed = any(record.status is TrialStatus.FAILED for record in study.records.values())
    is_pruned = best.status is TrialStatus.PRUNED and best.best_epoch(study.metric, study.mode) == best.last_epoch
    return has_failed and is_pruned


def _model_violations(study: Study, record: TrialRecord) -> list[str]:
    saved, violations = study.checkpoints.saved(record), []
    if [(point.epoch, point.resumable) for point in saved] != [(record.best_epoch(study.metric, study.mode), False)]:
        violations.append(f"{record.trial_id} keeps {[(point.epoch, point.resumable) for point in saved]}")
    text = (Path(saved[0].path) / "model.safetensors").read_text()
    if text != f"model.safetensors of step {saved[0].step}":
        violations.append(f"{record.trial_id} has the model {text!r} at step {saved[0].step}")
    return violations


def _differences(undisturbed: Mapping[int, TrialRecord], other: Mapping[int, TrialRecord]) -> list[str]:
    """Returns where suggestions, decisions, results or the ranking differ from those of the undisturbed run."""
    violations = []
    for number in sorted(undisturbed.keys() & other.keys()):
        one, two = undisturbed[number], other[number]
        if one.parameters != two.parameters:
            violations.append(f"trial {number} has {two.parameters}, undisturbed {one.parameters}")
        elif one.status is not two.status:
            violations.append(f"trial {number} is {two.status}, undisturbed {one.status}")
        elif one.values(METRIC) != two.values(METRIC):
            violations.append(f"trial {number} has {two.values(METRIC)}, undisturbed {one.values(METRIC)}")
    if _ranking(undisturbed) != _ranking(other):
        violations.append(f"the ranking is {_ranking(other)}, undisturbed {_ranking(undisturbed)}")
    return violations


def _ranking(records: Mapping[int, TrialRecord]) -> list[int]:
    """Returns the numbers of the trials that have a value, best first."""
    goal = METRIC, Direction.MAX
    ranked = rank_trials(
        records.values(), lambda one: one.best_value(*goal), Direction.MAX, lambda one: one.best_loss(*goal)
    )
    return [record.number for record in ranked]
