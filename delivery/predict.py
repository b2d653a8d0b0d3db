"""Predictions for a file: rows of `fname, dialogue` in, CSV `fname, summary` out, in input order."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from corpora.reading import read_table
from delivery.export import read_settings
from delivery.generation import Writer
from search_spaces.errors import UserError


def predict(model: Path, source: Path, out: Path | None, batch_size: int) -> int:
    """Write the predictions for `source`; answers the number of rows.

    Args:
        out: CSV file; standard output when None.

    Raises:
        UserError: the folder holds no exported model, or the file cannot be read.
    """
    settings = read_settings(model)
    if out is not None and not out.parent.is_dir():
        raise UserError(
            f"--out {out}: there is no folder {out.parent}", "a file in a folder that exists", "make it first"
        )
    columns = settings["columns"]
    identity = {"id": columns["id"]} if columns.get("id") else {}
    table = read_table(source, {"source": columns["source"]}, identity)
    writer = Writer(model, settings)
    texts = [""] * len(table.rows)
    with _bar() as bar:
        task = bar.add_task("predict", total=len(texts))
        for batch in writer.write([row["source"] for row in table.rows], batch_size):
            for position, text in batch:
                texts[position] = text
            bar.advance(task, len(batch))
    ids = [row.get("id") or str(number) for number, row in enumerate(table.rows, 1)]
    header = (columns.get("id") or "id", columns["target"])
    if out is None:
        _write(sys.stdout, header, ids, texts)
    else:
        staging = out.with_name(f".{out.name}.tmp")
        with staging.open("w", encoding="utf-8", newline="") as file:
            _write(file, header, ids, texts)
        staging.replace(out)
    return len(texts)


def _write(file: TextIO, header: tuple[str, str], ids: list[str], texts: list[str]) -> None:
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(header)
    rows.writerows(zip(ids, texts, strict=True))


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())
