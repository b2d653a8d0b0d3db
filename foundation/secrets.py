"""Removes keys and passwords from everything that is written or shown: logs, records, summaries, model cards, W&B."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

#: Replaces a secret.
HIDDEN = "***"

#: Environment variables whose values are secrets wherever they occur.
_VARIABLES = (
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "WANDB_API_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "RAY_AUTH_TOKEN",
    "PGPASSWORD",
    "MYSQL_PWD",
)
_SHORTEST = 8  # a value as short as a word would be removed from every text with that word

#: Last parts of the names of secrets in URL queries, settings and environment files.
_NAMES = (
    r"(?:access|auth|api|session|security|id|refresh)[_-]?token|x-amz-(?:signature|credential|security-token)"
    r"|(?:api|access|secret|account|private|shared)[_-]?key(?:[_-]?id)?|secret|password|passwd|pwd|signature"
)
_PATTERNS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    # scheme://user:password@host and scheme://token@host; greedy, since a password may hold an @ or a slash.
    (re.compile(r"(?<=://)[^\s/@'\"]*:[^\s'\"]*@|(?<=://)[^\s/@'\"]+@"), f"{HIDDEN}@"),
    (re.compile(rf"(?i)([?&;](?:{_NAMES}|token|key|sig|awsaccesskeyid)=)[^\s&;#'\"]+"), rf"\1{HIDDEN}"),
    (re.compile(rf"(?i)(\b(?:[a-z0-9]+[_-])*(?:{_NAMES})['\"]?\s*[=:]\s*['\"]?)[^\s&;,'\"]+"), rf"\1{HIDDEN}"),
    (re.compile(r"\b((?:[A-Z0-9]+_)+(?:TOKEN|KEY)\s*[=:]\s*['\"]?)[^\s&;,'\"]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)(\b(?:bearer|basic)\s+)[\w.~+/=-]{16,}"), rf"\1{HIDDEN}"),
    (re.compile(r"\b(?:hf|api_org)_[A-Za-z0-9]{20,}"), HIDDEN),
    (re.compile(r"\bwandb_v\d+_\w{20,}"), HIDDEN),
    (re.compile(r"\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_\w{30,}"), HIDDEN),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), HIDDEN),
)


def redact(text: str) -> str:
    """Replaces secrets in a text.

    A secret is recognized by its form (a password in a URL, `?token=`, `hf_…`, an AWS key) or because it is the value
    of an environment variable such as `HF_TOKEN` or `WANDB_API_KEY`.
    """
    for name in _VARIABLES:
        value = os.environ.get(name, "").strip()
        if len(value) >= _SHORTEST:
            text = text.replace(value, HIDDEN)
    for pattern, hidden in _PATTERNS:
        text = pattern.sub(hidden, text)
    return text


def redacted(value: Any) -> Any:
    """Applies `redact` to every text in a JSON-like value, at any depth, and hides values whose key names a secret."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {_text(key): HIDDEN if _names_a_secret(key, item) else redacted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    return value


_KEY = re.compile(rf"(?i)(?:.*[._-])?(?:{_NAMES}|(?:hf|hub|wandb)[_-]?(?:token|key))")


def _names_a_secret(key: object, value: object) -> bool:
    return isinstance(key, str) and isinstance(value, str) and _KEY.fullmatch(key) is not None


def _text(key: Any) -> Any:
    return redact(key) if isinstance(key, str) else key
