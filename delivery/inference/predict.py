"""Predictions for a file or for lines of standard input, in their order.

For a file, the output is a CSV with the id and the prediction. For lines, it is one line per input line:
`classes<TAB>sentence` of a classifier (the most probable class first), `number<TAB>sentence` of a regressor, the
generated text of a sequence-to-sequence model.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from delivery.inference.parallel import load_on_devices
from delivery.inference.predictor import Model, load_exported, predict_all
from delivery.inference.rows import read_rows, row_of_line
from delivery.results.output_paths import check_file
from foundation.durable import new_file
from foundation.errors import UserError
from foundation.standard_output import text_output
from trainables.tasks.prediction_format import PredictionFormat

#: Lines of standard input that are predicted together, if it is no terminal.
_LINES = 256


def predict_file(
    folder: Path,
    source: Path,
    out: Path | None,
    batch_size: int,
    form: PredictionFormat,
    *,
    header: Sequence[str] | None = None,
    decoding: Mapping[str, Any] | None = None,
    workers: int | None = None,
    trust: bool = False,
) -> int:
    """Writes the predictions for the file `source`, and returns the number of rows.

    Args:
        out: CSV file; None: standard output.
        header: Names of the columns of ids and predictions; default: those of the training file.
        decoding: Decoding parameters that replace those the model was exported with.
        workers: Number of processes, each with its own device; None: one for each GPU.
        trust: Run the code that comes with the model.

    Raises:
        UserError: The folder holds no exported model, the file cannot be read, or `out` cannot be written.
    """
    if out is not None:
        check_file("--out", out)
    else:
        text_output()  # checks its encoding before the work
    model = load_on_devices(folder, workers, decoding, trust=trust)
    _check(model, form)
    layout = model.settings.layout
    split = read_rows(model.members, source, targets=False)
    with _bar() as bar:
        task = bar.add_task("predict", total=len(split.rows))
        predictions = predict_all(model, split.rows, batch_size, lambda rows: bar.advance(task, rows))
    names = header or [layout.columns.get("id") or "id", str(layout.columns["target"])]
    names = [names[0], *model.task.output_columns(names[1], form)]
    cells = (model.task.output_cells(prediction, form) for prediction in predictions)
    lines = [[row["id"], *more] for row, more in zip(split.rows, cells, strict=True)]
    if out is None:
        _write(text_output(), names, lines)
    else:
        with new_file(out, newline="") as file:
            _write(file, names, lines)
    for refused in split.refused:
        print(f"line {refused.line} skipped: {refused.reason}", file=sys.stderr)
    return len(predictions)


def predict_lines(
    folder: Path,
    lines: TextIO,
    out: TextIO,
    batch_size: int,
    form: PredictionFormat,
    decoding: Mapping[str, Any] | None = None,
    *,
    trust: bool = False,
) -> int:
    """Writes one line to `out` for every line of `lines`, a blank one for a blank one, and returns their number.

    For a model that reads pairs, the two texts of a line are separated by a tab.

    Raises:
        UserError: The folder holds no exported model, or a line is not a pair where the model needs one.
    """
    model = load_exported(folder, decoding=decoding, trust=trust)
    _check(model, form)
    number = 0
    for block in _blocks(lines, 1 if lines.isatty() else _LINES):
        texts = [line.rstrip("\r\n") for line in block]
        numbered = [(offset, text) for offset, text in enumerate(texts, number + 1) if text.strip()]
        rows = [row_of_line(model.members, text, line) for line, text in numbered]
        predictions = iter(predict_all(model, rows, batch_size))
        for text in texts:
            out.write((model.task.output_line(next(predictions), text, form) if text.strip() else "") + "\n")
        out.flush()
        number += len(texts)
    return number


def _blocks(lines: Iterable[str], size: int) -> Iterator[list[str]]:
    block: list[str] = []
    for line in lines:
        block.append(line)
        if len(block) == size:
            yield block
            block = []
    if block:
        yield block


# ---- options


def _check(model: Model, form: PredictionFormat) -> None:
    for name in form.requested_options:
        if name not in model.task.output_options:
            option, allowed = _option(name), ", ".join(map(_option, model.task.output_options))
            problem = f"{option} has no meaning for a model for {model.task.name}"
            raise UserError(problem, allowed or "no option: the output is written as it is", f"leave {option} out")
    classes = len(model.task.classes)
    if form.top_k > max(classes, 1):
        raise UserError(f"--top-k {form.top_k}", f"1 to {classes}: the model has {classes} classes", "ask for fewer")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


# ---- files


def _write(file: TextIO, header: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(header)
    rows.writerows(lines)


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())
