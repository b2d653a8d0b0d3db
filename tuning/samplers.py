"""Optuna: its samplers by name, its study in the study folder, and a space's ranges as its distributions."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, RandomSampler, TPESampler
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError

from search_spaces.errors import UserError, first_line
from search_spaces.ranges import Choice, FloatRange, IntRange, Range, holds
from search_spaces.schema import Space
from search_spaces.secrets import redact

#: Sampler name -> what makes it from a seed and the number of random trials before it learns.
SAMPLERS: dict[str, Callable[[int, int], BaseSampler]] = {
    # Joint over parameters (Falkner et al. 2018), in groups so that conditional parameters keep it joint; running
    # trials count as bad ones (constant liar), so that parallel slots do not ask for the same point.
    "tpe": lambda seed, startup: TPESampler(
        seed=seed, n_startup_trials=startup, multivariate=True, group=True, constant_liar=True
    ),
    "random": lambda seed, startup: RandomSampler(seed=seed),
    "cmaes": lambda seed, startup: CmaEsSampler(seed=seed, n_startup_trials=startup, warn_independent_sampling=False),
    "gp": lambda seed, startup: GPSampler(seed=seed, n_startup_trials=startup, warn_independent_sampling=False),
}


#: How often it is tried to open a study in a database that others open, too.
_TRIES = 5


def derived_seed(seed: int, *parts: object) -> int:
    """A seed for one purpose, from the study's seed; 31 bits."""
    return int.from_bytes(hashlib.sha256(repr((seed, *parts)).encode()).digest()[:4], "big") >> 1


def open_study(path: Path, space: Space, address: str = "") -> optuna.Study:
    """Optuna's study, made if it is not there: in the SQLite file `path`, or in the database that the space names.

    Args:
        address: of the study, by which it is told from others of its name in one database.

    Raises:
        UserError: the database cannot be reached.
    """
    optuna.logging.set_verbosity(logging.ERROR)  # a value that is told twice after a crash is no news
    if space.optuna_storage:
        known = hashlib.sha256((address or str(path.parent)).encode()).hexdigest()[:8]
        return _created(database_url(space.optuna_storage), f"{path.parent.name}-{known}", space)
    if path.exists() and damaged(path):
        for part in path.parent.glob(f"{path.name}*"):
            part.replace(part.with_name(part.name.replace(path.name, f"{path.stem}.damaged-{int(time.time())}.db", 1)))
    return _created(f"sqlite:///{path}", path.parent.name, space)


def _created(url: str, name: str, space: Space) -> optuna.Study:
    direction = "maximize" if space.mode == "max" else "minimize"
    tries = 1 if url.startswith("sqlite") else _TRIES
    while True:
        tries -= 1
        try:
            return optuna.create_study(storage=url, study_name=name, direction=direction, load_if_exists=True)
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            if url.startswith("sqlite"):
                raise
            if not tries:
                raise _unreachable(space.optuna_storage or "", error) from error
            time.sleep(1.0)  # two studies that make the tables of an empty database at once disturb each other


def check_database(space: Space) -> None:
    """Check that the database that a space names can be reached.

    Raises:
        UserError: it cannot be.
    """
    if not space.optuna_storage:
        return
    try:
        engine = create_engine(database_url(space.optuna_storage), connect_args={"connect_timeout": 10})
        with engine.connect():
            pass
        engine.dispose()
    except (SQLAlchemyError, ImportError) as error:
        raise _unreachable(space.optuna_storage, error) from error


def database_url(given: str) -> str:
    """The address of a PostgreSQL database with the driver that SQLAlchemy is to take."""
    return given.replace("postgresql://", "postgresql+psycopg://", 1)


def _unreachable(given: str, error: Exception) -> UserError:
    if isinstance(error, ImportError):
        return UserError(f"optuna_storage {given}: {error}", "psycopg", "pip install -e .[postgres]")
    told = redact(first_line(getattr(error, "orig", None) or error))
    return UserError(f"optuna_storage {given}: {told}", "a database that answers", "check address, user and password")


def damaged(path: Path) -> bool:
    """Whether SQLite finds its file damaged, as after a disk that was full or a journal that was cut off."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            return bool(connection.execute("PRAGMA integrity_check").fetchone() != ("ok",))
    except sqlite3.DatabaseError as error:
        if "locked" in str(error):
            raise
        return True


def ask(study: optuna.Study, space: Space, number: int) -> optuna.Trial:
    """The next trial, which is kotune's trial `number`.

    The sampler is made anew from the study's seed and that number, so that a study that was interrupted goes on with
    the suggestions that it would have made: also after a crash between asking Optuna and keeping what it said, which
    leaves a trial to Optuna that failed and that no sampler looks at.
    """
    name = space.sampler["name"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.sampler = SAMPLERS[name](derived_seed(space.seed, name, number), space.sampler["startup_trials"])
    return study.ask()


def suggest(trial: optuna.Trial, search: Mapping[str, Range]) -> dict[str, Any]:
    """Values of all parameters that exist: one with a condition only where the condition holds."""
    chosen: dict[str, Any] = {}
    for name, found in search.items():
        if holds(found.when, chosen):
            chosen[name] = _suggest(trial, name, found)
    return chosen


def _suggest(trial: optuna.Trial, name: str, found: Range) -> Any:
    if isinstance(found, FloatRange):
        return trial.suggest_float(name, found.low, found.high, log=found.log)
    if isinstance(found, IntRange):
        return trial.suggest_int(name, found.low, found.high, step=1 if found.log else found.step, log=found.log)
    assert isinstance(found, Choice)
    return trial.suggest_categorical(name, list(found.options))


def defaults(search: Mapping[str, Range], pinned: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The recipe default: every range's own default, where its condition holds.

    Args:
        pinned: values that take the place of defaults.
    """
    chosen: dict[str, Any] = {}
    for name, found in search.items():
        if holds(found.when, chosen):
            chosen[name] = (pinned or {}).get(name, found.default)
    return chosen


def distribution(found: Range) -> BaseDistribution:
    """What Optuna draws a parameter from."""
    if isinstance(found, FloatRange):
        return FloatDistribution(found.low, found.high, log=found.log)
    if isinstance(found, IntRange):
        return IntDistribution(found.low, found.high, step=1 if found.log else found.step, log=found.log)
    assert isinstance(found, Choice)
    return CategoricalDistribution(list(found.options))
