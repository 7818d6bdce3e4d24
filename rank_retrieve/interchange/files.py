"""Files that hold documents: files of records, text to split, folders of both.

    .jsonl .ndjson           one document a line          (also .gz)
    .csv .tsv                one document a row           (also .gz)
    .parquet                 one document a row
    .txt .text .md .markdown passages of 100 to 200 words (also .gz)

Files are read as a stream. What cannot be a document is reported, with file, line and reason,
and reading goes on behind it; to stop, raise from the callback.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from rank_retrieve.errors import InvalidArgument, NotFound
from rank_retrieve.interchange.document import Located
from rank_retrieve.interchange.lines import BadRecord, OnError
from rank_retrieve.interchange.passages import read_markdown, read_text
from rank_retrieve.interchange.records import read_csv, read_jsonl
from rank_retrieve.interchange.tables import read_parquet

__all__ = ["READERS", "BadRecord", "Located", "read_located"]

Reader = Callable[[Path, str, str, OnError], Iterator[Located]]


def _of_records(
    reader: Callable[[Path, str, OnError], Iterator[Located]],
) -> Reader:
    return lambda file, name, relative, on_error: reader(file, name, on_error)


READERS: dict[str, Reader] = {
    ".jsonl": _of_records(read_jsonl),
    ".ndjson": _of_records(read_jsonl),
    ".csv": _of_records(read_csv),
    ".tsv": _of_records(read_csv),
    ".parquet": _of_records(read_parquet),
    ".txt": read_text,
    ".text": read_text,
    ".md": read_markdown,
    ".markdown": read_markdown,
}
NOT_PACKED = (".parquet",)


def read_located(path: str | os.PathLike[str], *, on_error: OnError) -> Iterator[Located]:
    """The documents of a file, or of all files below a folder that have a known ending.

    Files come in the order of their names, folders after the files beside them; hidden ones and
    links to folders are left out. In a folder in BEIR's layout only `corpus.jsonl` is read: the
    queries are not documents. Passages get the id `PATH#NUMBER`, with PATH relative to `path`.

    Raises NotFound, or InvalidArgument for a file of another kind or a folder without any
    file to read, at the first `next`.
    """
    root = Path(path)
    if root.is_file():
        reader = _reader_of(root.name)
        if reader is None:
            raise InvalidArgument(
                "path", str(path), "is a file of an unknown kind",
                f"the endings that can be read are {', '.join(READERS)}",
            )  # fmt: skip
        yield from reader(root, str(root), root.name, on_error)
        return
    if not root.exists():
        raise NotFound("file or folder", str(path))
    if not root.is_dir():
        raise InvalidArgument("path", str(path), "is neither a file nor a folder")
    count = 0
    for file in _files(root, on_error):
        reader = _reader_of(file.name)
        if reader is None:
            continue
        count += 1
        relative = file.relative_to(root).as_posix()
        name = str(file)
        if not _is_unicode(relative):
            shown = os.fsencode(name).decode("utf-8", "backslashreplace")
            on_error(BadRecord(shown, 0, "the name of the file is not UTF-8"))
            continue
        yield from reader(file, name, relative, on_error)
    if not count:
        raise InvalidArgument(
            "path", str(path), "holds no file that can be read",
            f"the endings that can be read are {', '.join(READERS)}",
        )  # fmt: skip


def _reader_of(name: str) -> Reader | None:
    ending = Path(name.lower()).suffix
    if ending == ".gz":
        ending = Path(name.lower().removesuffix(".gz")).suffix
        if ending in NOT_PACKED:
            return None
    return READERS.get(ending)


def _files(root: Path, on_error: OnError) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        on_error(BadRecord(str(error.filename), 0, f"cannot be listed: {error.strerror}"))

    for folder, folders, names in os.walk(root, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for corpus in ("corpus.jsonl", "corpus.jsonl.gz"):
            if corpus in names:
                folders.clear()
                names = [corpus]
        for name in sorted(names):
            file = Path(folder, name)
            if not name.startswith(".") and file.is_file():
                yield file


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # undecodable bytes of a file name become lone surrogates
        return False
    return True
