"""Filters: what is taken is counted once and shown, what stays is in file order and unchanged."""

import os
import random
import subprocess
import sys
from typing import Any

import pytest

from corpora.filters import Filters, Taken, apply, most_repeats
from foundation.errors import UserError, UserErrors


def rows_of(*texts: tuple[str, str]) -> list[dict[str, str]]:
    return [{"id": str(number), "source": source, "target": target} for number, (source, target) in enumerate(texts)]


def left_by(rows: list[dict[str, str]], seed: int = 0, **filters: Any) -> list[int]:
    """The ids of the rows that stay."""
    return [int(row["id"]) for row in apply(rows, Filters(**filters), seed)[0]]


def test_no_filter_takes_nothing_and_tells_nothing() -> None:
    """Without a wish all rows stay as they are."""
    rows = rows_of(("가", "나"), ("", ""))
    assert apply(rows, Filters(), 0) == (rows, [])


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        ({"min_length": 2}, [1, 2]),
        ({"max_length": 2}, [0, 1]),
        ({"min_length": 2, "max_length": 2}, [1]),
        ({"min_target_length": 2}, [0, 1]),
        ({"max_target_length": 2}, [1, 2]),
        ({"max_length": 2, "max_target_length": 2}, [1]),
    ],
)
def test_lengths_are_characters_and_limits_are_allowed(filters: dict[str, int], left: list[int]) -> None:
    """Sources of 1, 2 and 3 characters stand beside targets of 3, 2 and 1; a text as long as a limit stays."""
    assert left_by(rows_of(("가", "나나나"), ("가가", "나나"), ("가가가", "나")), **filters) == left


def test_whitespace_is_stripped_before_anything_is_measured() -> None:
    """A run of blanks becomes one, one with a line break a line break; ids stay, and so do the given rows."""
    row = {
        "id": "a  b",
        "source": " 의사: 네\u3000 네 \r\n\n 환자:  아파요 ",
        "pair": "가 \t 나",
        "target": "\xa0통증\t",
    }
    given = dict(row)
    rows, taken = apply([row], Filters(strip_whitespace=True, max_length=15), 0)
    # "의사: 네 네" is 7 characters, the line break 1, "환자: 아파요" 7
    assert rows == [{"id": "a  b", "source": "의사: 네 네\n환자: 아파요", "pair": "가 나", "target": "통증"}]
    assert taken == [Taken("max_length 15", 0, ())]
    assert row == given


def test_repeated_tokens_and_sequences_of_the_target() -> None:
    """Standing as often as allowed is allowed; sequences may overlap: 'a a a a' holds 'a a' three times."""
    rows = rows_of(("x", "a a a a"), ("x x x x x", "a b a b a"), ("x", "ab ab"), ("x", "a"))
    assert left_by(rows, max_token_repeats=4) == [0, 1, 2, 3]
    assert left_by(rows, max_token_repeats=3) == [1, 2, 3]
    assert left_by(rows, max_token_repeats=2) == [2, 3]
    assert left_by(rows, max_ngram_repeats=2, ngram=2) == [1, 2, 3]
    assert left_by(rows, max_ngram_repeats=1, ngram=2) == [2, 3]
    assert left_by(rows, max_ngram_repeats=1) == [2, 3]  # 'a a a' stands twice in the first, 'a b a' in the second


def test_most_repeats_of_short_texts() -> None:
    """A text shorter than the sequence holds none."""
    assert [most_repeats(text, 3) for text in ("", "a b", "a b c", "a b c a b c")] == [0, 0, 1, 2]


def test_patterns_take_from_every_text_and_show_the_one_that_was_found() -> None:
    """Source, pair and target are searched, ids are not; of two patterns the first counts the row."""
    rows = rows_of(("기사 [광고]", "가"), ("나", "010-1234"), ("010 [광고]", "다"), ("라", "라"))
    rows[3] |= {"id": "010", "pair": "팔 010"}
    left, taken = apply([*rows, *rows_of(("마", "마"))], Filters(drop_patterns=(r"\[광고\]", "^$", "010")), 0)
    assert left == rows_of(("마", "마"))
    assert taken == [
        Taken(r"drop_patterns '\\[광고\\]'", 2, ("기사 [광고]", "010 [광고]")),
        Taken("drop_patterns '^$'", 0, ()),  # a row without a pair has no empty one
        Taken("drop_patterns '010'", 2, ("010-1234", "팔 010")),
    ]


def test_duplicates_differ_in_case_and_blanks_alone() -> None:
    """The first of them stays; the same source with another target, or another pair, is no duplicate."""
    rows = rows_of(("A b", "다"), ("a\tB ", " 다"), ("ab", "다"), ("A b", "라"), ("b", "a 다"))
    assert left_by(rows, drop_duplicates=True) == [0, 3, 4]
    pairs = [{"id": str(n), "source": "가", "pair": pair, "target": "1"} for n, pair in enumerate(("나", "다", "나"))]
    assert left_by(pairs, drop_duplicates=True) == [0, 1]


