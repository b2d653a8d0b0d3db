"""Draws a snapshot of a search with rich, in the size of the terminal: headline, table, number of hidden rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from foundation.formatting import LONGEST_CELL, clock_text, one_line, score_text, short_number
from foundation.statuses import ENDED, TrialStatus
from tuning.display.progress import WAITING, Progress, TrialRow, best_facts, count_facts, epoch_text, select_rows

_GAP = 2  # terminal columns between two table columns
_LONGEST_NOTE = 40
_MOST_HEADER_LINES = 3
_ROW_STYLES = {WAITING: "dim", TrialStatus.PRUNED: "dim", TrialStatus.FAILED: "red"}


def progress_table(progress: Progress, width: int, height: int) -> RenderableType:
    """Returns headline, table and the number of hidden rows, within `width` columns and `height` lines if possible."""
    head = headline(progress, width)
    # Widths come from all rows, not the chosen ones, so that columns stay in place from one refresh to the next.
    columns, omitted = fit_columns(_columns(progress, has_notes=_has_notes(progress, height)), width)
    omitted_line = [_dim_line(f"needs a wider terminal: {', '.join(omitted)}")] if omitted else []
    header_lines = max(len(column.header) for column in columns)
    # One line for the rule under the header, one blank above it, one free at the bottom for the cursor.
    room = height - len(head) - header_lines - len(omitted_line) - 3
    if len(progress.rows) > room:
        room -= 1
    shown = select_rows(progress, room)
    hidden = Counter(row.status for row in progress.rows) - Counter(row.status for row in shown)
    more = [_dim_line(_more_text(hidden))] if hidden else []
    return Group(*head, Text(""), _table(progress, columns, shown), *more, *omitted_line)


def headline(progress: Progress, width: int) -> list[Text]:
    """Returns progress, best score and time, in lines of at most `width` columns."""
    counts = [Text(progress.study, style="bold"), *map(Text, count_facts(progress))]
    best = [*map(Text, _best_facts(progress, width))] or [Text(f"no {progress.metric} yet")]
    if progress.best_row is not None:
        best[0].stylize("bold green")
    return [*pack(counts, width), *pack(best, width), *pack([*map(Text, _time_facts(progress))], width)]


def _best_facts(progress: Progress, width: int) -> list[str]:
    """Returns the facts of the best trial; the tokenizer is one of its own if the first does not fit otherwise."""
    facts = best_facts(progress)
    name, _, tokenizer = progress.metric.partition(" (")
    if facts and tokenizer and cell_len(facts[0]) > width:
        return [*best_facts(replace(progress, metric=name)), f"counted by {tokenizer.removesuffix(')')}"]
    return facts


def _time_facts(progress: Progress) -> list[str]:
    budget, remaining = progress.time_budget_seconds, progress.estimated_seconds_left
    limit = f" of at most {clock_text(budget)}" if budget is not None else ""
    estimate = "time left unknown before the first trial ends"
    if remaining is not None:
        estimate = f"about {clock_text(remaining)} left" if remaining else ""
    earlier = f", {clock_text(progress.earlier_seconds)} of it in earlier sessions" if progress.earlier_seconds else ""
    facts = [f"elapsed {clock_text(progress.elapsed_seconds)}{limit}{earlier}", estimate]
    return [fact for fact in [*facts, one_line(progress.workers_note)] if fact]


def pack(parts: Sequence[Text], width: int, separator: str = " · ") -> list[Text]:
    """Returns lines of at most `width` columns, broken between parts; a part that is too long for a line is cut."""
    lines: list[Text] = []
    for part in parts:
        if lines and lines[-1].cell_len + len(separator) + part.cell_len <= width:
            lines[-1].append(separator, style="dim").append_text(part)
        else:
            lines.append(Text(no_wrap=True, overflow="ellipsis").append_text(part))
    return lines


@dataclass(frozen=True)
class Column:
    """One table column.

    Args:
        header: The lines of the header.
        cells: Trial number -> text.
        max_width: In terminal columns.
    """

    name: str
    header: tuple[str, ...]
    cells: Mapping[int, str]
    is_left: bool = False
    is_parameter: bool = False
    max_width: int = LONGEST_CELL * 2

    @property
    def width(self) -> int:
        """The terminal columns that show every text whole, at most `max_width`."""
        return min(self.max_width, max(cell_len(text) for text in (*self.header, *self.cells.values())))

    def folded(self) -> Column:
        """Returns the column with its header broken after `_`, `.` and spaces, as narrow as three lines allow."""
        parts = [part for part in re.split(r"(?<=[_.])|\s", self.name) if part]
        width = max(cell_len(text) for text in (*parts, *self.cells.values()))
        while len(header := _folded_header(parts, width)) > _MOST_HEADER_LINES:
            width += 1
        return replace(self, header=header)


def _folded_header(parts: Sequence[str], width: int) -> tuple[str, ...]:
    lines = [""]
    for part in parts:
        if lines[-1] and cell_len(lines[-1] + part) > width:
            lines.append("")
        lines[-1] += part
    return tuple(lines)


def _has_notes(progress: Progress, height: int) -> bool:
    return any(row.remark for row in select_rows(progress, height))


def _columns(progress: Progress, has_notes: bool) -> list[Column]:
    def column(name: str, text: Callable[[TrialRow], str], **options: Any) -> Column:
        return Column(name, (name,), {row.number: text(row) for row in progress.rows}, **options)

    names = dict.fromkeys(name for row in progress.rows for name in row.parameters)
    return [
        column("trial", lambda row: str(row.number)),
        column("status", lambda row: row.status, is_left=True),
        column("epoch", epoch_text),
        column(progress.metric.split(" (")[0], lambda row: score_text(row.value)),
        column("best", lambda row: score_text(row.best)),
        *(column(name, partial(_parameter_text, name), is_parameter=True) for name in names),
        *([column("note", lambda row: row.remark, is_left=True, max_width=_LONGEST_NOTE)] if has_notes else []),
    ]


def _parameter_text(name: str, row: TrialRow) -> str:
    return short_number(row.parameters.get(name))


def fit_columns(columns: Sequence[Column], width: int) -> tuple[list[Column], list[str]]:
    """Returns the columns that fit, and the names of those that do not.

    Headers are folded before a column is omitted. Then parameters are added in order, as long as the next one fits. A
    note shrinks down to 20 terminal columns; on terminals under 80 columns, parameters go before it.
    """
    if _total_width(columns) <= width:
        return list(columns), []
    folded = [column.folded() for column in columns]
    note = next((column for column in folded if column.name == "note" and not column.is_parameter), None)
    shrunk = replace(note, max_width=min(note.width, 20)) if note else None
    reserved = shrunk.width + _GAP if shrunk and width >= 80 else 0
    fitting = [column for column in folded if column is not note and not column.is_parameter]
    omitted: list[str] = []
    for column in (column for column in folded if column.is_parameter):
        if _total_width([*fitting, column]) + reserved <= width:
            fitting.append(column)
        else:
            omitted.append(column.name)
    spare = width - _total_width(fitting) - _GAP
    if note and spare >= min(note.width, 10):
        fitting.append(replace(note, max_width=min(note.max_width, spare)))
    elif note:
        omitted.append(note.name)
    return _unfolded(fitting, width), omitted


def _unfolded(columns: list[Column], width: int) -> list[Column]:
    """Returns the columns with as many one-line headers as fit."""
    for index, column in enumerate(columns):
        wider = [*columns[:index], replace(column, header=(column.name,)), *columns[index + 1 :]]
        columns = wider if _total_width(wider) <= width else columns
    return columns


def _total_width(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + _GAP * (len(columns) - 1)


def _table(progress: Progress, columns: Sequence[Column], rows: Sequence[TrialRow]) -> Table:
    # The box draws one space between columns, the padding the other.
    padding = (0, _GAP - 1, 0, 0)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=padding, header_style="bold")
    for column in columns:
        table.add_column(
            Text("\n".join(column.header)),
            justify="left" if column.is_left else "right",
            vertical="bottom",
            width=column.width,
            no_wrap=True,
            overflow="ellipsis",
        )
    best = progress.best_row
    for row in rows:
        style = "bold green" if best is not None and row.number == best.number else _ROW_STYLES.get(row.status, "")
        table.add_row(*(Text(column.cells[row.number]) for column in columns), style=style)
    return table


def _more_text(hidden: Mapping[str, int]) -> str:
    by_status = ", ".join(
        f"{hidden[status]} {status}" for status in (*ENDED, TrialStatus.RUNNING, WAITING) if hidden[status]
    )
    return f"… and {sum(hidden.values())} more: {by_status}"


def _dim_line(text: str) -> Text:
    return Text(text, style="dim", no_wrap=True, overflow="ellipsis")
