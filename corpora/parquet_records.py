"""Reads the records of a Parquet file with pyarrow."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, BinaryIO

from corpora.data_files import DataFile
from corpora.names import column_name
from corpora.records import Content, FileFormat, Record, Request
from foundation.errors import UserError, first_line

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

_ROWS_AT_ONCE = 256
_BUFFER = 1 << 20  # bytes of a column that are read at a time


def parquet_records(request: Request) -> Content:
    """Returns all column names of a Parquet file, and its records with the values of the columns that are needed.

    Numbers become text; NaN, which pandas writes for a missing value, becomes None. The line of a record is the number
    of its row, from 1.

    Raises:
        UserError: the file is damaged.
    """
    file = request.file
    with file.open() as content, _damage_reported(file):
        names = list(_opened(content).schema_arrow.names)
    wanted = {column_name(name) for name in request.columns}
    needed = [name for name in names if column_name(name) in wanted]
    return Content(tuple(map(column_name, names)), lambda: _records(file, needed), "parquet")


def _records(file: DataFile, names: Sequence[str]) -> Iterator[Record]:
    with file.open() as content, _damage_reported(file):
        table = _opened(content)
        if not names:
            yield from (Record(row) for row in range(1, table.metadata.num_rows + 1))
            return
        row = 0
        for batch in table.iter_batches(_ROWS_AT_ONCE, columns=names, use_threads=False):
            columns = {column_name(name): values for name, values in batch.to_pydict().items()}
            for number in range(batch.num_rows):
                row += 1
                yield Record(row, {name: _plain(values[number]) for name, values in columns.items()})


def _opened(content: BinaryIO) -> ParquetFile:
    from pyarrow.parquet import ParquetFile

    return ParquetFile(content, buffer_size=_BUFFER, pre_buffer=False)


@contextmanager
def _damage_reported(file: DataFile) -> Iterator[None]:
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError, ValueError) as error:
        problem = f"{file.path} cannot be read as Parquet: {first_line(error)}"
        raise UserError(problem, "a complete Parquet file", "copy or write it again") from None


def _plain(value: object) -> object:
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return str(value)
    return value


PARQUET = FileFormat((".parquet",), parquet_records, "rows", unit="row")
