"""Filters: a removed row is counted once and shown; remaining rows are unchanged and in file order."""

import os
import random
import subprocess
import sys
from typing import Any

import pytest

from corpora.filters import FilterReport, Filters, apply, most_repeats
from foundation.errors import UserError, UserErrors


def rows_of(*texts: tuple[str, str]) -> list[dict[str, str]]:
    return [{"id": str(number), "source": source, "target": target} for number, (source, target) in enumerate(texts)]


def remaining_ids(rows: list[dict[str, str]], seed: int = 0, **filters: Any) -> list[int]:
    """The ids of the remaining rows."""
    return [int(row["id"]) for row in apply(rows, Filters(**filters), seed)[0]]


def test_without_filters_all_rows_remain() -> None:
    """And there is no report."""
    rows = rows_of(("가", "나"), ("", ""))
    assert apply(rows, Filters(), 0) == (rows, [])


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ({"min_length": 2}, [1, 2]),
        ({"max_length": 2}, [0, 1]),
        ({"min_length": 2, "max_length": 2}, [1]),
        ({"min_target_length": 2}, [0, 1]),
        ({"max_target_length": 2}, [1, 2]),
        ({"max_length": 2, "max_target_length": 2}, [1]),
        ({"min_target_length": 2, "max_target_length": 2}, [1]),
        ({"min_length": 2, "max_length": 3}, [1, 2]),
        ({"min_length": 1, "max_length": 2, "min_target_length": 2, "max_target_length": 3}, [0, 1]),
        ({"min_length": 1, "max_length": 3, "min_target_length": 1, "max_target_length": 3}, [0, 1, 2]),
    ],
)
def test_lengths_are_in_characters_and_limits_are_inclusive(filters: dict[str, int], ids: list[int]) -> None:
    """Sources of 1, 2 and 3 characters have targets of 3, 2 and 1; both limits of a length may be set."""
    assert remaining_ids(rows_of(("가", "나나나"), ("가가", "나나"), ("가가가", "나")), **filters) == ids


def test_whitespace_is_collapsed_before_lengths_are_measured() -> None:
    """A run becomes one space, or one line break if it has one; ids and the original rows stay."""
    row = {
        "id": "a  b",
        "source": " 의사: 네\u3000 네 \r\n\n 환자:  아파요 ",
        "pair": "가 \t 나",
        "target": "\xa0통증\t",
    }
    original = dict(row)
    rows, reports = apply([row], Filters(strip_whitespace=True, max_length=15), 0)
    # "의사: 네 네" is 7 characters, the line break 1, "환자: 아파요" 7
    assert rows == [{"id": "a  b", "source": "의사: 네 네\n환자: 아파요", "pair": "가 나", "target": "통증"}]
    assert reports == [FilterReport("max_length 15", 0, ())]
    assert row == original


def test_repeated_tokens_and_ngrams_of_the_target() -> None:
    """The limit is inclusive; n-grams may overlap: 'a a a a' has 'a a' three times."""
    rows = rows_of(("x", "a a a a"), ("x x x x x", "a b a b a"), ("x", "ab ab"), ("x", "a"))
    assert remaining_ids(rows, max_token_repeats=4) == [0, 1, 2, 3]
    assert remaining_ids(rows, max_token_repeats=3) == [1, 2, 3]
    assert remaining_ids(rows, max_token_repeats=2) == [2, 3]
    assert remaining_ids(rows, max_ngram_repeats=2, ngram=2) == [1, 2, 3]
    assert remaining_ids(rows, max_ngram_repeats=1, ngram=2) == [2, 3]
    assert remaining_ids(rows, max_ngram_repeats=1) == [2, 3]  # 'a a a' is twice in the first, 'a b a' in the second


def test_most_repeats_of_short_texts() -> None:
    """A text that is shorter than the n-gram has none."""
    assert [most_repeats(text, 3) for text in ("", "a b", "a b c", "a b c a b c")] == [0, 0, 1, 2]


def test_patterns_search_every_text_and_show_the_match() -> None:
    """Source, pair and target are searched, ids are not; the first matching pattern counts the row."""
    rows = rows_of(("기사 [광고]", "가"), ("나", "010-1234"), ("010 [광고]", "다"), ("라", "라"))
    rows[3] |= {"id": "010", "pair": "팔 010"}
    remaining, reports = apply([*rows, *rows_of(("마", "마"))], Filters(drop_patterns=(r"\[광고\]", "^$", "010")), 0)
    assert remaining == rows_of(("마", "마"))
    assert reports == [
        FilterReport(r"drop_patterns '\\[광고\\]'", 2, ("기사 [광고]", "010 [광고]")),
        FilterReport("drop_patterns '^$'", 0, ()),  # a row without a pair does not have an empty pair
        FilterReport("drop_patterns '010'", 2, ("010-1234", "팔 010")),
    ]


def test_duplicates_may_differ_in_case_and_whitespace() -> None:
    """The first one stays; the same source with another target or pair is not a duplicate."""
    rows = rows_of(("A b", "다"), ("a\tB ", " 다"), ("ab", "다"), ("A b", "라"), ("b", "a 다"))
    assert remaining_ids(rows, drop_duplicates=True) == [0, 3, 4]
    pairs = [{"id": str(n), "source": "가", "pair": pair, "target": "1"} for n, pair in enumerate(("나", "다", "나"))]
    assert remaining_ids(pairs, drop_duplicates=True) == [0, 1]


