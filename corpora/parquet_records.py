"""Reads the records of a Parquet file with pyarrow."""

from __future__ import annotations

import math
from decimal import Decimal

from corpora.names import column_name
from corpora.records import Content, FileFormat, Record, Request
from foundation.errors import UserError, first_line


def parquet_records(request: Request) -> Content:
    """Returns all column names of a Parquet file, and its records with the values of the columns that are needed.

    Numbers become text; NaN, which pandas writes for a missing value, becomes None. The line of a record is the number
    of its row, from 1.

    Raises:
        UserError: the file is damaged.
    """
    from pyarrow import ArrowException, BufferReader
    from pyarrow.parquet import ParquetFile

    try:
        file = ParquetFile(BufferReader(request.raw))
        names = list(file.schema_arrow.names)
        wanted = {column_name(name) for name in request.columns}
        columns = file.read(columns=[name for name in names if column_name(name) in wanted]).to_pydict()
    except (ArrowException, OSError, ValueError) as error:
        problem = f"{request.path} cannot be read as Parquet: {first_line(error)}"
        raise UserError(problem, "a complete Parquet file", "copy or write it again") from None
    values = {column_name(name): [_plain(value) for value in column] for name, column in columns.items()}
    rows = file.metadata.num_rows
    records = [Record(row + 1, {name: column[row] for name, column in values.items()}) for row in range(rows)]
    return Content(tuple(map(column_name, names)), records, "parquet")


def _plain(value: object) -> object:
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return str(value)
    return value


PARQUET = FileFormat((".parquet",), parquet_records, "rows", unit="row")
