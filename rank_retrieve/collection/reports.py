"""What `info()` says of a database and of its collections; called under the database's lock."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rank_retrieve.collection.store import CollectionStore
from rank_retrieve.errors import CorruptionError, NotFound
from rank_retrieve.persistence import manifest as manifests
from rank_retrieve.persistence.readers import ReaderInfo, list_readers

if TYPE_CHECKING:
    from rank_retrieve.collection.engine import Engine
    from rank_retrieve.persistence import Directory


def database_info(engine: Engine) -> dict[str, Any]:
    """Sizes and settings, as plain values."""
    state, compaction = engine.state, engine.compaction
    stopped = {}
    if compaction.problem is not None:
        stopped["compaction_stopped"] = str(compaction.problem)
    if state.poison is not None:
        stopped["writing_stopped"] = f"until it is reopened: {state.poison!r}"
    elif state.refusal is not None:
        stopped["writing_stopped"] = f"until resume(): {state.refusal}"
    return {
        "path": state.path,
        "mode": state.mode,
        "durability": engine.durability,
        "compaction": compaction.mode,
        **stopped,
        "format_version": state.manifest.format_version,
        "generation": state.manifest.generation,
        "bytes": size_on_disk(state.directory),
        "readers": [reader_info(reader) for reader in readers_of(engine)],
        "collections": {name: collection_info(store) for name, store in state.stores.items()},
    }


def readers_of(engine: Engine) -> list[ReaderInfo]:
    """The reading handles on this machine; see `Database.readers`."""
    newest = engine.state.manifest
    if engine.follower is not None:  # which may be left behind itself
        newest = manifests.load(engine.state.directory)
    return list_readers(engine.state.directory, newest.generation)


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
