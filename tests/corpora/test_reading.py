"""Reading: every row of a file is returned or refused with its line number."""

import hashlib
import random
import unicodedata
from pathlib import Path

import pytest

from corpora.reading import read_table
from search_spaces.errors import UserError, UserErrors
from tests.corpora.files import PAIR, refusal, write

SUMMARY = {"id": "fname", "source": "dialogue", "target": "summary"}


def test_csv_with_line_breaks_commas_and_quotes_in_fields(tmp_path: Path) -> None:
    """A quoted field keeps its line breaks, commas and doubled quotes; rows know the line they start in."""
    content = 'fname,dialogue,summary\r\n1,"의사: ""왜요?""\n환자: 아파요, 많이",통증\r\n2,b,c\r\n'
    path = write(tmp_path, "t.csv", content)
    table = read_table(path, SUMMARY)
    assert table.rows == [
        {"id": "1", "source": '의사: "왜요?"\n환자: 아파요, 많이', "target": "통증"},
        {"id": "2", "source": "b", "target": "c"},
    ]
    assert table.line_numbers == [2, 4]
    assert table.columns == ("fname", "dialogue", "summary")
    assert (table.path, table.encoding) == (str(path), "utf-8")
    assert table.sha256 == hashlib.sha256(content.encode()).hexdigest()


def test_texts_are_composed_and_stripped(tmp_path: Path) -> None:
    """Decomposed Hangul, in texts and in column names, is composed; outer whitespace goes, inner stays."""
    decomposed = unicodedata.normalize("NFD", "문장")
    path = write(tmp_path, "t.tsv", f"{decomposed}\tb \n \u3000{decomposed}  둘\u00a0\t 1\n")
    assert read_table(path, {"text": "문장", "label": "b"}).rows == [{"text": "문장  둘", "label": "1"}]
    assert read_table(path, {"text": decomposed}).rows == [{"text": "문장  둘"}]


def test_optional_roles(tmp_path: Path) -> None:
    """An optional role may be empty in a row, and is left out when the file has no such column."""
    path = write(tmp_path, "t.csv", "a,b,c\n가,1,\n나,2,셋\n")
    table = read_table(path, PAIR, {"note": "c", "section": "d"})
    assert [row["note"] for row in table.rows] == ["", "셋"]
    assert set(table.rows[0]) == {"text", "label", "note"}


def test_ids_are_generated_only_when_optional_and_absent(tmp_path: Path) -> None:
    """Row numbers from 1 stand in for an id column that is not there, never for one that is."""
    path = write(tmp_path, "t.csv", "a,b\n가,x\n나,y\n")
    assert [row["id"] for row in read_table(path, {"text": "a"}, {"id": "fname"}).rows] == ["1", "2"]
    assert [row["id"] for row in read_table(path, {"text": "a"}, {"id": "b"}).rows] == ["x", "y"]
    assert "'fname'" in refusal(path, {"text": "a", "id": "fname"})


def test_a_bad_optional_text_is_refused_too(tmp_path: Path) -> None:
    """What is not text is refused in an optional role as well; only emptiness is allowed there."""
    path = write(tmp_path, "t.jsonl", '{"a": "가", "c": null}\n{"a": "나", "c": {}}\n{"a": "다"}\n')
    with pytest.raises(UserError, match=r"1 of 3 rows .*\n    line 2: 'c' is neither text nor a number"):
        read_table(path, {"text": "a"}, {"note": "c"})


def test_the_list_is_cut_but_the_count_is_not(tmp_path: Path) -> None:
    """max_problems shortens the message and says how many it left out: 30 - 4 = 26."""
    message = refusal(write(tmp_path, "t.tsv", "a\tb\n" + "가\n" * 30), max_problems=4)
    assert message.count("\n    line ") == 4
    assert "30 of 30 rows" in message
    assert "\n    and 26 more\n" in message
    assert 'quoting "csv"' in message


def test_read_and_refused_rows_add_up(tmp_path: Path) -> None:
    """Whichever of 300 rows are empty, the refused lines are exactly theirs."""
    draw = random.Random(1)
    empty = sorted(draw.sample(range(300), 40))
    lines = ["a\tb", *(f"{'' if number in empty else '가'}\t{number}" for number in range(300))]
    message = refusal(write(tmp_path, "t.tsv", "\n".join(lines)), max_problems=99)
    assert "40 of 300 rows" in message
    assert [int(line.split()[1][:-1]) for line in message.splitlines()[1:41]] == [number + 2 for number in empty]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.csv", "", ["is empty"]),
        ("t.csv", "\n \n", ["is empty"]),
        ("t.csv", "a,b\n\n", ["no rows"]),
        ("t.csv", "a,c\n1,2\n", ["no column 'b' for 'label'", "'a', 'c'"]),
        ("t.csv", "a,b,b\n1,2,3\n", ["names 'b' more than once"]),
        ("t.csv", 'a,"b"x\n1,2\n', ["line 1: text after a closing quotation mark"]),
        ("t.csv", "a\tb\n1\t2\n", ["separated by '\\t'"]),
        ("t.tsv", "가\t1\n나\t2\n", ["'가', '1'", "first line must hold the column names"]),
        ("t.csv", "a,b\n1,2\n".encode("utf-16-le"), ["line 1: NUL bytes", "UTF-16 only with a BOM"]),
        ("t.json", "{}", ["unknown suffix '.json'", ".csv, .tsv, .txt, .jsonl, .ndjson, .json-lines"]),
        ("t", "a", ["unknown suffix ''"]),
        ("t.jsonl", '{"a": 1, "B": 2}', ["no column 'b' for 'label'", "'a', 'B'"]),
    ],
)
def test_unusable_files(tmp_path: Path, name: str, content: str | bytes, words: list[str]) -> None:
    """A file that cannot be a table says what is wrong with it, what is allowed and what to do."""
    message = refusal(write(tmp_path, name, content))
    assert all(word in message for word in [*words, "allowed: ", "to do: "]), message


def test_missing_file_and_folder(tmp_path: Path) -> None:
    """A misspelt file name is told its neighbour; a folder is no file."""
    write(tmp_path, "train.csv", "a,b\n1,2\n")
    assert "did you mean 'train.csv'?" in refusal(tmp_path / "trian.csv")
    assert "no such file" in refusal(tmp_path / "nowhere" / "train.csv")
    assert "is a folder" in refusal(tmp_path)


def test_all_wrong_columns_at_once(tmp_path: Path) -> None:
    """Doubled and missing columns and the want of rows are told together, with the nearest names."""
    with pytest.raises(UserErrors) as caught:
        read_table(write(tmp_path, "t.csv", "fname,dialog,sumary,x,x\n"), SUMMARY)
    assert len(caught.value.problems) == 4
    assert "'dialog'?" in str(caught.value)
    assert "'sumary'?" in str(caught.value)


@pytest.mark.parametrize(("name", "quoting"), [("t.csv", "cvs"), ("t.jsonl", "csv")])
def test_a_quoting_that_does_nothing_is_refused(tmp_path: Path, name: str, quoting: str) -> None:
    """A misspelt quoting, or one for JSON lines, is not ignored in silence."""
    assert f"quoting {quoting!r}" in refusal(write(tmp_path, name, "a,b\n1,2\n"), quoting=quoting)
