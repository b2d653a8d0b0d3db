"""The status of a study: its trials, the best of them, and its running session. Changes nothing."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from delivery.results import remarks
from delivery.results.best_model import best_model
from delivery.results.scores import rouge_parts
from delivery.results.summary import Summary
from foundation.checked_json import plain
from foundation.errors import UserError
from foundation.formatting import clock_text, score_text, short_number
from foundation.safe_paths import open_regular
from foundation.statuses import ENDED, TrialStatus
from trainables.tasks.registry import metric_label
from tuning.display.live import LOG_MARK
from tuning.progress_note import ProgressNote, read_progress
from tuning.studies import retention
from tuning.studies.lock import LockOwner, lock_owner
from tuning.studies.material import Material
from tuning.studies.records import TrialRecord
from tuning.studies.storage import Storage
from tuning.studies.study import Study

#: Of more running trials than this only the number is shown.
_MOST_RUNNING = 8


@dataclass(frozen=True)
class BestTrial:
    """The best trial so far; `value` is on dev."""

    trial: str
    value: float | None
    epoch: float | None
    parameters: dict[str, Any]
    metrics: dict[str, float]


@dataclass(frozen=True)
class StudyStatus:
    """The status of a study.

    Args:
        space: The name of its search space.
        age: Seconds since its first session started; None if it has no log.
        resume: The command that continues it.
        session: The process that works on it now; None if none does.
        trials: The number of trials by status.
        budget: The number of trials that the study may have.
        default: The best value of the recipe default.
        failures: Trial id -> reason.
        notes: What the scores alone do not show.
        warnings: Why the best trial may be no better than any other.
        default_pruned: The epoch at which the recipe default was stopped; its score is that of this epoch.
        lacks_export: Whether all trials have ended, and the last session before it had exported the best model.
    """

    study: str
    space: str
    storage: str
    age: float | None
    resume: str
    session: LockOwner | None
    trials: dict[TrialStatus, int]
    budget: int
    metric: str
    rouge_tokenizer: str
    best: BestTrial | None
    default: float | None
    failures: dict[str, str]
    progress: ProgressNote | None
    notes: list[str]
    warnings: list[str]
    lacks_export: bool = False
    default_pruned: float | None = None

    @property
    def begun(self) -> int:
        """The number of trials that have started."""
        return sum(self.trials.values())

    @property
    def state(self) -> str:
        """One of: running, interrupted, finished, waiting (nothing runs, and trials are left)."""
        if self.session:
            return "running"
        if self.trials[TrialStatus.RUNNING]:
            return "interrupted"
        return "finished" if self.begun >= self.budget else "waiting"

    def to_dict(self) -> dict[str, Any]:
        """Returns what `status --json` prints."""
        entry = {**asdict(self), "progress": self.progress and plain(self.progress), "state": self.state}
        entry |= {"at_work": plain(self.session) if self.session else {}}
        del entry["session"]
        return {**entry, "trials": {"begun": self.begun, "of": entry.pop("budget"), **self.trials}}


def study_status(name: str, storage: Storage) -> StudyStatus:
    """Returns the status of the study called `name`.

    Raises:
        UserError: There is no such study.
    """
    study = Study.load(storage, name)
    best, default, metric = next(iter(study.ranked()), None), study.default, study.metric
    progress, material = read_progress(study.paths.progress), Material.load(study.paths)
    status = StudyStatus(
        study=name,
        space=study.space.name,
        storage=str(storage),
        age=_age(study.paths.log),
        resume=study.paths.command("resume"),
        session=lock_owner(study.paths.lock_owner, study.paths.address(study.paths.lock_owner)),
        trials={status: len(study.with_status(status)) for status in TrialStatus},
        budget=study.space.budget.trials,
        metric=metric,
        rouge_tokenizer=study.space.rouge_tokenizer,
        best=None if best is None else _best(study, best),
        default=None if default is None else default.best_value(metric, study.mode),
        default_pruned=default.last_epoch if default and default.status is TrialStatus.PRUNED else None,
        failures={record.trial_id: record.reason for record in study.with_status(TrialStatus.FAILED)},
        progress=progress,
        notes=remarks.notes(study),
        warnings=[*_lost(study), *remarks.warnings(study, material.warnings if material else [])],
    )
    if status.session is None:  # a record that is being replaced has only its previous version for a moment
        status = replace(status, warnings=[*study.remarks, *status.warnings])
    return replace(status, lacks_export=status.state == "finished" and not _is_exported(study))


def _lost(study: Study) -> tuple[str, ...]:
    """Returns which model is lost; checksums are not compared, and nothing is looked up in a bucket."""
    chosen = None if study.paths.bucket else best_model(study, verify=False)
    return chosen.lost if chosen else ()


def _is_exported(study: Study) -> bool:
    """Whether the summary, which a session writes after the export, is that of the best model."""
    summary = None
    with suppress(UserError):  # it is damaged, which `resume` reports
        summary = Summary.load(study.paths.summary)
    exported = summary.best.trial if summary and summary.best else None
    best = next(iter(study.ranked()), None)
    if best is None or best.trial_id == exported:
        return True
    saved = retention.best_saved_trial(study)  # last, since it looks at the checkpoints
    return saved is None or saved.trial_id == exported


def _age(log: Path) -> float | None:
    """Returns the seconds since the log was begun; its first line has the time."""
    try:
        with open_regular(log) as file:
            begun = datetime.fromisoformat(file.readline(100).decode().removeprefix(LOG_MARK).strip())
    except (OSError, ValueError):  # the study ended before it had a log
        return None
    return max(0.0, time.time() - begun.timestamp())


def _best(study: Study, record: TrialRecord) -> BestTrial:
    value, epoch = record.best_value(study.metric, study.mode), record.best_epoch(study.metric, study.mode)
    metrics = next((result.metrics for result in record.results if result.epoch == epoch), {})
    return BestTrial(record.trial_id, value, epoch, record.parameters, dict(metrics))


def status_lines(status: StudyStatus) -> list[str]:
    """Returns the lines that `status` prints."""
    session, state, best = status.session, status.state, status.best
    described = {"waiting": "not running", "interrupted": "interrupted", "finished": "finished"}.get(state, "")
    if session:
        seen = max(0, round(time.time() - session.seen))
        described = f"running on {session.host}, pid {session.pid}, seen {seen} s ago"
    counts = ", ".join(f"{status.trials[end]} {end}" for end in ENDED)
    unfinished = "interrupted" if state == "interrupted" else "running"
    lines = [
        f"study    {status.study} in {status.storage}: {described}",
        f"trials   {status.begun} of {status.budget}: {counts}, {status.trials[TrialStatus.RUNNING]} {unfinished}",
    ]
    if best is not None:
        so_far = "" if state == "finished" else " so far"
        note = status.progress  # names the tokenizer with its version
        metric = note.metric if note else metric_label(status.metric, status.rouge_tokenizer)
        lines.append(f"best     {metric} {score_text(best.value)} on dev{so_far}: {best.trial}, epoch {best.epoch:g}")
        if parts := rouge_parts(status.metric, best.metrics):
            lines.append(f"         {parts}")
        parameters = [f"{key} = {short_number(value)}" for key, value in best.parameters.items()]
        lines += [f"         {', '.join(parameters)}"] if parameters else []
        pruned = f", pruned at epoch {status.default_pruned:g}" if status.default_pruned else ""
        lines += [f"default  {score_text(status.default)}{pruned}"] if status.budget > 1 else []
    lines += [f"note     {note}" for note in status.notes]
    lines += [f"warning  {warning}" for warning in status.warnings]
    lines += [f"failed   {trial}: {reason}" for trial, reason in list(status.failures.items())[:3]]
    if status.lacks_export:
        lines.append("export   the last session ended before it had exported the best model")
    if state in ("interrupted", "waiting") or status.lacks_export:
        lines.append(f"resume   {status.resume}")
    if session and (note := status.progress):
        machines = f" on {', '.join(note.machines)}" if note.machines else ""
        lines += _running_lines(note)
        left = f"about {clock_text(note.seconds_left)} left" if note.seconds_left else ""
        estimate = f", {note.time_left or left}" if note.time_left or left else ""
        lines.append(f"slots    {note.slots}{machines}  ({note.plan})")
        lines.append(f"time     {clock_text(note.elapsed_now)}{estimate}")
    return lines


def _running_lines(note: ProgressNote) -> list[str]:
    """Returns a line for each running trial: where it is, and how fast."""
    lines = [f"running  trial {trial.number}: {trial.text}" for trial in note.running[:_MOST_RUNNING]]
    more = len(note.running) - len(lines)
    return [*lines, f"running  {more} more"] if more else lines
