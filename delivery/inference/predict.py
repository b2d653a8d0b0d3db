"""Predictions for a file or for lines of standard input, in their order.

A file gives a CSV with the id and the prediction. Lines give lines: `classes<TAB>sentence` of a classifier (the most
probable first), `number<TAB>sentence` of a regressor, the written text of a sequence-to-sequence model.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from corpora.records import clean
from corpora.splits import Layout, Split, read_split
from delivery.inference.parallel import open_on
from delivery.inference.predictor import Model, layout_of, open_model, predict_all
from delivery.results.output_paths import check_file
from foundation.durable import new_file
from foundation.errors import UserError
from trainables.tasks.prediction_format import PredictionFormat
from trainables.tasks.task import Row

#: Lines that are read from standard input before they are answered, where it is no terminal.
_LINES = 256


def predict(
    folder: Path,
    source: Path,
    out: Path | None,
    batch_size: int,
    wanted: PredictionFormat,
    *,
    header: Sequence[str] | None = None,
    decoding: Mapping[str, Any] | None = None,
    workers: int | None = None,
    trust: bool = False,
) -> int:
    """Write the predictions for the file `source`; answers the number of rows.

    Args:
        out: CSV file; standard output when None.
        header: names of the columns of ids and predictions; default: those of the training file.
        decoding: decoding parameters of a model that writes; those it was exported with stay where none is given.
        workers: processes, each with a device of its own; None: one for each GPU.
        trust: run the code that comes with the model.

    Raises:
        UserError: the folder holds no exported model, the file cannot be read, or `out` cannot be written.
    """
    if out is not None:
        check_file("--out", out)
    model = open_on(folder, workers, decoding, trust=trust)
    _check(model, wanted)
    layout = layout_of(model.settings)
    split = _read(source, layout)
    with _bar() as bar:
        task = bar.add_task("predict", total=len(split.rows))
        found = predict_all(model, split.rows, batch_size, lambda rows: bar.advance(task, rows))
    names = header or [layout.columns.get("id") or "id", str(layout.columns["target"])]
    names = [names[0], *model.task.output_columns(names[1], wanted)]
    cells = (model.task.output_cells(prediction, wanted) for prediction in found)
    lines = [[row["id"], *more] for row, more in zip(split.rows, cells, strict=True)]
    if out is None:
        _write(sys.stdout, names, lines)
    else:
        with new_file(out, newline="") as file:
            _write(file, names, lines)
    for refused in split.refused:
        print(f"line {refused.line} left out: {refused.reason}", file=sys.stderr)
    return len(found)


def answer(
    folder: Path,
    lines: TextIO,
    out: TextIO,
    batch_size: int,
    wanted: PredictionFormat,
    decoding: Mapping[str, Any] | None = None,
    *,
    trust: bool = False,
) -> int:
    """Answer every line of `lines` with one line; a blank line with a blank line. Answers how many.

    Two sentences of one line, for a model that reads pairs, are separated by a tab.

    Raises:
        UserError: the folder holds no exported model, or a line is no pair where one is needed.
    """
    model = open_model(folder, decoding=decoding, trust=trust)
    _check(model, wanted)
    paired = layout_of(model.settings).columns.get("pair") is not None
    number = 0
    for block in _blocks(lines, 1 if lines.isatty() else _LINES):
        texts = [line.rstrip("\r\n") for line in block]
        rows = [_as_row(text, number + offset, paired) for offset, text in enumerate(texts, 1) if text.strip()]
        found = iter(predict_all(model, rows, batch_size))
        for text in texts:
            out.write((model.task.output_line(next(found), text, wanted) if text.strip() else "") + "\n")
        out.flush()
        number += len(texts)
    return number


def _as_row(text: str, number: int, paired: bool) -> Row:
    if not paired:
        return {"source": clean(text)}
    first, _, second = map(clean, text.partition("\t"))
    if not first or not second:
        raise UserError(f"line {number} of the input is no pair", "two sentences, separated by a tab", "add the second")
    return {"source": first, "pair": second}


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


def _check(model: Model, wanted: PredictionFormat) -> None:
    for name in wanted.requested_options:
        if name not in model.task.output_options:
            option, known = _option(name), ", ".join(map(_option, model.task.output_options))
            given = f"{option} has no meaning for a model for {model.task.name}"
            raise UserError(given, known or "what it writes, as it stands", f"leave {option} out")
    most = len(model.task.classes)
    if wanted.top_k > max(most, 1):
        raise UserError(f"--top-k {wanted.top_k}", f"1 to {most}: the model has {most} classes", "ask for fewer")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


# ---- files


def _read(source: Path, layout: Layout) -> Split:
    """The rows to predict, with or without a target column."""
    try:
        return read_split(str(source), layout, targets=False)
    except UserError:
        without = tuple(name for name in layout.header if name != layout.columns["target"])
        if without == layout.header or not without:
            raise
        try:  # a headerless file of texts alone
            return read_split(str(source), replace(layout, header=without), targets=False)
        except UserError:
            pass
        raise


def _write(file: TextIO, header: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(header)
    rows.writerows(lines)


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())
