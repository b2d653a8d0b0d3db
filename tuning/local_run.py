"""Runs the only trial of a study in this process, without Ray.

It does for one configuration what `tuning.search` does for many: the same job, records, checkpoints and endings.
"""

from __future__ import annotations

import ctypes
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from transformers import TrainerCallback

from foundation.durable import StorageLost, is_storage_error
from foundation.secrets import redact
from foundation.statuses import SessionEnd, TrialStatus
from trainables.tracking.run_settings import RunStatus
from trainables.tracking.tracker import Tracker, TrackingCallback
from trainables.training.callbacks import SaveOnShutdown
from trainables.training.job import Job, write_trace
from trainables.training.memory import Infeasible
from trainables.training.reports import Decision, Interrupted, Report, failure_reason
from trainables.training.trial import run_trial
from trainables.training.worker_cache import WorkerCache
from tuning.display.live import View
from tuning.jobs import make_job
from tuning.studies import retention
from tuning.studies.epochs import trial_epochs
from tuning.studies.job_file import write_job
from tuning.studies.material import Material
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study
from tuning.wandb_settings import TrackingSettings

#: Seconds that a trial has to save a checkpoint after `stop`, as for a slot in a search. Then the one before it stays.
_STOP_SECONDS = 6.0

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
    """

    slots, worker_groups_started = 1, 0

    def __init__(
        self,
        study: Study,
        material: Material,
        tracking: TrackingSettings | None,
        view: View,
        callbacks: Sequence[TrainerCallback] = (),
    ) -> None:
        self._study, self._material, self._tracking, self._view = study, material, tracking, view
        self._callbacks = callbacks
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
        callbacks = [*([TrackingCallback(tracker)] if tracker else []), *self._callbacks]
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
