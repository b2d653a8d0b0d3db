"""Optuna's SQLite file before a session starts."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from foundation.durable import StorageLost
from foundation.errors import UserError
from tests.tuning.algorithms.sessions import SPACE
from tuning.algorithms import optuna_storage
from tuning.algorithms.optuna_storage import check_file, open_study, storage_errors


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study's file; nobody waits for a lock on it."""
    monkeypatch.setattr(optuna_storage, "_BUSY_SECONDS", 0.01)
    open_study(tmp_path / "optuna.db", SPACE)
    return tmp_path / "optuna.db"


def test_a_locked_file_is_refused(database: Path) -> None:
    """A database browser with an open transaction; when it has ended, the file is accepted."""
    with closing(sqlite3.connect(database, isolation_level=None)) as browser:
        browser.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UserError, match=r"optuna\.db is locked by another program") as caught:
            check_file(database)
        assert "end the program" in caught.value.todo
        with pytest.raises(StorageLost, match="locked"), storage_errors():  # it was locked after the check
            optuna_storage.is_damaged(database)
    check_file(database)


def test_a_missing_or_damaged_file_is_accepted(database: Path) -> None:
    """`open_study` makes it anew from the records."""
    check_file(database.with_name("none.db"))
    assert not database.with_name("none.db").exists()
    database.write_bytes(b"no database" * 100)
    check_file(database)
