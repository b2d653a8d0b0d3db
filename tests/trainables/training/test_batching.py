"""Batches: the same rows for any split of a global batch, every row once, masked rows only for workers without rows."""

import random
from collections.abc import Iterator
from itertools import product

import pytest
import torch
from datasets import Dataset

from trainables.tasks.padding import pad
from trainables.tasks.registry import make_task
from trainables.training.batching import GlobalBatchSampler, TokenRows, deal, evaluation_batches, global_batches

#: Rows per epoch: fewer than a batch, a whole number of batches of 32, one more, and none of these.
NUMBERS = (1, 5, 32, 33, 64, 97, 100)


def some_lengths(number: int) -> list[int]:
    """Lengths between 1 and 40, with ties."""
    draw = random.Random(number)
    return [draw.randint(1, 40) for _ in range(number)]


def samplers(number: int, rows: int, accumulation: int, workers: int, **changes: object) -> list[GlobalBatchSampler]:
    """The samplers of all workers."""
    options = {"lengths": some_lengths(number), "seed": 3, "by_length": True, **changes}
    return [
        GlobalBatchSampler(rows=rows, accumulation=accumulation, workers=workers, worker=worker, **options)  # type: ignore[arg-type]
        for worker in range(workers)
    ]


def steps(number: int, rows: int, accumulation: int, workers: int, epoch: int = 0) -> Iterator[list[int]]:
    """The rows of each optimizer step over all workers, sorted, without masked rows."""
    several = samplers(number, rows, accumulation, workers)
    for sampler in several:
        sampler.set_epoch(epoch)
    micro = list(zip(*several, strict=True))  # [micro-batch][worker] -> rows
    for start in range(0, len(micro), accumulation):
        everyone = [row for at_once in micro[start : start + accumulation] for part in at_once for row in part]
        yield sorted(row for row in everyone if row >= 0)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_global_batch_has_the_same_rows_for_every_split(number: int) -> None:
    """1 worker × 32 rows, 2 × 16, 1 × 8 four times and 2 × 4 four times: each step sees the same rows."""
    whole = list(steps(number, 32, 1, 1))
    for rows, accumulation, workers in ((16, 1, 2), (8, 4, 1), (4, 4, 2), (32, 1, 1)):
        assert list(steps(number, rows, accumulation, workers)) == whole
    assert whole == [
        sorted(batch) for batch in global_batches(some_lengths(number), 32, seed=3, epoch=0, by_length=True)
    ]


@pytest.mark.parametrize("by_length", [True, False])
@pytest.mark.parametrize("number", NUMBERS)
def test_every_row_occurs_once_per_epoch(number: int, by_length: bool) -> None:
    """Only the last batch may have fewer rows."""
    for size in (1, 7, 32):
        batches = global_batches(some_lengths(number), size, seed=1, epoch=2, by_length=by_length)
        assert sorted(row for batch in batches for row in batch) == list(range(number))
        assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)
        assert len(batches[-1]) == (number % size or size)


@pytest.mark.parametrize("by_length", [True, False])
def test_epoch_and_seed_change_the_order(by_length: bool) -> None:
    """With the same seed and epoch, the batches are the same; global random generators do not matter."""
    lengths = some_lengths(100)
    first, other_epoch, other_seed, again = (
        global_batches(lengths, 8, seed=seed, epoch=epoch, by_length=by_length)
        for seed, epoch in ((0, 0), (0, 1), (1, 0), (0, 0))
    )
    assert first == again
    assert first != other_epoch
    assert first != other_seed


def test_batches_are_the_same_in_every_process() -> None:
    """A golden value: `Random` seeds itself with the SHA-512 of the text "7:1"; `hash` would differ by process."""
    assert global_batches([5, 1, 4, 2, 3], 2, seed=7, epoch=1, by_length=False) == [[2, 1], [3, 4], [0]]


def test_rows_of_similar_length_are_in_one_batch() -> None:
    """4,000 rows are 8 pools of 50 batches; a batch of a shuffled pool spans 1/50 of the lengths, not all of them."""
    lengths = list(range(4000))
    random.Random(0).shuffle(lengths)
    batches = global_batches(lengths, 10, seed=0, epoch=0, by_length=True)
    sorted_batches = [sorted(lengths[row] for row in batch) for batch in batches]
    spans = [batch[-1] - batch[0] for batch in sorted_batches]
    # 500 of 4,000 lengths per pool, 10 of them in a batch: about 9 gaps of 8 each, 72 on average.
    assert sum(spans) / len(spans) < 100
    # The batches are shuffled, otherwise each epoch would end with the short ones.
    assert sorted_batches != sorted(sorted_batches)
    assert sorted_batches != sorted(sorted_batches, reverse=True)


