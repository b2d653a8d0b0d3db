"""Malformed CSV, TSV and JSON lines: the file, the line and the column are named, and nothing is written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bad_inputs.cases import Bad

_REVIEWS = "".join(f"{'긍정' if row % 2 else '부정'}\t배송이 {row}일 걸렸어요\n" for row in range(20))
_PAIRS = "id,sentence1,sentence2,score\n" + "".join(
    f"{row},문장 {row}이에요,말 {row}이에요,{row}.5\n" for row in range(20)
)
_HEAD = "fname,dialogue,summary\n"
_KOBART = "tune kobart --model scratch:tiny --train"
_RNN = "tune rnn --model scratch:tiny --train"
_STS = "tune sts --model scratch:tiny --train"


def _csv(text: str | bytes, *says: str, **more: object) -> Bad:
    return Bad(f"{_KOBART} train.csv", ("train.csv", *says), {"train.csv": text}, **more)  # type: ignore[arg-type]


def _tsv(text: str | bytes, *says: str) -> Bad:
    return Bad(f"{_RNN} train.tsv", ("train.tsv", *says), {"train.tsv": text})


def _jsonl(text: str | bytes, *says: str) -> Bad:
    return Bad(f"{_KOBART} train.jsonl", ("train.jsonl", *says), {"train.jsonl": text})


def _line(**changes: str) -> str:
    written = {"fname": '"a"', "dialogue": '"가"', "summary": '"나"', **changes}
    return "{" + ", ".join(f'"{key}": {value}' for key, value in written.items()) + "}\n"


def _a_folder(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).mkdir()


def _a_pipe_of_nobody(folder: Path) -> None:
    os.mkfifo(folder / "train.csv")


def _a_circle(folder: Path) -> None:
    (folder / "train.csv").symlink_to("train.csv")


#: What is wrong -> the input.
CASES = {
    # whole files
    "csv: no bytes": _csv("", "is empty"),
    "csv: only blank lines": _csv("\n\n  \n", "is empty"),
    "csv: only a header": _csv(_HEAD, "no rows after its header"),
    "csv: a header and blank lines": _csv(_HEAD + "\n\n\n", "no rows after its header"),
    "csv: nowhere": Bad(f"{_KOBART} nowhere.csv", ("nowhere.csv: no such file",)),
    "csv: almost its name": Bad(
        f"{_KOBART} trian.csv",
        ("trian.csv: no such file", "did you mean 'train.csv'?"),
        {"train.csv": _HEAD},
        parts=("allowed:", "to do:"),
    ),
    "csv: a folder of that name": Bad(
        f"{_KOBART} train.csv", ("train.csv is a folder",), damage=_a_folder("train.csv")
    ),
    "csv: a link to itself": Bad(f"{_KOBART} train.csv", ("train.csv cannot be read",), damage=_a_circle),
    "csv: a pipe": Bad(f"{_KOBART} train.csv", ("train.csv is a pipe or a device",), damage=_a_pipe_of_nobody),
    "csv: a device": Bad(f"{_KOBART} /dev/null", ("/dev/null is a pipe or a device",)),
    "csv: a name without end": Bad(f"{_KOBART} {'가' * 300}.csv", ("cannot be read: File name too long",)),
    "csv: below a file": Bad(f"{_KOBART} train.csv/rows.csv", ("train.csv/rows.csv",), {"train.csv": _HEAD}),
    "csv: an empty name": Bad(f"{_KOBART} ''", ("--train",)),
    "csv: another format": Bad(
        f"{_KOBART} train.xlsx", ("train.xlsx: unknown suffix '.xlsx'", ".csv"), {"train.xlsx": "PK"}
    ),
    "csv: no suffix": Bad(f"{_KOBART} train", ("train: unknown suffix ''",), {"train": _HEAD + "a,가,나\n"}),
    "csv: packed": Bad(f"{_KOBART} train.csv.gz", ("unknown suffix '.gz'",), {"train.csv.gz": b"\x1f\x8b"}),
    # bytes
    "csv: invalid UTF-8": _csv(_HEAD.encode() + b"a,\xff\xfe\x81\xff,b\n", "not UTF-8: byte offset 25, line 2"),
    "csv: UTF-8 cut in a character": _csv((_HEAD + "a,가,나").encode()[:-1], "not UTF-8", "line 2"),
    "csv: UTF-16 without a BOM": _csv(
        (_HEAD + "a,가,나\n").encode("utf-16-le"), "not UTF-8", "UTF-16 or UTF-32 with a BOM"
    ),
    "csv: UTF-16 with a BOM, cut": _csv((_HEAD + "a,가,나\n").encode("utf-16")[:-1], "not UTF-16"),
    "csv: UTF-32 of which bytes are gone": _csv((_HEAD + "a,가,나\n").encode("utf-32")[:-2], "not UTF-32"),
    "csv: Latin-1": _csv(_HEAD.encode() + "a,été à la forêt,même\n".encode("latin-1"), "unknown encoding"),
    "csv: UTF-8's BOM before CP949": _csv(
        b"\xef\xbb\xbf" + (_HEAD + "a,가나다,라마바\n").encode("cp949"), "not UTF-8", "line 2"
    ),
    "csv: only a BOM": _csv(b"\xef\xbb\xbf", "train.csv"),
    "csv: NUL in the header": _csv("fname,dial\0ogue,summary\na,가,나\n", "line 1: NUL bytes"),
    "csv: NUL in a row": _csv(_HEAD + "a,가,나\nb,가\0나,다\n", "line 3", "NUL"),
    "csv: zeros alone": _csv(b"\0" * 64, "line 1", "NUL"),
    # header
    "csv: a column missing": _csv("fname,dialog,summary\na,가,나\n", "no column 'dialogue'", "did you mean 'dialog'?"),
    "csv: no header": _csv("a,가,나\nb,다,라\n", "no column 'dialogue'", "write the column names in the first line"),
    "csv: a column twice": _csv("fname,dialogue,summary,summary\na,가,나,나\n", "duplicate columns"),
    "csv: capitals": _csv("FNAME,DIALOGUE,SUMMARY\na,가,나\n", "no column 'dialogue'"),
    "csv: columns without names": _csv(",,\na,가,나\n", "no column 'dialogue'", "the columns of the file: none"),
    "csv: separated by tabs": _csv("fname\tdialogue\tsummary\na\t가\t나\n", "separated by '\\t'"),
    "csv: separated by semicolons": _csv("fname;dialogue;summary\na;가;나\n", "separated by ';'"),
    "csv: an open quotation mark in the header": _csv('fname,"dialogue,summary\na,가,나\n', "line 1", "never closed"),
    "csv: a column that was named otherwise": Bad(
        f"{_KOBART} train.csv --set columns.source=본문",
        ("train.csv", "no column '본문'", "columns.source"),
        {"train.csv": _HEAD + "a,가,나\n"},
    ),
    # rows
    "csv: a row too short": _csv(_HEAD + "a,가,나\nb,가\n", "line 3", "2 fields where the header has 3"),
    "csv: a row too long": _csv(_HEAD + "a,가,나,다\n", "line 2", "4 fields where the header has 3"),
    "csv: an empty source": _csv(_HEAD + "a,,나\n", "line 2", "'dialogue' is empty"),
    "csv: a target of blanks": _csv(_HEAD + "a,가,　 \n", "line 2", "'summary' is empty"),
    "csv: a blank line between rows": _csv(_HEAD + "a,가,나\n\nb,다,라\n", "line 3", "blank line"),
    "csv: a quotation mark that nobody closes": _csv(_HEAD + 'a,"가,나\nb,다,라\n', "line 2", "never closed"),
    "csv: text after a quotation mark": _csv(_HEAD + 'a,"가"나,다\n', "line 2", "after a closing quotation mark"),
    "csv: a lone quotation mark": _csv(_HEAD + '"\n', "line 2", "quotation mark"),
    "csv: a bare carriage return": _csv(_HEAD + "a,가\r나,다\n", "line 2", "carriage return"),
    "csv: every row broken": Bad(
        f"{_KOBART} train.csv --set data.broken_rows=skip",
        ("train.csv", "line 2", "line 3"),
        {"train.csv": _HEAD + "a\nb\n"},
    ),
    "csv: one row for two splits": _csv(_HEAD + "a,가,나\n", "1 rows in 1 group", parts=("allowed:", "to do:")),
    "csv: one text in all rows": _csv(_HEAD + "a,가,나\nb,가,나\nc,가,나\n", "cannot be split"),
    "csv: a broken dev": Bad(
        f"{_KOBART} train.csv --dev dev.csv",
        ("dev.csv", "line 2"),
        {"train.csv": _HEAD + "a,가,나\n", "dev.csv": _HEAD + "a,가\n"},
    ),
    "csv: a broken test": Bad(
        f"{_KOBART} train.csv --dev train.csv --test test.csv",
        ("test.csv", "no such file"),
        {"train.csv": _HEAD + "a,가,나\n"},
    ),
    "csv: resumed from nothing": Bad(
        "train kobart --model scratch:tiny --train train.csv", ("train.csv", "line 2"), {"train.csv": _HEAD + "a,가\n"}
    ),
    # numbers
    "csv: words for numbers": Bad(
        f"{_STS} train.csv", ("train", "not numbers", "'높음'"), {"train.csv": _PAIRS.replace("3.5", "높음")}
    ),
    "csv: NaN for a number": Bad(
        f"{_STS} train.csv", ("train", "not numbers", "'nan'"), {"train.csv": _PAIRS.replace("3.5", "nan")}
    ),
    "csv: infinity for a number": Bad(
        f"{_STS} train.csv", ("train", "not numbers", "'-inf'"), {"train.csv": _PAIRS.replace("3.5", "-inf")}
    ),
    "csv: a number out of every range": Bad(
        f"{_STS} train.csv", ("train", "not numbers", "'1e999'"), {"train.csv": _PAIRS.replace("3.5", "1e999")}
    ),
    "csv: digits of another script": Bad(
        f"{_STS} train.csv", ("train", "not numbers"), {"train.csv": _PAIRS.replace("3.5", "四")}
    ),
    "csv: one number in all rows": Bad(
        f"{_STS} train.csv",
        ("train",),
        {"train.csv": "id,sentence1,sentence2,score\n" + "".join(f"{row},가{row},나{row},1\n" for row in range(20))},
    ),
    # TSV
    "tsv: no class": _tsv(_REVIEWS + "\t좋아요\n", "line 21", "'label' is empty"),
    "tsv: no tab": _tsv("긍정 좋아요\n부정 싫어요\n", "no header with"),
    "tsv: a tab too many": _tsv(_REVIEWS + "긍정\t좋아요\t정말\n", "line 21", "3 fields where the header has 2"),
    "tsv: one class": Bad(
        f"{_RNN} train.tsv",
        ("training rows have the label '긍정'", "columns.target"),
        {"train.tsv": _REVIEWS.replace("부정", "긍정")},
    ),
    "tsv: every class once": Bad(
        f"{_RNN} train.tsv", ("train",), {"train.tsv": "".join(f"급{row}\t말 {row}\n" for row in range(20))}
    ),
    "tsv: a class of dev that train has not": Bad(
        f"{_RNN} train.tsv --dev dev.tsv",
        ("label '중립' of dev", "is not in train"),
        {"train.tsv": _REVIEWS, "dev.tsv": "중립\t그냥\n"},
    ),
    "tsv: a class of test that train has not": Bad(
        f"{_RNN} train.tsv --dev train.tsv --test test.tsv",
        ("label '긍졍' of test", "is not in train"),
        {"train.tsv": _REVIEWS, "test.tsv": "긍졍\t그냥\n"},
    ),
    "tsv: a label that data.labels has not": Bad(
        f"{_RNN} train.tsv --set 'data.labels={{0: 부정}}'",
        ("train.tsv", "data.labels does not contain"),
        {"train.tsv": _REVIEWS},
    ),
    "tsv: a quotation mark that swallows rows": Bad(
        f"{_RNN} train.tsv --set data.quoting=csv",
        ("train.tsv", "line 21", "quotation mark"),
        {"train.tsv": _REVIEWS + '긍정\t"좋아요\n'},
    ),
    "tsv: NUL": _tsv(_REVIEWS + "긍정\t좋\0아요\n", "line 21", "NUL"),
    # JSON lines
    "jsonl: a broken line": _jsonl(_line() + '{"fname": "b", \n', "line 2", "not JSON"),
    "jsonl: two objects in a line": _jsonl(_line().strip() + _line(), "line 1", "not JSON"),
    "jsonl: a list of objects": _jsonl("[" + _line().strip() + "]\n", "line 1", "not a JSON object"),
    "jsonl: an array over many lines": _jsonl("[\n" + _line() + "]\n", "line 1", "line 3"),
    "jsonl: a number for an object": _jsonl(_line() + "3\n", "line 2", "not a JSON object"),
    "jsonl: null": _jsonl("null\n", "line 1", "not a JSON object"),
    "jsonl: a key missing": _jsonl(_line() + '{"fname": "b", "dialogue": "가"}\n', "line 2", "'summary' is empty"),
    "jsonl: a key that no line has": _jsonl(
        '{"fname": "b", "dialog": "가", "summary": "나"}\n', "no column 'dialogue'", "did you mean 'dialog'?"
    ),
    "jsonl: a nested value": _jsonl(
        _line(summary='{"text": "나"}'), "line 1", "'summary' is neither text nor a number"
    ),
    "jsonl: a list of turns": _jsonl(
        _line(dialogue='["가", "나"]'), "line 1", "'dialogue' is a list of 2", "join the texts"
    ),
    "jsonl: null for text": _jsonl(_line(dialogue="null"), "line 1", "'dialogue' is empty"),
    "jsonl: true for text": _jsonl(_line(dialogue="true"), "line 1", "'dialogue' is neither text nor a number"),
    "jsonl: NaN": _jsonl(_line(dialogue="NaN"), "line 1", "NaN is not a number"),
    "jsonl: a key twice": _jsonl(
        '{"fname": "a", "dialogue": "가", "dialogue": "나", "summary": "다"}\n',
        "line 1",
        "duplicate key 'dialogue'",
    ),
    "jsonl: nested without end": _jsonl('{"a":' * 100_000 + "1" + "}" * 100_000 + "\n", "line 1", "not usable JSON"),
    "jsonl: half a surrogate pair": _jsonl(_line(summary='"\\ud800"'), "line 1", "surrogate"),
    "jsonl: NUL": _jsonl(_line(summary='"가\\u0000나"'), "line 1", "NUL"),
    "jsonl: single quotation marks": _jsonl(
        "{'fname': 'a', 'dialogue': '가', 'summary': '나'}\n", "line 1", "not JSON"
    ),
    "jsonl: a blank line between rows": _jsonl(_line() + "\n" + _line(), "line 2", "a blank line"),
    "jsonl: no bytes": _jsonl("", "is empty"),
    "jsonl: quoting": Bad(
        f"{_KOBART} train.jsonl --set data.quoting=upside", ("data.quoting is 'upside'",), {"train.jsonl": _line()}
    ),
    # what a finished model reads
    "predict: no source column": Bad(
        "predict models/writer in.csv",
        ("in.csv", "no column 'dialogue'"),
        {"in.csv": "fname,text\na,가\n"},
        ("models/writer",),
    ),
    "predict: a row too short": Bad(
        "predict models/writer in.csv --out out.csv",
        ("in.csv", "line 3"),
        {"in.csv": "fname,dialogue\na,가\nb\n"},
        ("models/writer",),
    ),
    "predict: nowhere": Bad(
        "predict models/writer nowhere.csv", ("nowhere.csv: no such file",), needs=("models/writer",)
    ),
    "predict: invalid bytes": Bad(
        "predict models/classifier in.tsv",
        ("in.tsv", "not UTF-8"),
        {"in.tsv": b"\xff\xff\xff\n"},
        ("models/classifier",),
    ),
    "predict: a pair without its second text": Bad(
        "predict models/regressor in.csv",
        ("in.csv", "line 2", "'sentence2' is empty"),
        {"in.csv": "id,sentence1,sentence2\n1,가,\n"},
        ("models/regressor",),
    ),
    "evaluate: no targets": Bad(
        "evaluate models/writer --data in.csv",
        ("in.csv", "no column 'summary'"),
        {"in.csv": "fname,dialogue\na,가\n"},
        ("models/writer",),
    ),
    "evaluate: an unknown class": Bad(
        "evaluate models/classifier --data in.tsv",
        ("label '중립' of in.tsv",),
        {"in.tsv": "긍정\t좋아요\n중립\t그냥\n"},
        ("models/classifier",),
    ),
    "evaluate: words for numbers": Bad(
        "evaluate models/regressor --data in.csv",
        ("in.csv", "'높음'"),
        {"in.csv": "id,sentence1,sentence2,score\n1,가,나,높음\n"},
        ("models/regressor",),
    ),
    "evaluate: a folder": Bad(
        "evaluate models/writer --data models", ("models is a folder",), needs=("models/writer",)
    ),
    "evaluate: an empty file": Bad(
        "evaluate models/both --data in.tsv", ("in.tsv is empty",), {"in.tsv": ""}, ("models/both",)
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_malformed_table_is_refused(name: str, refused: Callable[[Bad], str]) -> None:
    """The message names the file and, where there is one, the line."""
    refused(CASES[name])
