"""Rows as a model reads them. Each member of an ensemble reads a file by its own columns, quoting and labels.

If these differ, a row has the texts of the first member by role, those of the second under `1:role`, of the third under
`2:role`, and so on; `own_rows` returns them by role.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

from corpora.names import clean, in_quotes
from corpora.splits import Layout, Split, read_numbered
from corpora.table_rows import Refused
from corpora.table_streams import SplitStream
from delivery.inference.settings import ModelSettings
from foundation.errors import UserError
from trainables.tasks.task import Row

T = TypeVar("T")


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
        raise _no_common_row(path)
    rows = [[rows[line] for line in common] for rows in by_line]
    for line, row in zip(common, zip(*rows, strict=True), strict=True) if targets else ():
        if len({one["target"] for one in row}) > 1:
            problem = f"{path}, line {line:,}: the members read the targets {in_quotes([one['target'] for one in row])}"
            raise UserError(problem, "one target for all", "give the members' files the same column of targets")
    refused = {row.line: row for split, _ in reads for row in split.refused}
    return replace(first, rows=combined(rows), refused=tuple(refused[line] for line in sorted(refused)))


class RowStream:
    """The rows of a file for a model, or for the members of an ensemble, as `read_rows` returns them without targets.

    They are read one at a time, as often as needed; the file is checked when the stream is made.

    Args:
        members: The settings of a single model, or those of each member.
        longest: Characters of a text; a row with a longer one cannot be used.

    Attributes:
        rows: Number of rows; of an ensemble an upper bound, since its members may skip different ones.
        sha256: Of the file.

    Raises:
        UserError: A member cannot read the file, or no row is left.
    """

    def __init__(self, members: Sequence[ModelSettings], path: Path, *, longest: int | None = None) -> None:
        layouts = [member.layout for member in members]
        different = layouts if any(layout != layouts[0] for layout in layouts) else layouts[:1]
        self._streams = [_without_targets(path, layout, longest) for layout in different]
        first = self._streams[0]
        self.path, self.sha256, self.rows = first.path, first.sha256, min(stream.rows for stream in self._streams)
        if len(different) > 1 and next(self.texts(), None) is None:
            raise _no_common_row(path)

    def __iter__(self) -> Iterator[Row | Refused]:
        if len(self._streams) == 1:
            return (entry if isinstance(entry, Refused) else entry[1] for entry in self._streams[0])
        return self._joined()

    def texts(self) -> Iterator[Row]:
        """Yields the rows only."""
        return (entry for entry in self if not isinstance(entry, Refused))

    def sample(self, most: int) -> list[Row]:
        """Returns about `most` rows from all parts of the file."""
        return list(islice(self.texts(), 0, None, max(1, self.rows // most)))[:most]

    def _joined(self) -> Iterator[Row | Refused]:
        """Yields the rows in the lines that all members read; refused is a line that one of them refuses."""
        number = len(self._streams)
        merged = heapq.merge(*map(_with_lines, self._streams), key=itemgetter(0))
        for _, several in groupby(merged, key=itemgetter(0)):
            entries = [entry for _, entry in several]
            refused = next((entry for entry in reversed(entries) if isinstance(entry, Refused)), None)
            if refused is not None:
                yield refused
            elif len(entries) == number:
                yield combined([[entry] for entry in entries if not isinstance(entry, Refused)])[0]


def _with_lines(stream: SplitStream) -> Iterator[tuple[int, Row | Refused]]:
    return ((entry.line, entry) if isinstance(entry, Refused) else entry for entry in stream)


def _no_common_row(path: Path) -> UserError:
    return UserError(f"{path}: no row can be read by all members", "rows with all their columns", "add the columns")


def _without_targets(path: Path, layout: Layout, longest: int | None) -> SplitStream:
    return _read_as_is(layout, lambda one: SplitStream(str(path), one, longest=longest))


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
    def read(one: Layout) -> tuple[Split, list[int]]:
        return read_numbered(str(path), one, targets=targets)

    return read(layout) if targets else _read_as_is(layout, read)


def _read_as_is(layout: Layout, read: Callable[[Layout], T]) -> T:
    """Reads a file with or without a column of targets; without it, also one that has neither header nor targets."""
    try:
        return read(layout)
    except UserError:
        without = tuple(name for name in layout.header if name not in (layout.columns["target"], *layout.targets))
        if without == layout.header or not without:
            raise
        try:
            return read(replace(layout, header=without))
        except UserError:
            pass
        raise
