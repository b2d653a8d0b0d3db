"""Splitting: whole groups, the nearest number of rows, and the same result for the same seed."""

import itertools
import os
import random
import subprocess
import sys
import unicodedata
from collections import Counter
from functools import partial

import pytest

from corpora import splitting
from corpora.splitting import shared_texts
from foundation.errors import UserError, UserErrors
from search_spaces.choices import SPLIT_VERSION

#: As for new studies, where a test does not give a version.
split_by_group = partial(splitting.split_by_group, split_version=SPLIT_VERSION)
groups_of = partial(splitting.groups_of, split_version=SPLIT_VERSION)


def rows_of(sizes: list[int]) -> list[dict[str, str]]:
    rows = [{"id": f"{group}-{n}", "target": f"t{group}"} for group, size in enumerate(sizes) for n in range(size)]
    random.Random(0).shuffle(rows)
    return rows


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("sizes", [[1] * 50, [3] * 40, [1, 2, 3] * 20, [40, *[1] * 60], [7, 5, 3, 2], [99, 1]])
def test_groups_stay_whole_and_every_row_is_used_once(sizes: list[int], seed: int) -> None:
    """Both sides are in file order, are all rows together, and share no group."""
    rows = rows_of(sizes)
    rest, part = split_by_group(rows, ["target"], 0.1, seed)
    assert rest == sorted(rest)
    assert part == sorted(part)
    assert sorted(rest + part) == list(range(len(rows)))
    assert rest
    assert part
    assert not {rows[i]["target"] for i in rest} & {rows[i]["target"] for i in part}


def test_the_number_of_rows_is_the_nearest_possible() -> None:
    """Compared with all subsets of up to 8 groups."""
    draw = random.Random(3)
    for _ in range(60):
        sizes = [draw.randint(1, 12) for _ in range(draw.randint(2, 8))]
        fraction = draw.uniform(0.02, 0.98)
        _, part = split_by_group(rows_of(sizes), ["target"], fraction, draw.randint(0, 99))
        target = fraction * sum(sizes)
        subsets = (subset for n in range(1, len(sizes)) for subset in itertools.combinations(sizes, n))
        assert abs(len(part) - target) == pytest.approx(min(abs(sum(subset) - target) for subset in subsets))


def test_single_rows_give_the_exact_number() -> None:
    """If every row is a group of its own, 10 % of 1,000 rows are 100 rows."""
    assert len(split_by_group(rows_of([1] * 1000), ["target"], 0.1, 0)[1]) == 100


@pytest.mark.parametrize(("fraction", "expected"), [(0.001, 1), (0.999, 9)])
def test_no_side_is_ever_empty(fraction: float, expected: int) -> None:
    """At least one row is on each side."""
    assert len(split_by_group(rows_of([1] * 10), ["target"], fraction, 0)[1]) == expected


def test_texts_that_differ_in_case_and_whitespace_are_one_group() -> None:
    """' A  b' and 'a B' are never on different sides."""
    rows = [{"target": text} for text in ["A  b", " a B ", "a\tb", "c"]]
    for seed in range(8):
        assert split_by_group(rows, ["target"], 0.25, seed) == ([0, 1, 2], [3])


def test_texts_that_differ_in_spacing_or_composition_are_one_group() -> None:
    """Korean is written with and without blanks, and macOS decomposes Hangul; version 1 separates them."""
    texts = ["아버지가 방에", "아버지 가방에", "아버지가방에", unicodedata.normalize("NFD", "아버지가 방에"), "다른 글"]
    rows = [{"source": text} for text in texts]
    assert groups_of(rows, ["source"]) == [[0, 1, 2, 3], [4]]
    assert groups_of(rows, ["source"], split_version=1) == [[0], [1], [2], [3], [4]]


def test_pairs_that_share_a_text_in_either_order_are_one_group() -> None:
    """The second text counts as the first does; a target is never compared with a text."""
    pairs = [("가", "나"), ("나 ", "다"), ("라", "가"), ("마", "바"), ("사", "마"), ("아", "자")]
    rows = [{"source": one, "pair": other, "target": "아"} for one, other in pairs]
    assert groups_of(rows, ["source", "pair"]) == [[0, 1, 2], [3, 4], [5]]
    assert shared_texts(rows[:1], rows[1:], ["source", "pair"]) == [0, 1]
    assert shared_texts(rows[:1], rows[1:], ["source"]) == []


def test_a_split_without_variants_is_that_of_the_earlier_version() -> None:
    """The measurements and the embedded samples keep their dev splits."""
    rows = [{"source": f"문장 {n % 70} 입니다", "target": str(n % 2)} for n in range(100)]
    for seed in range(5):
        earlier = split_by_group(rows, ["source"], 0.2, seed, split_version=1)
        assert split_by_group(rows, ["source"], 0.2, seed) == earlier


