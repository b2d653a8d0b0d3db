"""Runs a study on Ray: Tune asks, Optuna proposes, the scheduler stops, slots train."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any

from trainables.tasks.registry import metric_label
from tuning.cluster import ray_environment

os.environ.update(ray_environment.DEFAULTS | os.environ)

from ray import tune
from ray.tune import CheckpointConfig, FailureConfig, RunConfig, TuneConfig

from foundation.statuses import SessionEnd, TrialStatus
from trainables.models.hub import load_config
from trainables.slots.messages import TuneResult, WorkerInfo, from_tune_config
from trainables.slots.settings import SlotSettings
from trainables.slots.slot import save_all_and_stop
from trainables.slots.step_reader import StepReader
from trainables.training.arguments import overflows_in_fp16
from trainables.training.reports import StepProgress
from tuning.algorithms.optuna_searcher import OptunaSearcher
from tuning.algorithms.optuna_storage import open_study, storage_errors
from tuning.algorithms.schedulers import make_scheduler
from tuning.cluster.fleet import Fleet
from tuning.cluster.resources import OWNER_CPUS, Plan
from tuning.display.live import View
from tuning.display.progress import Progress, TrialRow, trial_row
from tuning.display.time_left import TimeLeftEstimator
from tuning.jobs import make_job
from tuning.progress_note import NOTE_SECONDS, ProgressNote, running_trial, write_progress
from tuning.step_watch import watch_steps
from tuning.studies.attempts import MAX_SLOTS
from tuning.studies.epochs import longest_epochs
from tuning.studies.material import Material
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study
from tuning.trainable import SlotTrainable
from tuning.wandb_settings import TrackingSettings


class Search:
    """One session of a study, from its first unfinished trial to the end of its budget.

    Args:
        tracking: W&B settings that all trials share; None to log nothing.
        earlier_seconds: duration of all earlier sessions.
        preemption_notices: whether machines announce that they are about to go, as on a cluster.
        trainable: the Tune actor that owns a slot.
        fleet: the room for slots on a cluster; None for the slots of the plan.
    """

    def __init__(
        self,
        study: Study,
        material: Material,
        plan: Plan,
        tracking: TrackingSettings | None,
        view: View,
        earlier_seconds: float = 0.0,
        preemption_notices: bool = False,
        trainable: type[SlotTrainable] = SlotTrainable,
        fleet: Fleet | None = None,
    ) -> None:
        self._trainable, self._fleet = trainable, fleet
        self._material = material
        self.study, self.plan, self.view, self.earlier_seconds = study, plan, view, earlier_seconds
        self.end = SessionEnd.DONE
        self._metric = metric_label(study.metric, material.scored_with)
        self._started, self._noted = time.monotonic(), -NOTE_SECONDS
        self._steps: dict[str, StepProgress] = {}
        self._estimator = TimeLeftEstimator(study.space, study.records.values())
        self._showing = threading.RLock()  # snapshots reach the view one by one, in their order
        # Ray Train's own files, which kotune never reads, are local to each machine if the study is in a bucket.
        slot = SlotSettings(
            plan.shape, str(study.paths.ray / "train"), float(study.space.slots.hang), preemption_notices
        )
        self.scheduler = make_scheduler(study.space, longest_epochs(study.space))
        jobs, room = make_job(study, material, tracking), fleet.room if fleet else None
        with storage_errors():
            optuna_study = open_study(study.paths.optuna, study.space, study.paths.address(study.paths.root))
            self.searcher = OptunaSearcher(study, optuna_study, jobs, slot, view.say, room)
            self.searcher.prune(self.scheduler.replay(study.records.values(), study.metric))
        self.scheduler.on_result = self.searcher.record
        self.scheduler.on_slot_lost = self.searcher.slot_lost
        self._rows = {record.trial_id: trial_row(study, record) for record in study.records.values()}
        study.observe(self._on_change)

    def run(self) -> None:
        """Searches until the budget is spent or the user stops the search."""
        budget = self.study.space.budget
        if len(self.study.with_status(TrialStatus.RUNNING)) + budget.trials - len(self.study.records) <= 0:
            return
        self.view.show(self.progress())
        if self._fleet is not None:
            self._fleet.wait_for_room(self.plan.min_slots)
        trainable = tune.with_resources(self._trainable, tune.PlacementGroupFactory([{"CPU": OWNER_CPUS}]))
        tuner = tune.Tuner(
            trainable,
            tune_config=TuneConfig(
                search_alg=self.searcher,
                scheduler=self.scheduler,
                num_samples=-1,  # the searcher decides when the search is over: it proposes a lost trial again
                max_concurrent_trials=self.plan.limit,
                reuse_actors=True,
                trial_name_creator=_trial_name,
                trial_dirname_creator=_trial_name,
            ),
            run_config=RunConfig(
                name="tune",
                storage_path=str(self.study.paths.ray),
                # A worker saves the trial; the actor that owns the slot has no state of its own.
                checkpoint_config=CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
                # Counts only slots that never started to work; see `ResumableScheduler.on_trial_error`.
                failure_config=FailureConfig(max_failures=MAX_SLOTS),
                stop=_SessionStopper(self),
                verbose=0,
            ),
        )
        try:
            with watch_steps(StepReader().read, self._on_steps):
                tuner.fit()
        finally:
            if self._fleet is not None:
                self._fleet.close()
        self.end = self._session_end()

    def _session_end(self) -> SessionEnd:
        if self.study.storage_error is not None:
            return SessionEnd.STORAGE_LOST
        enough = len(self.study.records) >= self.study.space.budget.trials or self.searcher.is_exhausted()
        if not self.study.with_status(TrialStatus.RUNNING) and enough:
            return SessionEnd.DONE
        if self.searcher.all_trials_failed():
            return SessionEnd.ALL_FAILED
        return SessionEnd.TIME_BUDGET if self.out_of_time else SessionEnd.INTERRUPTED

    @property
    def out_of_time(self) -> bool:
        """Whether the time budget of this session is spent."""
        limit = self.study.space.budget.time
        return limit is not None and self.seconds >= limit

    # ---- for the summary

    @property
    def worker_groups_started(self) -> int:
        return sum(self.searcher.groups.values())

    @property
    def slots(self) -> int:
        """The largest number of slots that there was room for."""
        return self.plan.slots if self._fleet is None else self._fleet.most_slots

    @property
    def seconds(self) -> float:
        """Duration of this session so far."""
        return time.monotonic() - self._started

    # ---- for the screen, and for `status`

    def _on_change(self, record: TrialRecord) -> None:
        # Only the changed row is built anew: a study may have a thousand trials.
        with self._showing:
            row = self._rows[record.trial_id] = trial_row(self.study, record, self._steps.get(record.trial_id))
            self._show([row])

    def _on_steps(self, steps: Mapping[str, StepProgress]) -> None:
        with self._showing:
            self._steps |= steps
            for trial_id in steps.keys() & self._rows.keys():
                self._rows[trial_id] = trial_row(self.study, self.study.records[trial_id], steps[trial_id])
            self._show([])

    def _show(self, changed: Sequence[TrialRow]) -> None:
        progress = replace(self.progress(), changed=changed)
        self.view.show(progress)
        if time.monotonic() - self._noted >= NOTE_SECONDS:
            self._noted = time.monotonic()
            with suppress(OSError):  # if the storage fails, the next record reports it
                write_progress(self.study.paths.progress, self._note(progress))

    def _note(self, progress: Progress) -> ProgressNote:
        hosts = {worker.host for worker in list(self.searcher.workers.values())}
        if self._fleet is not None:  # without those that have left the cluster
            hosts &= self._fleet.names
        trials = [running_trial(row.number, row.max_epochs, row.steps) for row in progress.rows]
        return ProgressNote(
            metric=progress.metric,
            slots=progress.slots,
            plan=self.plan.description,
            machines=sorted(hosts),
            elapsed_seconds=progress.elapsed_seconds,
            seconds_left=progress.time_left.seconds if progress.time_left else None,
            written_at=time.time(),
            time_left=progress.time_left.text if progress.time_left else "",
            running=[trial for trial in trials if trial is not None],
        )

    def _precision(self, worker: WorkerInfo) -> str:
        return "32 bit" if worker.precision == "fp16" and self._overflows else worker.precision

    @cached_property
    def _overflows(self) -> bool:
        """Whether the model cannot compute in fp16."""
        base = self.study.paths.base_model(next(iter(self._material.tables)))
        return overflows_in_fp16(load_config(str(base), trust=self.study.space.trust_remote_code).model_type)

    def progress(self) -> Progress:
        """The state of the search, for the screen."""
        study, budget = self.study, self.study.space.budget
        workers = list(self.searcher.workers.values())  # another thread may add one
        devices, precisions = {worker.device for worker in workers}, {self._precision(worker) for worker in workers}
        hardware = ", ".join([*sorted(devices), *sorted(precisions)])
        slots = self.plan.slots if self._fleet is None else self._fleet.slots
        time_left = self._estimator.estimate(
            list(study.records.values()),
            self._steps,
            trials=budget.trials,
            slots=slots,
            budget_left=None if budget.time is None else budget.time - self.seconds,
        )
        return Progress(
            study=study.name,
            metric=self._metric,
            mode=study.mode,
            rows=list(self._rows.values()),
            total_trials=budget.trials,
            slots=slots,
            elapsed_seconds=self.earlier_seconds + self.seconds,
            earlier_seconds=self.earlier_seconds,
            time_budget_seconds=budget.time and budget.time + self.earlier_seconds,
            workers_note=self.plan.description + (f" · {hardware}" if hardware else ""),
            time_left=time_left,
        )


class _SessionStopper(tune.Stopper):  # type: ignore[misc]
    """Ends the search when the storage is lost or the time budget is spent; running trials are saved first."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._out_of_time = False

    def __getstate__(self) -> dict[str, object]:
        return {}  # Tune pickles the stopper, and kotune never reads Tune's state

    def __call__(self, trial_id: str, result: TuneResult) -> bool:
        return False

    def stop_all(self) -> bool:
        search = self._search
        if not self._out_of_time and search.out_of_time:
            self._out_of_time = True
            search.view.say("the time budget is spent: running trials are saved")
            save_all_and_stop()
        return self._out_of_time or search.study.storage_error is not None


def _trial_name(trial: Any) -> str:
    return from_tune_config(trial.config).job.trial_id
