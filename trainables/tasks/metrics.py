"""Scores that can be trusted on Korean text; each carries the name and version of its tokenizer.

rouge-score's own tokenizer deletes everything outside [a-z0-9], so Hangul against itself scores 0.
Here references and predictions are tokenised first and handed to rouge-score as lists.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any


class _Tokens:
    """What rouge-score asks for when the texts are token lists already."""

    def tokenize(self, tokens: list[str]) -> list[str]:
        return tokens


@cache
def _scorer() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=_Tokens())


def rouge(references: Sequence[Sequence[str]], predictions: Sequence[Sequence[str]]) -> dict[str, float]:
    """Mean ROUGE F1 (Lin 2004, https://aclanthology.org/W04-1013) over rows, each in 0…1.

    Args:
        references: tokens per row.
        predictions: tokens per row, as many rows.

    Returns:
        `rouge_1`, `rouge_2`, `rouge_l` and their sum `rouge_sum` (0…3).

    Raises:
        ValueError: no rows, or unequal numbers of rows.
    """
    if not references or len(references) != len(predictions):
        raise ValueError(f"{len(references)} references against {len(predictions)} predictions")
    scores = [
        _scorer().score(list(reference), list(prediction))
        for reference, prediction in zip(references, predictions, strict=True)
    ]
    means = {
        f"rouge_{kind.lower()}": math.fsum(score[f"rouge{kind}"].fmeasure for score in scores) / len(scores)
        for kind in ("1", "2", "L")
    }
    return {**means, "rouge_sum": math.fsum(means.values())}


def is_better(value: float, than: float | None, mode: str) -> bool:
    """Whether `value` beats `than` in direction `mode`; anything finite beats nothing."""
    if not math.isfinite(value):
        return False
    if than is None:
        return True
    return value > than if mode == "max" else value < than


def best_of(values: Mapping[Any, float], mode: str) -> Any:
    """The key of the best value; the earliest wins a tie."""
    best = None
    for key, value in values.items():
        if is_better(value, None if best is None else values[best], mode):
            best = key
    return best
