"""Predictions for a file or for lines of standard input, in their order.

A file gives a CSV with the id and the prediction. Lines give lines: `classes<TAB>sentence` of a classifier (the most
probable first), `number<TAB>sentence` of a regressor, the written text of a sequence-to-sequence model.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from corpora.records import clean
from corpora.splits import Layout, Split, read_split
from delivery.parallel import open_on
from delivery.predictor import Model, layout_of, open_model, predict_all
from search_spaces.errors import UserError
from trainables.classification import Classification
from trainables.regression import Regression
from trainables.task import Row

#: Lines that are read from standard input before they are answered, where it is no terminal.
_LINES = 256


@dataclass(frozen=True)
class Wanted:
    """How predictions are written: so many of the most probable classes, with their probabilities or without.

    Args:
        decimals: of a number; None: as the study says.
        decoding: decoding parameters of a model that writes; those it was exported with stay where none is given.
    """

    top_k: int = 1
    probabilities: bool = False
    decimals: int | None = None
    decoding: Mapping[str, Any] = field(default_factory=dict)


def predict(
    folder: Path, source: Path, out: Path | None, batch_size: int, wanted: Wanted, workers: int | None = None
) -> int:
    """Write the predictions for the file `source`; answers the number of rows.

    Args:
        out: CSV file; standard output when None.
        workers: processes, each with a device of its own; None: one for each GPU.

    Raises:
        UserError: the folder holds no exported model, or the file cannot be read.
    """
    if out is not None and not out.parent.is_dir():
        raise UserError(
            f"--out {out}: there is no folder {out.parent}", "a file in a folder that exists", "make it first"
        )
    model = open_on(folder, workers, wanted.decoding)
    _check(model, wanted)
    layout = layout_of(model.settings)
    split = _read(source, layout)
    with _bar() as bar:
        task = bar.add_task("predict", total=len(split.rows))
        found = predict_all(model, split.rows, batch_size, lambda rows: bar.advance(task, rows))
    header = [layout.columns.get("id") or "id", str(layout.columns["target"]), *_more_columns(model, wanted)]
    lines = [[row["id"], *_cells(model, prediction, wanted)] for row, prediction in zip(split.rows, found, strict=True)]
    if out is None:
        _write(sys.stdout, header, lines)
    else:
        staging = out.with_name(f".{out.name}.tmp")
        with staging.open("w", encoding="utf-8", newline="") as file:
            _write(file, header, lines)
        staging.replace(out)
    for refused in split.refused:
        print(f"line {refused.line} left out: {refused.reason}", file=sys.stderr)
    return len(found)


def answer(folder: Path, lines: TextIO, out: TextIO, batch_size: int, wanted: Wanted) -> int:
    """Answer every line of `lines` with one line; a blank line with a blank line. Answers how many.

    Two sentences of one line, for a model that reads pairs, are separated by a tab.

    Raises:
        UserError: the folder holds no exported model, or a line is no pair where one is needed.
    """
    model = open_model(folder, decoding=wanted.decoding)
    _check(model, wanted)
    paired = layout_of(model.settings).columns.get("pair") is not None
    number = 0
    for block in _blocks(lines, 1 if lines.isatty() else _LINES):
        texts = [line.rstrip("\r\n") for line in block]
        rows = [_as_row(text, number + offset, paired) for offset, text in enumerate(texts, 1) if text.strip()]
        found = iter(predict_all(model, rows, batch_size))
        for text in texts:
            out.write((_line(model, next(found), text, wanted) if text.strip() else "") + "\n")
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


# ---- how a prediction is written


def _line(model: Model, prediction: Any, text: str, wanted: Wanted) -> str:
    if isinstance(model.task, Classification):
        return f"{_classes(model.task.labels, prediction, wanted, joined=':')}\t{text}"
    if isinstance(model.task, Regression):
        return f"{_number(model.task, prediction, wanted)}\t{text}"
    return str(prediction)


def _cells(model: Model, prediction: Any, wanted: Wanted) -> list[str]:
    if isinstance(model.task, Classification):
        chosen = _classes(model.task.labels, prediction, replace(wanted, probabilities=False))
        return [chosen, *([f"{value:.6f}" for value in prediction] if wanted.probabilities else [])]
    if isinstance(model.task, Regression):
        return [_number(model.task, prediction, wanted)]
    return [prediction]


def _classes(labels: Sequence[str], probabilities: Sequence[float], wanted: Wanted, joined: str = "") -> str:
    order = sorted(range(len(labels)), key=lambda index: (-probabilities[index], index))[: wanted.top_k]
    shown = (f"{joined}{probabilities[index]:.4f}" if wanted.probabilities else "" for index in order)
    return " ".join(labels[index] + share for index, share in zip(order, shown, strict=True))


def _number(task: Regression, prediction: float, wanted: Wanted) -> str:
    decimals = task.decimals if wanted.decimals is None else wanted.decimals
    return repr(prediction) if decimals is None else f"{round(prediction, decimals) + 0.0:.{decimals}f}"  # no -0.0


def _more_columns(model: Model, wanted: Wanted) -> list[str]:
    if not (wanted.probabilities and isinstance(model.task, Classification)):
        return []
    return [f"p({label})" for label in model.task.labels]


def _check(model: Model, wanted: Wanted) -> None:
    if isinstance(model.task, Classification):
        most = len(model.task.labels)
        if wanted.top_k > most:
            raise UserError(f"--top-k {wanted.top_k}", f"1 to {most}: the model has {most} classes", "ask for fewer")
    elif wanted.top_k > 1 or wanted.probabilities:
        option = "--top-k" if wanted.top_k > 1 else "--probabilities"
        raise UserError(f"{option}: this model has no classes", "a classifier", f"leave {option} out")
    if wanted.decimals is not None and not isinstance(model.task, Regression):
        raise UserError("--decimals: this model gives no numbers", "a model for regression", "leave --decimals out")


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
