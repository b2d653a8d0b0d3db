"""YAML without its traps, and within bounds."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from foundation.checked_yaml import load_yaml, read_yaml
from foundation.errors import UserError


def test_yaml_has_no_surprises() -> None:
    """`1e-5` is a number; a time of day and a date are texts (in YAML 1.1 they are 90 and a date object)."""
    values = load_yaml("{a: 1e-5, b: 1.5e-5, c: 1:30, d: 2026-01-02, e: 8, f: none, g: null, h: '1', i: 0x1f}", "x")
    assert values == {
        "a": 1e-5, "b": 1.5e-5, "c": "1:30", "d": "2026-01-02", "e": 8, "f": "none", "g": None, "h": "1", "i": 31
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: 1\nb: 2\na: 3\n", "line 3"), ("s:\n  x: 1\n  x: 2\n", "line 3"), ("a: [1\nb: 2\n", "line 2")],
)
def test_duplicate_keys_and_invalid_yaml_are_reported_with_their_line(text: str, line: str) -> None:
    """PyYAML silently keeps the last of two equal keys; here that is an error, at any depth."""
    with pytest.raises(UserError) as caught:
        load_yaml(text, "my.yaml")
    assert caught.value.problem.startswith(f"my.yaml, {line}: ")


def test_bytes_in_another_encoding_are_a_user_error() -> None:
    """With a message instead of a traceback."""
    with pytest.raises(UserError, match=r"^my\.yaml"):
        load_yaml("a: 한국어".encode("cp949"), "my.yaml")


def test_merge_keys_are_not_duplicates() -> None:
    """`<<: *anchor` together with a key that overrides it is valid YAML."""
    assert load_yaml("a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}\n", "x")["b"] == {"k": 3, "l": 2}


#: Indicators, tags, marks and texts of YAML.
_PIECES = [
    *("a", "b: ", "- ", "&a ", "*a", "<<: ", "{", "}", "[", "]", ", ", "? ", ": ", "\n", "\n  ", "| ", ">\n", "'", '"'),
    *("!!", "!!int ", "!!set ", "!!python/name:os.system ", "%YAML 1.1\n", "---\n", "...\n", "1e5", "#", "\t", "\0"),
    *(
        "~",
        "0x",
        "1_000",
        "\\",
        "!!omap ",
        "!!pairs ",
        "!!binary ",
        "!!timestamp ",
        "!<tag> ",
        "@",
        "`",
        "가",
        "=",
        "\x85",
    ),
]


def _merged(lines: int) -> str:
    first = "a0: &a0 {" + ", ".join(f"k{number}: {number}" for number in range(10)) + "}\n"
    others = (
        f"a{line}: &a{line} {{<<: [{', '.join(10 * [f'*a{line - 1}'])}], n{line}: 0}}\n" for line in range(1, lines)
    )
    return first + "".join(others)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (_merged(9), "merge keys (<<) expand to more than 20,000 values"),
        ("a: &a [" + 9 * "[" + 9 * "]" + "]\n" + "b: [" + ", ".join(30_000 * ["*a"]) + "]", "more than 20,000 values"),
        ("a0: &a0 [0,0,0,0,0,0,0,0,0,0]\n" + "".join(
            f"a{line}: &a{line} [{', '.join(10 * [f'*a{line - 1}'])}]\n" for line in range(1, 9)
        ), "aliases (*NAME) expand to more than 20,000 values"),
        ("a: &a [*a]", "its aliases (*NAME) expand"),
        ("a: " + 5_000 * "[", "more than 64 levels"),
        ("".join(f"{level * ' '}a:\n" for level in range(5_000)), "more than 64 levels"),
        (5_000 * "- ", "more than 64 levels"),
        (5_000 * "? ", "more than 64 levels"),
        (5_000 * "{a: ", "more than 64 levels"),
        ("\n".join(f"k{number}:" for number in range(60_000)), "more than 20,000 values"),
    ],
)  # fmt: skip
def test_bombs_are_refused_at_once(text: str, problem: str) -> None:
    """Whatever they would expand to, and before PyYAML has read what would take it minutes."""
    started = time.monotonic()
    with pytest.raises(UserError) as caught:
        load_yaml(text, "my.yaml")
    assert problem in caught.value.problem
    assert time.monotonic() - started < 5


def test_merge_keys_of_the_usual_size_are_read() -> None:
    """Three levels of ten keys each."""
    assert load_yaml(_merged(3), "x")["a2"].keys() == {f"k{number}" for number in range(10)} | {"n1", "n2"}


def test_random_text_ends_with_a_value_or_a_message() -> None:
    """Pieces of YAML in any order, 400 documents from one seed."""
    draw = random.Random(0)
    ends = {"value": 0, "message": 0}
    for _ in range(400):
        text = "".join(draw.choices(_PIECES, k=draw.randint(1, 40)))
        try:
            load_yaml(text, "random.yaml")
            ends["value"] += 1
        except UserError:
            ends["message"] += 1
    assert min(ends.values()) > 10


def test_only_regular_files_of_a_few_lines_are_read(tmp_path: Path) -> None:
    """A FIFO does not wait for its writer, and a file with a hole of 20 GB is not read."""
    os.mkfifo(tmp_path / "fifo")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(20_000_000_000)
    (tmp_path / "folder").mkdir()
    reasons = {"fifo": "no regular file", "sparse": "20,000.0 MB", "folder": "Is a directory", "none": "No such file"}
    for name, reason in reasons.items():
        with pytest.raises(UserError, match=rf"--config cannot be read: .*{reason}"):
            read_yaml(tmp_path / name, "--config")
