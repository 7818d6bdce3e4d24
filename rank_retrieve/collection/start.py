"""`rr.open`: the way in."""

from __future__ import annotations

import os
from time import perf_counter
from typing import Literal

from rank_retrieve.collection.compaction import COMPACTIONS, CompactionMode
from rank_retrieve.collection.database import Database
from rank_retrieve.collection.engine import Engine
from rank_retrieve.collection.opening import open_path
from rank_retrieve.collection.writing import DURABILITIES, Durability
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.persistence import Directory

FLUSH_BYTES = 64 << 20
SYNC_INTERVAL_S = 0.2


def open(  # noqa: A001 - the public name is fixed
    path: str | os.PathLike[str] | Directory,
    mode: Literal["r", "w"] = "w",
    *,
    durability: Durability = "sync",
    flush_bytes: int = FLUSH_BYTES,
    sync_interval_s: float = SYNC_INTERVAL_S,
    compaction: CompactionMode = "background",
) -> Database:
    """Open the database in a directory, recovering it if its last writer crashed.

    path: a directory; ":memory:" for a database that lives as long as its handle; or any
        `rank_retrieve.persistence.Directory`.
    mode: "w" reads and writes, makes the directory if there is none, and locks out other
        writers; "r" reads, writes nothing at all, and needs no lock; `refresh()` then shows
        what a writer has done since.
    durability: when a write is acknowledged. "sync" and "group": when it survives power loss
        (concurrent writers share a sync). "async": when it survives a kill; it survives power
        loss `sync_interval_s` later. "none": at once; it is durable after flush, sync or close.
    flush_bytes: how much is kept in memory before it is moved to a segment file.
    compaction: "background" merges segments in a thread of the database as they become many or
        lose documents; "manual" merges when `compact()` is called only.

    Raises NotFound (mode "r", no index there), LockedError (another writer), InvalidArgument (a
    file, or a directory of other files), FormatVersionError, CorruptionError; in mode "w" also
    ResourceExhausted (no space to recover in) and PoisonedError (another error in writing there);
    StorageError where the system refuses to open or read the files.
    """
    if mode not in ("r", "w"):
        raise InvalidArgument("mode", mode, 'must be "r" or "w"')
    if durability not in DURABILITIES:
        raise InvalidArgument("durability", durability, f"must be one of {DURABILITIES}")
    if isinstance(flush_bytes, bool) or not isinstance(flush_bytes, int) or flush_bytes < 1:
        raise InvalidArgument("flush_bytes", flush_bytes, "must be a positive whole number")
    if not isinstance(sync_interval_s, int | float) or not 0 < sync_interval_s < 3600:
        raise InvalidArgument("sync_interval_s", sync_interval_s, "must be in 0..3600 seconds")
    if compaction not in COMPACTIONS:
        raise InvalidArgument("compaction", compaction, f"must be one of {COMPACTIONS}")
    start = perf_counter()
    engine = Engine(
        open_path(path, mode),
        durability=durability,
        flush_bytes=flush_bytes,
        sync_interval_s=sync_interval_s,
        compaction=compaction,
        owns_directory=not isinstance(path, Directory),
    )
    engine.opening_s = perf_counter() - start
    return Database(engine)
