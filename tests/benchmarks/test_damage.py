"""The command that damages files: its damages, and what counts as a fault."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from benchmarks.damage.damages import DAMAGES
from benchmarks.damage.outcomes import FAULTS, Outcome, Verdict, judge

FILE = Path("runs/s/trials/s-0000/trial.json")
USUAL = Outcome(0, "best 0.5\n", "", "hash")


@pytest.mark.parametrize("name", DAMAGES)
@pytest.mark.parametrize("content", [b'{"a": {"b": 1}}', b"a: 1\n", bytes(range(1, 200))])
def test_every_damage_changes_the_file(name: str, content: bytes, tmp_path: Path) -> None:
    """To other bytes, to something else, or to nothing; the same with the same seed."""
    path, again = tmp_path / "file.yaml", tmp_path / "again.yaml"
    for each in (path, again):
        each.write_bytes(content)
        DAMAGES[name](each, random.Random(3))
    assert not path.is_file() or path.is_symlink() or path.read_bytes() != content
    if path.is_file():
        assert path.read_bytes() == again.read_bytes()


def test_a_field_gets_another_type(tmp_path: Path) -> None:
    """The file remains JSON, so that it is read as far as its fields."""
    path = tmp_path / "trial.json"
    for seed in range(20):
        path.write_text('{"status": "completed"}', encoding="utf-8")
        DAMAGES["field"](path, random.Random(seed))
        assert json.loads(path.read_text(encoding="utf-8")) != {"status": "completed"}


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (USUAL, Verdict.SAME),
        (Outcome(None, "", "", ""), Verdict.HANG),
        (Outcome(1, "", "Traceback (most recent call last):\n", ""), Verdict.TRACEBACK),
        (Outcome(2, "", "kotune: trial.json: null\n", ""), Verdict.REFUSED),
        (Outcome(2, "", "", ""), Verdict.CRASH),
        (Outcome(1, "", "kotune: the model is lost\n", ""), Verdict.PAUSED),
        (Outcome(-11, "", "", "hash"), Verdict.CRASH),
        (Outcome(0, "best 0.4\n", "", "other"), Verdict.SILENT),
        (Outcome(0, "best 0.4\nwarning: trial.json is damaged\n", "", "other"), Verdict.TOLD),
    ],
)
def test_what_a_command_gave_is_judged(outcome: Outcome, verdict: Verdict) -> None:
    """Another result needs a word about it."""
    assert judge(outcome, USUAL, FILE) is verdict
    assert (verdict in FAULTS) == (verdict in {Verdict.HANG, Verdict.TRACEBACK, Verdict.SILENT, Verdict.CRASH})
