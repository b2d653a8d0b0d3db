"""The result of an evaluation, put together from the shares of several workers."""

from __future__ import annotations

import pytest

from trainables.tasks.evaluation import BatchResult
from trainables.training.evaluation import WorkerShare, merge


def test_shares_are_merged_in_row_order() -> None:
    """Loss is per counted token, generated tokens per row; both are sums over all workers before the division."""
    first, second = WorkerShare(), WorkerShare()
    first.add([2, 0], BatchResult(loss=6.0, counted=3.0, predictions=["c", "a"], sizes=[4, 2]))
    second.add([1], BatchResult(loss=1.0, counted=1.0, predictions=["b"], sizes=[3]))
    evaluation = merge([second, first], seconds=2.5)
    assert evaluation.predictions == ["a", "b", "c"]
    assert evaluation.loss == pytest.approx(7.0 / 4)
    assert evaluation.generated_tokens == pytest.approx(9 / 3)
    assert evaluation.seconds == 2.5


def test_an_evaluation_without_rows_has_a_loss_of_zero() -> None:
    """Nothing is divided by zero."""
    assert merge([WorkerShare()], seconds=0.0).loss == 0.0


def test_a_result_needs_one_prediction_per_row() -> None:
    """A task that returns fewer is an error, not a shorter list."""
    with pytest.raises(ValueError, match="shorter"):
        WorkerShare().add([0, 1], BatchResult(loss=1.0, counted=1.0, predictions=["a"], sizes=[1, 1]))
