"""How do the parts become one engine? Databases, collections, snapshots, and every write.

open              a path -> a database, created or recovered
Database          one directory, one log, one manifest
Collection        documents under one schema
WriteBatch        puts and deletes that are committed together
Snapshot          a collection as it stood at one moment
backup, restore   a database -> one file -> a database
diagnose, repair  what is wrong with one, and what can be saved
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rank_retrieve._lazy import lazy_exports

if TYPE_CHECKING:
    from rank_retrieve.collection.backups import backup, restore
    from rank_retrieve.collection.batch import WriteBatch
    from rank_retrieve.collection.collection import Collection
    from rank_retrieve.collection.database import Database
    from rank_retrieve.collection.doctor import diagnose
    from rank_retrieve.collection.repairs import repair
    from rank_retrieve.collection.snapshot import Snapshot
    from rank_retrieve.collection.start import open

__all__ = [
    "Collection",
    "Database",
    "Snapshot",
    "WriteBatch",
    "backup",
    "diagnose",
    "open",
    "repair",
    "restore",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "backups": ("backup", "restore"),
        "batch": ("WriteBatch",),
        "collection": ("Collection",),
        "database": ("Database",),
        "doctor": ("diagnose",),
        "repairs": ("repair",),
        "snapshot": ("Snapshot",),
        "start": ("open",),
    },
)
