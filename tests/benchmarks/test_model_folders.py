"""What `benchmarks.model_folders` calls different answers, equal texts and a useful message."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.folder_runs.data import cut, same_words
from benchmarks.folder_runs.run import Result, count_different, weakness
from benchmarks.model_folders import tables
from foundation.errors import UserError, UserErrors


def test_answers_that_differ_by_rounding_are_alike() -> None:
    """32 bit have seven digits, 64 bit have sixteen; sizes do not matter."""
    one = torch.tensor([1000.0, -2.0])
    assert count_different([one, one + 1e-4, one + 1.0]) == 2
    assert count_different([one.double(), one.double() + 1e-4, one.double() + 1e-7]) == 2
    assert count_different([torch.zeros(1), torch.zeros(1)]) == 1


def test_texts_have_the_same_number_of_words() -> None:
    """The most frequent number; of pairs both numbers count. A line with quotes may hide its columns."""
    lines = ["1\t가 나 다 라\t0\n", "2\t마 바\t1\n", '3\t"사 아"\t1\n', "4\t자 차\t0\n"]
    assert same_words(lines, 1) == [lines[1], lines[3]]
    pairs = ["가 나 다\t라 마 바\t1\n", "가 나 다\t라마 바사\t1\n", "나 가 다\t마 라 바\t0\n"]
    assert same_words(pairs, 2) == [pairs[0], pairs[2]]


def test_data_is_cut_without_overlap(tmp_path: Path) -> None:
    """All three files have the header, and no line is in two of them."""
    (tmp_path / "nsmc").mkdir()
    rows = [f"{number}\t글 {number} 번\t{number % 2}\n" for number in range(200)]
    (tmp_path / "nsmc" / "ratings_train.txt").write_text("id\tdocument\tlabel\n" + "".join(rows), encoding="utf-8")
    cut(tmp_path, "kcbert", tmp_path / "cut")
    parts = {path.stem: path.read_text(encoding="utf-8").splitlines(True) for path in (tmp_path / "cut").iterdir()}
    assert {name: len(lines) - 1 for name, lines in parts.items()} == {"train": 96, "dev": 32, "texts": 20}
    assert {lines[0] for lines in parts.values()} == {"id\tdocument\tlabel\n"}
    cut_rows = [line for lines in parts.values() for line in lines[1:]]
    assert len(cut_rows) == len({*cut_rows} & {*rows}) == 148


@pytest.mark.parametrize(
    ("error", "lacks"),
    [
        (UserError("no pad token", "one with it", "name another"), ""),
        (UserError("no pad token", "one with it", ""), "refused without saying what to do"),
        (UserError("no pad token", "", "name another"), "refused without saying what is allowed"),
        (UserError("cannot be trained: TypeError: can't", "a model", "change it"), "refused by a bare TypeError"),
        (UserErrors([UserError("a", "b", "c"), UserError("a", "b", "")]), "refused without saying what to do"),
    ],
)
def test_a_message_needs_three_parts_of_its_own(error: UserError, lacks: str) -> None:
    """Each of several problems does."""
    assert weakness(error) == lacks


def test_the_tables_have_every_run_and_every_reason() -> None:
    """Models that end alike share a row, with their slowest probe; equal reasons are written once."""
    results = [
        Result("bert", "kobart", "refused", "model 'bert' has no decoder"),
        Result("bert", "sts", "trained", "20 of 20 answers differ", 0.1, 0.25),
        Result("roberta", "kobart", "refused", "model 'roberta' has no decoder"),
        Result("roberta", "sts", "trained", "20 of 20 answers differ", 0.1, 0.5),
        Result("gpt", "kobart", "refused", "model 'gpt' has no encoder"),
        Result("gpt", "sts", "fault", "TypeError"),
    ]
    assert list(tables(results)) == [
        "| models | `kobart` | `sts` | slowest probe |",
        "| --- | --- | --- | --- |",
        "| bert, roberta | refused | trained | 0.50 s |",
        "| gpt | refused | fault |  |",
        "",
        "- bert (kobart), roberta (kobart): model has no decoder",
        "- gpt (kobart): model has no encoder",
    ]
