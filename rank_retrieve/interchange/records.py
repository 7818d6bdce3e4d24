"""Files that hold one document per record: JSONL as in BEIR, and CSV.

    JSONL    {"_id": "d1", "title": "...", "text": "...", "year": 2021}   one object a line
    CSV      a header; a column `_id` or `id`; cells are strings, empty ones are left out

`title` and `text` are what their names say, everything else is metadata or a vector. JSONL may
hold tagged values (`tagged`).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import msgspec

from rank_retrieve.interchange.document import Located, Unfit, as_document, header_fault
from rank_retrieve.interchange.lines import MAX_LINE_BYTES, BadRecord, OnError, read_lines
from rank_retrieve.interchange.tagged import untag

_decode_json = msgspec.json.Decoder().decode


def read_jsonl(file: Path, name: str, on_error: OnError) -> Iterator[Located]:
    """Documents of a JSONL file; a key that comes twice in an object has its last value."""
    for line in read_lines(file):
        reason = line.error
        if reason is None:
            if not line.text or line.text.isspace():
                continue
            try:
                yield Located(as_document(untag(_decode_json(line.text))), name, line.number)
                continue
            except (msgspec.DecodeError, ValueError, Unfit) as error:
                reason = str(error)
            except RecursionError:
                reason = "nested too deeply"
        on_error(BadRecord(name, line.number, reason))


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
            reason = header_fault(row)
            if reason is not None:
                on_error(BadRecord(name, first, reason))
                return
            header = row
        elif len(row) != len(header):
            on_error(BadRecord(name, first, f"expected {len(header)} cells, got {len(row)}"))
        else:
            cells = {column: cell for column, cell in zip(header, row, strict=True) if cell}
            try:
                yield Located(as_document(cells), name, first)
            except Unfit as error:
                on_error(BadRecord(name, first, str(error)))


def _next_row(reader: Iterator[list[str]]) -> list[str]:
    # the limit belongs to the whole process: it is ours only while a row is read
    before = csv.field_size_limit(MAX_LINE_BYTES)
    try:
        return next(reader)
    finally:
        csv.field_size_limit(before)
