"""Runs the only trial of a study in this process, without Ray.

It does for one configuration what `tuning.search` does for many: the same job, records, checkpoints and endings.
"""

from __future__ import annotations

import ctypes
import platform
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial

from transformers import TrainerCallback

from foundation.durable import StorageLost, is_storage_error
from foundation.secrets import redact
from foundation.statuses import SessionEnd, TrialStatus
from trainables.tasks.registry import metric_label
from trainables.tracking.run_settings import RunStatus
from trainables.tracking.tracker import Tracker, TrackingCallback
from trainables.training.callbacks import Heartbeat, SaveOnShutdown
from trainables.training.job import Job, write_trace
from trainables.training.memory import Infeasible
from trainables.training.reports import Decision, Interrupted, Report, StepProgress, failure_reason
from trainables.training.trial import run_trial
from trainables.training.worker_cache import WorkerCache
from tuning.display.live import View
from tuning.display.time_left import TimeLeft, TimeLeftEstimator
from tuning.jobs import make_job
from tuning.progress_note import NOTE_SECONDS, ProgressNote, RunningTrial, running_trial, write_progress
from tuning.studies import retention
from tuning.studies.epochs import trial_epochs
from tuning.studies.job_file import write_job
from tuning.studies.material import Material
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study
from tuning.wandb_settings import TrackingSettings

#: Seconds that a trial has to save a checkpoint after `stop`, as for a slot in a search. Then the one before it stays.
_STOP_SECONDS = 6.0

#: Seconds between two lines with the steps done.
_SAY_SECONDS = 60.0

#: Seconds that the end of a session waits for the W&B run to finish.
_TRACKER_SECONDS, _TRACKER_SECONDS_INTERRUPTED = 30.0, 2.0


def new_trial(study: Study) -> TrialRecord:
    """Returns a record for the only trial of a new study, which has not begun."""
    config = dict(study.space.fixed)
    return TrialRecord(0, f"{study.name}-0000", {}, config, trial_epochs(study.space, config), is_default=True)


def only_trial(study: Study) -> TrialRecord:
    """Returns the record of the study's only trial. A new study gets its record here."""
    if study.records:
        return next(iter(study.records.values()))
    record = new_trial(study)
    study.begin(record)
    return record


