"""Reading: every row of a file is returned or refused with its line number."""

import hashlib
import random
import unicodedata
from pathlib import Path

import pytest

from corpora.reading import read_table
from corpora.table_rows import Refused
from foundation.errors import UserError, UserErrors
from tests.corpora.files import PAIR, refusal, write

SUMMARY = {"id": "fname", "source": "dialogue", "target": "summary"}


def test_csv_with_line_breaks_commas_and_quotes_in_fields(tmp_path: Path) -> None:
    """A quoted field keeps line breaks, commas and doubled quotes; each row has the number of its first line."""
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
    """Decomposed Hangul in texts and column names is composed; surrounding whitespace is removed."""
    decomposed = unicodedata.normalize("NFD", "문장")
    path = write(tmp_path, "t.tsv", f"{decomposed}\tb \n \u3000{decomposed}  둘\u00a0\t 1\n")
    assert read_table(path, {"text": "문장", "label": "b"}).rows == [{"text": "문장  둘", "label": "1"}]
    assert read_table(path, {"text": decomposed}).rows == [{"text": "문장  둘"}]


def test_optional_roles(tmp_path: Path) -> None:
    """An optional role may be empty, and is missing if the file does not have the column."""
    path = write(tmp_path, "t.csv", "a,b,c\n가,1,\n나,2,셋\n")
    table = read_table(path, PAIR, {"note": "c", "section": "d"})
    assert [row["note"] for row in table.rows] == ["", "셋"]
    assert set(table.rows[0]) == {"text", "label", "note"}


def test_missing_ids_are_row_numbers(tmp_path: Path) -> None:
    """From 1, if the id column is optional and missing."""
    path = write(tmp_path, "t.csv", "a,b\n가,x\n나,y\n")
    assert [row["id"] for row in read_table(path, {"text": "a"}, {"id": "fname"}).rows] == ["1", "2"]
    assert [row["id"] for row in read_table(path, {"text": "a"}, {"id": "b"}).rows] == ["x", "y"]
    assert "'fname'" in refusal(path, {"text": "a", "id": "fname"})


def test_a_bad_optional_text_is_refused_too(tmp_path: Path) -> None:
    """An optional role may be empty, but must not have another type."""
    path = write(tmp_path, "t.jsonl", '{"a": "가", "c": null}\n{"a": "나", "c": {}}\n{"a": "다"}\n')
    with pytest.raises(UserError, match=r"1 of 3 rows .*\n    line 2: 'c' is neither text nor a number"):
        read_table(path, {"text": "a"}, {"note": "c"})


def test_a_long_list_of_problems_is_truncated(tmp_path: Path) -> None:
    """`max_problems` are shown, the rest is counted: 30 - 4 = 26."""
    message = refusal(write(tmp_path, "t.tsv", "a\tb\n" + "가\n" * 30), max_problems=4)
    assert message.count("\n    line ") == 4
    assert "30 of 30 rows" in message
    assert "\n    and 26 more\n" in message
    assert 'quoting "csv"' in message


def test_refused_rows_are_listed_by_line(tmp_path: Path) -> None:
    """With 40 random empty rows of 300."""
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
        ("t.csv", "a,b,b\n1,2,3\n", ["duplicate columns in the header: 'b'"]),
        ("t.csv", 'a,"b"x\n1,2\n', ["line 1: text after a closing quotation mark"]),
        ("t.csv", "a\tb\n1\t2\n", ["separated by '\\t'"]),
        ("t.tsv", "가\t1\n나\t2\n", ["'가', '1'", "write the column names in the first line"]),
        ("t.csv", "a,b\n1,2\n".encode("utf-16-le"), ["line 1: NUL bytes", "UTF-16 only with a BOM"]),
        ("t.text", "{}", ["unknown suffix '.text'", ".csv, .tsv, .txt, .jsonl, .ndjson, .json-lines, .json, .parquet"]),
        ("t", "a", ["unknown suffix ''"]),
        ("t.jsonl", '{"a": 1, "B": 2}', ["no column 'b' for 'label'", "'a', 'B'"]),
    ],
)
def test_an_unusable_file_is_refused(tmp_path: Path, name: str, content: str | bytes, words: list[str]) -> None:
    """With a message in three parts."""
    message = refusal(write(tmp_path, name, content))
    assert all(word in message for word in [*words, "allowed: ", "to do: "]), message


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    """A misspelled file name gets a suggestion."""
    write(tmp_path, "train.csv", "a,b\n1,2\n")
    assert "did you mean 'train.csv'?" in refusal(tmp_path / "trian.csv")
    assert "no such file" in refusal(tmp_path / "nowhere" / "train.csv")
    assert "is a folder" in refusal(tmp_path)


