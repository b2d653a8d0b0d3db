"""Runs a study on Ray: Tune asks, Optuna proposes, the scheduler stops, slots train."""

from __future__ import annotations

import json
import logging
import os
import socket
import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

# Read when Ray is imported or a process of it starts, so set before.
os.environ.setdefault("RAY_CHDIR_TO_TRIAL_DIR", "0")  # paths stay what they are
os.environ.setdefault("RAY_TRAIN_V2_ENABLED", "1")
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")  # records are the log
os.environ.setdefault("TUNE_FORCE_TRIAL_CLEANUP_S", "6")  # a slot in mid-epoch is not waited for
os.environ.setdefault("TUNE_PRINT_ALL_TRIAL_ERRORS", "0")  # a lost slot is replaced; a trial's own failure is told
os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "1e9")  # records are the truth; Tune's state is never read
os.environ.setdefault("TUNE_DISABLE_STRICT_METRIC_CHECKING", "1")  # a failed trial reports a reason, no value
os.environ.setdefault("TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S", "0")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault("RAY_usage_stats_enabled", "0")
os.environ.setdefault("RAY_worker_niceness", "0")  # trials are the work, not something beside it
# A slot is a handful of small actors that start together; Ray would warn of a storm.
os.environ.setdefault("RAY_worker_maximum_startup_concurrency", "8")

import ray
from ray import tune
from ray.exceptions import AuthenticationError
from ray.tune import CheckpointConfig, FailureConfig, RunConfig, TuneConfig

from foundation.errors import UserError, first_line
from foundation.statuses import TrialStatus
from trainables.slots.slot import save_all_and_stop
from tuning.algorithms.optuna_searcher import OptunaSearcher
from tuning.algorithms.optuna_storage import as_lost_storage, open_study
from tuning.algorithms.schedulers import make_scheduler
from tuning.cluster import processes
from tuning.cluster.fleet import Fleet, living_machines
from tuning.cluster.ray_token import keep_token_private
from tuning.cluster.resources import OWNER_CPUS, Machine, Plan
from tuning.display.live import View
from tuning.display.progress import Progress, TrialRow, with_tokenizer
from tuning.jobs import make_job
from tuning.preparation import Material
from tuning.studies.attempts import MAX_SLOTS
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study
from tuning.trainable import SlotTrainable

#: What Ray says that it could not start or join with.
_REFUSALS = (ConnectionError, ValueError, RuntimeError, AuthenticationError)

#: Seconds in which a cluster's head takes a connection.
_KNOCK_SECONDS = 10.0

#: Seconds between two notes for `status`.
_TELL_SECONDS = 5.0


def connect(address: str | None, cpus: int | None = None) -> list[Machine]:
    """Start Ray here, or join the cluster at `address`; answers what is there.

    Args:
        cpus: how many to count here, if not all.

    Raises:
        UserError: no cluster answers.
    """
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": True}
    if address:
        options["address"] = address
    else:
        keep_token_private()
        # "local", or Ray would join whatever cluster it finds, while slots were planned for this machine.
        options |= {"address": "local", "include_dashboard": False, "num_cpus": cpus}
    options["runtime_env"] = processes.environment(address)
    # Of every process that is lost Ray prints pages to standard output, into tables and JSON, also without logs from
    # workers; its own logs keep them, and what it means for a trial is told.
    ray._private.worker.print_to_stdstream = lambda data, ignore_prefix: None
    try:
        if address:
            _knock(address)
        (_join if address else ray.init)(**options)
    except _REFUSALS as error:
        raise UserError(
            f"--address {address}: {first_line(error)}",
            "auto on a machine of the cluster, or HOST:PORT",
            "ray status shows whether one runs; where it wants a token (~/.ray/auth_token, RAY_AUTH_TOKEN), HOST:PORT "
            "needs export RAY_AUTH_MODE=token; without --address Ray starts here",
        ) from error
    return living_machines()


