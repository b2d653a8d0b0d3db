"""Ray's token exists, is private, and stays as the user configured it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tuning.cluster.ray_token import keep_token_private


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of Ray's token, for a user who has configured nothing."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.setenv(name, "")  # monkeypatch restores what a test sets
        monkeypatch.delenv(name)
    return tmp_path / ".ray" / "auth_token"


def test_a_token_is_made_once_and_only_its_owner_reads_it(token: Path) -> None:
    """256 bits, in a private file and folder, and the same in the next session."""
    keep_token_private()
    first = token.read_text()
    assert len(first) == 64
    assert token.stat().st_mode & 0o777 == 0o600
    assert token.parent.stat().st_mode & 0o777 == 0o700
    keep_token_private()
    assert token.read_text() == first
    assert os.listdir(token.parent) == ["auth_token"]


def test_a_token_that_ray_wrote_becomes_private(token: Path) -> None:
    """Ray writes it with default permissions."""
    token.parent.mkdir()
    token.write_text("theirs")
    token.chmod(0o644)
    keep_token_private()
    assert token.read_text() == "theirs"
    assert token.stat().st_mode & 0o777 == 0o600


def test_without_a_home_folder_the_token_is_in_the_environment(token: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray would not start without one."""
    token.parent.write_text("a file where a folder must be")
    keep_token_private()
    assert len(os.environ["RAY_AUTH_TOKEN"]) == 64


@pytest.mark.parametrize(
    ("name", "value"),
    [("RAY_AUTH_MODE", "disabled"), ("RAY_AUTH_MODE", "token"), ("RAY_AUTH_TOKEN", "x"), ("RAY_AUTH_TOKEN_PATH", "/x")],
)
def test_the_users_own_settings_stay(token: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """Nothing is written or set."""
    monkeypatch.setenv(name, value)
    keep_token_private()
    assert not token.parent.exists()
    assert os.environ[name] == value


@pytest.mark.ray
@pytest.mark.usefixtures("two_cpus")
def test_ray_asks_for_the_token_and_shows_no_dashboard() -> None:
    """In the Ray that kotune starts: a dashboard would be one more open port."""
    import ray
    from ray._raylet import AuthenticationMode, get_authentication_mode

    assert ray.is_initialized()
    if os.environ.get("RAY_AUTH_MODE", "token") == "token":
        assert get_authentication_mode() == AuthenticationMode.TOKEN
    assert not ray._private.worker.get_dashboard_url()
