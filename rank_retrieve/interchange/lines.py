"""Lines of files that may be hostile or damaged, and the record of what was wrong with them."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple, TypeAlias, cast

MAX_LINE_BYTES = 64 << 20
_SKIP_BYTES = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class BadRecord:
    """A record that cannot be a document.

    file: path as the user gave it, with the rest of the way to the file.
    line: from 1; for Parquet the row; 0 for the file as a whole.
    reason: a phrase without a full stop.
    """

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return (
            f"{self.file}:{self.line}: {self.reason}"
            if self.line
            else f"{self.file}: {self.reason}"
        )


OnError: TypeAlias = Callable[[BadRecord], None]


class Line(NamedTuple):
    """A line without its end. error: why it cannot be used; `text` is then what could be read."""

    number: int
    text: str
    error: str | None = None


def open_binary(file: Path) -> IO[bytes]:
    """The file's bytes, unpacked when its name ends in .gz."""
    if file.suffix.lower() == ".gz":
        return cast("IO[bytes]", gzip.open(file, "rb"))
    return file.open("rb")


def read_lines(file: Path, *, limit: int = MAX_LINE_BYTES) -> Iterator[Line]:
    """The lines of a UTF-8 file, never more than `limit` bytes in memory at once.

    A line that is too long or not UTF-8 comes with an error; so does, as the last one, what
    stopped the reading: an I/O error or damaged gzip data. The byte order mark is dropped.
    """
    number = 0
    try:
        with open_binary(file) as stream:
            while raw := stream.readline(limit + 1):
                number += 1
                if number == 1:
                    raw = raw.removeprefix(_BYTE_ORDER_MARK)
                if len(raw) > limit and not raw.endswith(b"\n"):
                    _skip_line(stream)
                    yield Line(number, "", f"the line is longer than {limit:,} bytes")
                    continue
                yield _decoded(number, raw)
    except (OSError, EOFError, zlib.error) as error:
        yield Line(number, "", f"cannot be read further: {_reason(error)}")


def _decoded(number: int, raw: bytes) -> Line:
    raw = raw.removesuffix(b"\n").removesuffix(b"\r")
    try:
        return Line(number, raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        byte = raw[error.start]
        reason = f"not UTF-8: byte 0x{byte:02x} at offset {error.start} of the line"
        # a quote on this line may still close a CSV cell that began above it
        return Line(number, raw.decode("utf-8", "replace"), reason)


def _skip_line(stream: IO[bytes]) -> None:
    while (rest := stream.readline(_SKIP_BYTES)) and not rest.endswith(b"\n"):
        pass


def _reason(error: Exception) -> str:
    if isinstance(error, gzip.BadGzipFile | EOFError | zlib.error):
        return f"damaged gzip data ({error})"
    return getattr(error, "strerror", None) or str(error)