def test_suggested_file_names_are_similar(tmp_path: Path) -> None:
    """An equal suffix is not enough."""
    (tmp_path / "dev.csv").write_text("a")
    (tmp_path / "train.csv").write_text("a")
    for name, todo in (("nope.csv", "check the path"), ("trian.csv", "did you mean 'train.csv'?")):
        with pytest.raises(UserError) as caught:
            read_table(tmp_path / name, {"source": "a"})
        assert caught.value.todo == todo


def test_all_wrong_columns_are_reported_at_once(tmp_path: Path) -> None:
    """Duplicate and missing columns and missing rows, with suggestions."""
    with pytest.raises(UserErrors) as caught:
        read_table(write(tmp_path, "t.csv", "fname,dialog,sumary,x,x\n"), SUMMARY)
    assert len(caught.value.problems) == 4
    assert "'dialog'?" in str(caught.value)
    assert "'sumary'?" in str(caught.value)


@pytest.mark.parametrize(("name", "quoting"), [("t.csv", "cvs"), ("t.jsonl", "csv")])
def test_an_invalid_quoting_is_refused(tmp_path: Path, name: str, quoting: str) -> None:
    """A misspelled one, and any for JSON lines."""
    assert f"quoting {quoting!r}" in refusal(write(tmp_path, name, "a,b\n1,2\n"), quoting=quoting)


LABELLED = {"source": "text", "target": "label"}
HEADER = ("label", "text")


@pytest.mark.parametrize(("name", "comma"), [("t.tsv", "\t"), ("t.txt", "\t"), ("t.csv", ",")])
def test_a_file_without_a_header_has_the_names_of_the_settings(tmp_path: Path, name: str, comma: str) -> None:
    """The first line is a row; ids and line numbers start with it."""
    path = write(tmp_path, name, f"0{comma}가\n1{comma}나\n")
    table = read_table(path, LABELLED, {"id": "fname"}, header=HEADER)
    assert table.rows == [{"id": "1", "source": "가", "target": "0"}, {"id": "2", "source": "나", "target": "1"}]
    assert (table.columns, table.line_numbers, table.refused) == (HEADER, [1, 2], [])


def test_a_header_in_the_file_wins(tmp_path: Path) -> None:
    """A first line with all required columns is a header, in any order and with more columns."""
    path = write(tmp_path, "t.txt", "id\tdocument\tlabel\n7\t가\t0\n")
    columns = {"source": "document", "target": "label"}
    table = read_table(path, columns, {"id": "id"}, header=HEADER)
    assert table.rows == [{"id": "7", "source": "가", "target": "0"}]
    assert table.columns == ("id", "document", "label")


@pytest.mark.parametrize("first", ["id\tdocument\tlabel", "Label\tSentence", "text\tclass"])
def test_a_header_with_a_missing_column_is_not_a_row(tmp_path: Path, first: str) -> None:
    """One of the names, in any case, makes the first line a header; the missing column is reported."""
    message = refusal(write(tmp_path, "t.tsv", f"{first}\n0\t가\n"), LABELLED, header=HEADER)
    assert "has no column '" in message
    assert "the columns of the file: " in message


@pytest.mark.parametrize("row", ["0\t가\tx", "가"])
@pytest.mark.parametrize("broken", ["stop", "skip"])
def test_rows_that_never_fit_the_names_are_refused(tmp_path: Path, row: str, broken: str) -> None:
    """If every row has too many or too few fields, the message shows the first line and the required names."""
    message = refusal(write(tmp_path, "t.tsv", f"{row}\n{row}\n"), LABELLED, header=HEADER, broken=broken)
    fields = ", ".join(map(repr, row.split("\t")))
    assert f"has no header with 'text', 'label'; its first line is {fields}\n" in message
    assert "allowed: a first line with these names, or no header and rows of 2 fields: 'label', 'text'" in message
    assert "to do:   add a line of column names above the rows" in message


def test_a_required_column_that_is_not_in_the_names_is_refused(tmp_path: Path) -> None:
    """With a suggestion from the first line, even if the number of fields fits."""
    path = write(tmp_path, "t.tsv", "category\tdocument\n0\t가\n")
    message = refusal(path, {"source": "documnet"}, header=HEADER)
    assert "no header with 'documnet'; its first line is 'category', 'document'" in message
    assert "did you mean 'document'?" in message


