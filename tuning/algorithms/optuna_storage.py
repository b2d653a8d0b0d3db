"""Optuna's database: an SQLite file in the study's folder, or a PostgreSQL database that many studies share."""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import optuna
from sqlalchemy import create_engine, inspect, make_url
from sqlalchemy.exc import SQLAlchemyError

from foundation import durable
from foundation.durable import StorageLost
from foundation.errors import UserError, first_line
from foundation.secrets import redact
from search_spaces.choices import Direction
from search_spaces.schema import Space

T = TypeVar("T")

#: How many times to try to create a study in a shared database.
_ATTEMPTS = 5

#: Seconds to wait for another program's transaction in an SQLite file.
_BUSY_SECONDS = 5.0


def open_study(path: Path, space: Space, address: str = "") -> optuna.Study:
    """Opens Optuna's study, or creates it: in the SQLite file `path`, or in the database that the space names.

    A damaged SQLite file is renamed, and a new one created.

    Args:
        address: address of kotune's study, the owner of Optuna's study in a shared database.

    Raises:
        UserError: the database cannot be reached.
    """
    optuna.logging.set_verbosity(logging.ERROR)  # after a crash kotune may report a value twice
    if space.optuna_storage:
        assert space.optuna_study is not None  # `with_study_name`
        return _check_owner(_create(database_url(space.optuna_storage), space.optuna_study, space), address)
    if path.exists() and is_damaged(path):
        for part in path.parent.glob(f"{path.name}*"):
            part.replace(part.with_name(part.name.replace(path.name, f"{path.stem}.damaged-{int(time.time())}.db", 1)))
    return _create(f"sqlite:///{path}", path.parent.name, space)


def _check_owner(study: optuna.Study, address: str) -> optuna.Study:
    """Returns `study` if it belongs to the study at `address` or to none yet.

    Raises:
        UserError: it belongs to another study, whose running trials `resume` would end.
    """
    owner = study.user_attrs.get("address")
    if owner is None:
        study.set_user_attr("address", address)
    elif owner != address:
        todo = "remove optuna_study from study.yaml: resume makes a new one from the records"
        raise UserError(f"optuna_study {study.study_name!r} belongs to the study in {owner}", f"one of {address}", todo)
    return study


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turns errors of Optuna's database into the error for files.

    Raises:
        StorageLost: the database cannot be written.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, optuna.exceptions.StorageInternalError) as error:
        reason = redact(first_line(error.__cause__ or error))
        raise StorageLost(f"Optuna's database cannot be written: {reason}") from error


def retry_on_database_error(change: Callable[[], T]) -> T:
    """Calls `change` until it succeeds, with growing pauses, while Optuna's database cannot be written.

    Raises:
        StorageLost: the last attempt failed too.
    """
    for pause in durable.PAUSES:
        with suppress(StorageLost), storage_errors():
            return change()
        time.sleep(pause)
    with storage_errors():
        return change()


def _create(url: str, name: str, space: Space) -> optuna.Study:
    direction = "maximize" if space.mode == Direction.MAX else "minimize"
    attempts = 1 if url.startswith("sqlite") else _ATTEMPTS
    while True:
        attempts -= 1
        try:
            return optuna.create_study(storage=url, study_name=name, direction=direction, load_if_exists=True)
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            if url.startswith("sqlite"):
                raise
            if not attempts:
                raise _unreachable(space.optuna_storage or "", error) from error
            time.sleep(1.0)  # two studies that create the tables of an empty database at the same time fail


def with_study_name(space: Space, study: str) -> Space:
    """Returns the space with a unique name for Optuna's study, if a shared database is used and no name is set."""
    if not space.optuna_storage or space.optuna_study:
        return space
    return replace(space, optuna_study=f"{study}-{secrets.token_hex(4)}")


def check_database(space: Space, *, new: bool = False) -> None:
    """Checks that the database that a space names can be reached.

    Args:
        new: whether the study is new, so that its name must be free in the database.

    Raises:
        UserError: the database cannot be reached, or the name is used.
    """
    if not space.optuna_storage:
        return
    url = database_url(space.optuna_storage)
    try:
        engine = create_engine(url, connect_args={"connect_timeout": 10})
        with engine.connect():
            pass
        # Without this check Optuna would create its tables.
        has_studies = new and space.optuna_study and inspect(engine).has_table("studies")
        names = optuna.get_all_study_names(url) if has_studies else []
        engine.dispose()
    except (SQLAlchemyError, ImportError, optuna.exceptions.StorageInternalError) as error:
        raise _unreachable(space.optuna_storage, error) from error
    if space.optuna_study in names:
        problem = f"optuna_study {space.optuna_study!r} is in {space.optuna_storage} already"
        raise UserError(problem, "a new name: samplers must not learn from another study", "remove optuna_study")


def check_file(path: Path) -> None:
    """Checks that the SQLite file of a study, if it exists, can be written now. `open_study` replaces a damaged one.

    Raises:
        UserError: another program has locked the file, or it is read-only.
    """
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            todo = "end the program that has it open, such as a database browser, and repeat the command"
            raise UserError(
                f"{path} is locked by another program", "a database that no program writes", todo
            ) from error
        if "readonly" in str(error) or "unable to open" in str(error):
            raise UserError(f"{path}: {error}", "a file that you may write to", "check its owner") from error
    except sqlite3.DatabaseError:  # damaged
        pass


def database_url(address: str) -> str:
    """Returns the address of a PostgreSQL database with the driver that SQLAlchemy uses.

    Requires authentication with SCRAM, which does not send the password: the address may come from another user's
    study, and the server may be false. `PGREQUIREAUTH` in the environment overrides this.
    """
    url = make_url(address).set(drivername="postgresql+psycopg")
    if not os.environ.get("PGREQUIREAUTH") and url.query.get("require_auth") != "scram-sha-256":
        url = url.update_query_dict({"require_auth": "!password,!md5"})
    return url.render_as_string(hide_password=False)


def _unreachable(address: str, error: Exception) -> UserError:
    if isinstance(error, ImportError):
        return UserError(f"optuna_storage {address}: {error}", "psycopg", "pip install -e .[postgres]")
    reason = redact(first_line(getattr(error, "orig", None) or error))
    return UserError(
        f"optuna_storage {address}: {reason}", "a database that answers", "check address, user and password"
    )


def is_damaged(path: Path) -> bool:
    """Whether an SQLite file fails its integrity check, e.g. after a full disk or a truncated journal."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            return bool(connection.execute("PRAGMA integrity_check").fetchone() != ("ok",))
    except sqlite3.DatabaseError as error:
        if "locked" in str(error):
            raise
        return True
