"""Scores of a model on rows that it was not trained on, and a table with the prediction and the scores of each row."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from corpora.filters import Filters, apply, strip_row
from corpora.references import targets_of
from delivery.inference.options import NO_OPTIONS, ModelOptions
from delivery.inference.parallel import load_on_devices
from delivery.inference.predictor import Model, predict_all, predict_with_bar, report_fit
from delivery.inference.rows import read_rows
from delivery.inference.tables import check_table, write_table
from delivery.results.output_paths import check_file
from delivery.results.scores import Score
from foundation.checked_json import JsonObject
from foundation.errors import UserError, raise_all
from trainables.tasks.evaluation import Evaluation
from trainables.tasks.metric import compute_all, compute_rows
from trainables.tasks.prediction_format import PredictionFormat
from trainables.tasks.task import Row, Task

#: Of a number in a table; its errors are computed before it is rounded.
_DECIMALS = 6
#: Of the rows that `--rows` draws.
_SEED = 42


@dataclass(frozen=True)
class ScoredRows:
    """The scores of a model, and what they are computed from.

    Args:
        inputs: What the metrics of the task read.
    """

    score: Score
    rows: Sequence[Row]
    predictions: Sequence[Any]
    inputs: Any


def score(model: Model, rows: Sequence[Row], batch_size: int, named: str = "the file") -> Score:
    """Scores a model on rows with targets.

    Args:
        named: What messages call the rows.

    Raises:
        UserError: A target that the model cannot predict.
    """
    return score_rows(model, rows, batch_size, named).score


def score_rows(model: Model, rows: Sequence[Row], batch_size: int, named: str, *, with_bar: bool = False) -> ScoredRows:
    """Scores a model as `score` does, and returns the predictions as well."""
    if model.settings.strip_whitespace:
        rows = [strip_row(row) for row in rows]
    raise_all(model.task.target_problems(named, rows))
    started = time.perf_counter()
    table = model.task.encode_targets(rows, model.tokenizer, model.settings.limits, scored=True)
    predictions = (
        predict_with_bar(model, rows, batch_size, "evaluate") if with_bar else predict_all(model, rows, batch_size)
    )
    seconds = time.perf_counter() - started
    inputs = model.task.scoring_inputs(Evaluation(predictions, math.nan, math.nan, seconds), table)
    metrics = [metric for metric in model.task.available_metrics() if not metric.during_training_only]
    confusion = model.task.confusion(rows, predictions)
    result = Score(
        metrics=compute_all(metrics, inputs),
        labels=list(confusion.labels) if confusion else None,
        confusion=[list(counts) for counts in confusion.counts] if confusion else None,
        rows=len(rows),
        rouge_tokenizer=model.task.metric_tokenizer or None,
        seconds=round(seconds, 1),
    )
    return ScoredRows(result, rows, predictions, inputs)


def evaluate(
    folder: Path,
    data: Path,
    batch_size: int,
    picture: Path | None = None,
    *,
    out: Path | None = None,
    rows: int | None = None,
    workers: int | None = None,
    options: ModelOptions = NO_OPTIONS,
) -> JsonObject:
    """Scores the model in `folder` on a file with targets.

    Args:
        picture: Where to draw the confusion matrix of a classifier.
        out: Where to write the rows with their predictions and scores, see `write_rows`.
        rows: Number of rows to draw at random; None: all.
        workers: Number of processes, each with its own device; None: one for each GPU.
        options: On the model.

    Returns:
        The metrics, the file with its hash, and for classes the labels and the confusion matrix, ready for JSON.

    Raises:
        UserError: No model, no such file, a row without a usable target, or a file that cannot be written.
    """
    if picture is not None:
        check_file("--picture", picture, [data, folder])
    if out is not None:
        check_table("--out", out, [data, folder])
    model = load_on_devices(folder, workers, options)
    if picture is not None and not model.task.classes:
        problem = f"--picture {picture}: this model has no classes"
        raise UserError(problem, "a classifier, which has a confusion matrix", "leave --picture out")
    split = read_rows(model.members, data, targets=True)
    if rows is not None:
        split = replace(split, rows=apply(split.rows, Filters(sample=rows), _SEED)[0])
    report_fit(model, folder, options, split)
    scored = score_rows(model, split.rows, batch_size, str(data), with_bar=True)
    if out is not None:
        write_rows(out, model.task, scored)
    result = scored.score
    if picture is not None and (matrix := result.confusion_matrix) and (key := matrix.draw(picture)):
        print(key, file=sys.stderr)  # standard output is for the scores
    source = {"model": str(folder), "data": split.path, "sha256": split.sha256, "refused": len(split.refused)}
    return {**source, **result.to_flat()}


def write_rows(path: Path, task: Task, scored: ScoredRows) -> None:
    """Writes a row for each row of the file, in its order.

    The columns are `id`, `source`, `pair` if there are two texts, `reference` (`reference_2`, … if a row has several),
    `prediction`, the probabilities of classes, and the scores whose mean over the rows is a metric.
    """
    rows, scores = scored.rows, compute_rows(task.available_metrics(), scored.inputs)
    form = PredictionFormat(
        probabilities="probabilities" in task.output_options,
        decimals=_DECIMALS if "decimals" in task.output_options else None,
    )
    references = [targets_of(row) for row in rows]
    most = max(map(len, references))
    texts = ["source", *(["pair"] if "pair" in rows[0] else [])]
    names = [
        *("id", *texts, "reference", *(f"reference_{number}" for number in range(2, most + 1))),
        *task.output_columns("prediction", form),
        *scores,
    ]
    values: Mapping[int, Sequence[float]] = dict(enumerate(zip(*scores.values(), strict=True)))
    write_table(
        path,
        names,
        (
            [
                row["id"],
                *(row[text] for text in texts),
                *(several + [None] * (most - len(several))),
                *task.output_cells(prediction, form),
                *values.get(number, ()),
            ]
            for number, (row, several, prediction) in enumerate(zip(rows, references, scored.predictions, strict=True))
        ),
    )
