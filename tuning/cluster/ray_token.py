"""The token without which nobody talks to the Ray that kotune starts. Ray asks for one unless RAY_AUTH_MODE says no."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from foundation.durable import write_text

#: With any of these the user has decided.
_DECIDED = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


def keep_token_private() -> None:
    """See that Ray's token is there and nobody else's to read; call before Ray is started.

    Ray itself would write it with the usual rights, and does not start where it cannot write to the home folder.
    """
    if any(os.environ.get(name) for name in _DECIDED):
        return
    path = Path.home() / ".ray" / "auth_token"
    try:
        if path.is_file() and path.stat().st_size:
            path.chmod(0o600)
        else:
            _write(path)
    except OSError:  # a home that is not there or not ours: a token for this process and those it starts
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _write(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_text(path, secrets.token_hex(32), mode=0o600)
