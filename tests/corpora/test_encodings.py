"""Encodings: each supported one is detected, and no text is silently decoded wrongly."""

from pathlib import Path

import pytest

from corpora.encodings import decode, decoded_lines
from corpora.reading import read_table
from foundation.errors import UserError
from tests.corpora.files import PAIR, refusal, write

KOREAN = "내일 오전 아홉 시까지 회의실로 와 주세요"


@pytest.mark.parametrize(
    ("codec", "encoding"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("utf-32", "utf-32"), ("cp949", "cp949")],
)
def test_encodings(tmp_path: Path, codec: str, encoding: str) -> None:
    """Each supported encoding gives the same rows, its name, and no BOM in the first column name."""
    table = read_table(write(tmp_path, "t.csv", f"a,b\n{KOREAN} 똠방각하,1\n".encode(codec)), PAIR)
    assert table.encoding == encoding
    assert table.columns == ("a", "b")
    assert table.rows == [{"text": f"{KOREAN} 똠방각하", "label": "1"}]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xffa,b\n1,2\n", "byte offset 0, line 1"),
        (b"\xff\xfea\x00,\x00b\x00\n\x00\x00\xd8", "not UTF-16: byte offset 10, line 2"),
        (b"\xef\xbb\xbfa,b\n\xff", "not UTF-8: byte offset 7, line 2"),
    ],
)
def test_an_undecodable_byte_is_reported_by_offset_and_line(tmp_path: Path, content: bytes, words: str) -> None:
    """For each encoding, in a message with three parts."""
    message = refusal(write(tmp_path, "t.csv", content))
    assert all(word in message for word in [words, "allowed: ", "to do: "]), message


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n각각 각각,".encode() + "가\n".encode("cp949"),  # 4 valid UTF-8 characters; pairs of them pass as CP949
        "a,b\nÉtude ééé,".encode() + b"\xe9\xe9\n",  # each UTF-8 é passes as one common Korean syllable
        "a,b\n“don’t, won’t créée\n".encode("cp1252"),  # 3 quotes become rare syllables, éé a common character
    ],
)
def test_mojibake_is_not_read_as_cp949(tmp_path: Path, content: bytes) -> None:
    """UTF-8 with a broken byte and Western text are refused, although their bytes decode as CP949."""
    assert content.decode("cp949")
    message = refusal(write(tmp_path, "t.csv", content))
    assert "not UTF-8: byte offset " in message
    assert "not CP949: decoded as CP949 it is not Korean" in message


def test_a_duplicate_bom_is_removed(tmp_path: Path) -> None:
    """Otherwise it would be part of the first column name."""
    assert decode(tmp_path / "a.csv", b"\xef\xbb\xbf\xef\xbb\xbfid,text\n")[0] == "id,text\n"


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "cp949"])
def test_lines_of_a_stream(codec: str) -> None:
    """The first line with more than ASCII decides; a line is yielded before the next is read."""
    text = f"ok\r\n\n{KOREAN}\n똠방각하\rb\nlast"
    raw = iter(text.encode(codec).splitlines(keepends=True))
    lines = decoded_lines(raw, "standard input")
    assert next(lines) == "ok\n"
    assert next(raw) == b"\n"
    assert list(lines) == [f"{KOREAN}\n", "똠방각하\n", "b\n", "last"]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([b"\xff\xb0abc\n"], "line 1: unknown encoding"),
        ([b"ok\n", KOREAN.encode(), KOREAN.encode("cp949")], "line 3: not UTF-8, as earlier lines are"),
        ([KOREAN.encode("cp949"), "漢字 ☃".encode()], "line 2: not CP949, as earlier lines are"),
        (KOREAN.encode("utf-16").splitlines(keepends=True), "line 1: NUL bytes, as in UTF-16"),
        (["ok\n".encode("utf-16-le")], "line 1: NUL bytes, as in UTF-16"),
    ],
)
def test_undecodable_lines_of_a_stream_are_refused(lines: list[bytes], words: str) -> None:
    """The message has the name and the line."""
    with pytest.raises(UserError, match=f"standard input, {words}"):
        list(decoded_lines(lines, "standard input"))
