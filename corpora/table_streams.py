"""A table of texts that is checked once, and then read a row at a time: its size does not matter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path

from corpora.names import column_name
from corpora.reading import format_of, has_own_names, open_table
from corpora.records import Record
from corpora.splits import Layout, quoting_of, roles_of, with_id
from corpora.table_rows import NumberedRow, Refusals, Refused, Roles, column_problems, rows_of
from foundation.errors import raise_all
from search_spaces.choices import BrokenRows, Quoting


class TableStream:
    """The rows of one file, in the order of the file, as often as needed; no more than one is in memory.

    A .json file with an array, and a line, are in memory as a whole.

    Args:
        path, required, optional, quoting, header, broken, max_problems: As in `corpora.reading.read_table`.
        longest: Characters of a text; a row with a longer one cannot be used.

    Attributes:
        rows: Number of usable rows.
        sha256: Of the file.

    Raises:
        UserError: As `corpora.reading.read_table`, with the same message.
    """

    def __init__(
        self,
        path: str | Path,
        required: Mapping[str, str],
        optional: Mapping[str, str],
        *,
        quoting: Quoting = Quoting.AUTO,
        header: Sequence[str] = (),
        broken: BrokenRows = BrokenRows.STOP,
        longest: int | None = None,
        max_problems: int = 20,
    ) -> None:
        self._roles = Roles(required, optional, {}, longest)
        self._file, self._content = open_table(path, self._roles, quoting=quoting, header=header, broken=broken)
        self.path, self.sha256 = self._file.path, self._file.sha256
        self._every_line, self._last = broken == BrokenRows.SKIP, 0
        refusals, columns = self._check(max_problems)
        self._present = self._roles.present(columns)
        self.rows = refusals.usable
        if refusals.refused and (broken == BrokenRows.STOP or not self.rows):
            raise refusals.error(self.path, format_of(self.path), columns, self._roles)

    def __iter__(self) -> Iterator[Refused | NumberedRow]:
        records = takewhile(lambda record: record.line <= self._last, self._content.records())
        numbered = "id" in self._roles.optional and "id" not in self._present
        yield from rows_of(records, self._present, self._roles, numbered=numbered, every_line=self._every_line)
        self._file.check_unchanged()

    def _check(self, max_problems: int) -> tuple[Refusals, Sequence[str]]:
        """Reads the file once; counts its rows, and returns its columns."""
        refusals, names = Refusals(max_problems), dict[str, None]()
        columns = self._content.columns
        # The names of a JSON file are known at its end. A role that it does not have has no text.
        present = self._roles.present([*map(column_name, self._roles.columns)] if columns is None else columns)
        records = self._to_the_last(refusals, max_problems, None if columns is not None else names)
        for entry in rows_of(records, present, self._roles, numbered=False, every_line=self._every_line):
            refusals.count(entry)
        columns = tuple(names) if columns is None else columns
        has_names = has_own_names(self.path)
        problems = column_problems(self.path, columns, self._roles, has_rows=self._last > 0, names_columns=has_names)
        raise_all(problems)
        return refusals, columns

    def _to_the_last(self, refusals: Refusals, most: int, names: dict[str, None] | None) -> Iterator[Record]:
        """Yields the records without the blank ones at the end; of many blank ones between rows `most` are enough."""
        blank: list[Record] = []
        more = 0
        for record in self._content.records():
            if names is not None:
                names.update(dict.fromkeys(record.values))
            if record.is_blank:
                blank, more = ([*blank, record], more) if len(blank) < most else (blank, more + 1)
                continue
            if blank:
                yield from blank
                refusals.refused += more
                blank, more = [], 0
            self._last = record.line
            yield record


class SplitStream:
    """The rows of one file without targets, as `read_numbered` returns them, a row at a time and as often as needed.

    Args:
        longest: Characters of a text; a row with a longer one cannot be used.

    Attributes:
        rows: Number of usable rows.
        sha256: Of the file.

    Raises:
        UserError: The file cannot be read, or has unusable rows.
    """

    def __init__(self, path: str, layout: Layout, *, longest: int | None = None) -> None:
        required, optional, _ = roles_of(layout, targets=False)
        self._layout = layout
        self._table = TableStream(
            path,
            required,
            optional,
            header=layout.header,
            quoting=quoting_of(path, layout),
            broken=layout.broken,
            longest=longest,
        )
        self.path, self.rows, self.sha256 = str(Path(path).resolve()), self._table.rows, self._table.sha256

    def __iter__(self) -> Iterator[Refused | NumberedRow]:
        number = 0
        for entry in self._table:
            if not isinstance(entry, Refused):
                number += 1
                entry = entry[0], with_id(entry[1], number, self._layout)
            yield entry