def test_a_sample_is_in_file_order_and_depends_on_the_seed() -> None:
    """30 of 200 rows, others for another seed; the global state of `random` is not used."""
    rows = rows_of(*((str(number), "x") for number in range(200)))
    state = random.getstate()
    ids = remaining_ids(rows, sample=30)
    assert random.getstate() == state
    assert len(ids) == len(set(ids)) == 30
    assert ids == sorted(ids)
    assert remaining_ids(rows, sample=30) == ids
    assert remaining_ids(rows, sample=30, seed=1) != ids
    assert remaining_ids(rows, sample=200) == remaining_ids(rows, sample=201) == list(range(200))


def test_another_process_draws_the_same_sample() -> None:
    """It does not depend on hash randomization."""
    code = (
        "from corpora.filters import Filters, apply;"
        "rows = [{'source': str(n), 'target': str(n)} for n in range(50)];"
        "print([row['source'] for row in apply(rows, Filters(drop_duplicates=True, sample=9), 5)[0]])"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    expected = remaining_ids(rows_of(*((str(n), str(n)) for n in range(50))), seed=5, drop_duplicates=True, sample=9)
    assert run.stdout.strip() == str([str(number) for number in expected])


def test_the_sample_is_drawn_last() -> None:
    """3 of 6 rows are too long, so that a sample of 3 removes no more."""
    rows = rows_of(*(("가" * length, str(length)) for length in range(1, 7)))
    remaining, reports = apply(rows, Filters(max_length=3, sample=3), 0)
    assert [row["id"] for row in remaining] == ["0", "1", "2"]
    assert [(report.filter, report.rows) for report in reports] == [("max_length 3", 3), ("sample 3", 0)]


def test_every_row_remains_or_is_counted_once() -> None:
    """With 100 random sets of filters, removed and remaining rows add up, and the latter are in file order."""
    draw = random.Random(4)
    options: dict[str, Any] = {
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
        remaining, reports = apply(rows, Filters(**dict(draw.sample(sorted(options.items()), 5))), seed)
        assert len(remaining) + sum(report.rows for report in reports) == 40
        assert [int(row["id"]) for row in remaining] == sorted({int(row["id"]) for row in remaining})


def test_a_report_is_one_line() -> None:
    """With at most three examples of at most 60 characters, without line breaks."""
    rows = rows_of(("x", "가 가\n가"), *(("x", "나 " * 40),) * 1200, ("x", "다"))
    reports = apply(rows, Filters(max_token_repeats=2, drop_patterns=("없",)), 0)[1]
    cut = "나 " * 29 + "나…"  # 58 + 2 = 60 characters
    assert reports[0].line() == f"filter max_token_repeats 2: 1,201 rows removed, e.g. '가 가 가', '{cut}', '{cut}'"
    assert reports[1].line() == "filter drop_patterns '없': 0 rows removed"
    assert FilterReport("sample 1", 1, ("가",)).line() == "filter sample 1: 1 row removed, e.g. '가'"


def test_no_remaining_row_is_an_error() -> None:
    """With the reports of the filters that removed rows."""
    with pytest.raises(UserError) as caught:
        apply(rows_of(("가", "나"), ("가가", "나")), Filters(min_length=1, max_length=1, drop_patterns=("^가$",)), 0)
    assert str(caught.value).splitlines() == [
        "the filters remove all of 2 training rows",
        "    filter max_length 1: 1 row removed, e.g. '가가'",
        "    filter drop_patterns '^가$': 1 row removed, e.g. '가'",
        "  allowed: at least one row",
        "  to do:   relax the filter that removes the most",
    ]


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"min_length": -1}, "min_length -1"),
        ({"max_target_length": -1}, "max_target_length -1"),
        ({"max_token_repeats": 0}, "max_token_repeats 0"),
        ({"ngram": 0}, "a whole number, at least 1"),
        ({"sample": 0}, "sample 0"),
        ({"min_length": 5, "max_length": 4}, "min_length 5 is above max_length 4"),
        ({"min_target_length": 2, "max_target_length": 1}, "min_target_length 2 is above max_target_length 1"),
        ({"drop_patterns": ("[가",)}, "drop_patterns '[가': unterminated character set"),
        ({"drop_patterns": ("가{99999999999}",)}, "repetition number is too large"),
        ({"drop_patterns": "광고"}, "write ['광고']"),
    ],
)
def test_invalid_filters_are_refused(filters: dict[str, Any], words: str) -> None:
    """A number out of range, a minimum above its maximum, and an invalid regular expression."""
    with pytest.raises(UserError) as caught:
        Filters(**filters)
    assert all(word in str(caught.value) for word in (words, "allowed: ", "to do: "))


def test_all_mistakes_are_reported_at_once() -> None:
    """So that one run is enough to find them all."""
    with pytest.raises(UserErrors) as caught:
        Filters(sample=0, drop_patterns=("(", ")"))
    assert len(caught.value.problems) == 3
