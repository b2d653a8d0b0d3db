"""Reading: every row of a file is returned or refused with its line number."""

import hashlib
import random
import unicodedata
from pathlib import Path

import pytest

from corpora.reading import Refused, read_table
from foundation.errors import UserError, UserErrors
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


def test_a_missing_file_is_not_like_any_file_of_its_kind(tmp_path: Path) -> None:
    """An equal suffix alone makes no name near; a slip of the finger is one."""
    (tmp_path / "dev.csv").write_text("a")
    (tmp_path / "train.csv").write_text("a")
    for name, todo in (("nope.csv", "check the path"), ("trian.csv", "did you mean 'train.csv'?")):
        with pytest.raises(UserError) as caught:
            read_table(tmp_path / name, {"source": "a"})
        assert caught.value.todo == todo


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


LABELLED = {"source": "text", "target": "label"}
HEADER = ("label", "text")


@pytest.mark.parametrize(("name", "comma"), [("t.tsv", "\t"), ("t.txt", "\t"), ("t.csv", ",")])
def test_a_file_without_a_header_takes_the_given_names(tmp_path: Path, name: str, comma: str) -> None:
    """The first line is a row like the others; ids and line numbers count from it."""
    path = write(tmp_path, name, f"0{comma}가\n1{comma}나\n")
    table = read_table(path, LABELLED, {"id": "fname"}, header=HEADER)
    assert table.rows == [{"id": "1", "source": "가", "target": "0"}, {"id": "2", "source": "나", "target": "1"}]
    assert (table.columns, table.line_numbers, table.refused) == (HEADER, [1, 2], [])


def test_a_header_in_the_file_wins_over_the_given_names(tmp_path: Path) -> None:
    """A first line with all required columns is the header, however it is ordered and whatever else it names."""
    path = write(tmp_path, "t.txt", "id\tdocument\tlabel\n7\t가\t0\n")
    columns = {"source": "document", "target": "label"}
    table = read_table(path, columns, {"id": "id"}, header=HEADER)
    assert table.rows == [{"id": "7", "source": "가", "target": "0"}]
    assert table.columns == ("id", "document", "label")


@pytest.mark.parametrize("first", ["id\tdocument\tlabel", "Label\tSentence", "text\tclass"])
def test_a_header_that_lacks_a_column_is_no_row(tmp_path: Path, first: str) -> None:
    """One known name, in capitals or not, shows that the first line is a header; it is told which column it lacks."""
    message = refusal(write(tmp_path, "t.tsv", f"{first}\n0\t가\n"), LABELLED, header=HEADER)
    assert "has no column '" in message
    assert "the columns it has: " in message


@pytest.mark.parametrize("row", ["0\t가\tx", "가"])
@pytest.mark.parametrize("broken", ["stop", "skip"])
def test_rows_that_never_fit_the_given_names(tmp_path: Path, row: str, broken: str) -> None:
    """A field too many or too few in every row: the file's first line and the wanted names are told, in three parts."""
    message = refusal(write(tmp_path, "t.tsv", f"{row}\n{row}\n"), LABELLED, header=HEADER, broken=broken)
    fields = ", ".join(map(repr, row.split("\t")))
    assert f"has no header with 'text', 'label'; its first line is {fields}\n" in message
    assert "allowed: a first line with these names, or no header and rows of 2 fields: 'label', 'text'" in message
    assert "to do:   put a line of column names above the rows" in message


def test_wanted_names_that_are_not_among_the_given(tmp_path: Path) -> None:
    """A misspelt column is told the nearest name of the first line, though the number of fields would fit."""
    path = write(tmp_path, "t.tsv", "category\tdocument\n0\t가\n")
    message = refusal(path, {"source": "documnet"}, header=HEADER)
    assert "no header with 'documnet'; its first line is 'category', 'document'" in message
    assert "did you mean 'document'?" in message


def test_some_rows_that_do_not_fit_the_given_names(tmp_path: Path) -> None:
    """Where other rows fit, the ones that do not are broken rows, the first line among them."""
    path = write(tmp_path, "t.tsv", "0\n1\t나\n\n2\t다\n")
    assert "2 of 4 rows" in refusal(path, LABELLED, header=HEADER)
    table = read_table(path, LABELLED, {"id": "fname"}, header=HEADER, broken="skip")
    assert [row["id"] for row in table.rows] == ["2", "4"]
    assert table.refused == [Refused(1, "1 fields where the header has 2"), Refused(3, "a blank line")]


def test_json_lines_do_not_look_at_the_given_names(tmp_path: Path) -> None:
    """JSON lines name their columns themselves."""
    path = write(tmp_path, "t.jsonl", '{"text": "가", "label": 1}\n')
    assert read_table(path, LABELLED, header=("x",)).rows == [{"source": "가", "target": "1"}]


def test_stopping_names_the_way_to_skip(tmp_path: Path) -> None:
    """The way out is offered only where it leads out: not when no row would be left."""
    skip = "--set data.broken_rows=skip leaves them out"
    assert skip in refusal(write(tmp_path, "t.csv", "a,b\n가,1\n,2\n"))
    assert skip not in refusal(write(tmp_path, "t.csv", "a,b\n,1\n,2\n"))


def test_nothing_left_is_refused_though_broken_rows_are_skipped(tmp_path: Path) -> None:
    """A file without one usable row says why, as it does without skipping."""
    path = write(tmp_path, "t.csv", "a,b\n,1\n나\n")
    assert refusal(path, broken="skip") == refusal(path)
    assert "2 of 2 rows" in refusal(path)


def test_what_to_do_with_broken_rows_is_checked(tmp_path: Path) -> None:
    """A misspelt choice is told the nearest one."""
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
def test_taken_and_refused_rows_are_all_rows(
    tmp_path: Path, name: str, head: list[str], good: str, bad: dict[str, str]
) -> None:
    """In 40 files of random good and bad rows each row is taken or refused, in order, with its line and reason."""
    draw = random.Random(name)
    for _ in range(40):
        rows = draw.choices(["good", *bad], weights=[6] + [1] * len(bad), k=draw.randint(1, 30))
        rows.append("good")  # a blank line at the end would be none
        lines = head + [good.format(number) if row == "good" else row for number, row in enumerate(rows, 1)]
        path = write(tmp_path, name, "\n".join(lines) + "\n" * draw.randint(0, 3))
        table = read_table(path, PAIR, {"id": "fname"}, broken="skip")
        assert len(table.rows) + len(table.refused) == len(rows)
        taken = [number for number, row in enumerate(rows, 1) if row == "good"]
        assert [(int(row["label"]), int(row["id"])) for row in table.rows] == [(number, number) for number in taken]
        assert table.line_numbers == [number + len(head) for number in taken]
        refused = [(number + len(head), bad[row]) for number, row in enumerate(rows, 1) if row != "good"]
        assert [
            (row.line, row.reason[: len(reason)]) for row, (_, reason) in zip(table.refused, refused, strict=True)
        ] == refused


def test_each_line_that_a_quotation_mark_swallowed_is_refused(tmp_path: Path) -> None:
    """Nobody knows where its rows ended, so that no line is lost unheard: 5 rows are 2 taken and 3 refused."""
    path = write(tmp_path, "t.csv", 'a,b\n가,1\n나,2\n"열린,3\n다,4\n라,5\n\n')
    table = read_table(path, PAIR, broken="skip")
    assert [row["label"] for row in table.rows] == ["1", "2"]
    assert [row.line for row in table.refused] == [4, 5, 6]
    assert "never closed" in table.refused[0].reason
    assert table.refused[2].reason == "swallowed by a quotation mark in line 4"
