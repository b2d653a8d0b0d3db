"""The rows of a table by role, made of its records; what is wrong with those that cannot be used."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from corpora.names import clean, column_name, duplicates, in_quotes, is_visible
from corpora.records import QUOTATION, FileFormat, Record
from foundation.errors import UserError, nearest

_LIST = "a list"  # in every reason about several values in one field
_UNUSABLE = re.compile("[\0\ud800-\udfff]")  # a lone surrogate (from a JSON escape) cannot be encoded as UTF-8

#: First line of a row (1-based; in a Parquet file its number), and its texts by role.
NumberedRow = tuple[int, dict[str, str]]


@dataclass(frozen=True)
class Refused:
    """A row that cannot be used: its first line (1-based; in a Parquet file its row), and the reason."""

    line: int
    reason: str


@dataclass(frozen=True)
class Roles:
    """What a row must have.

    Args:
        required, optional, any_of: Role -> column, as in `corpora.reading.read_table`.
        longest: Characters of a text; None: as many as it has.
    """

    required: Mapping[str, str]
    optional: Mapping[str, str]
    any_of: Mapping[str, str]
    longest: int | None = None

    @property
    def columns(self) -> list[str]:
        """All columns that are needed."""
        return [*self.optional.values(), *self.any_of.values(), *self.required.values()]

    def present(self, columns: Sequence[str]) -> dict[str, str]:
        """Returns the roles for which a file has a column."""
        roles = {**self.optional, **self.any_of, **self.required}
        return {role: column for role, column in roles.items() if column_name(column) in columns}


class Refusals:
    """Counts the rows of a file, and keeps the first ones that cannot be used.

    Args:
        most: Number of refused rows that are kept for the message.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._first: list[Refused] = []
        self._has_lists = self._has_wrong_widths = self._is_miscut = False
        self.usable = self.refused = 0

    def count(self, entry: Refused | NumberedRow) -> None:
        """Counts a row."""
        if not isinstance(entry, Refused):
            self.usable += 1
            return
        self.refused += 1
        if self.refused <= self._most:
            self._first.append(entry)
        self._is_miscut |= QUOTATION in entry.reason  # then the number of rows is unknown
        self._has_lists |= _LIST in entry.reason
        self._has_wrong_widths |= " fields where " in entry.reason

    def error(self, path: Path, file_format: FileFormat, columns: Sequence[str], roles: Roles) -> UserError:
        """Returns the error that names the refused rows."""
        problems = [f"{file_format.unit} {row.line:,}: {row.reason}" for row in self._first]
        more = [f"and {self.refused - self._most:,} more"] if self.refused > self._most else []
        number = f"{self.refused:,}" if self._is_miscut else f"{self.refused:,} of {self.usable + self.refused:,}"
        problem = f"{path}: {number} rows cannot be used, so the file was not read"
        allowed = f"{file_format.row.format(fields=len(columns))}, text in {in_quotes(list(roles.required.values()))}"
        allowed += f" and in one of {in_quotes(list(roles.any_of.values()))}" if roles.any_of else ""
        todo = ["fix or delete these rows"]
        if self._is_miscut:
            fix = f'write a {QUOTATION} inside a quoted field twice (""), or use quoting "none" for plain characters'
            todo.append(fix)
        elif self._has_lists:
            todo.append("a row has one text in each column: join the texts of a list, or write a row for each of them")
        elif self._has_wrong_widths:
            todo.append('use quoting "csv" if quoted fields contain separators or line breaks')
        if self.usable:
            todo.append("or skip them with --set data.broken_rows=skip")
        return UserError("\n    ".join([problem, *problems, *more]), allowed, "; ".join(todo))


