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

from corpora.splits import Split
from delivery.inference.options import NO_OPTIONS, ModelOptions
from delivery.inference.origin import origin_of
from delivery.inference.parallel import load_on_devices
from delivery.inference.predictor import Model, bar_of, open_model, predict_all, report_fit
from delivery.inference.rows import RowStream, row_of_line
from delivery.inference.tables import TableWriter, check_table
from delivery.inference.windows import Window, predict_windows, windows_of
from foundation.errors import UserError
from foundation.partial_files import PartialFile, staged_file
from foundation.standard_output import text_output
from trainables.tasks.prediction_format import PredictionFormat

#: Lines of standard input that are predicted together, if it is no terminal.
_LINES = 256
#: Of such lines, if they are long.
_CHARACTERS = 1 << 21
#: Rows whose tokens are checked, if kotune did not train the model.
_SAMPLE = 500


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
    resume: bool = False,
    longest: int | None = None,
    lines: Callable[[], Iterable[str]] = lambda: (),
) -> int:
    """Writes the predictions for the file `source`, or with "-" for `lines`, and returns their number.

    Args:
        resume, longest: As for `predict_file`.

    Raises:
        UserError: As `predict_file` and `predict_lines`; or an option of files is used with lines.
    """
    if source != "-":
        return predict_file(
            *(folder, Path(source), out, batch_size, form),
            header=header,
            options=options,
            workers=workers,
            resume=resume,
            longest=longest,
        )
    for_files = {"--out": out, "--workers": workers, "--header": header, "--resume": resume or None}
    if used := ", ".join(name for name, value in for_files.items() if value is not None):
        todo = "name the file as INPUT; the output of lines goes to a file with > FILE"
        raise UserError(f"{used} with lines of standard input", f"{used} with a file", todo)
    return predict_lines(
        folder, lines(), text_output(), batch_size, form, options, at_once=_lines_at_once(), longest=longest
    )


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
    resume: bool = False,
    longest: int | None = None,
) -> int:
    """Writes the predictions for the file `source` while it is read, and returns the number of rows.

    Args:
        out: A file of `delivery.inference.tables`, which is there when it is complete; None: CSV to standard output.
        header: Names of the columns of ids and predictions; default: those of the training file.
        options: On the model.
        workers: Number of processes, each with its own device; None: one for each GPU.
        resume: Continue what an interrupted command wrote beside `out`.
        longest: Characters of a text; a row with a longer one cannot be used.

    Raises:
        UserError: There is no such model, the file cannot be read, `out` cannot be written, or what is to be continued
            was made of other things.
    """
    if out is not None:
        check_table("--out", out, [source, folder])
    elif resume:
        raise UserError("--resume without --out", "the file of the interrupted command", "add --out FILE")
    else:
        text_output()  # checks its encoding before the work
    model = load_on_devices(folder, workers, options)
    _check(model, form)
    layout = model.settings.layout
    rows = RowStream(model.members, source, longest=longest)
    if not model.settings.study:
        report_fit(model, folder, options, Split([dict(row) for row in rows.sample(_SAMPLE)], rows.path, rows.sha256))
    names = header or [layout.columns.get("id") or "id", str(layout.columns["target"])]
    names = [names[0], *model.task.output_columns(names[1], form)]
    if out is None:
        return _write(TableWriter(text_output(), ".csv", names), model, rows, batch_size, form, None)
    origin = origin_of(folder, rows.sha256, names, batch_size, form, options)
    if not resume and staged_file(out).exists():
        print(f"{staged_file(out)} of an interrupted command is discarded: --resume continues it", file=sys.stderr)
    with PartialFile(out, origin, resume=resume) as file:
        if resume:
            print(f"{file.rows:,} of {rows.rows:,} rows were written before", file=sys.stderr)
        writer = TableWriter(file.text, out.suffix, names, header=not file.rows)
        return _write(writer, model, rows, batch_size, form, file)


def _write(
    writer: TableWriter,
    model: Model,
    rows: RowStream,
    batch_size: int,
    form: PredictionFormat,
    file: PartialFile | None,
) -> int:
    """Writes the rows that are not in the file yet, window by window, and returns the number of all rows."""
    before = total = file.rows if file is not None else 0
    with bar_of("predict", rows.rows) as advance:
        advance(before)
        windows = _after(windows_of(rows, batch_size), before)
        for window, predictions in predict_windows(model, windows, batch_size, advance):
            ids = (row["id"] for row in window.rows)
            cells = (model.task.output_cells(prediction, form) for prediction in predictions)
            writer.write([identity, *more] for identity, more in zip(ids, cells, strict=True))
            for refused in window.refused:
                print(f"line {refused.line} skipped: {refused.reason}", file=sys.stderr)
            total += len(window.rows)
            if file is not None:
                file.complete(len(window.rows))
            else:
                text_output().flush()
    return total


def _after(windows: Iterable[Window], rows: int) -> Iterator[Window]:
    """Yields the windows after the first `rows` rows."""
    for window in windows:
        if rows <= 0:
            yield window
        elif len(window.rows) > rows:
            problem = "the earlier output ends inside a window of this version"
            raise UserError(problem, "the version that wrote it", "leave --resume out to begin again")
        rows -= len(window.rows)


def predict_lines(
    folder: Path,
    lines: Iterable[str],
    out: TextIO,
    batch_size: int,
    form: PredictionFormat,
    options: ModelOptions = NO_OPTIONS,
    *,
    at_once: int = _LINES,
    longest: int | None = None,
) -> int:
    """Writes one line to `out` for every line of `lines`, a blank one for a blank one, and returns their number.

    For a model that reads pairs, the two texts of a line are separated by a tab.

    Args:
        at_once: Number of lines that are read before they are predicted together; fewer if they are long.
        longest: Characters of a line.

    Raises:
        UserError: There is no such model, a line is too long, or it is not a pair where the model needs one.
    """
    model = open_model(folder, options=options)
    report_fit(model, folder, options)
    _check(model, form)
    number = 0
    for block in _blocks(lines, at_once):
        texts = [line.rstrip("\r\n") for line in block]
        _check_lengths(texts, number, longest)
        numbered = [(offset, text) for offset, text in enumerate(texts, number + 1) if text.strip()]
        rows = [row_of_line(model.members, text, line) for line, text in numbered]
        predictions = iter(predict_all(model, rows, batch_size))
        for text in texts:
            out.write((model.task.output_line(next(predictions), text, form) if text.strip() else "") + "\n")
        out.flush()
        number += len(texts)
    return number


def _check_lengths(texts: Sequence[str], before: int, longest: int | None) -> None:
    for number, text in enumerate(texts, before + 1):
        if longest is not None and len(text) > longest:
            problem = f"line {number} of the input has {len(text):,} characters"
            raise UserError(problem, f"at most {longest:,}", "cut it, or raise the limit: --max-characters")


def _lines_at_once() -> int:
    return 1 if sys.stdin is not None and sys.stdin.isatty() else _LINES


def _blocks(lines: Iterable[str], size: int) -> Iterator[list[str]]:
    block: list[str] = []
    characters = 0
    for line in lines:
        block.append(line)
        characters += len(line)
        if len(block) == size or characters >= _CHARACTERS:
            yield block
            block, characters = [], 0
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
