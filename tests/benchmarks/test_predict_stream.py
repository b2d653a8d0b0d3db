"""Predictions for many lines, in a short form."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.inference import predict_stream


@pytest.mark.slow
def test_the_memory_does_not_grow_and_kills_leave_no_trace(tmp_path: Path) -> None:
    """Eight times as many lines need the same memory, and the output after two kills is the same file."""
    result = predict_stream.measure(predict_stream.trained(tmp_path), tmp_path, 5_000, 40_000)
    assert result["ratio"] <= 1.2
    assert result["same_file"]
    assert not result["left_beside_it"]