def test_some_rows_that_do_not_fit_the_names_are_broken_rows(tmp_path: Path) -> None:
    """If other rows fit; the first line may be one of them."""
    path = write(tmp_path, "t.tsv", "0\n1\t나\n\n2\t다\n")
    assert "2 of 4 rows" in refusal(path, LABELLED, header=HEADER)
    table = read_table(path, LABELLED, {"id": "fname"}, header=HEADER, broken="skip")
    assert [row["id"] for row in table.rows] == ["2", "4"]
    assert table.refused == [Refused(1, "1 fields where the header has 2"), Refused(3, "a blank line")]


def test_json_lines_ignore_the_names_of_the_settings(tmp_path: Path) -> None:
    """Each object has names of its own."""
    path = write(tmp_path, "t.jsonl", '{"text": "가", "label": 1}\n')
    assert read_table(path, LABELLED, header=("x",)).rows == [{"source": "가", "target": "1"}]


def test_the_message_suggests_to_skip_broken_rows(tmp_path: Path) -> None:
    """Unless no row would remain."""
    skip = "or skip them with --set data.broken_rows=skip"
    assert skip in refusal(write(tmp_path, "t.csv", "a,b\n가,1\n,2\n"))
    assert skip not in refusal(write(tmp_path, "t.csv", "a,b\n,1\n,2\n"))


def test_a_file_with_only_broken_rows_is_refused(tmp_path: Path) -> None:
    """Also with "skip", with the same message."""
    path = write(tmp_path, "t.csv", "a,b\n,1\n나\n")
    assert refusal(path, broken="skip") == refusal(path)
    assert "2 of 2 rows" in refusal(path)


def test_an_invalid_choice_for_broken_rows_is_refused(tmp_path: Path) -> None:
    """With a suggestion."""
    message = refusal(write(tmp_path, "t.csv", "a,b\n1,2\n"), broken="skp")
    assert "broken rows 'skp'" in message
    assert "did you mean 'skip'?" in message


BAD_TSV = {"": "a blank line", "가": "1 fields", "가\t1\t2": "3 fields", "\t1": "'a' is empty", "가\t\0": "NUL bytes"}
BAD_CSV = {
    "": "a blank line",
    "가,1,2": "3 fields",
    '"가"x,1': "text after",
    "가\r,1": "a bare carriage",
    ",1": "'a' is",
}
BAD_JSON = {
    "": "a blank line",
    "{": "not JSON",
    "[1]": "not a JSON object",
    '{"b": 1}': "'a' is",
    '{"a": []}': "'a' is",
}


@pytest.mark.parametrize(
    ("name", "head", "good", "bad"),
    [
        ("t.tsv", ["a\tb"], "가\t{}", BAD_TSV),
        ("t.csv", ["a,b"], '"가, ""나""",{}', BAD_CSV),
        ("t.jsonl", [], '{{"a": "가", "b": {}}}', BAD_JSON),
    ],
)
def test_usable_and_refused_rows_are_all_rows(
    tmp_path: Path, name: str, head: list[str], good: str, bad: dict[str, str]
) -> None:
    """In 40 random files each row is returned or refused, in order, with its line and the reason."""
    draw = random.Random(name)
    for _ in range(40):
        rows = draw.choices(["good", *bad], weights=[6] + [1] * len(bad), k=draw.randint(1, 30))
        rows.append("good")  # a blank line at the end would be ignored
        lines = head + [good.format(number) if row == "good" else row for number, row in enumerate(rows, 1)]
        path = write(tmp_path, name, "\n".join(lines) + "\n" * draw.randint(0, 3))
        table = read_table(path, PAIR, {"id": "fname"}, broken="skip")
        assert len(table.rows) + len(table.refused) == len(rows)
        usable = [number for number, row in enumerate(rows, 1) if row == "good"]
        assert [(int(row["label"]), int(row["id"])) for row in table.rows] == [(number, number) for number in usable]
        assert table.line_numbers == [number + len(head) for number in usable]
        refused = [(number + len(head), bad[row]) for number, row in enumerate(rows, 1) if row != "good"]
        assert [
            (row.line, row.reason[: len(reason)]) for row, (_, reason) in zip(table.refused, refused, strict=True)
        ] == refused


def test_each_line_that_a_quotation_mark_swallows_is_refused(tmp_path: Path) -> None:
    """The ends of its rows are unknown, and no line is dropped silently: of 5 rows 2 are usable and 3 refused."""
    path = write(tmp_path, "t.csv", 'a,b\n가,1\n나,2\n"열린,3\n다,4\n라,5\n\n')
    table = read_table(path, PAIR, broken="skip")
    assert [row["label"] for row in table.rows] == ["1", "2"]
    assert [row.line for row in table.refused] == [4, 5, 6]
    assert "never closed" in table.refused[0].reason
    assert table.refused[2].reason == "swallowed by a quotation mark in line 4"