def _knock(address: str) -> None:
    """Whether anything listens at HOST:PORT: Ray tries for a quarter of an hour where nothing does."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host, int(port)), _KNOCK_SECONDS).close()
        except OSError as error:
            raise ConnectionError(f"nothing answers there: {error}") from error


def _join(**options: Any) -> None:
    """As `ray.init`; the lines that Ray's core writes to standard error, one a second while it tries, become one."""
    with tempfile.TemporaryFile() as file:
        before = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            ray.init(**options)
        except _REFUSALS as error:
            file.seek(0)
            if b"InvalidAuthToken" in file.read():
                raise ConnectionError("it wants another token than the one here, or one at all") from error
            raise
        finally:
            os.dup2(before, 2)
            os.close(before)


def disconnect() -> None:
    """Leave the cluster, or end the Ray that `connect` started."""
    ray.shutdown()


class Search:
    """One sitting of a study, from its first open trial to the end of its budget.

    Args:
        tracking: W&B settings that all trials share; None to log nothing.
        earlier_seconds: what earlier sittings took.
        warned: whether machines are announced to go before they do, as on a cluster.
        trainable: the Tune actor that owns a slot.
        fleet: knows how many slots there is room for, on a cluster; None: as many as planned.
    """

    def __init__(
        self,
        study: Study,
        material: Material,
        plan: Plan,
        tracking: dict[str, Any] | None,
        view: View,
        earlier_seconds: float = 0.0,
        warned: bool = False,
        trainable: type[SlotTrainable] = SlotTrainable,
        fleet: Fleet | None = None,
    ) -> None:
        self._trainable, self._fleet = trainable, fleet
        self.study, self.plan, self.view, self.earlier_seconds = study, plan, view, earlier_seconds
        #: How the sitting ended: done, hopeless (its first trials all failed), budget (of time), storage (nothing can
        #: be written any more), or interrupted.
        self.end = "done"
        self._metric = with_tokenizer(study.metric, material.scored_with)
        self._started, self._told = time.monotonic(), -_TELL_SECONDS
        slot = {
            "workers": plan.shape.workers,
            "cpus": plan.shape.cpus,
            "gpus": plan.shape.gpus,
            # Ray Train's own files, of no use to anybody: on each machine its own, where the study is in a bucket.
            "folder": str(study.paths.ray / "train"),
            "hang": study.space.slots.hang,
            "warned": warned,
        }
        self.scheduler = make_scheduler(study.space, max_epochs_of(study))
        jobs, room = make_job(study, material, tracking), fleet.room if fleet else None
        with as_lost_storage():
            optuna_study = open_study(study.paths.optuna, study.space, study.paths.address(study.paths.root))
            self.proposals = OptunaSearcher(study, optuna_study, jobs, slot, view.say, room)
            self.proposals.stopped(self.scheduler.replay(study.records.values(), study.metric))
        self.scheduler.lost = self.proposals.slot_lost
        self._rows = {record.trial_id: _row(study, record) for record in study.records.values()}
        study.listeners.append(self._changed)

    def run(self) -> None:
        """Search until the budget is spent, or somebody stops it."""
        left = (
            len(self.study.with_status(TrialStatus.RUNNING)) + self.study.space.budget.trials - len(self.study.records)
        )
        if left <= 0:
            return
        self._show()
        if self._fleet is not None:
            self._fleet.gather(self.plan.least)
        trainable = tune.with_resources(self._trainable, tune.PlacementGroupFactory([{"CPU": OWNER_CPUS}]))
        tuner = tune.Tuner(
            trainable,
            tune_config=TuneConfig(
                search_alg=self.proposals,
                scheduler=self.scheduler,
                num_samples=-1,  # the proposals know when it is over: a lost trial is proposed again
                max_concurrent_trials=self.plan.limit,
                reuse_actors=True,
                trial_name_creator=lambda trial: str(trial.config["job"]["trial_id"]),
                trial_dirname_creator=lambda trial: str(trial.config["job"]["trial_id"]),
            ),
            run_config=RunConfig(
                name="tune",
                storage_path=str(self.study.paths.ray),
                # A worker saves the trial; the actor that owns it has nothing of its own to keep.
                checkpoint_config=CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
                failure_config=FailureConfig(max_failures=MAX_SLOTS),  # of slots that never began; see `ById`
                stop=_End(self),
                verbose=0,
            ),
        )
        try:
            tuner.fit()
        finally:
            if self._fleet is not None:
                self._fleet.close()
        self.end = self._how_it_ended()

    def _how_it_ended(self) -> str:
        if self.study.lost is not None:
            return "storage"
        budget = self.study.space.budget
        if not self.study.with_status(TrialStatus.RUNNING) and len(self.study.records) >= budget.trials:
            return "done"
        if self.proposals.hopeless():
            return "hopeless"
        return "budget" if self.out_of_time else "interrupted"

    @property
    def out_of_time(self) -> bool:
        """Whether the time budget of this sitting is spent."""
        limit = self.study.space.budget.time
        return limit is not None and self.seconds >= limit

    # ---- for the summary

    @property
    def worker_groups_started(self) -> int:
        return sum(self.proposals.groups.values())

    @property
    def slots(self) -> int:
        """How many there was room for, at most."""
        return self.plan.slots if self._fleet is None else self._fleet.most_slots

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def _changed(self, record: TrialRecord) -> None:
        # A study of a thousand trials is not to be looked through at every report.
        self._rows[record.trial_id] = row = _row(self.study, record)
        progress = self.progress()
        self.view.show(replace(progress, news=[row]))
        self._tell_others(progress)

    def _tell_others(self, progress: Progress) -> None:
        """Keep for `status` what no record holds."""
        if time.monotonic() - self._told < _TELL_SECONDS:
            return
        self._told = time.monotonic()
        left = progress.estimated_seconds_left
        machines = sorted({str(place["host"]) for place in self.proposals.places.values() if place.get("host")})
        if self._fleet is not None:  # those of slots that went with their machines are none any more
            machines = [name for name in machines if name in self._fleet.names]
        entry = {
            "metric": progress.metric,
            "slots": progress.slots,
            "of": self.plan.described,
            "machines": machines,
        }
        with suppress(OSError):  # records tell of a storage that is away
            times = {"elapsed_seconds": progress.elapsed_seconds, "seconds_left": left, "told": time.time()}
            self.study.paths.progress.write_text(json.dumps({**entry, **times}), encoding="utf-8")

    def _show(self) -> None:
        self.view.show(self.progress())

    def progress(self) -> Progress:
        """What a person sees now."""
        study, budget = self.study, self.study.space.budget
        places = sorted({str(place.get("device", "")) for place in self.proposals.places.values()} - {""})
        precision = sorted({str(place.get("precision", "")) for place in self.proposals.places.values()} - {""})
        note = ", ".join([*places, *precision])
        return Progress(
            study=study.name,
            metric=self._metric,
            mode=study.mode,
            rows=list(self._rows.values()),
            total_trials=study.space.budget.trials,
            slots=self.plan.slots if self._fleet is None else self._fleet.slots,
            elapsed_seconds=self.earlier_seconds + self.seconds,
            earlier_seconds=self.earlier_seconds,
            time_budget_seconds=budget.time and budget.time + self.earlier_seconds,
            workers_note=self.plan.described + (f" · {note}" if note else ""),
        )


