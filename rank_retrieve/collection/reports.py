"""What `info()` says of a database and of its collections; called under the database's lock."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rank_retrieve.collection.store import CollectionStore
from rank_retrieve.errors import NotFound

if TYPE_CHECKING:
    from rank_retrieve.collection.database import Database
    from rank_retrieve.persistence import Directory


def database_info(database: Database) -> dict[str, Any]:
    """Sizes and settings, as plain values."""
    manifest, compaction = database._manifest, database._compaction
    stopped = {} if compaction.problem is None else {"compaction_stopped": str(compaction.problem)}
    return {
        "path": database.path,
        "mode": database.mode,
        "durability": database.durability,
        "compaction": compaction.mode,
        **stopped,
        "format_version": manifest.format_version,
        "generation": manifest.generation,
        "bytes": size_on_disk(database._directory),
        "collections": {name: collection_info(store) for name, store in database._stores.items()},
    }


def size_on_disk(directory: Directory) -> int:
    """Bytes of all files, those set aside and those that are about to go included."""
    total = 0
    for name in directory.list():
        with suppress(NotFound):
            total += directory.size(name)
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
