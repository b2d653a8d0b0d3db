"""The scores of a model on one split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from foundation.checked_json import Count, JsonObject, convert_json, plain
from trainables.tasks.confusion import ConfusionMatrix


class Score(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The scores of a model on one split.

    Args:
        metrics: Every metric of the task.
        labels: The class labels; None if the task has no classes.
        confusion: Shape (labels, labels): rows are true classes, columns are predicted ones.
        rows: Number of rows scored.
        rouge_tokenizer: Full name of the tokenizer that counted the metrics; None if they do not depend on one.
        seconds: Time to predict the rows.
    """

    metrics: dict[str, float]
    labels: list[str] | None = None
    confusion: list[list[int]] | None = None
    rows: Count
    rouge_tokenizer: str | None
    seconds: float

    @property
    def confusion_matrix(self) -> ConfusionMatrix | None:
        """The confusion matrix, which can be drawn; None if the task has no classes."""
        if self.labels is None or self.confusion is None:
            return None
        return ConfusionMatrix(tuple(self.labels), tuple(map(tuple, self.confusion)))

    def to_flat(self) -> JsonObject:
        """The score as JSON shows it: metrics beside the other fields, classes only if there are any."""
        fields: JsonObject = plain(self)
        if self.labels is None:
            del fields["labels"], fields["confusion"]
        return {**fields.pop("metrics"), **fields}

    @classmethod
    def from_flat(cls, content: Mapping[str, Any], where: str, todo: str) -> Score:
        """Reads what `to_flat` returned; `where` and `todo` are for messages.

        Raises:
            UserError: a field is missing or has another type.
        """
        fields = {name: value for name, value in content.items() if name in cls.__struct_fields__}
        metrics = {name: value for name, value in content.items() if name not in fields}
        return convert_json({**fields, "metrics": metrics}, cls, where, todo)


def rouge_parts(metric: str, metrics: Mapping[str, float]) -> str:
    """Returns the three scores that `rouge_sum` adds, for people who compare with published ones; else nothing."""
    if metric != "rouge_sum":
        return ""
    return ", ".join(f"{name} {metrics[name]:.4f}" for name in ("rouge_1", "rouge_2", "rouge_l") if name in metrics)