def test_rows_that_share_any_text_are_one_group() -> None:
    """Directly or through other rows; the same word as source and as target does not join two rows."""
    rows = [
        {"source": source, "target": target}
        for source, target in (("1", "a"), ("2", "c"), ("1", "b"), ("c", "d"), ("3", "b"), ("2", "e"), ("4", "f"))
    ]
    sides = {frozenset(split_by_group(rows, ["source", "target"], 3 / 7, seed)[1]) for seed in range(40)}
    # three of seven rows: the group of 1 and 3; or the two rows of 2 with one of the single rows
    assert sides == {frozenset(side) for side in ((0, 2, 4), (1, 3, 5), (1, 5, 6))}


def test_the_order_of_rows_does_not_matter() -> None:
    """Shuffled rows give the same split, for groups of several sizes."""
    rows = rows_of([1, 1, 2, 3, 5] * 30)
    shuffled = random.Random(9).sample(rows, len(rows))
    first, second = ({some[i]["id"] for i in split_by_group(some, ["target"], 0.2, 4)[1]} for some in (rows, shuffled))
    assert first == second


def test_the_order_of_rows_does_not_matter_for_joined_groups() -> None:
    """120 rows with random sources and targets, which join rows to groups."""
    draw = random.Random(5)
    rows = [{"id": str(n), "source": f"s{draw.randrange(90)}", "target": f"t{draw.randrange(200)}"} for n in range(120)]
    shuffled = draw.sample(rows, len(rows))
    roles = ["source", "target"]
    first, second = ({some[i]["id"] for i in split_by_group(some, roles, 0.2, 4)[1]} for some in (rows, shuffled))
    assert first == second
    rest = [row for row in rows if row["id"] not in first]
    assert shared_texts(rest, [row for row in rows if row["id"] in first], roles) == []


def test_only_the_seed_matters() -> None:
    """Another seed gives other rows; the global state of `random` is not used."""
    rows = rows_of([1, 2] * 50)
    random.seed(1)
    state = random.getstate()
    first = split_by_group(rows, ["target"], 0.2, 0)
    assert random.getstate() == state
    random.seed(2)
    assert split_by_group(rows, ["target"], 0.2, 0) == first
    assert split_by_group(rows, ["target"], 0.2, 1) != first


def test_another_process_gives_the_same_split() -> None:
    """It does not depend on hash randomization."""
    code = (
        "from corpora.splitting import split_by_group;"
        "print(split_by_group([{'target': str(n % 37)} for n in range(100)], ['target'], 0.2, 5, split_version=2))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert run.stdout.strip() == str(split_by_group([{"target": str(n % 37)} for n in range(100)], ["target"], 0.2, 5))


def test_groups_of_every_size_are_chosen_at_the_same_rate() -> None:
    """Over 300 seeds each of 45 groups is chosen in about 20 %: 60 times, plus or minus 5 standard deviations of 7."""
    rows = rows_of([1] * 40 + [4] * 4 + [9])
    counts = Counter(
        target
        for seed in range(300)
        for target in {rows[i]["target"] for i in split_by_group(rows, ["target"], 0.2, seed)[1]}
    )
    assert len(counts) == 45
    assert all(25 < count < 95 for count in counts.values())


def test_rows_that_cannot_be_split_are_refused() -> None:
    """No rows, one group, a fraction out of range, and an unknown role."""
    with pytest.raises(UserError, match="0 rows in 0 groups"):
        split_by_group([], ["target"], 0.1, 0)
    with pytest.raises(UserError, match="3 rows in 1 group cannot"):
        split_by_group(rows_of([3]), ["target"], 0.1, 0)
    with pytest.raises(UserErrors, match=r"a split of 1\.0 of the rows") as caught:
        split_by_group(rows_of([1, 1]), ["targe"], 1.0, 0)
    assert "by 'targe'" in str(caught.value)
    assert "id, target" in str(caught.value)
    for fraction in (0.0, -0.1, float("nan")):
        with pytest.raises(UserError, match="more than 0"):
            split_by_group(rows_of([1, 1]), ["target"], fraction, 0)


def test_shared_texts_are_row_numbers_of_the_second() -> None:
    """Each row once, ignoring case and whitespace, however often its text is in the first."""
    first = [{"target": text} for text in ("A b", "A b", "c")]
    second = [{"target": text} for text in ("a  B", "a b", "d", "C ")]
    assert shared_texts(first, second, ["target"]) == [0, 1, 3]  # 'a  B', 'a b', 'C '
    assert shared_texts(second, first, ["target"]) == [0, 1, 2]
    assert shared_texts(first, [], ["target"]) == []
