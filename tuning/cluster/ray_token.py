"""The token that protects the Ray which kotune starts. Ray requires one unless RAY_AUTH_MODE switches it off."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from foundation.durable import write_text

#: Environment variables with which the user configures the token.
_USER_SETTINGS = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


def keep_token_private() -> None:
    """Makes sure that Ray's token exists and that only this user can read it. Call it before Ray starts.

    Ray itself would create the file with default permissions, and does not start if the home folder is read-only.
    """
    if any(os.environ.get(name) for name in _USER_SETTINGS):
        return
    path = Path.home() / ".ray" / "auth_token"
    try:
        if path.is_file() and path.stat().st_size:
            path.chmod(0o600)
        else:
            _write(path)
    except OSError:  # no usable home folder: a token for this process and its children
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _write(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_text(path, secrets.token_hex(32), mode=0o600)
