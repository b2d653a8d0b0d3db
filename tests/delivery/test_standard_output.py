"""Standard output of every command: only what was asked for, whatever libraries print."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.core import TyperCommand

import cli
from delivery.cli_options import Command
from tests.delivery.conftest import Trained

_NOISE = "a library prints this when it is imported"

Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, typed: Callable[[Sequence[str]], tuple[int, str, str]], tmp_path: Path) -> Run:
    """Runs a command, in which a library prints, in an empty folder; returns its standard output."""
    original = TyperCommand.invoke

    def noisy(self: TyperCommand, ctx: Any) -> Any:
        print(_NOISE)
        return original(self, ctx)

    monkeypatch.setattr(TyperCommand, "invoke", noisy)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> str:
        code, out, err = typed([*map(str, arguments)])
        assert (code, _NOISE in err, _NOISE in out) == (0, True, False), err
        return out

    return call


def test_every_command_reserves_standard_output() -> None:
    """A command that is added later does too."""
    commands = typer.main.get_command(cli.app).commands.values()  # type: ignore[attr-defined]
    assert [command.name for command in commands if not isinstance(command, Command)] == []


def test_a_dry_run_prints_yaml(run: Run) -> None:
    """Of a search and of one training."""
    for command in ("tune", "train"):
        assert yaml.safe_load(run(command, "rnn", "--dry-run"))["task"] == "classification"


def test_json_is_one_object(run: Run, cnn: Trained) -> None:
    """Progress and notes go to standard error."""
    files = ["--train", cnn.files["train"], "--set", "wandb.mode=disabled"]
    training = run("train", "rnn", *files, "--model", "scratch:tiny", "--rows", 16, "--study", "one", "--json")
    assert json.loads(training)["study"] == "one"
    assert json.loads(run("status", "one", "--json"))["study"] == "one"


def test_commands_print_their_result_only(run: Run, cnn: Trained, rnn: Trained) -> None:
    """A path, a CSV, an object, a table."""
    assert run("export", cnn.name, "--storage", cnn.storage, "--out", "exported") == "exported\n"
    assert run("predict", cnn.model, cnn.files["test"]).splitlines()[0] == "id,label"
    assert run("predict", cnn.model, cnn.files["test"], "--out", "out.csv") == "23 rows: out.csv\n"
    assert json.loads(run("evaluate", cnn.model, "--data", cnn.files["test"]))["rows"] == 23
    members = [cnn.name, rnn.name, "--storage", cnn.storage, "--out", "both"]
    assert isinstance(json.loads(run("ensemble", *members)), dict)
    assert "parameters" in run("models", cnn.model)
    assert "kobart" in run("spaces")


def test_lines_of_standard_input_have_one_line_each(run: Run, cnn: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many lines as were read."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("배송이 빨라요\n\n별로예요\n".encode())))
    assert len(run("predict", cnn.model).splitlines()) == 3


def test_transformers_prints_to_standard_error() -> None:
    """With `WANDB_MODE=offline` it prints a line when it is imported; `--dry-run` imports everything."""
    command = [sys.executable, "-m", "cli", "train", "rnn", "--rows", "16", "--dry-run"]
    environment = {**os.environ, "WANDB_MODE": "offline"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert "offline mode" in result.stderr
    assert result.stdout.startswith("# study ")


@pytest.mark.parametrize("command", ["spaces", "train rnn --rows 16 --dry-run"])
def test_a_terminal_without_korean_letters_gets_escapes(
    command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As with `PYTHONIOENCODING=ascii`: nothing raises."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "argv", ["kotune", *command.split()])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    assert stream.tell() > 0


def test_predictions_are_never_written_as_escapes(
    cnn: Trained, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An encoding without Korean letters is refused before the model is loaded."""
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    for arguments in ([str(cnn.model), str(cnn.files["test"])], [str(cnn.model)]):
        monkeypatch.setattr(sys, "argv", ["kotune", "predict", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert end.value.code == 2
        assert "PYTHONIOENCODING=utf-8" in capsys.readouterr().err
