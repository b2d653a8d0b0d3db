"""Reading: every row of a file is returned or refused with its line number."""

import csv
import hashlib
import json
import random
import threading
import unicodedata
from pathlib import Path

import pytest

from corpora.reading import Table, read_table
from search_spaces.errors import UserError, UserErrors

SUMMARY = {"id": "fname", "source": "dialogue", "target": "summary"}
PAIR = {"text": "a", "label": "b"}
KOREAN = "내일 오전 아홉 시까지 회의실로 와 주세요"


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(path: Path, required: dict[str, str] = PAIR, **options: object) -> str:
    with pytest.raises(UserError) as caught:
        read_table(path, required, **options)  # type: ignore[arg-type]
    return str(caught.value)


# ---- what is read


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


def test_tsv_keeps_quotation_marks_and_loses_no_row(tmp_path: Path) -> None:
    """An unbalanced quotation mark in a .tsv is a character, not the start of a field over several lines."""
    path = write(tmp_path, "t.tsv", 'a\tb\n"열린\t0\n닫힌"\t1\n"둘"\t2\n')
    assert [row["text"] for row in read_table(path, PAIR).rows] == ['"열린', '닫힌"', '"둘"']


def test_tsv_with_csv_quoting_on_request(tmp_path: Path) -> None:
    """quoting="csv" undoes the quotes of a .txt that was written with them."""
    path = write(tmp_path, "t.txt", 'a\tb\n"그는 ""네""\t했다"\t0\n')
    assert read_table(path, PAIR, quoting="csv").rows == [{"text": '그는 "네"\t했다', "label": "0"}]


def test_csv_without_quoting_on_request(tmp_path: Path) -> None:
    """quoting="none" takes the quotation marks of a .csv as they stand."""
    assert read_table(write(tmp_path, "t.csv", 'a,b\n"열린,0\n'), PAIR, quoting="none").rows[0]["text"] == '"열린'


@pytest.mark.parametrize("suffix", ["jsonl", "ndjson", "json-lines", "JSONL"])
def test_json_lines_keep_the_digits_of_numbers(tmp_path: Path, suffix: str) -> None:
    """Numbers become the text they were written as, however long; U+2028 inside a string ends no line."""
    path = write(
        tmp_path, f"t.{suffix}", '{"a": "줄\u2028끝", "b": 4.20}\n{"b": 12345678901234567890123, "a": 1e5}\n\n'
    )
    table = read_table(path, PAIR)
    assert table.rows == [{"text": "줄\u2028끝", "label": "4.20"}, {"text": "1e5", "label": "12345678901234567890123"}]
    assert (table.columns, table.line_numbers) == (("a", "b"), [1, 2])


def test_texts_are_composed_and_stripped(tmp_path: Path) -> None:
    """Decomposed Hangul, in texts and in column names, is composed; outer whitespace goes, inner stays."""
    decomposed = unicodedata.normalize("NFD", "문장")
    path = write(tmp_path, "t.tsv", f"{decomposed}\tb \n \u3000{decomposed}  둘\u00a0\t 1\n")
    assert read_table(path, {"text": "문장", "label": "b"}).rows == [{"text": "문장  둘", "label": "1"}]
    assert read_table(path, {"text": decomposed}).rows == [{"text": "문장  둘"}]


@pytest.mark.parametrize(
    ("codec", "encoding"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("utf-32", "utf-32"), ("cp949", "cp949")],
)
def test_encodings(tmp_path: Path, codec: str, encoding: str) -> None:
    """Each known encoding gives the same rows, says its name, and leaves no BOM in the first column's name."""
    table = read_table(write(tmp_path, "t.csv", f"a,b\n{KOREAN} 똠방각하,1\n".encode(codec)), PAIR)
    assert table.encoding == encoding
    assert table.columns == ("a", "b")
    assert table.rows == [{"text": f"{KOREAN} 똠방각하", "label": "1"}]


