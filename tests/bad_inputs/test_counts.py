"""The table in docs/bad_inputs.md says what is here: how many malformed inputs, of which kinds, and their messages."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bad_inputs import (
    test_checksums,
    test_configs,
    test_model_folders,
    test_options,
    test_parameters,
    test_spaces,
    test_study_folders,
    test_tables,
    test_tokenizers,
)
from tests.bad_inputs.cases import Bad, everything_in

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "bad_inputs.md").read_text(encoding="utf-8")
COMMANDS = ("tune", "train", "resume", "export", "predict", "evaluate", "ensemble", "models", "spaces")
KINDS = {
    "spaces": test_spaces.CASES,
    "options": test_options.CASES,
    "parameters": test_parameters.CASES,
    "configs": test_configs.CASES,
    "tables": test_tables.CASES,
    "tokenizers": test_tokenizers.CASES,
    "model folders": test_model_folders.CASES,
    "study folders": test_study_folders.CASES,
    "checksums": test_checksums.CASES,
}
#: Kind -> the input whose message the page shows.
SHOWN = {
    "spaces": "a tag on what it does not fit",
    "options": "a beta of one",
    "parameters": "min_p: a mapping",
    "configs": "baseline: a word for a number",
    "tables": "csv: a row too long",
    "tokenizers": "predict: no pad token",
    "model folders": "nowhere",
    "study folders": "trial.json: a name that leads out",
    "checksums": "predict: a bit of model.safetensors",
}
#: Kind -> the input that a process of its own is given. Only one that imports torch: that alone takes ten seconds.
TYPED = {"study folders": "trial.json: cut", "options": "a word for trials"}


def row(kind: str, cases: dict[str, Bad]) -> str:
    """A line of the table: the kind, its number by command, and in all."""
    found = Counter(bad.verb for bad in cases.values())
    numbers = [str(found[verb]) if verb in found else "" for verb in COMMANDS]
    return "| " + " | ".join([kind, *numbers, str(len(cases))]) + " |"


def test_the_table_counts_what_is_here() -> None:
    """Row by row, and at least 120 in all."""
    wanted = [row(kind, cases) for kind, cases in KINDS.items()]
    everything = {f"{kind}: {name}": bad for kind, cases in KINDS.items() for name, bad in cases.items()}
    wanted.append(row("**all**", everything))
    assert {bad.verb for bad in everything.values()} <= {*COMMANDS, "tun"}
    missing = [line for line in wanted if line not in PAGE.splitlines()]
    assert not missing, "\n".join(["docs/bad_inputs.md lacks", *missing])
    assert len(everything) >= 120


@pytest.mark.parametrize("kind", SHOWN)
def test_a_message_of_each_kind_is_shown_word_for_word(kind: str, refused: Callable[[Bad], str]) -> None:
    """What the page shows is what is said today."""
    bad = KINDS[kind][SHOWN[kind]]
    shown = f"$ kotune {bad.command}\n{refused(bad).rstrip()}\n"
    assert shown in PAGE, shown


@pytest.mark.parametrize("kind", TYPED)
def test_a_process_of_its_own_says_the_same(kind: str, workshop: Path, tmp_path: Path) -> None:
    """As people start it: exit code 2, one message on stderr, no traceback, nothing written."""
    bad = KINDS[kind][TYPED[kind]]
    bad.lay_out(tmp_path, workshop)
    before = everything_in(tmp_path)
    command = [sys.executable, str(ROOT / "cli.py"), *bad.command.split()]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (answer.returncode, answer.stdout) == (2, ""), answer.stderr[-2000:]
    assert "Traceback" not in answer.stderr
    assert answer.stderr.startswith(("kotune: ", "Usage: "))
    assert all(words in answer.stderr for words in bad.says)
    assert everything_in(tmp_path) == before
