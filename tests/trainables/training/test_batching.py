"""Batches: the same rows however a global batch is cut, every row once, ghosts only where a worker is empty."""

import random
from collections.abc import Iterator
from itertools import product

import pytest
import torch
from datasets import Dataset

from trainables.tasks.registry import make_task
from trainables.tasks.task import pad
from trainables.training.batching import GlobalBatchSampler, TokenRows, deal, evaluation_batches, global_batches

#: Rows per epoch: fewer than a batch, a whole number of batches of 32, one more, and none of these.
NUMBERS = (1, 5, 32, 33, 64, 97, 100)


def some_lengths(number: int) -> list[int]:
    """Lengths between 1 and 40, with ties."""
    draw = random.Random(number)
    return [draw.randint(1, 40) for _ in range(number)]


def samplers(number: int, rows: int, accumulation: int, workers: int, **changes: object) -> list[GlobalBatchSampler]:
    """One per worker."""
    usual = {"lengths": some_lengths(number), "seed": 3, "by_length": True, **changes}
    return [
        GlobalBatchSampler(rows=rows, accumulation=accumulation, workers=workers, worker=worker, **usual)  # type: ignore[arg-type]
        for worker in range(workers)
    ]


def steps(number: int, rows: int, accumulation: int, workers: int, epoch: int = 0) -> Iterator[list[int]]:
    """The rows that each optimizer step sees over all workers, sorted, ghosts left out."""
    several = samplers(number, rows, accumulation, workers)
    for sampler in several:
        sampler.set_epoch(epoch)
    micro = list(zip(*several, strict=True))  # [micro-batch][worker] -> rows
    for start in range(0, len(micro), accumulation):
        everyone = [row for at_once in micro[start : start + accumulation] for part in at_once for row in part]
        yield sorted(row for row in everyone if row >= 0)


@pytest.mark.parametrize("number", NUMBERS)
def test_one_global_batch_however_it_is_cut(number: int) -> None:
    """1 worker × 32 rows, 2 × 16, 1 × 8 four times and 2 × 4 four times: each step sees the same rows."""
    whole = list(steps(number, 32, 1, 1))
    for rows, accumulation, workers in ((16, 1, 2), (8, 4, 1), (4, 4, 2), (32, 1, 1)):
        assert list(steps(number, rows, accumulation, workers)) == whole
    assert whole == [
        sorted(batch) for batch in global_batches(some_lengths(number), 32, seed=3, epoch=0, by_length=True)
    ]


@pytest.mark.parametrize("by_length", [True, False])
@pytest.mark.parametrize("number", NUMBERS)
def test_every_row_once_per_epoch(number: int, by_length: bool) -> None:
    """Only the last batch is short."""
    for size in (1, 7, 32):
        batches = global_batches(some_lengths(number), size, seed=1, epoch=2, by_length=by_length)
        assert sorted(row for batch in batches for row in batch) == list(range(number))
        assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)
        assert len(batches[-1]) == (number % size or size)


@pytest.mark.parametrize("by_length", [True, False])
def test_epoch_and_seed_change_the_order(by_length: bool) -> None:
    """And nothing else does: asked again, the batches are the same, whatever the global generator drew."""
    lengths = some_lengths(100)
    first, other_epoch, other_seed, again = (
        global_batches(lengths, 8, seed=seed, epoch=epoch, by_length=by_length)
        for seed, epoch in ((0, 0), (0, 1), (1, 0), (0, 0))
    )
    assert first == again
    assert first != other_epoch
    assert first != other_seed


def test_another_process_draws_the_same() -> None:
    """Pinned: `Random` takes the SHA-512 of the text "7:1", the same everywhere; `hash` would differ by process."""
    assert global_batches([5, 1, 4, 2, 3], 2, seed=7, epoch=1, by_length=False) == [[2, 1], [3, 4], [0]]


