"""Scores of an exported model on rows that it was not trained on."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from corpora.filters import strip_row
from delivery.inference.parallel import load_on_devices
from delivery.inference.predictor import Model, predict_all
from delivery.inference.rows import read_rows
from delivery.results.output_paths import check_file
from delivery.results.scores import Score
from foundation.checked_json import JsonObject
from foundation.errors import UserError, raise_all
from trainables.tasks.evaluation import Evaluation
from trainables.tasks.task import Row


def score(model: Model, rows: Sequence[Row], batch_size: int, named: str = "the file") -> Score:
    """Scores a model on rows with targets.

    Args:
        named: What messages call the rows.

    Raises:
        UserError: A target that the model cannot predict.
    """
    if model.settings.strip_whitespace:
        rows = [strip_row(row) for row in rows]
    raise_all(model.task.target_problems(named, rows))
    started = time.perf_counter()
    table = model.task.encode_targets(rows, model.tokenizer, model.settings.limits, scored=True)
    predictions = predict_all(model, rows, batch_size)
    seconds = time.perf_counter() - started
    values = model.task.score(Evaluation(predictions, math.nan, math.nan, seconds), table)
    metrics = [metric.name for metric in model.task.available_metrics() if not metric.during_training_only]
    confusion = model.task.confusion(rows, predictions)
    return Score(
        metrics={name: values[name] for name in metrics},
        labels=list(confusion.labels) if confusion else None,
        confusion=[list(counts) for counts in confusion.counts] if confusion else None,
        rows=len(rows),
        rouge_tokenizer=model.task.metric_tokenizer or None,
        seconds=round(seconds, 1),
    )


def evaluate(
    folder: Path, data: Path, batch_size: int, picture: Path | None = None, *, trust: bool = False
) -> JsonObject:
    """Scores the model in `folder` on a file with targets.

    Args:
        picture: Where to draw the confusion matrix of a classifier.
        trust: Run the code that comes with the model.

    Returns:
        The metrics, the file with its hash, and for classes the labels and the confusion matrix, ready for JSON.

    Raises:
        UserError: No model, no such file, a row without a usable target, or the picture cannot be written.
    """
    if picture is not None:
        check_file("--picture", picture)
    model = load_on_devices(folder, None, trust=trust)
    if picture is not None and not model.task.classes:
        problem = f"--picture {picture}: this model has no classes"
        raise UserError(problem, "a classifier, which has a confusion matrix", "leave --picture out")
    split = read_rows(model.members, data, targets=True)
    result = score(model, split.rows, batch_size, str(data))
    if picture is not None and (matrix := result.confusion_matrix) and (key := matrix.draw(picture)):
        print(key, file=sys.stderr)  # standard output is for the scores
    source = {"model": str(folder), "data": split.path, "sha256": split.sha256, "refused": len(split.refused)}
    return {**source, **result.to_flat()}
