"""Where Optuna keeps its study: an SQLite file in the study's folder, or a PostgreSQL database of many studies."""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import optuna
from sqlalchemy import create_engine, inspect, make_url
from sqlalchemy.exc import SQLAlchemyError

from foundation.durable import StorageLost
from foundation.errors import UserError, first_line
from foundation.secrets import redact
from search_spaces.schema import Space

#: How often it is tried to open a study in a database that others open, too.
_TRIES = 5


def open_study(path: Path, space: Space, address: str = "") -> optuna.Study:
    """Optuna's study, made if it is not there: in the SQLite file `path`, or in the database that the space names.

    Args:
        address: of kotune's study; in a database of many, Optuna's belongs to one.

    Raises:
        UserError: the database cannot be reached.
    """
    optuna.logging.set_verbosity(logging.ERROR)  # a value that is told twice after a crash is no news
    if space.optuna_storage:
        assert space.optuna_study is not None  # `with_study_name`
        return _owned(_created(database_url(space.optuna_storage), space.optuna_study, space), address)
    if path.exists() and damaged(path):
        for part in path.parent.glob(f"{path.name}*"):
            part.replace(part.with_name(part.name.replace(path.name, f"{path.stem}.damaged-{int(time.time())}.db", 1)))
    return _created(f"sqlite:///{path}", path.parent.name, space)


def _owned(study: optuna.Study, address: str) -> optuna.Study:
    """The same, if it is this study's.

    Raises:
        UserError: it belongs to another, whose trials would be told twice, or ended while they run.
    """
    owner = study.user_attrs.get("address")
    if owner is None:
        study.set_user_attr("address", address)
    elif owner != address:
        todo = "take optuna_study out of study.yaml: resume makes a new one of the records"
        raise UserError(f"optuna_study {study.study_name!r} belongs to the study in {owner}", f"one of {address}", todo)
    return study


@contextmanager
def storage_errors() -> Iterator[None]:
    """What Optuna raises when its database cannot be written, as what is raised of files.

    Raises:
        StorageLost: it did.
    """
    try:
        yield
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        told = redact(first_line(error.__cause__ or error))
        raise StorageLost(f"Optuna's database cannot be written: {told}") from error


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


def with_study_name(space: Space, study: str) -> Space:
    """The space of a new study, which shares a database with others: of its name too, and of its address."""
    if not space.optuna_storage or space.optuna_study:
        return space
    return replace(space, optuna_study=f"{study}-{secrets.token_hex(4)}")


def check_database(space: Space, *, new: bool = False) -> None:
    """Check that the database that a space names can be reached.

    Args:
        new: the study is to begin, and nothing of its name may be there.

    Raises:
        UserError: it cannot be, or something is.
    """
    if not space.optuna_storage:
        return
    url = database_url(space.optuna_storage)
    try:
        engine = create_engine(url, connect_args={"connect_timeout": 10})
        with engine.connect():
            pass
        known = new and space.optuna_study and inspect(engine).has_table("studies")  # else Optuna would make its tables
        there = optuna.get_all_study_names(url) if known else []
        engine.dispose()
    except (SQLAlchemyError, ImportError, optuna.exceptions.StorageInternalError) as error:
        raise _unreachable(space.optuna_storage, error) from error
    if space.optuna_study in there:
        given = f"optuna_study {space.optuna_study!r} is in {space.optuna_storage} already"
        raise UserError(given, "a new name, so that no other study's trials are learned from", "leave it out")


def database_url(given: str) -> str:
    """The address of a PostgreSQL database with the driver that SQLAlchemy is to take.

    Whoever says to be the database is not told the password, only that it is known (SCRAM): the address may come from
    a study that somebody else made. `PGREQUIREAUTH` in the environment says otherwise.
    """
    url = make_url(given).set(drivername="postgresql+psycopg")
    if not os.environ.get("PGREQUIREAUTH") and url.query.get("require_auth") != "scram-sha-256":
        url = url.update_query_dict({"require_auth": "!password,!md5"})
    return url.render_as_string(hide_password=False)


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