@pytest.mark.parametrize(("name", "end"), [("t.csv", "\r\n"), ("t.csv", "\r"), ("t.tsv", "\r\n"), ("t.tsv", "\r")])
def test_line_ends(tmp_path: Path, name: str, end: str) -> None:
    """Windows and old Mac line ends give the rows that Unix ones give; the last one may be missing or doubled."""
    comma = "," if name.endswith("csv") else "\t"
    content = end.join([f"a{comma}b", f"하나{comma}1", f"둘{comma}2"])
    for tail in ("", end, 3 * end):
        table = read_table(write(tmp_path, name, content + tail), PAIR)
        assert [(row["text"], row["label"]) for row in table.rows] == [("하나", "1"), ("둘", "2")]
        assert table.line_numbers == [2, 3]


def test_unusual_separators_inside_a_text_end_no_line(tmp_path: Path) -> None:
    """Form feed, NEL and U+2028, which `str.splitlines` cuts at, stay inside the text."""
    text = "가\x0c나\x85다\u2028라\x1c마"
    for name, comma in (("t.csv", ","), ("t.tsv", "\t")):
        assert read_table(write(tmp_path, name, f"a{comma}b\n{text}{comma}1\n"), PAIR).rows[0]["text"] == text


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


def test_long_fields_leave_the_limit_of_csv_as_it_was(tmp_path: Path) -> None:
    """A dialogue over csv's limit of 131,072 characters is read; the process-wide limit is then as before."""
    before = csv.field_size_limit()
    long = "가" * 200_000
    assert read_table(write(tmp_path, "t.csv", f"a,b\n{long},1\n"), PAIR).rows[0]["text"] == long
    refusal(write(tmp_path, "t.csv", f'a,b\n"{long},1\n'))
    assert csv.field_size_limit() == before


