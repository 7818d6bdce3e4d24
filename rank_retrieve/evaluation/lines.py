"""Lines of text files with their numbers, and the error that names a bad one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from rank_retrieve.errors import InvalidArgument, NotFound

PathLike: TypeAlias = str | os.PathLike[str]

LINE_BYTES_LIMIT = 256 * 1024 * 1024


def bad_line(path: PathLike, number: int, line: str, reason: str) -> InvalidArgument:
    """The error for one line: `argument` is "FILE, line N", `value` the line itself."""
    return InvalidArgument(
        f"{os.fspath(path)}, line {number}", line, reason, "correct the line, or remove it"
    )


def numbered_lines(path: PathLike) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, without their ends, numbered from 1.

    Raises NotFound for a missing file, InvalidArgument for a line that is not UTF-8 or longer
    than 256 MiB. A byte order mark at the start is dropped.
    """
    if Path(path).is_dir():
        raise InvalidArgument("path", os.fspath(path), "is a folder, not a file")
    if not Path(path).exists():
        raise NotFound("file", os.fspath(path))
    with Path(path).open("rb") as file:
        number = 0
        while raw := file.readline(LINE_BYTES_LIMIT + 1):
            number += 1
            if len(raw) > LINE_BYTES_LIMIT:
                raise bad_line(path, number, repr(raw[:80]), "is longer than 256 MiB")
            if number == 1:
                raw = raw.removeprefix(b"\xef\xbb\xbf")
            try:
                line = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                raise bad_line(
                    path, number, repr(raw[:80]), f"is not UTF-8 at byte {error.start}"
                ) from None
            line = line.rstrip("\r\n")
            if line and not line.isspace():
                yield number, line


def checked_id(argument: str, value: str) -> str:
    """An id as a column of a TREC file: not empty, without white space."""
    if not value or value.split() != [value]:
        raise InvalidArgument(argument, value, "must be without white space, and not empty")
    return value
