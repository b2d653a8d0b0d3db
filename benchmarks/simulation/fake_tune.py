"""In the place of `ray.tune.Tuner`: asks the searcher, starts the owners of slots, passes results to the scheduler.

The calls come in the order of `TuneController` in Ray 2.60: the scheduler receives a result before the searcher; the
searcher receives the last result of a trial only as its end; a trial that loses its owner is added again; a trial whose
owner dies while it receives the trial ends with an error. `tests/benchmarks/test_fake_tune.py` compares it with Tune.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Protocol

import ray.exceptions
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from benchmarks.simulation.fake_ray import FakeRay
from benchmarks.simulation.kernel import Event, Kernel, Process
from tuning.trainable import CLOSE_SECONDS, SlotTrainable

#: Seconds between two rounds of Tune's loop without an event, and until an owner has started.
_POLL_SECONDS, _START_SECONDS = 0.25, 0.5


class Environment(Protocol):
    """The part of a simulation that `FakeTuner` uses.

    Attributes:
        interrupted: Whether the user has pressed Ctrl-C.
        on_start: Called with every owner before it starts.
    """

    kernel: Kernel
    ray: FakeRay
    slot_class: type
    interrupted: bool
    on_start: Callable[[Process], None]

    def event_seconds(self) -> float:
        """Returns how long the next answer of an owner takes to reach Tune."""


class Trial:
    """As `ray.tune.experiment.Trial`."""

    def __init__(self, tune_id: str, config: dict[str, object], max_failures: int) -> None:
        self.trial_id, self.config, self.max_failures = tune_id, config, max_failures
        self.run_metadata = SimpleNamespace(num_failures=0)
        self.status = "PENDING"
        self.last_result: dict[str, object] = {}
        self.error = ""
        self.owner: Owner | None = None

    def get_error(self) -> str:
        return self.error


class Owner:
    """The actor that owns a slot: a process that handles one call after the other."""

    def __init__(self, environment: Environment, machine: str, trainable: type[SlotTrainable], events: Event) -> None:
        self._environment, self._events = environment, events
        self._class = type("Owner", (trainable,), {"slot_class": environment.slot_class, "__init__": _construct})
        self.process: Process = environment.kernel.create("owner", self._work, machine)
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.newest_call = ""
        self._called = Event(environment.kernel)
        self.answers: list[tuple[str, Any, BaseException | None]] = []
        self.process.on_end.append(events.set)
        environment.on_start(self.process)
        environment.kernel.start(self.process)

    def call(self, method: str, *args: Any) -> None:
        """Sends a call; the answer is added to `answers` later."""
        self.newest_call = method
        self.calls.append((method, args))
        self._called.set()

    def _work(self) -> None:
        kernel, trainable = self._environment.kernel, None
        while True:
            while not self.calls:
                self._called.clear()
                self._called.wait()
            method, args = self.calls.pop(0)
            try:
                if method == "start":
                    kernel.sleep(_START_SECONDS)
                    trainable = self._class(*args)
                    answer: Any = None
                elif method == "stop":
                    if trainable is not None:
                        trainable.cleanup()
                    return
                else:
                    answer = getattr(trainable, method)(*args)
            except Exception as error:  # noqa: BLE001 - the caller raises it, as Ray does
                self._answer(method, None, error)
            else:
                self._answer(method, answer, None)

    def _answer(self, method: str, answer: Any, error: BaseException | None) -> None:
        def arrive() -> None:
            self.answers.append((method, answer, error))
            self._events.set()

        self._environment.kernel.loop.call_later(self._environment.event_seconds(), arrive)


def _construct(self: SlotTrainable, config: dict[str, object], tune_id: str) -> None:
    """In the place of the constructor of `ray.tune.Trainable`, which creates folders and log files."""
    self._trial_info = SimpleNamespace(trial_id=tune_id)
    self.setup(copy.copy(config))


class FakeTuner:
    """As `ray.tune.Tuner`."""

    def __init__(
        self, environment: Environment, trainable: type[SlotTrainable], tune_config: Any, run_config: Any
    ) -> None:
        self._environment, self._kernel, self._trainable = environment, environment.kernel, trainable
        self._searcher, self._scheduler = tune_config.search_alg, tune_config.scheduler
        self._limit, self._stopper = tune_config.max_concurrent_trials, run_config.stop
        self._max_failures = run_config.failure_config.max_failures
        self._trials: list[Trial] = []
        self._owners: list[Owner] = []
        self._idle: list[Owner] = []
        self._is_finished = False
        self._events = Event(self._kernel)

    def fit(self) -> None:
        """Runs until the searcher has no more trials, or the stopper or the user ends the search."""
        while not self._is_over():
            self._ask()
            self._start_pending()
            self._events.wait(_POLL_SECONDS)
            self._events.clear()
            self._handle_events()
            if self._stopper.stop_all() or self._environment.interrupted:
                self._is_finished = True
                for trial in self._live():
                    trial.status = "TERMINATED"
                break
        self._stop_owners()

    def _live(self) -> list[Trial]:
        return [trial for trial in self._trials if trial.status in ("PENDING", "STARTING", "RUNNING")]

    def _is_over(self) -> bool:
        return self._is_finished and not self._live()

    # ---- new trials

    def _ask(self) -> None:
        while not self._is_finished and len(self._live()) < self._limit:
            if any(trial.status == "PENDING" for trial in self._trials):
                return  # Tune asks for one trial more than it can start
            tune_id = f"{len(self._trials):05d}"
            config = self._searcher.suggest(tune_id)
            if config is None:
                return
            if config == Searcher.FINISHED:
                self._is_finished = True
                return
            trial = Trial(tune_id, config, self._max_failures)
            self._trials.append(trial)
            self._scheduler.on_trial_add(self, trial)

    def _start_pending(self) -> None:
        for trial in [trial for trial in self._trials if trial.status == "PENDING"]:
            if self._idle:
                trial.owner, trial.status = self._idle.pop(0), "STARTING"
                trial.owner.call("reset_config", trial.config)
            elif machine := self._emptiest_machine():
                trial.owner, trial.status = Owner(self._environment, machine, self._trainable, self._events), "STARTING"
                self._owners.append(trial.owner)
                trial.owner.call("start", trial.config, trial.trial_id)

    def _emptiest_machine(self) -> str | None:
        """Returns the machine with the fewest owners; None if there is none."""
        alive = [machine for machine in self._environment.ray.machines if machine.is_alive]
        counts = {machine.name: 0 for machine in alive}
        for owner in self._owners:
            if not owner.process.is_over and owner.process.machine in counts:
                counts[owner.process.machine] += 1
        return min(counts, key=lambda name: counts[name], default=None)

    # ---- answers of owners

    def _handle_events(self) -> None:
        for trial in self._live():
            owner = trial.owner
            if owner is None:
                continue
            if owner.answers:
                self._handle(trial, owner, *owner.answers.pop(0))
                if owner.answers:
                    self._events.set()
            elif owner.process.is_over:
                self._lost(trial, owner, ray.exceptions.RayActorError(), during=owner.newest_call)
        self._idle = [owner for owner in self._idle if not owner.process.is_over]

    def _handle(self, trial: Trial, owner: Owner, method: str, answer: Any, error: BaseException | None) -> None:
        if error is not None:
            self._lost(trial, owner, error, during=method)
        elif method in ("start", "reset_config"):
            trial.status = "RUNNING"
            owner.call("step")
        else:
            self._result(trial, owner, answer)

    def _result(self, trial: Trial, owner: Owner, result: dict[str, object]) -> None:
        if result["done"]:
            trial.last_result = result
            decision = TrialScheduler.STOP
        else:
            decision = self._scheduler.on_trial_result(self, trial, result)
            if decision != TrialScheduler.STOP:
                self._searcher.on_trial_result(trial.trial_id, result)
            trial.last_result = result
        if decision != TrialScheduler.STOP:
            if decision != TrialScheduler.NOOP:
                owner.call("step")
            return
        self._scheduler.on_trial_complete(self, trial, result)
        self._searcher.on_trial_complete(trial.trial_id, result=result)
        trial.status, trial.owner = "TERMINATED", None
        self._idle.append(owner)
        if len(self._idle) > max(1, sum(one.status == "PENDING" for one in self._trials)):
            self._idle.pop(0).call("stop")

    def _lost(self, trial: Trial, owner: Owner, error: BaseException, during: str) -> None:
        trial.error = f"{type(error).__name__}: {error}"
        trial.run_metadata.num_failures += 1
        trial.owner = None
        owner.call("stop")
        self._kernel.loop.call_later(CLOSE_SECONDS + 5.0, self._kernel.kill, owner.process)
        is_handed_over = during == "reset_config"  # Tune restores only trials that have started
        if not is_handed_over and trial.run_metadata.num_failures <= trial.max_failures:
            trial.status = "PENDING"
            self._scheduler.on_trial_error(self, trial)
            self._scheduler.on_trial_add(self, trial)
            return
        trial.status = "ERROR"
        self._scheduler.on_trial_error(self, trial)
        self._searcher.on_trial_complete(trial.trial_id, error=True)

    def _stop_owners(self) -> None:
        for owner in self._owners:
            owner.call("stop")
        for owner in self._owners:
            owner.process.over.wait(CLOSE_SECONDS + 5.0)
            self._kernel.kill(owner.process)