def test_rows_of_like_length_stand_together() -> None:
    """4,000 rows are 8 pools of 50 batches; a batch of a shuffled pool spans 1/50 of the lengths, not all of them."""
    lengths = list(range(4000))
    random.Random(0).shuffle(lengths)
    batches = global_batches(lengths, 10, seed=0, epoch=0, by_length=True)
    found = [sorted(lengths[row] for row in batch) for batch in batches]
    spans = [batch[-1] - batch[0] for batch in found]
    # 500 of 4,000 lengths per pool, 10 of them in a batch: about 9 gaps of 8 each, 72 on average.
    assert sum(spans) / len(spans) < 100
    assert found != sorted(found)  # yet in no order, or each epoch would end on the short ones
    assert found != sorted(found, reverse=True)


def test_rows_meet_others_in_the_next_epoch() -> None:
    """Also where an epoch has fewer than 50 batches."""
    first, second = (
        {frozenset(batch) for batch in global_batches(range(64), 8, seed=0, epoch=epoch, by_length=True)}
        for epoch in (0, 1)
    )
    assert first != second


def test_a_batch_is_dealt_in_order() -> None:
    """11 rows to 2 workers, 3 rows at a time: 3 + 3, 3 + 2."""
    assert deal(range(11), 3, 2) == [[[0, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 10]]]


def test_a_ghost_stands_only_where_a_worker_would_be_empty() -> None:
    """A worker that got any row gets no ghost, and a ghost is alone."""
    for number, rows, workers in product(range(1, 20), (1, 2, 4), (1, 2, 3)):
        dealt = deal(range(number), rows, workers)
        left = number
        for micro_batch in dealt:
            for part in micro_batch:
                assert part == ([-1] if left <= 0 else list(range(number - left, number - left + min(rows, left))))
                left -= rows
        assert left <= 0
        assert len(dealt) == -(-number // (rows * workers))


@pytest.mark.parametrize("number", NUMBERS)
def test_a_sampler_is_as_long_as_it_says(number: int) -> None:
    """On every worker, so that none waits for a step that another does not take."""
    for rows, accumulation, workers in product((1, 4, 8), (1, 2, 4), (1, 2, 3)):
        found = [(len(sampler), len(list(sampler))) for sampler in samplers(number, rows, accumulation, workers)]
        assert len(set(found)) == 1
        assert found[0][0] == found[0][1]


def test_a_sampler_follows_the_epoch() -> None:
    """`set_epoch` is what makes an epoch another one."""
    (sampler,) = samplers(64, 8, 1, 1)
    first = list(sampler)
    sampler.set_epoch(1)
    assert list(sampler) != first
    sampler.set_epoch(0)
    assert list(sampler) == first


def test_a_ghost_counts_for_nothing() -> None:
    """Its labels are masked, as many as row 0 has; real rows are as they are."""
    rows = [{"input_ids": [5, 6], "labels": [7, 8, 9]}, {"input_ids": [1], "labels": [2]}]
    table = TokenRows(Dataset.from_list(rows), make_task("seq2seq", {}).mask_labels)
    assert len(table) == 2
    assert table[1] == rows[1]
    assert table[-1] == {"input_ids": [5, 6], "labels": [-100, -100, -100]}
    assert table.__getitems__([1, 0]) == [rows[1], rows[0]]  # a batch at once, in the order asked for


def test_padding_is_on_the_right() -> None:
    """Sources with the pad token and a mask, labels with -100, each to the longest of the batch."""
    batch = pad(
        [{"input_ids": [5, 6, 7], "labels": [8]}, {"input_ids": [9], "labels": [3, 4]}],
        {"input_ids": 1, "labels": -100},
    )
    assert batch["input_ids"].tolist() == [[5, 6, 7], [9, 1, 1]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["labels"].tolist() == [[8, -100], [3, 4]]
    assert {tensor.dtype for tensor in batch.values()} == {torch.int64}


def test_a_pad_token_inside_a_source_is_attended_to() -> None:
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
        dealt = [batch for part in parts for batch in part]
        assert sorted(row for batch in dealt for row in batch) == list(range(number))
        assert sorted(dealt) == sorted(whole)
        assert max(map(len, parts)) - min(map(len, parts)) <= 1  # nobody waits for more than one batch


def test_the_longest_rows_are_evaluated_first() -> None:
    """What runs out of memory does so at once; ties stay in row order."""
    assert evaluation_batches([3, 9, 3, 5, 9], 2, 1, 0) == [[1, 4], [3, 0], [2]]
