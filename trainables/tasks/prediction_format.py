"""How predictions are written for people: the most probable classes, rounded numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class PredictionFormat:
    """Options of written predictions.

    Args:
        top_k: how many of the most probable classes are written.
        probabilities: whether their probabilities are written too.
        decimals: of a number; None: as the study sets it.
    """

    top_k: int = 1
    probabilities: bool = False
    decimals: int | None = None

    @property
    def requested_options(self) -> list[str]:
        """Names of the options that differ from their defaults."""
        return [field.name for field in fields(self) if getattr(self, field.name) != field.default]


def most_probable(labels: Sequence[str], probabilities: Sequence[float], options: PredictionFormat) -> str:
    """Returns the `top_k` most probable classes, joined by blanks: `긍정 부정`, or `긍정:0.9312 부정:0.0688`."""
    order = sorted(range(len(labels)), key=lambda index: (-probabilities[index], index))[: options.top_k]
    shares = [f":{probabilities[index]:.4f}" if options.probabilities else "" for index in order]
    return " ".join(labels[index] + share for index, share in zip(order, shares, strict=True))


def format_number(number: float, decimals: int | None) -> str:
    """Returns a number with `decimals` decimals, or unchanged if None; never -0.0."""
    return repr(number) if decimals is None else f"{round(number, decimals) + 0.0:.{decimals}f}"
