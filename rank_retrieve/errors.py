"""The errors of rank-retrieve: one tree, each with its facts and a remedy.

    RankRetrieveError
    ├── NotFound            (KeyError)      a collection, document or file that is not there
    ├── AlreadyExists                       a collection or file that is there already
    ├── InvalidArgument     (ValueError)    a value the call cannot accept
    │   ├── DimensionMismatch               a vector of the wrong length
    │   └── QuerySyntaxError                a query string that cannot be read
    ├── CorruptionError                     stored bytes contradict the format
    ├── FormatVersionError                  written by a newer version, or not ours at all
    ├── LockedError                         another handle is writing
    ├── ReadOnlyError                       a write through a reading handle
    ├── NotCommitted                        the write did not happen; it may be tried again
    ├── OutcomeUnknown                      the write may or may not have happened; reopen to see
    ├── PoisonedError                       an earlier I/O error closed this handle for writing
    ├── ForkedHandleError                   a handle used in a forked child
    ├── ResourceExhausted                   the disk is full, or a stated limit was reached
    ├── StorageError                        the system refused to open or read the database's files
    ├── DeadlineExceeded    (TimeoutError)  a search took longer than it was allowed to
    ├── EncodingFailed                      a model or its service gave no vectors for texts
    └── MissingExtra        (ImportError)   a feature's optional dependency is not installed

Every error keeps its constructor arguments in `args`, so it survives pickling between processes.
"""

from __future__ import annotations

from typing import Any


class RankRetrieveError(Exception):
    """Root of every error that rank-retrieve raises on purpose."""


class NotFound(RankRetrieveError, KeyError):  # noqa: N818 - the public names are fixed
    """Something was asked for by name and is not there."""

    def __init__(self, kind: str, name: str, remedy: str = "") -> None:
        name = _shortened(name)
        super().__init__(kind, name, remedy)
        self.kind, self.name, self.remedy = kind, name, remedy

    def __str__(self) -> str:
        return _sentence(f"no {self.kind} named {_printable(self.name)}", self.remedy)


class AlreadyExists(RankRetrieveError):  # noqa: N818
    """Something was to be created under a name that is taken."""

    def __init__(self, kind: str, name: str, remedy: str = "") -> None:
        super().__init__(kind, name, remedy)
        self.kind, self.name, self.remedy = kind, name, remedy

    def __str__(self) -> str:
        return _sentence(f"{self.kind} {self.name!r} exists already", self.remedy)


class InvalidArgument(RankRetrieveError, ValueError):  # noqa: N818
    """A value that the call cannot accept; nothing was changed."""

    def __init__(self, argument: str, value: Any, reason: str, remedy: str = "") -> None:
        plain = isinstance(value, str | float | bool | type(None)) or _is_small_int(value)
        shown = _shortened(value if plain else _repr(value))
        super().__init__(argument, shown, reason, remedy)
        self.argument, self.value, self.reason, self.remedy = argument, shown, reason, remedy

    def __str__(self) -> str:
        fact = f"{self.argument}: {self.reason} (got {_printable(self.value)})"
        return _sentence(fact, self.remedy)


class DimensionMismatch(InvalidArgument):
    """A vector whose length is not the field's dimension."""

    def __init__(self, field: str, expected: int, got: int) -> None:
        RankRetrieveError.__init__(self, field, expected, got)
        self.argument, self.value = field, got
        self.field, self.expected, self.got = field, expected, got
        self.reason = f"expected {expected} dimensions"
        self.remedy = "encode documents and queries with the model that the field was made for"

    def __str__(self) -> str:
        return _sentence(
            f"{self.field}: expected a vector of {self.expected} dimensions, got {self.got}",
            self.remedy,
        )


class QuerySyntaxError(InvalidArgument):
    """A query string that cannot be read.

    query: the whole string. position: of the character at fault, from 0; the length of the
    string for its end.
    """

    def __init__(self, query: str, position: int, problem: str, remedy: str = "") -> None:
        RankRetrieveError.__init__(self, query, position, problem, remedy)
        self.argument, self.value, self.reason, self.remedy = "query", query, problem, remedy
        self.query, self.position = query, position

    def __str__(self) -> str:
        before = max(0, self.position - 60)
        shown = self.query[before : self.position + 20]
        # one character of output for each of input, so that the caret stands below its own
        line = "".join(each if each.isprintable() else " " for each in shown)
        fact = f"query: {self.reason} at character {self.position}"
        pointer = " " * (self.position - before)
        return f"{_sentence(fact, self.remedy)}\n    {line}\n    {pointer}^"


class CorruptionError(RankRetrieveError):
    """Stored bytes contradict the format."""

    def __init__(self, file: str, offset: int, expected: str, got: str) -> None:
        super().__init__(file, offset, expected, got)
        self.file, self.offset, self.expected, self.got = file, offset, expected, got

    def __str__(self) -> str:
        return (
            f"{self.file} at byte {self.offset}: expected {self.expected}, got {self.got}. "
            "Restore from a checkpoint, or salvage with `rank-retrieve repair`."
        )


class FormatVersionError(RankRetrieveError):
    """The bytes are not ours, or were written by a version that this one does not know."""

    def __init__(self, file: str, found: str, supported: str) -> None:
        super().__init__(file, found, supported)
        self.file, self.found, self.supported = file, found, supported

    def __str__(self) -> str:
        return (
            f"{self.file} has format {self.found}; this version reads {self.supported}. "
            "Nothing was changed. Open it with the version of rank-retrieve that wrote it."
        )