def test_long_fields_from_several_threads(tmp_path: Path) -> None:
    """Two readers at once do not lower the limit under each other's feet."""
    before = csv.field_size_limit()
    path = write(tmp_path, "t.csv", "a,b\n" + f"{'가' * 140_000},1\n" * 5)
    tables: list[Table] = []
    threads = [threading.Thread(target=lambda: tables.append(read_table(path, PAIR))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(table.rows) for table in tables] == [5] * 4
    assert csv.field_size_limit() == before


def test_what_csv_writes_is_read_back(tmp_path: Path) -> None:
    """200 random rows of quotes, commas, tabs and line breaks come back exactly, in all three formats."""
    draw = random.Random(0)
    texts = ["x" + "".join(draw.choices("가\"',\t\n\r나 ", k=12)) + "x" for _ in range(200)]
    for name, comma in (("t.csv", ","), ("t.tsv", "\t")):
        with open(tmp_path / name, "w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=comma).writerows([["a", "b"], *([text, "1"] for text in texts)])
        assert [row["text"] for row in read_table(tmp_path / name, PAIR, quoting="csv").rows] == texts
    path = write(tmp_path, "t.jsonl", "".join(json.dumps({"a": text, "b": 1}) + "\n" for text in texts))
    assert [row["text"] for row in read_table(path, PAIR).rows] == texts


# ---- rows that are refused


def test_every_broken_row_of_a_tsv_is_listed(tmp_path: Path) -> None:
    """Too few, too many, blank, empty and NUL rows are all named by line, and the sum is right."""
    content = "a\tb\n가\t1\n나\n다\t1\t2\n\n \t1\n\t\n라\t\x001\n마\t1\n\n\n"
    assert refusal(write(tmp_path, "t.tsv", content)).splitlines()[:7] == [
        f"{tmp_path / 't.tsv'}: 6 of 8 rows cannot be used, so none was taken",
        "    line 3: 1 fields where the header has 2",
        "    line 4: 3 fields where the header has 2",
        "    line 5: a blank line",
        "    line 6: 'a' is empty",
        "    line 7: 'a' is empty; 'b' is empty",
        "    line 8: NUL bytes",
    ]


def test_every_broken_row_of_a_csv_is_named_by_the_line_it_starts_in(tmp_path: Path) -> None:
    """Malformed quotes are refused, though Python's csv would take them; the lines count breaks inside fields."""
    content = 'a,b\n"둘\n줄",1\n"닫힌"뒤,1\n가,1\n"둘\n줄"뒤,1\n나,1\n라\r가,1\n"열린,1\n다,2\n'
    message = refusal(write(tmp_path, "t.csv", content))
    assert message.splitlines()[:5] == [
        f"{tmp_path / 't.csv'}: 4 rows cannot be used, so none was taken",
        "    line 4: text after a closing quotation mark",
        "    line 6: text after a closing quotation mark (seen in line 7)",
        "    line 9: a bare carriage return outside quotation marks",
        "    line 10: a quotation mark is never closed; it swallows all up to line 11",
    ]
    assert 'quoting "none"' in message


def test_every_broken_line_of_json_is_listed(tmp_path: Path) -> None:
    """Not JSON, not an object, no text, doubled keys, NaN and half characters: each line says why."""
    lines = [
        '{"a": "가", "b": 1}',
        '{"a": "가", "b": 1',
        '["가", 1]',
        "5",
        '{"a": "가", "b": null}',
        '{"a": "가"}',
        '{"a": ["가"], "b": true}',
        '{"a": "가", "b": 1, "b": 2}',
        '{"a": "가", "b": NaN}',
        '{"a": "\\ud800", "b": "\\u0000"}',
        "",
        "[" * 100_000,
        '{"a": "가", "b": 1, "other": [true, null]}',
    ]
    reasons = refusal(write(tmp_path, "t.jsonl", "\n".join(lines) + "\n")).splitlines()
    assert "11 of 13 rows" in reasons[0]
    for line, reason in enumerate(
        [
            "not JSON: ",
            "not a JSON object",
            "not a JSON object",
            "'b' is empty",
            "'b' is empty",
            "'a' is neither text nor a number; 'b' is neither text nor a number",
            "not usable JSON: the key 'b' stands there twice",
            "not usable JSON: NaN is no number",
            "'a' holds a NUL or half a surrogate pair; 'b' holds",
            "a blank line",
            "not usable JSON: ",
        ],
        start=2,
    ):
        assert reasons[line - 1].startswith(f"    line {line}: {reason}")


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


# ---- files and columns that are refused


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
        ("t.csv", b"\xffa,b\n1,2\n", ["byte offset 0, line 1"]),
        ("t.csv", "a,b\n1,2\n".encode("utf-16-le"), ["line 1: NUL bytes", "UTF-16 only with a BOM"]),
        ("t.csv", b"\xff\xfea\x00,\x00b\x00\n\x00\x00\xd8", ["not UTF-16: byte offset 10, line 2"]),
        ("t.csv", b"\xef\xbb\xbfa,b\n\xff", ["not UTF-8: byte offset 7, line 2"]),
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


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n각각 각각,".encode() + "가\n".encode("cp949"),  # 4 valid UTF-8 characters; pairs of them pass as CP949
        "a,b\nÉtude ééé,".encode() + b"\xe9\xe9\n",  # each UTF-8 é passes as one common Korean syllable
        "a,b\n“don’t, won’t créée\n".encode("cp1252"),  # 3 quotes become rare syllables, éé a common character
    ],
)
def test_mojibake_is_not_taken_for_cp949(tmp_path: Path, content: bytes) -> None:
    """UTF-8 with a broken byte and Western text are refused with the offset, though CP949 accepts their bytes."""
    assert content.decode("cp949")
    message = refusal(write(tmp_path, "t.csv", content))
    assert "not UTF-8: byte offset " in message
    assert "not CP949: read as such it is not Korean" in message