def test_batches_differ_between_epochs() -> None:
    """Also if an epoch has fewer than 50 batches."""
    first, second = (
        {frozenset(batch) for batch in global_batches(range(64), 8, seed=0, epoch=epoch, by_length=True)}
        for epoch in (0, 1)
    )
    assert first != second


def test_a_batch_is_split_in_order() -> None:
    """11 rows to 2 workers, 3 rows at a time: 3 + 3, 3 + 2."""
    assert deal(range(11), 3, 2) == [[[0, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 10]]]


def test_only_a_worker_without_rows_gets_a_masked_row() -> None:
    """A worker with any row gets no masked row, and never more than one."""
    for number, rows, workers in product(range(1, 20), (1, 2, 4), (1, 2, 3)):
        micro_batches = deal(range(number), rows, workers)
        remaining = number
        for micro_batch in micro_batches:
            for part in micro_batch:
                first = number - remaining
                assert part == ([-1] if remaining <= 0 else list(range(first, first + min(rows, remaining))))
                remaining -= rows
        assert remaining <= 0
        assert len(micro_batches) == -(-number // (rows * workers))


@pytest.mark.parametrize("number", NUMBERS)
def test_the_length_of_a_sampler(number: int) -> None:
    """It is the same on every worker, so that none waits for a step that another does not make."""
    for rows, accumulation, workers in product((1, 4, 8), (1, 2, 4), (1, 2, 3)):
        lengths = [(len(sampler), len(list(sampler))) for sampler in samplers(number, rows, accumulation, workers)]
        assert len(set(lengths)) == 1
        assert lengths[0][0] == lengths[0][1]


def test_a_sampler_follows_the_epoch() -> None:
    """`set_epoch` changes the batches, and back."""
    (sampler,) = samplers(64, 8, 1, 1)
    first = list(sampler)
    sampler.set_epoch(1)
    assert list(sampler) != first
    sampler.set_epoch(0)
    assert list(sampler) == first


def test_index_minus_one_is_a_masked_row() -> None:
    """It has as many labels as row 0, all masked; other rows are unchanged."""
    rows = [{"input_ids": [5, 6], "labels": [7, 8, 9]}, {"input_ids": [1], "labels": [2]}]
    table = TokenRows(Dataset.from_list(rows), make_task("seq2seq", {}).mask_labels)
    assert len(table) == 2
    assert table[1] == rows[1]
    assert table[-1] == {"input_ids": [5, 6], "labels": [-100, -100, -100]}
    assert table.__getitems__([1, 0]) == [rows[1], rows[0]]  # a whole batch, in the requested order


def test_padding_is_on_the_right() -> None:
    """Sources get the pad token and a mask, labels -100, each up to the longest of the batch."""
    batch = pad(
        [{"input_ids": [5, 6, 7], "labels": [8]}, {"input_ids": [9], "labels": [3, 4]}],
        {"input_ids": 1, "labels": -100},
    )
    assert batch["input_ids"].tolist() == [[5, 6, 7], [9, 1, 1]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["labels"].tolist() == [[8, -100], [3, 4]]
    assert {tensor.dtype for tensor in batch.values()} == {torch.int64}


def test_a_pad_token_inside_a_source_is_not_masked() -> None:
    """The mask follows the lengths, not the token."""
    assert pad([{"input_ids": [1, 5], "labels": [1]}], {"input_ids": 1, "labels": -100})["attention_mask"].tolist() == [
        [1, 1]
    ]


@pytest.mark.parametrize("number", [0, 1, 7, 8, 9, 100])
def test_every_row_is_evaluated_once(number: int) -> None:
    """By exactly one of the workers, in batches that hold the same rows for any number of workers."""
    lengths = some_lengths(number)
    whole = evaluation_batches(lengths, 8, 1, 0)
    for workers in (1, 2, 3, 5):
        parts = [evaluation_batches(lengths, 8, workers, worker) for worker in range(workers)]
        batches = [batch for part in parts for batch in part]
        assert sorted(row for batch in batches for row in batch) == list(range(number))
        assert sorted(batches) == sorted(whole)
        assert max(map(len, parts)) - min(map(len, parts)) <= 1  # no worker waits for more than one batch


def test_the_longest_rows_are_evaluated_first() -> None:
    """So that a full memory is noticed at once; rows of equal length stay in row order."""
    assert evaluation_batches([3, 9, 3, 5, 9], 2, 1, 0) == [[1, 4], [3, 0], [2]]
