"""Scores of an exported model on rows that it was not trained on."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from corpora.filters import stripped
from corpora.splits import Layout, read_split
from delivery.inference.parallel import open_on
from delivery.inference.predictor import Model, layout_of, predict_all
from delivery.results.output_paths import check_file
from foundation.errors import UserError, raise_all
from trainables.tasks import class_metrics
from trainables.tasks.task import Evaluation, Row

#: What only an evaluation in training has.
_NOT_HERE = ("loss", "gen_len", "eval_seconds")


def score(model: Model, rows: Sequence[Row], batch_size: int, named: str = "the file") -> dict[str, Any]:
    """Every metric of the model's task on `rows`, with their number, the seconds, and for classes the confusion
    matrix (`confusion`: rows are true classes, columns are predicted ones, in the order of `labels`).

    Args:
        named: how messages call the rows.

    Raises:
        UserError: a target that the model cannot give.
    """
    if model.settings.get("strip_whitespace"):
        rows = [stripped(row) for row in rows]
    raise_all(model.task.problems(named, rows))
    started = time.perf_counter()
    table = model.task.targets(rows, model.tokenizer, int(model.settings["max_target_length"]), scored=True)
    found = predict_all(model, rows, batch_size)
    seconds = time.perf_counter() - started
    metrics = model.task.score(Evaluation(found, math.nan, math.nan, seconds), table)
    told: dict[str, Any] = {name: value for name, value in metrics.items() if name not in _NOT_HERE}
    if model.task.classes:
        number = {label: index for index, label in enumerate(model.task.classes)}
        truths, chosen = [number[row["target"]] for row in rows], [model.task.chosen(one) for one in found]
        told |= {"labels": list(number), "confusion": class_metrics.confusion(truths, chosen, len(number))}
    return {**told, "rows": len(rows), "rouge_tokenizer": model.task.scored_with or None, "seconds": round(seconds, 1)}


def evaluate(
    folder: Path, data: Path, batch_size: int, picture: Path | None = None, *, trust: bool = False
) -> dict[str, Any]:
    """Scores of the model in `folder` on a file with targets.

    Args:
        picture: where the confusion matrix is drawn, if there is one.
        trust: run the code that comes with the model.

    Raises:
        UserError: no model, no such file, a row without a usable target, or no place for the picture.
    """
    if picture is not None:
        check_file("--picture", picture)
    model = open_on(folder, None, trust=trust)
    if picture is not None and not model.task.classes:
        given = f"--picture {picture}: this model has no classes"
        raise UserError(given, "a classifier, which has a confusion matrix", "leave --picture out")
    layout: Layout = layout_of(model.settings)
    split = read_split(str(data), layout)
    found = score(model, split.rows, batch_size, str(data))
    if picture is not None:
        class_metrics.draw_confusion(found["confusion"], found["labels"], picture)
    return {"model": str(folder), "data": split.path, "sha256": split.sha256, "refused": len(split.refused), **found}
