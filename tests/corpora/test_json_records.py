"""JSON: one object per line, or an array of objects in a .json file."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from corpora.reading import read_table
from tests.corpora.files import PAIR, refusal, write

ROWS = [{"a": "가", "b": 1}, {"a": "나\n[다]", "b": 4.20, "c": None}]
READ = [{"text": "가", "label": "1"}, {"text": "나\n[다]", "label": "4.2"}]


@pytest.mark.parametrize("indent", [None, 2])
def test_an_array_of_objects(tmp_path: Path, indent: int | None) -> None:
    """As json.dump and pandas write it; a row has the line on which its object begins."""
    table = read_table(write(tmp_path, "t.json", json.dumps(ROWS, indent=indent, ensure_ascii=False)), PAIR)
    assert table.rows == READ
    assert table.line_numbers == ([1, 1] if indent is None else [2, 6])
    assert table.columns == ("a", "b", "c")


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1]])
def test_objects_per_line_in_a_json_file(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    """Many tools call JSON lines .json."""
    path = write(tmp_path, "t.json", "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n")
    assert read_table(path, PAIR).rows == READ[: len(rows)]


def test_numbers_keep_their_digits_and_booleans_become_words(tmp_path: Path) -> None:
    """A boolean is a label, and never a text."""
    path = write(tmp_path, "t.json", '[{"a": "가", "b": 4.20}, {"a": "나", "b": true}, {"a": "다", "b": false}]')
    table = read_table(path, {"source": "a", "target": "b"})
    assert [row["target"] for row in table.rows] == ["4.20", "true", "false"]
    assert "'b' is neither text nor a number" in refusal(path, {"target": "a", "source": "b"})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('[{"a": 1},\n {"a": }]', ["line 2: not JSON: Expecting value, character 8"]),
        ('[{"a": 1}\n {"a": 2}]', ["line 2: no comma after an element"]),
        ('[{"a": 1}]\n[]', ["text after the end of the array"]),
        ('[{"a": 1}', ["no comma after an element"]),
        ('[{"a": NaN, "b": 1}]', ["not usable JSON: NaN is not a number"]),
        ('[{"a": 1, "a": 2}]', ["not usable JSON: duplicate key 'a'"]),
        ("[" * 100_000, ["not usable JSON"]),
        ('["가", "나"]', ["2 of 2 rows", "line 1: not a JSON object"]),
        ('"가"', ["is not an array of objects", "an array of objects [{…}, {…}]"]),
        ("[]", ["has no rows"]),
        ('[{"a": "가", "b": ["기쁨", "슬픔"]}]', ["'b' is a list of 2", "write a row for each of them"]),
    ],
)
def test_other_json_is_refused(tmp_path: Path, content: str, words: list[str]) -> None:
    """With the line and what is allowed."""
    message = refusal(write(tmp_path, "t.json", content))
    assert all(word in message for word in words), message


def test_an_array_in_json_lines_is_told_its_suffix(tmp_path: Path) -> None:
    """It is read if the suffix is .json."""
    assert "an array of objects needs the suffix .json" in refusal(write(tmp_path, "t.jsonl", json.dumps(ROWS)))


def test_a_list_inside_an_object_is_taken_out_by_the_command_of_the_message(tmp_path: Path) -> None:
    """As in {"version": 1, "data": [...]}; the command works as it stands."""
    path = write(tmp_path, "내 파일.json", json.dumps({"version": "1", "data": ROWS}, indent=1))
    message = refusal(path)
    assert "is one JSON object with 'version', 'data'; 'data' is a list" in message
    command = shlex.split(message.rpartition("a file of its own: ")[2])
    subprocess.run([sys.executable, *command[1:]], check=True)
    assert read_table(path.with_name("내 파일.rows.json"), PAIR).rows == READ
