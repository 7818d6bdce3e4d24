"""What `info()` says of a database and of its collections; called under the database's lock."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rank_retrieve.collection.store import CollectionStore
from rank_retrieve.errors import CorruptionError, NotFound

if TYPE_CHECKING:
    from rank_retrieve.collection.database import Database
    from rank_retrieve.persistence import Directory
    from rank_retrieve.persistence.readers import ReaderInfo


def database_info(database: Database) -> dict[str, Any]:
    """Sizes and settings, as plain values."""
    manifest, compaction = database._manifest, database._compaction
    stopped = {}
    if compaction.problem is not None:
        stopped["compaction_stopped"] = str(compaction.problem)
    if database._poison is not None:
        stopped["writing_stopped"] = f"until it is reopened: {database._poison!r}"
    elif database._refusal is not None:
        stopped["writing_stopped"] = f"until resume(): {database._refusal}"
    return {
        "path": database.path,
        "mode": database.mode,
        "durability": database.durability,
        "compaction": compaction.mode,
        **stopped,
        "format_version": manifest.format_version,
        "generation": manifest.generation,
        "bytes": size_on_disk(database._directory),
        "readers": [reader_info(reader) for reader in database.readers()],
        "collections": {name: collection_info(store) for name, store in database._stores.items()},
    }


def reader_info(reader: ReaderInfo) -> dict[str, Any]:
    """One reading handle, as plain values."""
    return {
        "pid": reader.pid,
        "generation": reader.generation,
        "behind": reader.behind,
        "idle_s": round(reader.idle_s, 1),
    }


def size_on_disk(directory: Directory) -> int:
    """Bytes of all files, those set aside and those that are about to go included.

    Raises CorruptionError where the folder cannot be read.
    """
    total = 0
    try:
        for name in directory.list():
            with suppress(NotFound):
                total += directory.size(name)
    except OSError as error:
        raise CorruptionError(directory.path, 0, "a folder that can be read", str(error)) from error
    return total


def collection_info(store: CollectionStore) -> dict[str, Any]:
    """Sizes and settings of one collection, as plain values."""
    settings = store.settings
    return {
        "name": store.entry.name,
        "documents": len(store),
        "segments": len(store.disk),
        "segment_bytes": sum(part.entry.size for part in store.disk),
        "deleted": sum(p.visible.segment.n_docs - p.n_live for p in store.disk),
        "memtable_documents": len(store.memtable),
        "memtable_bytes": store.memtable.nbytes,
        "fields": store.schema.to_dict(),
        "encoder": None
        if settings is None
        else {
            "kind": settings.kind,
            "field": settings.field,
            "fitted": store.encoder is not None,
        },
    }
