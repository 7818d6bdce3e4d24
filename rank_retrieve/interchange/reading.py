"""Documents from whatever holds them, for `put_many`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.interchange.files import read_located
from rank_retrieve.interchange.lines import BadRecord, OnError
from rank_retrieve.interchange.tables import is_frame, read_frame


def read_documents(source: Any, *, on_error: OnError | None = None) -> Iterator[dict[str, Any]]:
    """The documents of a file, a folder or a frame, one at a time.

    source: the path of a JSONL, CSV, TSV, Parquet, text or Markdown file (see `files`), or of a
        folder of them, also in BEIR's layout; or a frame of pandas, polars or Arrow with a
        column `id`.
    on_error: called with a `BadRecord` (file, line, reason) for each record that is no
        document, which is passed over; by default the first one raises InvalidArgument.
    Raises NotFound, InvalidArgument for a source of another kind, MissingExtra for Parquet and
    frames without pyarrow.

    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "notes.jsonl"
    >>> _ = file.write_text('{"id": "a", "text": "A cat sat."}')
    >>> list(read_documents(file))
    [{'id': 'a', 'text': 'A cat sat.'}]
    """
    report = _refuse if on_error is None else on_error
    if isinstance(source, str | os.PathLike):
        located = read_located(Path(source), on_error=report)
    elif is_frame(source):
        located = read_frame(source, report)
    else:
        raise InvalidArgument(
            "source", type(source).__name__, "must be a path or a frame",
            "pass documents that are dicts to put_many as they are",
        )  # fmt: skip
    return (found.document for found in located)


def _refuse(bad: BadRecord) -> None:
    raise InvalidArgument(
        "source", bad.file, str(bad), "mend the record, or pass on_error= to go on without it"
    )
