"""Encodings: each known one is told from the others, and no text is read wrongly in silence."""

from pathlib import Path

import pytest

from corpora.encodings import decode
from corpora.reading import read_table
from tests.corpora.files import PAIR, refusal, write

KOREAN = "내일 오전 아홉 시까지 회의실로 와 주세요"


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


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xffa,b\n1,2\n", "byte offset 0, line 1"),
        (b"\xff\xfea\x00,\x00b\x00\n\x00\x00\xd8", "not UTF-16: byte offset 10, line 2"),
        (b"\xef\xbb\xbfa,b\n\xff", "not UTF-8: byte offset 7, line 2"),
    ],
)
def test_an_undecodable_byte_is_named_by_offset_and_line(tmp_path: Path, content: bytes, words: str) -> None:
    """Where the file breaks, in which encoding, what is allowed and what to do."""
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
def test_mojibake_is_not_taken_for_cp949(tmp_path: Path, content: bytes) -> None:
    """UTF-8 with a broken byte and Western text are refused with the offset, though CP949 accepts their bytes."""
    assert content.decode("cp949")
    message = refusal(write(tmp_path, "t.csv", content))
    assert "not UTF-8: byte offset " in message
    assert "not CP949: read as such it is not Korean" in message


def test_a_bom_that_was_written_twice_is_no_text(tmp_path: Path) -> None:
    """Or it would be the first letter of the first column's name."""
    assert decode(tmp_path / "a.csv", b"\xef\xbb\xbf\xef\xbb\xbfid,text\n")[0] == "id,text\n"
