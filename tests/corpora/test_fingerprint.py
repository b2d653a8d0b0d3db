"""Fingerprints: the same content has the same name everywhere, different content another."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from corpora.fingerprint import file_sha256, fingerprint

PARTS = {"나": [1, 2.5, None], "a": {"y": True, "x": "한글"}}


def test_format_and_golden_value() -> None:
    """16 hex digits of the sha256 over compact, sorted, ASCII JSON: a cache survives an upgrade of Python."""
    assert fingerprint("가", {"b": 1, "a": None}) == hashlib.sha256(b'["\\uac00",{"a":null,"b":1}]').hexdigest()[:16]


def test_the_order_of_keys_does_not_count() -> None:
    """Two mappings that are equal have one fingerprint, at every depth."""
    assert fingerprint({"p": {"a": 1, "b": 2}, "q": 0}) == fingerprint({"q": 0, "p": {"b": 2, "a": 1}})


def test_different_parts_differ() -> None:
    """Types, order and the borders between parts count."""
    parts = [(1,), (1.0,), ("1",), (True,), (None,), ("",), (), ("ab", "c"), ("a", "bc"), (["ab", "c"],), ({},), ([],)]
    assert len({fingerprint(*part) for part in parts}) == len(parts)


def test_another_process_gives_the_same() -> None:
    """Hash randomisation does not reach the fingerprint."""
    code = f"from corpora.fingerprint import fingerprint; print(fingerprint({PARTS!r}))"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert run.stdout.strip() == fingerprint(PARTS)


@pytest.mark.parametrize(
    ("part", "error"), [({1, 2}, TypeError), (Path("a"), TypeError), (object(), TypeError), (float("nan"), ValueError)]
)
def test_what_has_no_canonical_form_is_refused(part: object, error: type[Exception]) -> None:
    """A set, a path, an object with an address or NaN would name the same content differently."""
    with pytest.raises(error):
        fingerprint([part])


def test_file_sha256(tmp_path: Path) -> None:
    """The bytes count, also those beyond one buffer, and nothing is translated."""
    content = b"\r\n\x00\xff" * 300_000
    (tmp_path / "f").write_bytes(content)
    assert file_sha256(tmp_path / "f") == hashlib.sha256(content).hexdigest()
    with pytest.raises(OSError, match="nowhere"):
        file_sha256(tmp_path / "nowhere")
