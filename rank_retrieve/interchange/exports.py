"""Documents to files, so that `read_documents` gives the same ones back.

    JSONL     {"id": "d1", "text": "...", "vector": [0.1, ...], "year": 2021, "at": {"$date": ...}}
    Parquet   id            string
              text fields   string
              vectors       fixed-size lists of float32 (lists of bytes for other vectors)
              metadata      a column for each key whose values are all of one plain type
              _rest         string: a JSON object of everything else, with tagged values

A file appears under its name when it is complete.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, cast

import msgspec
import numpy as np

from rank_retrieve._extras import require
from rank_retrieve.errors import AlreadyExists, InvalidArgument
from rank_retrieve.interchange.tables import EXTRA, REST
from rank_retrieve.interchange.tagged import tag

Documents = Iterable[Mapping[str, Any]]
GROUP_ROWS = 8_192
_encode = msgspec.json.Encoder().encode


def write_documents(
    documents: Callable[[], Documents], path: str | os.PathLike[str], *, overwrite: bool = False
) -> int:
    """Write documents to a new file of the kind that its ending says; how many there were.

    documents: called for each pass over the same documents; Parquet takes two, to find the types
        of its columns first.
    path: ends in .jsonl, .jsonl.gz or .parquet.
    overwrite: replace a file of this name.
    Raises AlreadyExists, InvalidArgument for another ending, MissingExtra for Parquet without
    pyarrow.
    """
    target = Path(path)
    ending = next((e for e in WRITERS if target.name.lower().endswith(e)), None)
    if ending is None:
        raise InvalidArgument(
            "path", str(path), "has an ending of no kind that can be written",
            f"the endings are {', '.join(WRITERS)}",
        )  # fmt: skip
    if target.exists() and not overwrite:
        raise AlreadyExists("file", str(path), "pass overwrite=True to replace it")
    with _replacing(target) as partial:
        return WRITERS[ending](documents, partial)


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    partial = target.with_name(f"{target.name}.partial")
    try:
        yield partial
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _write_jsonl(documents: Callable[[], Documents], file: Path) -> int:
    with file.open("wb") as stream:
        return _write_lines(documents(), stream)


def _write_packed_jsonl(documents: Callable[[], Documents], file: Path) -> int:
    # no name and no time in the header: the same documents give the same bytes
    with file.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
        return _write_lines(documents(), cast("IO[bytes]", packed))


def _write_lines(documents: Documents, stream: IO[bytes]) -> int:
    n = 0
    for document in documents:
        line = {name: _listed(value) for name, value in document.items()}
        stream.write(_encode(tag(line)) + b"\n")
        n += 1
    return n


def _listed(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


# --------------------------------------------------------------------------- Parquet

_TYPES: dict[type, str] = {
    bool: "bool_", int: "int64", float: "float64", str: "string", bytes: "binary",
    datetime: "timestamp",
}  # fmt: skip


def _write_parquet(documents: Callable[[], Documents], file: Path) -> int:
    pa, pq = require("pyarrow", EXTRA), require("pyarrow.parquet", EXTRA)
    columns = _column_types(documents())
    schema = pa.schema(
        [("id", pa.string()), *((n, _arrow_type(t, pa)) for n, t in columns.items()),
         (REST, pa.string())]
    )  # fmt: skip
    written, rows = 0, list[dict[str, Any]]()
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for document in documents():
            rows.append(_row(document, columns))
            if len(rows) == GROUP_ROWS:
                writer.write_table(pa.Table.from_pylist(rows, schema))
                written, rows = written + len(rows), []
        writer.write_table(pa.Table.from_pylist(rows, schema))
    return written + len(rows)


def _column_types(documents: Documents) -> dict[str, str]:
    """The type of each column: of the keys whose values are all of one, in order of appearance."""
    found: dict[str, str | None] = {}
    for document in documents:
        for name, value in document.items():
            kind = _type_of(value)
            found[name] = kind if found.get(name, kind) == kind else None
    found.pop("id", None)
    # read_parquet takes these for the id and for what has no column
    return {n: kind for n, kind in found.items() if kind is not None and n not in ("_id", REST)}


def _type_of(value: Any) -> str | None:
    """None for what a column cannot give back: None itself, lists, dicts, mixtures."""
    if isinstance(value, np.ndarray):
        floating = value.dtype == np.float32 and value.ndim == 1
        return f"vector {len(value)}" if floating else None
    return _TYPES.get(type(value))


def _arrow_type(kind: str, pa: Any) -> Any:
    if kind.startswith("vector "):
        return pa.list_(pa.float32(), int(kind.removeprefix("vector ")))
    return pa.timestamp("us", tz="UTC") if kind == "timestamp" else getattr(pa, kind)()


def _row(document: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    row: dict[str, Any] = {"id": document["id"], REST: None}
    rest = {}
    for name, value in document.items():
        if name in columns:
            row[name] = value.astimezone(UTC) if isinstance(value, datetime) else value
        elif name != "id":
            rest[name] = _listed(value)
    if rest:
        row[REST] = _encode(tag(rest)).decode()
    return row


WRITERS: dict[str, Callable[[Callable[[], Documents], Path], int]] = {
    ".jsonl": _write_jsonl,
    ".jsonl.gz": _write_packed_jsonl,
    ".parquet": _write_parquet,
}
