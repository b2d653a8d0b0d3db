"""Rows as a model reads them. Each member of an ensemble reads a file by its own columns, quoting and labels.

If these differ, a row has the texts of the first member by role, those of the second under `1:role`, of the third under
`2:role`, and so on; `own_rows` returns them by role.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from corpora.names import clean, in_quotes
from corpora.splits import Layout, Split, read_numbered
from delivery.inference.settings import ModelSettings
from foundation.errors import UserError
from trainables.tasks.task import Row


def read_rows(members: Sequence[ModelSettings], path: Path, *, targets: bool) -> Split:
    """Reads a file for a model, or for the members of an ensemble; a row that one of them skips is skipped by all.

    Args:
        members: The settings of a single model, or those of each member.
        targets: Every row needs a target; without it, a file may have no column of targets.

    Raises:
        UserError: A member cannot read the file, no row is left, or the members read different targets.
    """
    layouts = [member.layout for member in members]
    first, lines = _read(path, layouts[0], targets)
    if all(layout == layouts[0] for layout in layouts):
        return first
    reads = [(first, lines), *(_read(path, layout, targets) for layout in layouts[1:])]
    by_line = [dict(zip(lines, split.rows, strict=True)) for split, lines in reads]
    common = [line for line in by_line[0] if all(line in rows for rows in by_line)]
    if not common:
        raise UserError(f"{path}: no row can be read by all members", "rows with all their columns", "add the columns")
    rows = [[rows[line] for line in common] for rows in by_line]
    for line, row in zip(common, zip(*rows, strict=True), strict=True) if targets else ():
        if len({one["target"] for one in row}) > 1:
            problem = f"{path}, line {line:,}: the members read the targets {in_quotes([one['target'] for one in row])}"
            raise UserError(problem, "one target for all", "give the members' files the same column of targets")
    refused = {row.line: row for split, _ in reads for row in split.refused}
    return replace(first, rows=combined(rows), refused=tuple(refused[line] for line in sorted(refused)))


def combined(rows: Sequence[Sequence[Row]]) -> list[dict[str, str]]:
    """Returns the rows of an ensemble from those of its members, which are in the same order."""
    return [
        {**first, **{f"{number}:{role}": text for number, one in enumerate(others, 1) for role, text in one.items()}}
        for first, *others in zip(*rows, strict=True)
    ]


def own_rows(rows: Sequence[Row], number: int) -> Sequence[Row]:
    """Returns the rows of member `number` of an ensemble."""
    prefix = f"{number}:"
    if not number or not rows or f"{prefix}source" not in rows[0]:
        return rows
    return [{key.removeprefix(prefix): text for key, text in row.items() if key.startswith(prefix)} for row in rows]


def row_of_line(members: Sequence[ModelSettings], line: str, number: int) -> Row:
    """Returns a line of standard input as a row: one text, or two texts with a tab between them for models of pairs.

    Args:
        number: Of the line, for messages.

    Raises:
        UserError: The line is not a pair where a model needs one, or the members read other columns than a line has.
    """
    columns = [(member.columns.source, member.columns.pair) for member in members]
    names = next((pair for pair in columns if pair[1] is not None), (columns[0][0],))
    texts = tuple(map(clean, line.split("\t", 1))) if len(names) == 2 else (clean(line),)
    if len(texts) < len(names) or not all(texts):
        raise UserError(f"line {number} of the input is not a pair", "two texts, separated by a tab", "add the second")
    by_column: dict[str | None, str] = dict(zip(names, texts, strict=True))
    read = list(dict.fromkeys(name for pair in columns for name in pair if name is not None))
    if not set(read) <= by_column.keys():
        has = in_quotes([str(name) for name in names])
        problem = f"the members read the columns {in_quotes(read)}, and a line has {has}"
        raise UserError(problem, "a file with all these columns", "write the texts to a file and name it as INPUT")
    rows = [{"source": by_column[source], **({"pair": by_column[pair]} if pair else {})} for source, pair in columns]
    return rows[0] if len({*columns}) == 1 else combined([[row] for row in rows])[0]


def _read(path: Path, layout: Layout, targets: bool) -> tuple[Split, list[int]]:
    """Reads a file with or without a column of targets; without it, also one that has neither header nor targets."""
    try:
        return read_numbered(str(path), layout, targets=targets)
    except UserError:
        without = tuple(name for name in layout.header if name not in (layout.columns["target"], *layout.targets))
        if targets or without == layout.header or not without:
            raise
        try:
            return read_numbered(str(path), replace(layout, header=without), targets=False)
        except UserError:
            pass
        raise
