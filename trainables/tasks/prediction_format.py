"""How predictions are written for people: the most probable classes, rounded numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class PredictionFormat:
    """What is wanted of predictions that are written.

    Args:
        top_k: so many of the most probable classes.
        probabilities: with theirs.
        decimals: of a number; None: as the study says.
    """

    top_k: int = 1
    probabilities: bool = False
    decimals: int | None = None

    @property
    def named(self) -> list[str]:
        """The fields that were asked for."""
        return [field.name for field in fields(self) if getattr(self, field.name) != field.default]


def most_probable(labels: Sequence[str], probabilities: Sequence[float], wanted: PredictionFormat) -> str:
    """The classes that are wanted, joined by blanks: `긍정 부정`, or `긍정:0.9312 부정:0.0688`."""
    order = sorted(range(len(labels)), key=lambda index: (-probabilities[index], index))[: wanted.top_k]
    shares = [f":{probabilities[index]:.4f}" if wanted.probabilities else "" for index in order]
    return " ".join(labels[index] + share for index, share in zip(order, shares, strict=True))


def rounded(number: float, decimals: int | None) -> str:
    """A number with so many decimals, or as it is; never -0.0."""
    return repr(number) if decimals is None else f"{round(number, decimals) + 0.0:.{decimals}f}"
