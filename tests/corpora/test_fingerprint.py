"""Fingerprints: equal for equal content in every process, different for different content."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from corpora.fingerprint import file_sha256, fingerprint

PARTS = {"나": [1, 2.5, None], "a": {"y": True, "x": "한글"}}


def test_the_format_is_stable() -> None:
    """16 hex digits of the sha256 of compact, sorted ASCII JSON, so that a cache survives an upgrade of Python."""
    assert fingerprint("가", {"b": 1, "a": None}) == hashlib.sha256(b'["\\uac00",{"a":null,"b":1}]').hexdigest()[:16]


def test_the_order_of_keys_does_not_matter() -> None:
    """At every depth."""
    assert fingerprint({"p": {"a": 1, "b": 2}, "q": 0}) == fingerprint({"q": 0, "p": {"b": 2, "a": 1}})


def test_different_parts_differ() -> None:
    """In type, in order, or in the boundaries between parts."""
    parts = [(1,), (1.0,), ("1",), (True,), (None,), ("",), (), ("ab", "c"), ("a", "bc"), (["ab", "c"],), ({},), ([],)]
    assert len({fingerprint(*part) for part in parts}) == len(parts)


def test_another_process_gives_the_same_fingerprint() -> None:
    """It does not depend on hash randomization."""
    code = f"from corpora.fingerprint import fingerprint; print(fingerprint({PARTS!r}))"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert run.stdout.strip() == fingerprint(PARTS)


@pytest.mark.parametrize(
    ("part", "error"), [({1, 2}, TypeError), (Path("a"), TypeError), (object(), TypeError), (float("nan"), ValueError)]
)
def test_a_part_without_a_canonical_form_is_refused(part: object, error: type[Exception]) -> None:
    """Equal sets, paths or objects, and NaN, could have different fingerprints."""
    with pytest.raises(error):
        fingerprint([part])


def test_file_sha256(tmp_path: Path) -> None:
    """Of all bytes, beyond one buffer, without newline translation."""
    content = b"\r\n\x00\xff" * 300_000
    (tmp_path / "f").write_bytes(content)
    assert file_sha256(tmp_path / "f") == hashlib.sha256(content).hexdigest()
    with pytest.raises(OSError, match="nowhere"):
        file_sha256(tmp_path / "nowhere")