def test_a_sample_keeps_the_order_of_the_file_and_follows_the_seed() -> None:
    """30 of 200 rows, other ones for another seed; the state of `random` is neither used nor moved."""
    rows = rows_of(*((str(number), "x") for number in range(200)))
    state = random.getstate()
    left = left_by(rows, sample=30)
    assert random.getstate() == state
    assert len(left) == len(set(left)) == 30
    assert left == sorted(left)
    assert left_by(rows, sample=30) == left
    assert left_by(rows, sample=30, seed=1) != left
    assert left_by(rows, sample=200) == left_by(rows, sample=201) == list(range(200))


def test_another_process_draws_the_same() -> None:
    """Hash randomisation does not reach the sample."""
    code = (
        "from corpora.filters import Filters, apply;"
        "rows = [{'source': str(n), 'target': str(n)} for n in range(50)];"
        "print([row['source'] for row in apply(rows, Filters(drop_duplicates=True, sample=9), 5)[0]])"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    here = left_by(rows_of(*((str(n), str(n)) for n in range(50))), seed=5, drop_duplicates=True, sample=9)
    assert run.stdout.strip() == str([str(number) for number in here])


def test_the_sample_is_drawn_from_what_the_others_left() -> None:
    """Of 6 rows 3 are too long, so that a sample of 3 takes no further one."""
    rows = rows_of(*(("가" * length, str(length)) for length in range(1, 7)))
    left, taken = apply(rows, Filters(max_length=3, sample=3), 0)
    assert [row["id"] for row in left] == ["0", "1", "2"]
    assert [(part.filter, part.rows) for part in taken] == [("max_length 3", 3), ("sample 3", 0)]


def test_every_row_stays_or_is_counted_once() -> None:
    """Over 100 random sets of filters, the rows taken and those that stay add up, and those that stay are in order."""
    draw = random.Random(4)
    wishes: dict[str, Any] = {
        "strip_whitespace": True,
        "min_length": 2,
        "max_target_length": 8,
        "max_token_repeats": 2,
        "max_ngram_repeats": 1,
        "ngram": 2,
        "drop_patterns": ("aaa", "b.b.b"),
        "drop_duplicates": True,
        "sample": 10,
    }
    for seed in range(100):
        texts = ["".join(draw.choices("ab ", k=draw.randint(1, 9))) for _ in range(80)]
        rows = rows_of(*zip(texts[:40], texts[40:], strict=True))
        left, taken = apply(rows, Filters(**dict(draw.sample(sorted(wishes.items()), 5))), seed)
        assert len(left) + sum(part.rows for part in taken) == 40
        assert [int(row["id"]) for row in left] == sorted({int(row["id"]) for row in left})


def test_what_was_taken_is_told_in_one_line() -> None:
    """Three examples at most, of at most 60 characters, without line breaks; none for nothing."""
    rows = rows_of(("x", "가 가\n가"), *(("x", "나 " * 40),) * 1200, ("x", "다"))
    told = apply(rows, Filters(max_token_repeats=2, drop_patterns=("없",)), 0)[1]
    cut = "나 " * 29 + "나…"  # 58 + 2 = 60 characters
    assert told[0].told() == f"filter max_token_repeats 2: 1,201 rows left out, e.g. '가 가 가', '{cut}', '{cut}'"
    assert told[1].told() == "filter drop_patterns '없': 0 rows left out"
    assert Taken("sample 1", 1, ("가",)).told() == "filter sample 1: 1 row left out, e.g. '가'"


def test_nothing_left_tells_what_took_it() -> None:
    """The filters that took the rows are told with their numbers, those that took none are not."""
    with pytest.raises(UserError) as caught:
        apply(rows_of(("가", "나"), ("가가", "나")), Filters(min_length=1, max_length=1, drop_patterns=("^가$",)), 0)
    assert str(caught.value).splitlines() == [
        "the filters leave none of 2 training rows",
        "    filter max_length 1: 1 row left out, e.g. '가가'",
        "    filter drop_patterns '^가$': 1 row left out, e.g. '가'",
        "  allowed: at least one row",
        "  to do:   loosen the filter that took the most",
    ]


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"min_length": -1}, "min_length -1"),
        ({"max_target_length": -1}, "max_target_length -1"),
        ({"max_token_repeats": 0}, "max_token_repeats 0"),
        ({"ngram": 0}, "a whole number from 1"),
        ({"sample": 0}, "sample 0"),
        ({"min_length": 5, "max_length": 4}, "min_length 5 is above max_length 4"),
        ({"min_target_length": 2, "max_target_length": 1}, "min_target_length 2 is above max_target_length 1"),
        ({"drop_patterns": ("[가",)}, "drop_patterns '[가': unterminated character set"),
        ({"drop_patterns": ("가{99999999999}",)}, "repetition number is too large"),
        ({"drop_patterns": "광고"}, "write ['광고']"),
    ],
)
def test_filters_that_cannot_be_meant(filters: dict[str, Any], words: str) -> None:
    """A number out of range, a minimum above its maximum and a broken expression are mistakes of the user."""
    with pytest.raises(UserError) as caught:
        Filters(**filters)
    assert all(word in str(caught.value) for word in (words, "allowed: ", "to do: "))


def test_all_mistakes_at_once() -> None:
    """Nobody mends them one run at a time."""
    with pytest.raises(UserErrors) as caught:
        Filters(sample=0, drop_patterns=("(", ")"))
    assert len(caught.value.problems) == 3
