"""Files that hold one document per record: JSONL as in BEIR, CSV, Parquet.

    JSONL    {"_id": "d1", "title": "...", "text": "...", "year": 2021}   one object a line
    CSV      a header; a column `_id` or `id`; cells are strings, empty ones are left out
    Parquet  a column `_id` or `id`, of strings or integers; nulls are left out

`title` and `text` are what their names say, everything else is metadata.
"""

from __future__ import annotations

import csv
import datetime
import decimal
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from rank_retrieve.cli.source_lines import MAX_LINE_BYTES, BadRecord, OnError, read_lines
from rank_retrieve.errors import InvalidArgument

PARQUET_BATCH_ROWS = 1024
_decode_json = msgspec.json.Decoder().decode


class Located(NamedTuple):
    """A document and where it came from."""

    document: dict[str, Any]
    file: str
    line: int


def read_jsonl(file: Path, name: str, on_error: OnError) -> Iterator[Located]:
    """Documents of a JSONL file; a key that comes twice in an object has its last value."""
    for line in read_lines(file):
        reason = line.error
        if reason is None:
            if not line.text or line.text.isspace():
                continue
            try:
                yield Located(_document(_decode_json(line.text)), name, line.number)
                continue
            except (msgspec.DecodeError, _Unfit) as error:
                reason = str(error)
            except RecursionError:
                reason = "nested too deeply"
        on_error(BadRecord(name, line.number, reason))


class _Unfit(Exception):  # noqa: N818 - never leaves this module
    """Why a record is not a document."""


def _document(record: Any) -> dict[str, Any]:
    """The record with its id first and under `id`."""
    if not isinstance(record, dict):
        raise _Unfit(f"not an object but {_kind(record)}")
    if "_id" in record:
        identity = record.pop("_id")
        if record.setdefault("id", identity) != identity:
            raise _Unfit("has both _id and id, and they differ")
        del record["id"]
    elif "id" in record:
        identity = record.pop("id")
    else:
        raise _Unfit('has neither "_id" nor "id"')
    if not isinstance(identity, str):
        raise _Unfit(f"the id must be a string, got {_kind(identity)} {identity!r:.40}")
    if not identity:
        raise _Unfit("the id is empty")
    for field in ("title", "text"):
        value = record.get(field)
        if value is None:
            record.pop(field, None)
        elif not isinstance(value, str):
            raise _Unfit(f"the {field} must be a string, got {_kind(value)}")
    return {"id": identity, **record}


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}
    return "null" if value is None else kinds.get(type(value), "a number")


def read_csv(file: Path, name: str, on_error: OnError) -> Iterator[Located]:
    """Documents of a CSV file (RFC 4180; .tsv with tabs); its first line names the columns."""
    tabs = file.name.removesuffix(".gz").endswith(".tsv")
    unusable: dict[int, str] = {}

    def lines() -> Iterator[str]:
        for line in read_lines(file):
            if line.error is not None:
                unusable[line.number] = line.error
            yield line.text + "\n"

    reader = csv.reader(lines(), delimiter="\t" if tabs else ",", strict=True)
    header: list[str] | None = None
    while True:
        first = reader.line_num + 1
        try:
            row = _next_row(reader)
        except StopIteration:
            return
        except csv.Error as error:
            on_error(BadRecord(name, first, f"not CSV: {error}"))
            continue
        spoilt = [unusable.pop(n) for n in range(first, reader.line_num + 1) if n in unusable]
        if spoilt:
            on_error(BadRecord(name, first, spoilt[0]))
        elif not row:
            continue
        elif header is None:
            reason = _header_fault(row)
            if reason is not None:
                on_error(BadRecord(name, first, reason))
                return
            header = row
        elif len(row) != len(header):
            on_error(BadRecord(name, first, f"expected {len(header)} cells, got {len(row)}"))
        else:
            cells = {column: cell for column, cell in zip(header, row, strict=True) if cell}
            try:
                yield Located(_document(cells), name, first)
            except _Unfit as error:
                on_error(BadRecord(name, first, str(error)))


def _next_row(reader: Iterator[list[str]]) -> list[str]:
    # the limit belongs to the whole process: it is ours only while a row is read
    before = csv.field_size_limit(MAX_LINE_BYTES)
    try:
        return next(reader)
    finally:
        csv.field_size_limit(before)


def _header_fault(header: list[str]) -> str | None:
    if len(set(header)) < len(header):
        twice = next(column for column in header if header.count(column) > 1)
        return f"two columns are named {twice!r}"
    if "_id" not in header and "id" not in header:
        return f"no column is named _id or id, only {', '.join(header)[:200]}"
    return None


def read_parquet(file: Path, name: str, on_error: OnError) -> Iterator[Located]:
    """Documents of a Parquet file, some rows at a time.

    Raises InvalidArgument, with the command that helps, where pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise InvalidArgument(
            "path", name, "reading Parquet needs pyarrow",
            "run pip install 'rank-retrieve[parquet]'",
        ) from error  # fmt: skip
    number = 0
    try:
        with pq.ParquetFile(file) as table:
            columns = table.schema_arrow.names
            reason = _header_fault(columns)
            if reason is not None:
                on_error(BadRecord(name, 0, reason))
                return
            for batch in table.iter_batches(batch_size=PARQUET_BATCH_ROWS):
                for row in batch.to_pylist():
                    number += 1
                    try:
                        yield Located(_document(_plain_row(row)), name, number)
                    except _Unfit as error:
                        on_error(BadRecord(name, number, str(error)))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        on_error(BadRecord(name, number and number + 1, f"not readable as Parquet: {first}"))


def _plain_row(row: Mapping[str, Any]) -> dict[str, Any]:
    plain = {column: _plain(column, cell) for column, cell in row.items()}
    for column in ("_id", "id"):
        if isinstance(plain.get(column), int) and not isinstance(plain[column], bool):
            plain[column] = str(plain[column])  # a column has one type, so "1" and 1 cannot meet
    return {column: cell for column, cell in plain.items() if cell is not None}


def _plain(column: str, cell: Any) -> Any:
    match cell:
        case None | str() | bool() | int():
            return cell
        case float():
            return None if math.isnan(cell) else cell  # how pandas writes what is missing
        case datetime.date() | datetime.time():
            return cell.isoformat()
        case decimal.Decimal():
            return str(cell)
        case list():
            return [_plain(column, item) for item in cell]
        case dict():
            return {key: _plain(column, item) for key, item in cell.items()}
        case _:
            raise _Unfit(f"column {column!r} holds {type(cell).__name__}, which is not stored")
