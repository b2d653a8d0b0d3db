"""Records: no row of a .csv, .tsv or .jsonl is lost, truncated or joined, and each broken row is reported."""

import csv
import json
import random
import threading
from pathlib import Path

import pytest

from corpora.reading import Table, read_table
from tests.corpora.files import PAIR, refusal, write


def test_tsv_keeps_quotation_marks_and_loses_no_row(tmp_path: Path) -> None:
    """An unbalanced quotation mark in a .tsv is a character, not the start of a multi-line field."""
    path = write(tmp_path, "t.tsv", 'a\tb\n"열린\t0\n닫힌"\t1\n"둘"\t2\n')
    assert [row["text"] for row in read_table(path, PAIR).rows] == ['"열린', '닫힌"', '"둘"']


def test_tsv_with_csv_quoting_on_request(tmp_path: Path) -> None:
    """quoting="csv" removes the quotes of a .txt that was written with them."""
    path = write(tmp_path, "t.txt", 'a\tb\n"그는 ""네""\t했다"\t0\n')
    assert read_table(path, PAIR, quoting="csv").rows == [{"text": '그는 "네"\t했다', "label": "0"}]


@pytest.mark.parametrize("name", ["t.tsv", "t.txt"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_tab_files_written_with_quotes_are_read_with_them(tmp_path: Path, name: str, end: str) -> None:
    """If every field that begins with a quotation mark is a complete quoted field."""
    lines = ["a\tb", '"그는 ""네"" 했다"\t0', '그냥 "네"\t1', '"탭\t안"\t"2"', '""""\t3']
    rows = read_table(write(tmp_path, name, end.join([*lines, ""])), PAIR).rows
    assert [row["text"] for row in rows] == ['그는 "네" 했다', '그냥 "네"', "탭\t안", '"']
    assert [row["label"] for row in rows] == ["0", "1", "2", "3"]


@pytest.mark.parametrize("text", ['"열린', '"안"과 밖', '"하나" "둘"', '"하나"" 둘', '"', '"하나""', '"""'])
def test_one_incomplete_quoted_field_keeps_all_quotation_marks(tmp_path: Path, text: str) -> None:
    """Quotes are removed in all rows or in none."""
    path = write(tmp_path, "t.tsv", f'a\tb\n"둘"\t0\n{text}\t1\n')
    assert [row["text"] for row in read_table(path, PAIR).rows] == ['"둘"', text]


def test_two_fields_with_quotation_marks_are_not_one(tmp_path: Path) -> None:
    """`"가<tab>나"` is two fields if the header has three columns, and one field if it has two."""
    three = write(tmp_path, "t.tsv", 'a\tb\tc\n"가\t나"\t0\n')
    assert read_table(three, PAIR).rows == [{"text": '"가', "label": '나"'}]
    two = write(tmp_path, "t.tsv", 'a\tb\n"가\t나"\t0\n')
    assert read_table(two, PAIR).rows == [{"text": "가\t나", "label": "0"}]


def test_a_tab_file_without_quoted_fields_is_not_parsed_as_csv(tmp_path: Path) -> None:
    """A bare carriage return in a text stays, which csv would refuse."""
    path = write(tmp_path, "t.tsv", 'a\tb\n가\r"나"\t0\n')
    assert read_table(path, PAIR).rows == [{"text": '가\r"나"', "label": "0"}]


def test_random_tables_are_read_as_they_were_written(tmp_path: Path) -> None:
    """100 tables of texts with quotes, written with minimal quoting and read with the default."""
    draw = random.Random(2)
    for _ in range(100):
        texts = ["".join(draw.choices('가나"" ,', k=6)) + "x" for _ in range(8)]
        with open(tmp_path / "t.tsv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter="\t").writerows([["a", "b"], *([text, "1"] for text in texts)])
        assert [row["text"] for row in read_table(tmp_path / "t.tsv", PAIR).rows] == [text.strip() for text in texts]


def test_csv_without_quoting_on_request(tmp_path: Path) -> None:
    """quoting="none" keeps the quotation marks of a .csv."""
    assert read_table(write(tmp_path, "t.csv", 'a,b\n"열린,0\n'), PAIR, quoting="none").rows[0]["text"] == '"열린'


@pytest.mark.parametrize("suffix", ["jsonl", "ndjson", "json-lines", "JSONL"])
def test_json_lines_keep_the_digits_of_numbers(tmp_path: Path, suffix: str) -> None:
    """Numbers become texts as written, of any length; U+2028 inside a string does not end the line."""
    path = write(
        tmp_path, f"t.{suffix}", '{"a": "줄\u2028끝", "b": 4.20}\n{"b": 12345678901234567890123, "a": 1e5}\n\n'
    )
    table = read_table(path, PAIR)
    assert table.rows == [{"text": "줄\u2028끝", "label": "4.20"}, {"text": "1e5", "label": "12345678901234567890123"}]
    assert (table.columns, table.line_numbers) == (("a", "b"), [1, 2])


@pytest.mark.parametrize(("name", "end"), [("t.csv", "\r\n"), ("t.csv", "\r"), ("t.tsv", "\r\n"), ("t.tsv", "\r")])
def test_line_ends(tmp_path: Path, name: str, end: str) -> None:
    """Windows and classic Mac OS line ends give the same rows; the last one may be missing or repeated."""
    comma = "," if name.endswith("csv") else "\t"
    content = end.join([f"a{comma}b", f"하나{comma}1", f"둘{comma}2"])
    for tail in ("", end, 3 * end):
        table = read_table(write(tmp_path, name, content + tail), PAIR)
        assert [(row["text"], row["label"]) for row in table.rows] == [("하나", "1"), ("둘", "2")]
        assert table.line_numbers == [2, 3]


def test_unusual_separators_inside_a_text_end_no_line(tmp_path: Path) -> None:
    """Form feed, NEL and U+2028, which end a line for `str.splitlines`, stay inside the text."""
    text = "가\x0c나\x85다\u2028라\x1c마"
    for name, comma in (("t.csv", ","), ("t.tsv", "\t")):
        assert read_table(write(tmp_path, name, f"a{comma}b\n{text}{comma}1\n"), PAIR).rows[0]["text"] == text


def test_long_fields_restore_the_limit_of_csv(tmp_path: Path) -> None:
    """A dialogue above csv's limit of 131,072 characters is read; the limit of the process is restored."""
    limit = csv.field_size_limit()
    long = "가" * 200_000
    assert read_table(write(tmp_path, "t.csv", f"a,b\n{long},1\n"), PAIR).rows[0]["text"] == long
    refusal(write(tmp_path, "t.csv", f'a,b\n"{long},1\n'))
    assert csv.field_size_limit() == limit


def test_long_fields_from_several_threads(tmp_path: Path) -> None:
    """Concurrent readers do not lower the limit for each other."""
    limit = csv.field_size_limit()
    path = write(tmp_path, "t.csv", "a,b\n" + f"{'가' * 140_000},1\n" * 5)
    tables: list[Table] = []
    threads = [threading.Thread(target=lambda: tables.append(read_table(path, PAIR))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(table.rows) for table in tables] == [5] * 4
    assert csv.field_size_limit() == limit


def test_what_csv_writes_is_read_back(tmp_path: Path) -> None:
    """200 random rows with quotes, commas, tabs and line breaks, in all three formats."""
    draw = random.Random(0)
    texts = ["x" + "".join(draw.choices("가\"',\t\n\r나 ", k=12)) + "x" for _ in range(200)]
    for name, comma in (("t.csv", ","), ("t.tsv", "\t")):
        with open(tmp_path / name, "w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=comma).writerows([["a", "b"], *([text, "1"] for text in texts)])
        assert [row["text"] for row in read_table(tmp_path / name, PAIR, quoting="csv").rows] == texts
    path = write(tmp_path, "t.jsonl", "".join(json.dumps({"a": text, "b": 1}) + "\n" for text in texts))
    assert [row["text"] for row in read_table(path, PAIR).rows] == texts


def test_every_broken_row_of_a_tsv_is_listed(tmp_path: Path) -> None:
    """Rows with too few or too many fields, blank and empty rows, and NUL bytes, with their number."""
    content = "a\tb\n가\t1\n나\n다\t1\t2\n\n \t1\n\t\n라\t\x001\n마\t1\n\n\n"
    assert refusal(write(tmp_path, "t.tsv", content)).splitlines()[:7] == [
        f"{tmp_path / 't.tsv'}: 6 of 8 rows cannot be used, so the file was not read",
        "    line 3: 1 fields where the header has 2",
        "    line 4: 3 fields where the header has 2",
        "    line 5: a blank line",
        "    line 6: 'a' is empty",
        "    line 7: 'a' is empty; 'b' is empty",
        "    line 8: NUL bytes",
    ]


def test_every_broken_row_of_a_csv_is_listed_by_its_first_line(tmp_path: Path) -> None:
    """Malformed quotes are refused, which Python's csv accepts by default; line breaks inside fields count."""
    content = 'a,b\n"둘\n줄",1\n"닫힌"뒤,1\n가,1\n"둘\n줄"뒤,1\n나,1\n라\r가,1\n"열린,1\n다,2\n'
    message = refusal(write(tmp_path, "t.csv", content))
    assert message.splitlines()[:5] == [
        f"{tmp_path / 't.csv'}: 4 rows cannot be used, so the file was not read",
        "    line 4: text after a closing quotation mark",
        "    line 6: text after a closing quotation mark (in line 7)",
        "    line 9: a bare carriage return outside quotation marks",
        "    line 10: a quotation mark is never closed and swallows everything up to line 11",
    ]
    assert 'quoting "none"' in message


def test_every_broken_line_of_json_is_listed(tmp_path: Path) -> None:
    """Not JSON, not an object, not text, duplicate keys, NaN and half surrogate pairs, each with its reason."""
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
            "'a' is a list of 1; 'b' is neither text nor a number",
            "not usable JSON: duplicate key 'b'",
            "not usable JSON: NaN is not a number",
            "'a' contains a NUL or half a surrogate pair; 'b' contains",
            "a blank line",
            "not usable JSON: ",
        ],
        start=2,
    ):
        assert reasons[line - 1].startswith(f"    line {line}: {reason}")


@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
def test_empty_columns_of_spreadsheets_are_left_out(tmp_path: Path, name: str) -> None:
    """Excel writes separators up to the widest row, and lines of them after the last row; text there is no blank."""
    lines = ["a,b,,,", "가,1,,,", "나,2,,,", ",,,,", ",,,,"]
    text = "\n".join(lines).replace(",", "," if name == "t.csv" else "\t") + "\n"
    table = read_table(write(tmp_path, name, text), PAIR)
    assert table.columns == ("a", "b")
    assert table.rows == [{"text": "가", "label": "1"}, {"text": "나", "label": "2"}]
    assert "line 2: 3 fields where the header has 2" in refusal(write(tmp_path, "u.csv", "a,b,\n가,1,메모\n"))


def test_empty_columns_without_a_header_line(tmp_path: Path) -> None:
    """The names of the settings apply to the columns with texts."""
    path = write(tmp_path, "t.tsv", "1\t가\t\t\n2\t나\t\t\n")
    assert read_table(path, PAIR, header=("b", "a")).rows == [
        {"text": "가", "label": "1"},
        {"text": "나", "label": "2"},
    ]
