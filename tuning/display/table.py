"""Draws a snapshot of a search with rich, in the size of the terminal: headline, table, number of hidden rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from rich import box
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from foundation.formatting import LONGEST_CELL, clock_text, one_line, score_text, short_number
from foundation.statuses import ENDED, TrialStatus
from tuning.display.progress import (
    WAITING,
    Progress,
    TrialRow,
    best_facts,
    count_facts,
    position_text,
    select_rows,
    speed_facts,
)

_GAP = 2  # terminal columns between two table columns
_LONGEST_NOTE = 40
_MOST_HEADER_LINES = 3
_SHORTEST_TEXT = 9  # a number such as -3.2e-04 is never cut
_ROW_STYLES = {WAITING: "dim", TrialStatus.PRUNED: "dim", TrialStatus.FAILED: "red"}


def progress_table(progress: Progress, width: int, height: int) -> RenderableType:
    """Returns headline, table and the number of hidden rows, within `width` columns and `height` lines if possible."""
    head = headline(progress, width)
    # Widths come from all rows, not the chosen ones, so that columns stay in place from one refresh to the next.
    columns, omitted = fit_columns(_columns(progress, has_notes=_has_notes(progress, height)), width)
    omitted_line = [_dim_line(f"needs a wider terminal: {', '.join(omitted)}")] if omitted else []
    if "note" in omitted:
        omitted_line += _newest_failure(progress)
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
    budget, remaining = progress.time_budget_seconds, progress.time_left
    limit = f" of at most {clock_text(budget)}" if budget is not None else ""
    estimate = "time left not known yet" if remaining is None else remaining.text
    earlier = f", {clock_text(progress.earlier_seconds)} of it in earlier sessions" if progress.earlier_seconds else ""
    facts = [f"elapsed {clock_text(progress.elapsed_seconds)}{limit}{earlier}", estimate]
    return [fact for fact in [*facts, *speed_facts(progress), one_line(progress.workers_note)] if fact]


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
        role: What is omitted together: a searched "parameter", the "note", the "newest" score, or "" for the rest.
    """

    name: str
    header: tuple[str, ...]
    cells: Mapping[int, str]
    is_left: bool = False
    role: Literal["", "parameter", "note", "newest"] = ""
    max_width: int = LONGEST_CELL * 2

    @property
    def is_parameter(self) -> bool:
        """Whether the column shows a searched parameter."""
        return self.role == "parameter"

    @property
    def width(self) -> int:
        """The terminal columns that show every text whole, at most `max_width`."""
        return min(self.max_width, max(cell_len(text) for text in (*self.header, *self.cells.values())))

    def folded(self, *, is_cut: bool = False) -> Column:
        """Returns the column with its header broken after `_`, `.` and spaces, as narrow as three lines allow.

        Args:
            is_cut: Whether texts that are longer than a number are cut.
        """
        parts = [part for part in re.split(r"(?<=[_.])|\s", self.name) if part]
        width = max(cell_len(text) for text in (*parts, *self.cells.values()))
        width = min(width, max(_SHORTEST_TEXT, *map(cell_len, parts))) if is_cut else width
        while len(header := _folded_header(parts, width)) > _MOST_HEADER_LINES:
            width += 1
        cut = width if is_cut else self.max_width
        return replace(self, header=header, max_width=cut)


#: Makes columns narrower.
_Step = Callable[[Sequence[Column]], list[Column]]


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
        column("epoch", position_text),
        column(progress.metric.split(" (")[0], lambda row: score_text(row.value), role="newest"),
        column("best", lambda row: score_text(row.best)),
        *(column(name, partial(_parameter_text, name), role="parameter") for name in names),
        *(
            [column("note", lambda row: row.remark, is_left=True, max_width=_LONGEST_NOTE, role="note")]
            if has_notes
            else []
        ),
    ]


def _parameter_text(name: str, row: TrialRow) -> str:
    return short_number(row.parameters.get(name))


def fit_columns(columns: Sequence[Column], width: int) -> tuple[list[Column], list[str]]:
    """Returns the columns that fit, and the names of those that do not.

    A person looks for the cause of a score, so searched parameters are the last to be omitted: headers are folded, the
    note is cut and omitted, then the newest score (`best` is shown), and long texts are cut before any of them.
    """
    if _total_width(columns) <= width:
        return list(columns), []
    folded = [column.folded() for column in columns]
    for step in (_cut_note(20), _cut_note(10), _without("note"), _without("newest"), _cut_texts):
        if _total_width(folded) <= width:
            break
        folded = step(folded)
    while _total_width(folded) > width and (parameters := [column for column in folded if column.is_parameter]):
        folded.remove(parameters[-1])
    spare = max(0, width - _total_width(folded))
    folded = [replace(c, max_width=c.width + spare) if c.role == "note" else c for c in folded]
    shown = {(column.role, column.name) for column in folded}
    return _unfolded(folded, width), [column.name for column in columns if (column.role, column.name) not in shown]


def _cut_note(width: int) -> _Step:
    return lambda columns: [replace(c, max_width=min(c.max_width, width)) if c.role == "note" else c for c in columns]


def _without(role: str) -> _Step:
    return lambda columns: [column for column in columns if column.role != role]


def _cut_texts(columns: Sequence[Column]) -> list[Column]:
    return [column.folded(is_cut=True) if column.is_parameter else column for column in columns]


def _unfolded(columns: list[Column], width: int) -> list[Column]:
    """Returns the columns with as many one-line headers as fit."""
    for index, column in enumerate(columns):
        wider = [*columns[:index], replace(column, header=(column.name,)), *columns[index + 1 :]]
        is_whole = cell_len(column.name) <= column.max_width
        columns = wider if is_whole and _total_width(wider) <= width else columns
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


def _newest_failure(progress: Progress) -> list[Text]:
    """Returns one line with the reason of the newest failure; nothing if no trial has failed."""
    failed = [row for row in progress.rows if row.status == TrialStatus.FAILED and row.note.strip()]
    newest = max(failed, key=lambda row: row.number, default=None)
    text = f"trial {newest.number} failed: {one_line(newest.note)}" if newest else ""
    return [Text(text, style="red", no_wrap=True, overflow="ellipsis")] if text else []


def _more_text(hidden: Mapping[str, int]) -> str:
    by_status = ", ".join(
        f"{hidden[status]} {status}" for status in (*ENDED, TrialStatus.RUNNING, WAITING) if hidden[status]
    )
    return f"… and {sum(hidden.values())} more: {by_status}"


def _dim_line(text: str) -> Text:
    return Text(text, style="dim", no_wrap=True, overflow="ellipsis")
