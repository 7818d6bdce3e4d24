"""How do the parts become one engine? Databases, collections, snapshots, and every write.

open              a path -> a database, created or recovered
Database          one directory, one log, one manifest
Collection        documents under one schema
WriteBatch        puts and deletes that are committed together
Snapshot          a collection as it stood at one moment
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rank_retrieve.collection.batch import WriteBatch
    from rank_retrieve.collection.collection import Collection
    from rank_retrieve.collection.database import Database
    from rank_retrieve.collection.snapshot import Snapshot
    from rank_retrieve.collection.start import open

__all__ = ["Collection", "Database", "Snapshot", "WriteBatch", "open"]

_MODULES = {
    "Collection": "collection",
    "Database": "database",
    "Snapshot": "snapshot",
    "WriteBatch": "batch",
    "open": "start",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
