"""Runs a command on a malformed input, in this process, beside a study and models that were never trained."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer

import cli
from tests.bad_inputs.cases import Bad, everything_in

#: Code, standard output, standard error.
Said = tuple[int, str, str]


@pytest.fixture(scope="session")
def commands() -> Callable[[], None]:
    """The commands as Typer makes them of `cli.app` at every call, here once: that is half the time of a mistake."""
    made: Callable[[], None] = typer.main.get_command(cli.app)
    return made


@pytest.fixture
def kotune(
    commands: Callable[[], None], monkeypatch: pytest.MonkeyPatch, typed: Callable[[Sequence[str]], Said]
) -> Callable[[str], Said]:
    """Calls kotune in this process; whatever would start Ray or train is a failure of the test."""
    import delivery.sessions.session

    def started(*given: Any, **named: Any) -> None:
        raise AssertionError("something was started")

    monkeypatch.setattr(cli, "app", commands)
    monkeypatch.setattr(delivery.sessions.session, "run_trials", started)
    monkeypatch.setattr(delivery.sessions.session, "start_early", lambda space, address: None)

    return lambda command: typed(shlex.split(command))


@pytest.fixture
def refused(
    kotune: Callable[[str], Said], workshop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Bad], str]:
    """Runs one malformed input and checks what holds of all; answers the message, without the folder that it ran in."""

    def check(bad: Bad) -> str:
        folder = tmp_path / "here"
        folder.mkdir()
        monkeypatch.chdir(folder)
        bad.lay_out(folder, workshop)
        before = everything_in(tmp_path)
        code, out, err = kotune(bad.command)
        assert code == 2, f"exit code {code}\n{out}\n{err}"
        assert "Traceback" not in out + err
        message = " ".join(err.replace("│", " ").split())  # a box breaks lines
        assert err.startswith("kotune: ") or "Usage: " in err, err
        assert err.count("kotune: ") <= 1, err
        missing = [words for words in (*bad.says, *bad.parts) if words not in message]
        assert not missing, f"{missing} not in:\n{err}"
        assert everything_in(tmp_path) == before
        return err.replace(f"{folder}/", "")

    return check


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `tests.bad_inputs.workshop` builds. Copied by those that damage it, never written."""
    from tests.bad_inputs.workshop import build

    folder = tmp_path_factory.mktemp("workshop")
    build(folder)
    return folder
