"""Where trials are logged: W&B's environment variables, the search space and the command line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from delivery.sessions.space_options import resolve_space
from foundation.errors import UserError
from search_spaces.choices import Tracking, WandbMode
from search_spaces.schema import Space, Wandb
from tests.tuning.studies.studies import SPACE
from tuning.studies.study import Study
from tuning.wandb_settings import check_mode, environment_mode, environment_settings, tracking_settings


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key, with which W&B would go online."""
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)


@pytest.mark.parametrize(
    ("variable", "value", "mode", "expected"),
    [
        ("WANDB_MODE", "disabled", "auto", None),
        ("WANDB_MODE", "disabled", "online", None),
        ("WANDB_DISABLED", "true", "auto", None),
        ("WANDB_MODE", "offline", "auto", "offline"),
        ("WANDB_MODE", "offline", "online", "offline"),
        ("WANDB_MODE", "dryrun", "auto", "offline"),
        ("WANDB_MODE", "disabled", "offline", "offline"),
        ("WANDB_MODE", "online", "offline", "offline"),
        ("WANDB_MODE", "online", "disabled", None),
        ("WANDB_MODE", "online", "auto", "online"),
        ("WANDB_MODE", "", "auto", "online"),
    ],
)
def test_nothing_goes_online_against_the_environment(
    variable: str, value: str, mode: str, expected: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with a key, and in a study that is resumed in another shell."""
    monkeypatch.setenv(variable, value)
    settings = tracking_settings(Study.create(replace(SPACE, wandb=Wandb(WandbMode(mode))), tmp_path, "mine"))
    assert (settings and settings.mode) == expected


def test_online_beside_an_environment_that_is_offline_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything starts, with the variable in the message."""
    space = replace(Space(), wandb=Wandb(mode=WandbMode.ONLINE))
    check_mode(space)
    monkeypatch.setenv("WANDB_MODE", "offline")
    check_mode(Space())
    with pytest.raises(UserError, match=r"wandb\.mode is online, and WANDB_MODE=offline"):
        check_mode(space)


@pytest.mark.parametrize(
    ("tracking", "mode", "todo"),
    [
        ("tensorboard", "online", "remove wandb.mode, or --set tracking=both"),
        ("none", "offline", "remove wandb.mode, or --set tracking=wandb"),
        ("both", "disabled", "--set tracking=tensorboard, or remove wandb.mode"),
    ],
)
def test_a_mode_of_runs_that_are_not_wanted_is_refused(
    tracking: str, mode: str, todo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless WANDB_MODE says the same for all programs of this shell."""
    space = replace(Space(), tracking=Tracking(tracking), wandb=Wandb(mode=WandbMode(mode)))
    with pytest.raises(UserError, match=f"tracking is {tracking}") as caught:
        check_mode(space)
    assert caught.value.todo == todo
    monkeypatch.setenv("WANDB_MODE", mode)
    check_mode(space)


@pytest.mark.parametrize(
    ("tracking", "has_runs"), [("wandb", True), ("both", True), ("tensorboard", False), ("none", False)]
)
def test_there_are_runs_only_where_wandb_is_wanted(tracking: str, has_runs: bool, tmp_path: Path) -> None:
    """Also with a key."""
    study = Study.create(replace(SPACE, tracking=Tracking(tracking)), tmp_path, "mine")
    assert (tracking_settings(study) is not None) is has_runs


@pytest.mark.parametrize("space", ["kobart", "cnn"])
def test_the_environment_comes_before_the_command_line(space: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It replaces what a shipped space sets, and --set replaces it."""
    for name, value in {"PROJECT": "ours", "ENTITY": "team", "MODE": "offline", "TAGS": "a, b"}.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    wandb = resolve_space(space, {}, ["wandb.entity=other"], [], None).wandb
    assert wandb == Wandb(WandbMode.OFFLINE, "ours", "other", ("a", "b"))


def test_a_file_of_the_user_comes_after_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an argument of `wandb.init` does."""
    monkeypatch.setenv("WANDB_PROJECT", "ours")
    monkeypatch.setenv("WANDB_ENTITY", "team")
    file = tmp_path / "own.yaml"
    file.write_text("task: classification\nmodel: scratch:tiny\nsample: reviews\nwandb: {project: mine}\n")
    wandb = resolve_space(str(file), {}, [], [], None).wandb
    assert (wandb.project, wandb.entity) == ("mine", "team")


def test_the_folder_of_the_environment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made absolute, because workers run elsewhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_DIR", "runs-of-wandb")
    settings = tracking_settings(Study.create(SPACE, tmp_path / "runs", "mine"))
    assert settings is not None
    assert settings.folder == str(tmp_path / "runs-of-wandb")


def test_an_unknown_mode_is_refused() -> None:
    """wandb would stop every trial."""
    with pytest.raises(UserError, match="WANDB_MODE=ofline") as caught:
        environment_mode({"WANDB_MODE": "ofline"})
    assert "offline" in caught.value.todo
    assert environment_settings({}) == {}
