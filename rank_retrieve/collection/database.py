"""A database: one directory, one write-ahead log, one manifest, any number of collections.

    write   check and encode -> WAL append -> memtable -> sync -> acknowledged
    search  seal the memtable if anything was written -> snapshot -> no lock from here on
    flush   memtable -> segment file -> manifest -> WAL truncated

One lock guards the state; it is held while a batch is appended to the log and applied, but not
while it is synced, so that concurrent writers share a sync, nor while anything is searched.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from types import TracebackType
from typing import Any, Literal

import msgspec

from rank_retrieve.collection.batch import Change, encode_changes
from rank_retrieve.collection.collection import Collection
from rank_retrieve.collection.encoders import (
    TrainableEncoder,
    is_fitted,
    settings_of,
    write_encoder,
)
from rank_retrieve.collection.entry import to_entry
from rank_retrieve.collection.flush import FileNumbers, FlushedStore
from rank_retrieve.collection.opening import Opened
from rank_retrieve.collection.schema import Schema, check_collection_name
from rank_retrieve.collection.store import CollectionStore
from rank_retrieve.collection.syncer import IntervalSync
from rank_retrieve.collection.verify import VerifyReport, verify_segment
from rank_retrieve.errors import (
    AlreadyExists,
    CorruptionError,
    ForkedHandleError,
    InvalidArgument,
    NotCommitted,
    NotFound,
    OutcomeUnknown,
    PoisonedError,
    RankRetrieveError,
    ReadOnlyError,
    ResourceExhausted,
)
from rank_retrieve.persistence import FileInfo, SegmentReader
from rank_retrieve.persistence import manifest as manifests
from rank_retrieve.persistence.files import encoder_name
from rank_retrieve.persistence.manifest import CollectionEntry, Manifest
from rank_retrieve.persistence.wal import FrameType
from rank_retrieve.types import Encoder, Field

Durability = Literal["sync", "group", "async", "none"]
DURABILITIES: tuple[Durability, ...] = ("sync", "group", "async", "none")

FULL = (errno.ENOSPC, errno.EDQUOT)


class Database:
    """Made by `rr.open`. Close it, or use it in a `with` block.

    report: what recovery found when the database was opened.
    """

    def __init__(
        self, opened: Opened, *, durability: Durability, flush_bytes: int, sync_interval_s: float
    ) -> None:
        self._directory = opened.directory
        self._manifest: Manifest = opened.manifest
        self._stores = {store.entry.name: store for store in opened.stores}
        self._wal, self._writer_lock = opened.wal, opened.lock
        # a number is spent even when the file it named came to nothing
        self._numbers = FileNumbers(opened.manifest.next_file_number)
        self.report = opened.report
        self.durability: Durability = durability
        self._flush_bytes = flush_bytes
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._closed = False
        self._full = False
        self._poison: BaseException | None = None
        self._syncer: IntervalSync | None = None
        if self._wal is not None and durability == "async":
            self._syncer = IntervalSync(self._sync_now, sync_interval_s)

    # ------------------------------------------------------------------ handle

    @property
    def path(self) -> str:
        """Where the database is."""
        return self._directory.path

    @property
    def mode(self) -> Literal["r", "w"]:
        """How it was opened."""
        return "r" if self._wal is None else "w"

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def _check_open(self) -> None:
        if os.getpid() != self._pid:
            raise ForkedHandleError(self.path, self._pid)
        if self._closed:
            raise InvalidArgument("database", self.path, "is closed", "open it again")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._check_open()
        with self._lock:
            self._check_open()
            yield

    @contextmanager
    def _locked_for(self, operation: str) -> Iterator[None]:
        """The lock, for a change; raises where changes are not possible."""
        with self._locked():
            if self._wal is None:
                raise ReadOnlyError(operation)
            if self._poison is not None:
                raise PoisonedError(self.path, repr(self._poison)) from self._poison
            if self._full:
                raise ReadOnlyError(operation, "the disk was full; free space, then call resume()")
            yield

    def _stop_writing(self, error: BaseException) -> None:
        if self._poison is None:
            self._poison = error

    # ------------------------------------------------------------------ collections

    def create_collection(
        self,
        name: str,
        fields: Mapping[str, Field] | None = None,
        *,
        encoder: Encoder | None = None,
    ) -> Collection:
        """Make an empty collection; durable when this returns.

        fields: declared fields by name, `rr.Text` or `rr.Vector`.
        encoder: turns text into vectors for documents and queries, for the one declared vector
            field; where none is declared, a cosine field "vector" is added.

        Raises AlreadyExists, InvalidArgument, DimensionMismatch.
        """
        check_collection_name(name)
        schema, settings = Schema(fields if fields is not None else {}), None
        if encoder is not None:
            schema, settings = settings_of(schema, encoder)
        stored = to_entry(schema, settings)
        with self._locked_for("create a collection"):
            if name in self._stores:
                raise AlreadyExists("collection", name, "get it with get_collection")
            assert self._wal is not None
            number = self._manifest.next_collection_id
            entry = CollectionEntry(number, name, stored)
            store = CollectionStore(entry, schema)
            store.attach_settings(settings)
            file = None
            if encoder is not None and is_fitted(encoder):
                store.encoder = encoder
                if isinstance(encoder, TrainableEncoder):
                    file = self._write_encoder(encoder)
            store.entry = msgspec.structs.replace(entry, encoder=file)
            self._publish(
                collections=[*self._manifest.collections, store.entry],
                next_collection_id=number + 1,
            )
            self._stores[name] = store
            return Collection(self, store)

    def get_collection(self, name: str, *, encoder: Encoder | None = None) -> Collection:
        """A collection by name.

        encoder: needed again where the collection was made with one that cannot be stored (a
            plain function); its fingerprint must be the same.
        Raises NotFound, InvalidArgument.
        """
        with self._locked():
            store = self._store(name)
            if encoder is not None:
                self._attach_encoder(store, encoder)
            return Collection(self, store)

    def list_collections(self) -> list[str]:
        """The names of all collections, sorted."""
        with self._locked():
            return sorted(self._stores)

    def drop_collection(self, name: str) -> None:
        """Delete a collection with everything in it. Raises NotFound."""
        with self._locked_for("drop a collection"):
            store = self._store(name)
            entries = [e for e in self._manifest.collections if e.id != store.entry.id]
            self._publish(collections=entries)
            del self._stores[name]
            store.dropped = True

    def __contains__(self, name: object) -> bool:
        with self._locked():
            return name in self._stores

    def _store(self, name: str) -> CollectionStore:
        if name not in self._stores:
            known = ", ".join(sorted(self._stores)) or "none yet"
            raise NotFound("collection", str(name), f"the collections are: {known}")
        return self._stores[name]

    # ------------------------------------------------------------------ encoders

    def _attach_encoder(self, store: CollectionStore, encoder: Encoder) -> None:
        if store.settings is None:
            raise InvalidArgument("encoder", store.entry.name, "was made without an encoder")
        store.settings.check(encoder)
        store.encoder, store.view = encoder, None

    def _fit_encoder(
        self,
        store: CollectionStore,
        texts: Sequence[str],
        progress: Callable[[str, int, int], None] | None,
    ) -> None:
        encoder = store.unfitted
        if encoder is None:
            raise InvalidArgument("encoder", store.entry.name, "has no encoder to train")
        if not texts:
            raise InvalidArgument("encoder", 0, "there are no documents to train on")
        encoder.fit(texts, progress=None if progress is None else partial(progress, "fit"))
        with self._locked_for("fit an encoder"):
            file = self._write_encoder(encoder)
            entry: CollectionEntry = msgspec.structs.replace(store.entry, encoder=file)
            self._publish(collections=self._entries_with({entry.id: entry}))
            store.entry, store.encoder, store.view = entry, encoder, None

    def _write_encoder(self, encoder: TrainableEncoder) -> FileInfo:
        with self._storing("store the encoder"):
            return write_encoder(self._directory, self._numbers.take(encoder_name), encoder)

    def _entries_with(self, changed: Mapping[int, CollectionEntry]) -> list[CollectionEntry]:
        return [changed.get(entry.id, entry) for entry in self._manifest.collections]

    # ------------------------------------------------------------------ writing

    def _commit(self, store: CollectionStore, changes: Mapping[str, Change]) -> int:
        """Log, apply and sync a batch; how many ids were there before."""
        body = encode_changes(store.entry.id, changes)
        with self._locked_for("write"):
            if store.dropped:
                raise NotFound("collection", store.entry.name, "it was dropped")
            assert self._wal is not None
            wal = self._wal
            try:
                lsn = wal.append(FrameType.BATCH, body)
                replaced = store.apply(changes)
            except InvalidArgument:
                raise  # refused before anything was written
            except OSError as error:
                if error.errno in FULL:
                    self._full = True
                    raise NotCommitted("the batch", f"the disk is full ({error})") from error
                self._stop_writing(error)
                raise NotCommitted("the batch", str(error)) from error
            except PoisonedError as error:
                self._stop_writing(error)
                raise
            except BaseException as error:
                # interrupted somewhere between the first byte and the memtable
                self._stop_writing(error)
                raise
            full_memtable = sum(s.memtable.nbytes for s in self._stores.values())
        if self.durability in ("sync", "group"):
            self._sync_to(lsn)
        if full_memtable >= self._flush_bytes:
            self.flush()
        return replaced

    def _sync_to(self, lsn: int) -> None:
        assert self._wal is not None
        try:
            self._wal.sync(lsn)
        except BaseException as error:
            self._stop_writing(error)
            if isinstance(error, OSError | PoisonedError):
                raise OutcomeUnknown("the batch", f"its sync failed ({error})") from error
            raise

    def _sync_now(self) -> None:
        if self._wal is not None and self._poison is None:
            self._sync_to(self._wal.last_lsn)

    def sync(self) -> None:
        """Make every acknowledged write durable. Raises OutcomeUnknown when that fails."""
        with self._locked_for("sync"):
            pass
        self._sync_now()

    def resume(self) -> None:
        """Accept writes again after the disk was full, once there is space."""
        with self._locked():
            if self._wal is None:
                raise ReadOnlyError("resume")
            if self._poison is not None:
                raise PoisonedError(self.path, repr(self._poison)) from self._poison
            if self._full:
                try:
                    self._wal.resume()
                except OSError as error:
                    self._stop_writing(error)
                    raise PoisonedError(self.path, repr(error)) from error
                self._full = False

    @contextmanager
    def _storing(self, operation: str) -> Iterator[None]:
        """Errors while writing new files, before anything refers to them."""
        try:
            yield
        except OSError as error:
            if error.errno in FULL:
                raise ResourceExhausted(
                    "disk",
                    f"no space to {operation} ({error})",
                    "free space and try again; nothing acknowledged is lost",
                ) from error
            self._stop_writing(error)
            raise PoisonedError(self.path, repr(error)) from error

    def _publish(self, **changes: Any) -> None:
        """Replace the manifest, then delete the files that it no longer names."""
        before = self._manifest
        assert self._wal is not None
        # a manifest must not outlive what was committed before it, or there would be holes
        self._sync_to(self._wal.last_lsn)
        after: Manifest = msgspec.structs.replace(
            before,
            generation=before.generation + 1,
            next_file_number=self._numbers.next,
            **changes,
        )
        try:
            manifests.publish(self._directory, after)
        except OSError as error:
            self._stop_writing(error)
            raise PoisonedError(self.path, repr(error)) from error
        except RankRetrieveError:
            raise
        except BaseException as error:
            self._stop_writing(error)
            raise
        self._manifest = after
        kept = {file.name for file in after.files()}
        for file in before.files():
            if file.name not in kept:
                # a file that stays behind is an orphan, which the next recovery removes
                with suppress(OSError, NotFound):
                    self._directory.delete(file.name)

    # ------------------------------------------------------------------ flush

    def flush(self) -> None:
        """Move every memtable to a segment file, publish them and truncate the log."""
        self._flush(list(self._stores.values()))

    def _flush(self, stores: Sequence[CollectionStore]) -> None:
        with self._locked_for("flush"):
            assert self._wal is not None
            chosen = [store for store in stores if store.dirty and not store.dropped]
            if not chosen:
                return
            lsn = self._wal.last_lsn
            with self._storing("flush"):
                parts = [FlushedStore(s, self._directory, self._numbers, lsn) for s in chosen]
                wal_number = self._manifest.wal_number
                if not any(s.dirty for s in self._stores.values() if s not in chosen):
                    self._wal.rotate()
                    wal_number = self._wal.numbers[-1]
            self._publish(
                collections=self._entries_with({p.entry.id: p.entry for p in parts}),
                wal_number=wal_number,
            )
            for part in parts:
                part.store.flushed(part.entry, part.disk)
            with suppress(OSError):
                self._wal.delete_before(wal_number)

    # ------------------------------------------------------------------ reports

    def info(self) -> dict[str, Any]:
        """Sizes and settings, as plain values."""
        with self._locked():
            return {
                "path": self.path,
                "mode": self.mode,
                "durability": self.durability,
                "format_version": self._manifest.format_version,
                "generation": self._manifest.generation,
                "bytes": self._size_on_disk(),
                "collections": {
                    name: self._collection_info(store) for name, store in self._stores.items()
                },
            }

    def _size_on_disk(self) -> int:
        total = 0
        for name in self._directory.list():
            with suppress(NotFound):
                total += self._directory.size(name)
        return total

    def _collection_info(self, store: CollectionStore) -> dict[str, Any]:
        with self._locked():
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

    def verify(self) -> VerifyReport:
        """Read every byte of every file and compare it with its checksums and its neighbours."""
        return self._verify(list(self._stores.values()))

    def _verify(self, stores: Sequence[CollectionStore]) -> VerifyReport:
        report = VerifyReport()
        with self._locked():
            parts = [part for store in stores for part in store.visible()]
            files = [f for store in stores for f in _files_of(store.entry)]
        for file in files:
            report.count("files")
            try:
                SegmentReader.open(self._directory, file.name, kind=None, expected=file).verify()
            except (CorruptionError, NotFound) as error:
                report.problems.append(str(error))
        for part in parts:
            verify_segment(part, report)
        return report

    # ------------------------------------------------------------------ end

    def close(self) -> None:
        """Flush, let go of the lock, and refuse further use. Closing twice is fine.

        The lock is released whatever happens; what a failed flush could not write is still in
        the log, from which the next opening recovers it.
        """
        if os.getpid() != self._pid or self._closed:
            return
        if self._syncer is not None:
            self._syncer.stop()
        with self._lock:
            try:
                if self._wal is not None and self._poison is None and not self._full:
                    self.flush()
                    self._wal.close()
            finally:
                self._closed = True
                if self._wal is not None:
                    with suppress(OSError):
                        self._wal.close()
                if self._writer_lock is not None:
                    self._writer_lock.release()

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Database({self.path!r}, mode={self.mode!r})"


def _files_of(entry: CollectionEntry) -> list[manifests.FileEntry]:
    files = [segment.file for segment in entry.segments]
    files += [segment.deletions for segment in entry.segments if segment.deletions is not None]
    return files if entry.encoder is None else [*files, entry.encoder]
