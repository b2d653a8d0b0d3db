"""Draws a scenario from a seed: the settings of a study, and what happens to it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

from search_spaces.draft import from_dict
from search_spaces.schema import Space

#: The objective of the studies; more is better.
METRIC = "rouge_sum"

#: Seeds of the studies; few, so that each undisturbed run is computed once for many histories.
_STUDY_SEEDS = 4

#: The driver is killed at one of its first operations; a whole session has about 200.
_MAX_CRASH_EXPONENT = 2.6


class IncidentKind(StrEnum):
    """What can happen while a driver runs."""

    WORKER = "a worker is killed"
    OWNER = "a trial actor is killed"
    MAILBOX = "a mailbox is killed"
    MACHINE = "a machine leaves"
    DISK_FULL = "the disk is full"
    DISK_READ_ONLY = "the disk is read-only"
    DISK_UNAVAILABLE = "the disk is unavailable"
    CLOCK = "the clock jumps"
    CTRL_C = "Ctrl-C"
    SECOND_DRIVER = "a second driver starts"
    HANG = "a worker hangs"


@dataclass(frozen=True)
class StudySettings:
    """The settings of a study. Equal settings have equal undisturbed runs.

    Attributes:
        machines: How many slots each machine has room for.
        failures: Share of configurations that fail.
    """

    seed: int
    sampler: str
    scheduler: str
    trials: int
    epochs: int
    machines: tuple[int, ...]
    failures: float

    @property
    def is_deterministic(self) -> bool:
        """Whether suggestions and decisions do not depend on which slot is faster."""
        return sum(self.machines) == 1 or (self.sampler == "random" and self.scheduler == "none")

    def space(self, budget_seconds: float | None = None) -> Space:
        """Returns the search space; `budget_seconds` is the time budget of one session."""
        return from_dict(
            {
                "mode": "max",
                "metric": METRIC,
                "seed": self.seed,
                "budget": {"trials": self.trials, "max_failures": 100, "time": budget_seconds},
                "sampler": {"name": self.sampler, "startup_trials": 2},
                "scheduler": {"name": self.scheduler, "grace": 1, "reduction_factor": 2},
                "checkpoints": {"keep_best": 1},
                "slots": {"hang": 120},
                "fixed": {"num_train_epochs": float(self.epochs)},
                "search": {
                    "learning_rate": {"log": [1e-5, 1e-2], "default": 1e-3},
                    "num_beams": {"int": [1, 8], "default": 1},
                },
            },
            "history",
        )


@dataclass(frozen=True)
class Incident:
    """One thing that happens in a session.

    Attributes:
        at: Seconds after the start of the session.
        seconds: Duration, if it has one.
        number: Chooses one of several processes.
    """

    at: float
    kind: IncidentKind
    seconds: float
    number: int


@dataclass(frozen=True)
class SessionPlan:
    """What happens in one session, and between it and the next one.

    Attributes:
        crash: Number of operations after which the driver is killed; None: it is not killed.
        power_loss: Whether all machines lose power at the end.
        orphan_seconds: How long workers outlive their driver.
        older_database: Whether the next session starts with an older version of Optuna's database.
        worker_crash_rate: Share of workers and trial actors that are killed at one of their operations.
        budget_seconds: The time budget.
        driver_moves: Whether the driver runs on another machine than usual.
    """

    crash: int | None
    power_loss: bool
    orphan_seconds: float
    older_database: bool
    worker_crash_rate: float
    budget_seconds: float | None
    incidents: tuple[Incident, ...]
    driver_moves: bool


@dataclass(frozen=True)
class Scenario:
    """All that is drawn for one history.

    Attributes:
        delay: The longest time that a message takes, in seconds.
        loss_rate: Share of messages that are lost.
        duplicate_rate: Share of messages that arrive twice.
        sessions: The disturbed sessions; undisturbed ones follow.
    """

    seed: int
    study: StudySettings
    delay: float
    loss_rate: float
    duplicate_rate: float
    sessions: tuple[SessionPlan, ...]


def draw_scenario(seed: int) -> Scenario:
    """Returns the scenario of a seed."""
    rng = random.Random(seed)
    sessions = tuple(_draw_session(rng) for _ in range(rng.choice((1, 1, 1, 2, 2, 3))))
    delay, loss_rate, duplicate_rate = (
        rng.choice((0.0, 0.05, 2.0)),
        rng.choice((0.0, 0.0, 0.02)),
        rng.choice((0.0, 0.2)),
    )
    return Scenario(seed, _draw_study(rng), delay, loss_rate, duplicate_rate, sessions)


def _draw_study(rng: random.Random) -> StudySettings:
    return StudySettings(
        seed=rng.randrange(_STUDY_SEEDS),
        sampler=rng.choice(("random", "random", "tpe")),
        scheduler=rng.choice(("asha", "asha", "median", "none")),
        trials=rng.choice((3, 4)),
        epochs=rng.choice((2, 3)),
        machines=rng.choice(((1,), (1,), (2,), (1, 1))),
        failures=rng.choice((0.0, 0.0, 0.2)),
    )


def _draw_session(rng: random.Random) -> SessionPlan:
    has_crash = rng.random() < 0.7
    incidents = tuple(_draw_incident(rng) for _ in range(rng.choice((0, 0, 1, 1, 2, 3))))
    return SessionPlan(
        crash=round(10 ** rng.uniform(0.0, _MAX_CRASH_EXPONENT)) if has_crash else None,
        power_loss=rng.random() < 0.5,
        orphan_seconds=rng.choice((0.0, 0.0, 3.0, 12.0)),
        older_database=rng.random() < 0.15,
        worker_crash_rate=rng.choice((0.0, 0.0, 0.15)),
        budget_seconds=rng.choice((None, None, None, rng.uniform(5.0, 40.0))),
        incidents=incidents,
        driver_moves=rng.random() < 0.2,
    )


def _draw_incident(rng: random.Random) -> Incident:
    seconds = rng.choice((rng.uniform(0.5, 20.0), rng.uniform(40.0, 200.0)))
    return Incident(rng.uniform(0.0, 40.0), rng.choice(list(IncidentKind)), seconds, rng.randrange(1000))