class _End(tune.Stopper):  # type: ignore[misc]
    """Stops the search when nothing can be written any more, and when its time is over: what runs is saved then."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._over = False

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune pickles it, and reads that never

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        search = self._search
        if not self._over and search.out_of_time:
            self._over = True
            search.view.say("time is over: what runs is saved")
            save_all_and_stop()
        return self._over or search.study.lost is not None


def max_epochs_of(study: Study) -> float:
    """The longest that a trial of this study may be, in epochs: where ASHA's last rung may lie."""
    limit = study.space.scheduler.max
    searched = study.space.search.get("num_train_epochs")
    if searched is not None:
        longest = float(getattr(searched, "high", 0) or max(getattr(searched, "options", [3.0])))
    else:
        longest = float(study.space.fixed.get("num_train_epochs", 3.0))
    return min(longest, float(limit)) if limit else longest


def _row(study: Study, record: TrialRecord) -> TrialRow:
    last = record.results[-1] if record.results else None
    return TrialRow(
        number=record.number,
        status=record.status,
        epoch=last.epoch if last else None,
        max_epochs=record.max_epochs,
        value=last.metrics[study.metric] if last else None,
        best=record.best_value(study.metric, study.mode),
        parameters=record.parameters,
        note="its patience was at an end" if record.had_enough else record.reason,
        is_default=record.is_default,
        resumed=record.sittings > 1,
    )
