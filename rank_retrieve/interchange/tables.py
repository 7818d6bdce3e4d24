"""Tables of one document a row: Parquet files, and frames of pandas, polars and Arrow.

    id (or _id)   strings or integers
    any column    a field of its name; nulls are left out, and so are NaNs, as pandas writes nulls
    lists of floating-point numbers of one length     vectors, float32 [dim]
    _rest         JSON with tagged values: what `exports` could not put into columns

Dates and times without a zone become ISO 8601 strings, decimals strings; what cannot be metadata
is reported, row by row.
"""

from __future__ import annotations

import datetime
import decimal
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from rank_retrieve._extras import require
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.interchange.document import Located, Unfit, as_document, header_fault
from rank_retrieve.interchange.lines import BadRecord, OnError
from rank_retrieve.interchange.tagged import untag

EXTRA = "parquet"
BATCH_ROWS = 1024
REST = "_rest"


def read_parquet(file: Path, name: str, on_error: OnError) -> Iterator[Located]:
    """Documents of a Parquet file, some rows at a time. Raises MissingExtra without pyarrow."""
    pa = require("pyarrow", EXTRA)
    pq = require("pyarrow.parquet", EXTRA)
    number = 0
    try:
        with pq.ParquetFile(file) as table:
            reason = header_fault(table.schema_arrow.names)
            if reason is not None:
                on_error(BadRecord(name, 0, reason))
                return
            for batch in table.iter_batches(batch_size=BATCH_ROWS):
                for row in _rows_of(batch, pa):
                    number += 1
                    try:
                        yield Located(_document(row), name, number)
                    except Unfit as error:
                        on_error(BadRecord(name, number, str(error)))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        on_error(BadRecord(name, number and number + 1, f"not readable as Parquet: {first}"))


def is_frame(source: object) -> bool:
    """Whether something offers its rows through Arrow's PyCapsule interface."""
    return hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__")


def read_frame(frame: Any, on_error: OnError) -> Iterator[Located]:
    """Documents of a frame of pandas, polars, Arrow or whatever exports Arrow data.

    An index of pandas is no column: `frame.reset_index()` makes it one. Raises MissingExtra
    without pyarrow, InvalidArgument for a frame without a column of ids.
    """
    pa = require("pyarrow", EXTRA)
    name = type(frame).__name__
    try:
        if hasattr(frame, "__arrow_c_stream__"):
            batches: Any = pa.RecordBatchReader.from_stream(frame)
        else:
            batches = [pa.record_batch(frame)]
        number = 0
        for batch in batches:
            reason = header_fault(batch.schema.names)
            if reason is not None:
                raise InvalidArgument("source", name, reason)
            for start in range(0, batch.num_rows, BATCH_ROWS):
                for row in _rows_of(batch.slice(start, BATCH_ROWS), pa):
                    number += 1
                    try:
                        yield Located(_document(row), name, number)
                    except Unfit as error:
                        on_error(BadRecord(name, number, str(error)))
    except pa.ArrowException as error:
        raise InvalidArgument("source", name, f"cannot be read through Arrow: {error}") from error


def _rows_of(batch: Any, pa: Any) -> Iterator[dict[str, Any]]:
    columns = [_values_of(column, pa) for column in batch.columns]
    names = batch.schema.names
    for values in zip(*columns, strict=True):
        yield dict(zip(names, values, strict=True))


def _values_of(column: Any, pa: Any) -> Any:
    """The cells as Python values, vectors as rows of one array: a list a number costs far more."""
    kind = column.type
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    is_fixed = pa.types.is_fixed_size_list(kind)
    if (is_list or is_fixed) and pa.types.is_floating(kind.value_type) and len(column):
        numbers = column.flatten()
        dim, left = divmod(len(numbers), len(column))
        even = is_fixed or np.all(column.value_lengths().to_numpy(zero_copy_only=False) == dim)
        if not column.null_count and not numbers.null_count and dim and not left and even:
            return numbers.to_numpy(zero_copy_only=False).astype(np.float32).reshape(-1, dim)
    return column.to_pylist()


def _document(row: dict[str, Any]) -> dict[str, Any]:
    rest = row.pop(REST, None)
    plain = {column: _plain(column, cell) for column, cell in row.items()}
    for column in ("_id", "id"):
        if isinstance(plain.get(column), int) and not isinstance(plain[column], bool):
            plain[column] = str(plain[column])  # a column has one type, so "1" and 1 cannot meet
    found = {column: cell for column, cell in plain.items() if cell is not None}
    return as_document({**found, **_rest_of(rest)})


def _rest_of(stored: Any) -> Mapping[str, Any]:
    if stored is None:
        return {}
    try:
        rest = untag(msgspec.json.decode(stored))
    except (msgspec.DecodeError, ValueError, TypeError, RecursionError) as error:
        raise Unfit(f"column {REST!r}: {error}") from error
    if not isinstance(rest, dict):
        raise Unfit(f"column {REST!r} holds no JSON object")
    return rest


def _plain(column: str, cell: Any) -> Any:
    match cell:
        case None | str() | bool() | int() | bytes() | np.ndarray():
            return cell
        case float():
            return None if math.isnan(cell) else cell
        case datetime.datetime() if cell.tzinfo is not None:
            # pandas and pyarrow have classes of their own
            return datetime.datetime.fromisoformat(cell.isoformat()).astimezone(datetime.UTC)
        case datetime.date() | datetime.time():
            return cell.isoformat()
        case decimal.Decimal():
            return str(cell)
        case list():
            return [_plain(column, item) for item in cell]
        case dict():
            return {key: _plain(column, item) for key, item in cell.items()}
        case _:
            raise Unfit(f"column {column!r} holds {type(cell).__name__}, which is not stored")