def column_problems(
    path: Path, columns: Sequence[str], roles: Roles, *, has_rows: bool, names_columns: bool
) -> list[UserError]:
    """Returns what is wrong with the columns of a file.

    Args:
        has_rows: There are rows below the header.
        names_columns: The format has column names of its own.
    """
    problems = []
    if repeated := duplicates(columns):
        problem = f"{path}: duplicate columns in the header: {in_quotes(repeated)}"
        problems.append(UserError(problem, "each column name once", "rename or remove the duplicate columns"))
    if columns or not names_columns:
        alternatives = [(role, [column]) for role, column in roles.required.items()]
        alternatives += [(next(iter(roles.any_of)), [*roles.any_of.values()])] if roles.any_of else []
        problems += [
            _missing(path, role, names, columns)
            for role, names in alternatives
            if not {column_name(name) for name in names} & {*columns}
        ]
    if not has_rows:
        problems.append(UserError(f"{path} has no rows after its header", "at least one row", "use another file"))
    return problems


def _missing(path: Path, role: str, names: Sequence[str], columns: Sequence[str]) -> UserError:
    """Returns the problem of a role for which a file has none of the columns `names`."""
    column, *others = names
    near = nearest(column_name(column), columns)
    written = " or ".join(map(repr, names)) if others else repr(column)
    problem = f"{path} has no column {written} for {role!r}" + (f"; {near}" if near else "")
    todo = f"write the column names in the first line, with {column!r}, or use --set columns.{role}=NAME"
    if len(columns) == 1 and (wrong := re.search("[\t,;|]", columns[0])):
        todo = f"its fields are separated by {wrong[0]!r}; use .csv for commas and .tsv for tabs"
    return UserError(problem, f"the columns of the file: {in_quotes(columns)}", todo)


def rows_of(
    records: Iterable[Record], present: Mapping[str, str], roles: Roles, *, numbered: bool, every_line: bool
) -> Iterator[Refused | NumberedRow]:
    """Yields every record as a row, or as refused.

    Args:
        present: The roles for which the file has a column.
        numbered: The id of a row is its number in the file.
        every_line: Each line that a quotation mark swallows is a refused row.
    """
    number = 0
    for record in records:
        row, reason = ({}, record.problem) if record.problem else _row(record.values, present, roles)
        if not reason:
            number += 1
            yield record.line, {"id": str(number), **row} if numbered else row
            continue
        number += 1
        yield Refused(record.line, reason)
        for line in range(record.line + 1, record.line + 1 + record.swallowed) if every_line else ():
            number += 1
            yield Refused(line, f"swallowed by a {QUOTATION} in line {record.line:,}")


def _row(values: Mapping[str, object], present: Mapping[str, str], roles: Roles) -> tuple[dict[str, str], str]:
    required, any_of = roles.required, roles.any_of
    row: dict[str, str] = {}
    reasons = []
    for role, column in present.items():
        value = values.get(column_name(column))
        if isinstance(value, bool) and role.startswith("target"):
            value = str(value).lower()  # as JSON writes it
        row[role] = clean(value) if isinstance(value, str) else ""
        if isinstance(value, list):
            reasons.append(f"{column!r} is {_LIST} of {len(value)}")
        elif value is not None and not isinstance(value, str):
            reasons.append(f"{column!r} is neither text nor a number")
        elif not row[role] and role in required:
            reasons.append(f"{column!r} is empty")
        elif roles.longest is not None and len(row[role]) > roles.longest:
            reasons.append(f"{column!r} has {len(row[role]):,} characters, and {roles.longest:,} are allowed")
        elif _UNUSABLE.search(row[role]):
            reasons.append(f"{column!r} contains a NUL or half a surrogate pair")
        elif row[role] and role in required and not is_visible(row[role]):
            reasons.append(f"{column!r} has only invisible characters")
        elif role in any_of and not is_visible(row[role]):
            row[role] = ""
    if any_of and not reasons and not any(row.get(role) for role in any_of):
        reasons.append(f"{in_quotes([present[role] for role in any_of if role in present])} have no text")
    return row, "; ".join(reasons)