class LockedError(RankRetrieveError):
    """Another handle holds the writer lock."""

    def __init__(self, path: str, holder: str) -> None:
        super().__init__(path, holder)
        self.path, self.holder = path, holder

    def __str__(self) -> str:
        return (
            f"{self.path} is being written by {self.holder}. "
            'Close that handle first, or open this one with mode="r".'
        )


class ReadOnlyError(RankRetrieveError):
    """A write was asked of a handle that only reads."""

    def __init__(self, operation: str, reason: str = 'the handle was opened with mode="r"') -> None:
        super().__init__(operation, reason)
        self.operation, self.reason = operation, reason

    def __str__(self) -> str:
        return f"cannot {self.operation}: {self.reason}."


class NotCommitted(RankRetrieveError):  # noqa: N818
    """The write did not happen and left no trace; it may be tried again."""

    def __init__(self, operation: str, reason: str) -> None:
        super().__init__(operation, reason)
        self.operation, self.reason = operation, reason

    def __str__(self) -> str:
        return f"{self.operation} was not committed: {self.reason}."


class OutcomeUnknown(RankRetrieveError):  # noqa: N818
    """The write was interrupted where its outcome cannot be known without reopening."""

    def __init__(self, operation: str, reason: str) -> None:
        super().__init__(operation, reason)
        self.operation, self.reason = operation, reason

    def __str__(self) -> str:
        return (
            f"{self.operation} may or may not be committed: {self.reason}. "
            "Close and reopen: recovery decides, and `get` then tells."
        )


class PoisonedError(RankRetrieveError):
    """An earlier I/O error closed this handle for writing; fsync is never retried."""

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(path, cause)
        self.path, self.cause = path, cause

    def __str__(self) -> str:
        return (
            f"the handle of {self.path} stopped writing after: {self.cause}. "
            "Close and reopen it: recovery keeps every acknowledged write."
        )


class ForkedHandleError(RankRetrieveError):
    """A handle opened before a fork was used in the child."""

    def __init__(self, path: str, owner_pid: int) -> None:
        super().__init__(path, owner_pid)
        self.path, self.owner_pid = path, owner_pid

    def __str__(self) -> str:
        return (
            f"the handle of {self.path} belongs to process {self.owner_pid}. "
            "Open the index anew in the child."
        )


class ResourceExhausted(RankRetrieveError):  # noqa: N818
    """The disk is full or a stated limit was reached; nothing acknowledged is lost."""

    def __init__(self, resource: str, reason: str, remedy: str = "") -> None:
        super().__init__(resource, reason, remedy)
        self.resource, self.reason, self.remedy = resource, reason, remedy

    def __str__(self) -> str:
        return _sentence(f"{self.resource}: {self.reason}", self.remedy)


class StorageError(RankRetrieveError):
    """The system refused to open or read a database's files; nothing was changed.

    errno: of the OSError, which is the cause.
    """

    def __init__(self, path: str, file: str, reason: str, errno: int | None = None) -> None:
        super().__init__(path, file, reason, errno)
        self.path, self.file, self.reason, self.errno = path, file, reason, errno

    def __str__(self) -> str:
        where = f"{self.path}, file {self.file}" if self.file else self.path
        return _sentence(
            f"{where}: {self.reason}",
            "see to permissions, limits and the device, then open the database again",
        )


class DeadlineExceeded(RankRetrieveError, TimeoutError):  # noqa: N818
    """A search took longer than it was allowed to; nothing was changed."""

    def __init__(self, operation: str, timeout_s: float) -> None:
        super().__init__(operation, timeout_s)
        self.operation, self.timeout_s = operation, timeout_s

    def __str__(self) -> str:
        return (
            f"{self.operation} took longer than {self.timeout_s:g} s. "
            "Make it more selective, or allow it more time with timeout_s=..."
        )


class EncodingFailed(RankRetrieveError):  # noqa: N818
    """A model, or the service that runs it, gave no vectors for the texts; nothing was stored."""

    def __init__(self, encoder: str, reason: str, remedy: str = "") -> None:
        super().__init__(encoder, reason, remedy)
        self.encoder, self.reason, self.remedy = encoder, reason, remedy

    def __str__(self) -> str:
        return _sentence(f"{self.encoder}: {self.reason}", self.remedy)


class MissingExtra(RankRetrieveError, ImportError):  # noqa: N818
    """A feature was used whose optional dependency is not installed."""

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(module, extra)
        self.module, self.extra = module, extra

    def __str__(self) -> str:
        return (
            f"the module {self.module} is not installed. "
            f"Run: pip install 'rank-retrieve[{self.extra}]'."
        )


def _sentence(fact: str, remedy: str) -> str:
    return f"{fact}. {remedy[0].upper()}{remedy[1:]}." if remedy else f"{fact}."


def _is_small_int(value: object) -> bool:
    return isinstance(value, int) and -(2**64) < value < 2**64


def _repr(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - the error to tell is the one being made
        return f"<{type(value).__name__} whose repr raises {type(error).__name__}>"


def _shortened(value: Any) -> Any:
    if isinstance(value, str) and len(value) > 200:
        return value[:200] + f"... ({len(value)} characters)"
    return value


def _printable(value: object) -> str:
    """The repr, with lone surrogates spelt out: they would make the message itself unprintable."""
    return repr(value).encode("utf-8", "backslashreplace").decode("utf-8")
