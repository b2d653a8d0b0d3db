"""Predictions for a file or for lines of standard input, in their order.

For a file, the output is a table with the id and the prediction. For lines, it is one line per input line:
`classes<TAB>sentence` of a classifier (the most probable class first), `number<TAB>sentence` of a regressor, the
generated text of a sequence-to-sequence model.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from delivery.inference.options import NO_OPTIONS, ModelOptions
from delivery.inference.parallel import load_on_devices
from delivery.inference.predictor import Model, open_model, predict_all, predict_with_bar, report_fit
from delivery.inference.rows import read_rows, row_of_line
from delivery.inference.tables import check_table, write_table
from foundation.errors import UserError
from foundation.standard_output import text_output
from trainables.tasks.prediction_format import PredictionFormat

#: Lines of standard input that are predicted together, if it is no terminal.
_LINES = 256


def predict(
    folder: Path,
    source: str,
    out: Path | None,
    batch_size: int,
    form: PredictionFormat,
    *,
    header: Sequence[str] | None = None,
    options: ModelOptions = NO_OPTIONS,
    workers: int | None = None,
    lines: Callable[[], Iterable[str]] = lambda: (),
) -> int:
    """Writes the predictions for the file `source`, or with "-" for `lines`, and returns their number.

    Raises:
        UserError: As `predict_file` and `predict_lines`; or an option of files is used with lines.
    """
    if source != "-":
        return predict_file(
            folder, Path(source), out, batch_size, form, header=header, options=options, workers=workers
        )
    for_files = {"--out": out, "--workers": workers, "--header": header}
    if used := ", ".join(name for name, value in for_files.items() if value is not None):
        todo = "name the file as INPUT; the output of lines goes to a file with > FILE"
        raise UserError(f"{used} with lines of standard input", f"{used} with a file", todo)
    return predict_lines(folder, lines(), text_output(), batch_size, form, options, at_once=_lines_at_once())


def predict_file(
    folder: Path,
    source: Path,
    out: Path | None,
    batch_size: int,
    form: PredictionFormat,
    *,
    header: Sequence[str] | None = None,
    options: ModelOptions = NO_OPTIONS,
    workers: int | None = None,
) -> int:
    """Writes the predictions for the file `source`, and returns the number of rows.

    Args:
        out: A file of `delivery.inference.tables`; None: CSV to standard output.
        header: Names of the columns of ids and predictions; default: those of the training file.
        options: On the model.
        workers: Number of processes, each with its own device; None: one for each GPU.

    Raises:
        UserError: There is no such model, the file cannot be read, or `out` cannot be written.
    """
    if out is not None:
        check_table("--out", out, [source, folder])
    else:
        text_output()  # checks its encoding before the work
    model = load_on_devices(folder, workers, options)
    _check(model, form)
    layout = model.settings.layout
    split = read_rows(model.members, source, targets=False)
    report_fit(model, folder, options, split)
    predictions = predict_with_bar(model, split.rows, batch_size, "predict")
    names = header or [layout.columns.get("id") or "id", str(layout.columns["target"])]
    names = [names[0], *model.task.output_columns(names[1], form)]
    cells = (model.task.output_cells(prediction, form) for prediction in predictions)
    lines = ([row["id"], *more] for row, more in zip(split.rows, cells, strict=True))
    write_table(out, names, lines)
    for refused in split.refused:
        print(f"line {refused.line} skipped: {refused.reason}", file=sys.stderr)
    return len(predictions)


def predict_lines(
    folder: Path,
    lines: Iterable[str],
    out: TextIO,
    batch_size: int,
    form: PredictionFormat,
    options: ModelOptions = NO_OPTIONS,
    *,
    at_once: int = _LINES,
) -> int:
    """Writes one line to `out` for every line of `lines`, a blank one for a blank one, and returns their number.

    For a model that reads pairs, the two texts of a line are separated by a tab.

    Args:
        at_once: Number of lines that are read before they are predicted together.

    Raises:
        UserError: There is no such model, or a line is not a pair where the model needs one.
    """
    model = open_model(folder, options=options)
    report_fit(model, folder, options)
    _check(model, form)
    number = 0
    for block in _blocks(lines, at_once):
        texts = [line.rstrip("\r\n") for line in block]
        numbered = [(offset, text) for offset, text in enumerate(texts, number + 1) if text.strip()]
        rows = [row_of_line(model.members, text, line) for line, text in numbered]
        predictions = iter(predict_all(model, rows, batch_size))
        for text in texts:
            out.write((model.task.output_line(next(predictions), text, form) if text.strip() else "") + "\n")
        out.flush()
        number += len(texts)
    return number


def _lines_at_once() -> int:
    return 1 if sys.stdin is not None and sys.stdin.isatty() else _LINES


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