class LocalRun:
    """One session of a study with one configuration.

    Args:
        tracking: W&B settings; None logs nothing.
        callbacks: Additional trainer callbacks, such as a progress bar.
        earlier_seconds: The duration of earlier sessions.
        show_steps: Called every few seconds with the steps done and the time left; None to say them once a minute.
    """

    slots, worker_groups_started = 1, 0

    def __init__(
        self,
        study: Study,
        material: Material,
        tracking: TrackingSettings | None,
        view: View,
        callbacks: Sequence[TrainerCallback] = (),
        earlier_seconds: float = 0.0,
        show_steps: Callable[[RunningTrial, TimeLeft | None], None] | None = None,
    ) -> None:
        self._study, self._material, self._tracking, self._view = study, material, tracking, view
        self._callbacks, self._earlier_seconds = callbacks, earlier_seconds
        self._show_steps = show_steps or self._say_steps
        self._metric, self._estimator = metric_label(study.metric, material.scored_with), TimeLeftEstimator(study.space)
        self._noted = self._said = time.monotonic()
        self._stopping = threading.Event()
        self._out_of_time = False
        self._started = time.monotonic()
        self.seconds = 0.0
        self.end = SessionEnd.DONE

    def stop(self) -> None:
        """Makes the trial save a checkpoint and end, in mid-epoch or mid-evaluation. Can be called from any thread."""
        self._stopping.set()

    def run(self) -> None:
        """Trains until the trial ends, its time budget is spent, or `stop` is called."""
        study = self._study
        is_new = not study.records
        record = only_trial(study)
        try:
            if record.status is TrialStatus.RUNNING:
                if not is_new:
                    record.sessions += 1
                self._run(record)
        except StorageLost as error:
            study.set_storage_error(error)
        except OSError as error:
            if not is_storage_error(error):
                raise
            study.set_storage_error(StorageLost(str(error)))
        self.seconds = time.monotonic() - self._started
        self.end = self._how_it_ended(record)

    def _how_it_ended(self, record: TrialRecord) -> SessionEnd:
        if self._study.storage_error is not None:
            return SessionEnd.STORAGE_LOST
        if record.status is not TrialStatus.RUNNING:
            return SessionEnd.DONE
        return SessionEnd.TIME_BUDGET if self._out_of_time else SessionEnd.INTERRUPTED

    def _run(self, record: TrialRecord) -> None:
        study = self._study
        if record.results and record.results[-1].last:  # the process was killed before it wrote the status
            self._end(record, TrialStatus.COMPLETED)
            return
        study.begin(record)
        job = make_job(study, self._material, self._tracking)(record)
        write_job(study, job)
        tracker = Tracker(job.tracking) if job.tracking else None
        status = RunStatus.INTERRUPTED
        try:
            status = self._train(record, job, tracker)
        finally:
            if tracker:
                tracker.close({"status": str(status)})
                tracker.wait(_TRACKER_SECONDS_INTERRUPTED if status is RunStatus.INTERRUPTED else _TRACKER_SECONDS)

    def _train(self, record: TrialRecord, job: Job, tracker: Tracker | None) -> RunStatus:
        """Returns the status of the W&B run."""
        heartbeat = Heartbeat(partial(self._on_steps, record))
        callbacks = [*([TrackingCallback(tracker)] if tracker else []), *self._callbacks, heartbeat]
        shutdown = SaveOnShutdown(lambda step: (self._must_stop(), step + 1), self._must_stop)
        try:
            with _deadline(self._stopping, _STOP_SECONDS):
                run_trial(job, _RecordReporter(self._study, record, self._view), WorkerCache(), [*callbacks, shutdown])
        except (Interrupted, KeyboardInterrupt):
            return RunStatus.INTERRUPTED
        except Exception as error:
            if isinstance(error, StorageLost) or is_storage_error(error):
                raise
            write_trace(job.folder, redact(traceback.format_exc()))
            record.infeasible = isinstance(error, Infeasible)
            self._end(record, TrialStatus.FAILED, failure_reason(error))
            return RunStatus.FAILED
        self._end(record, TrialStatus.COMPLETED)
        if record.stopped_early:
            patience = record.config["early_stopping_patience"]
            self._view.say(f"no better value in {patience} evaluation{'s' * (patience > 1)}: training ends early")
        return RunStatus.FINISHED

    def _on_steps(self, record: TrialRecord, steps: StepProgress) -> None:
        """Shows how far the trial is, and notes it for `status`."""
        budget, now = self._study.space.budget.time, time.monotonic()
        budget_left = None if budget is None else budget - (now - self._started)
        left = self._estimator.estimate([record], {record.trial_id: steps}, trials=1, slots=1, budget_left=budget_left)
        trial = running_trial(record.number, record.max_epochs, steps)
        assert trial is not None
        self._show_steps(trial, left)
        if now - self._noted >= NOTE_SECONDS:
            self._noted = now
            note = ProgressNote(
                metric=self._metric,
                slots=1,
                plan="training in its process",
                machines=[platform.node()],
                elapsed_seconds=self._earlier_seconds + now - self._started,
                seconds_left=left.seconds if left else None,
                written_at=time.time(),
                time_left=left.text if left else "",
                running=[trial],
            )
            with suppress(OSError):  # if the storage fails, the next record reports it
                write_progress(self._study.paths.progress, note)

    def _say_steps(self, trial: RunningTrial, left: TimeLeft | None) -> None:
        if time.monotonic() - self._said >= _SAY_SECONDS:
            self._said = time.monotonic()
            self._view.say(f"{trial.text}, {left.text}" if left and left.text else trial.text)

    def _must_stop(self) -> bool:
        limit = self._study.space.budget.time
        if not self._out_of_time and limit is not None and time.monotonic() - self._started >= limit:
            self._out_of_time = True
            self._view.say("the time budget is spent: saving the trial")
        return self._out_of_time or self._stopping.is_set()

    def _end(self, record: TrialRecord, status: TrialStatus, reason: str = "") -> None:
        self._study.end(record.trial_id, status, reason)
        with suppress(OSError):  # files that cannot be deleted now are deleted by the next session
            retention.remove_unneeded_checkpoints(self._study)


class _RecordReporter:
    """Writes every evaluation to the trial's record and shows it."""

    def __init__(self, study: Study, record: TrialRecord, view: View) -> None:
        self._study, self._record, self._view = study, record, view

    def report(self, report: Report) -> Decision:
        metrics, record = report.metrics, self._record
        if self._study.add(record.trial_id, report.epoch, report.step, metrics, report.seconds, report.last):
            shown = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
            self._view.say(f"epoch {report.epoch:g}/{record.max_epochs:g}  step {report.step}  {shown}")
        return Decision.CONTINUE


@contextmanager
def _deadline(stopping: threading.Event, seconds: float) -> Iterator[None]:
    """Raises `KeyboardInterrupt` in this thread if the block runs on for `seconds` after `stopping` is set.

    A single optimizer step on a CPU may take longer than a user waits.
    """
    target, over = threading.get_ident(), threading.Event()
    lock = threading.Lock()

    def watch() -> None:
        stopping.wait()
        if not over.wait(seconds):
            with lock:
                if not over.is_set():
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(
                        ctypes.c_ulong(target), ctypes.py_object(KeyboardInterrupt)
                    )

    threading.Thread(target=watch, name="stop-deadline", daemon=True).start()
    try:
        yield
    finally:
        with lock:
            over.set()
