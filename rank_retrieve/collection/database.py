"""A database: one directory, one write-ahead log, one manifest, any number of collections.

    write   check and encode -> WAL append -> memtable -> sync -> acknowledged
    search  seal the memtable if anything was written -> snapshot -> no lock from here on
    flush   memtable -> segment file -> manifest -> WAL truncated
    compact several segments -> one segment file -> manifest

One lock guards the state; it is held while a batch is appended to the log and applied, but not
while it is synced, so that concurrent writers share a sync, nor while anything is searched.
"""

from __future__ import annotations

import errno
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from rank_retrieve.collection.batch import Change, encode_changes
from rank_retrieve.collection.collection import Collection
from rank_retrieve.collection.compaction import Compaction, CompactionMode, Progress
from rank_retrieve.collection.encoders import (
    TrainableEncoder,
    is_fitted,
    settings_of,
    unfitted_encoder,
    write_encoder,
)
from rank_retrieve.collection.entry import to_entry
from rank_retrieve.collection.flush import FileNumbers, FlushedStore, NewFiles
from rank_retrieve.collection.opening import Opened
from rank_retrieve.collection.owner import Owner
from rank_retrieve.collection.refresh import Follower
from rank_retrieve.collection.reports import database_info
from rank_retrieve.collection.schema import Schema, check_collection_name
from rank_retrieve.collection.store import CollectionStore
from rank_retrieve.collection.syncer import IntervalSync
from rank_retrieve.collection.verify import VerifyReport, files_of, open_files, verify_all
from rank_retrieve.errors import (
    AlreadyExists,
    InvalidArgument,
    NotCommitted,
    NotFound,
    OutcomeUnknown,
    PoisonedError,
    RankRetrieveError,
    ReadOnlyError,
    ResourceExhausted,
)
from rank_retrieve.persistence import FileInfo, FSDirectory
from rank_retrieve.persistence import manifest as manifests
from rank_retrieve.persistence.files import encoder_name
from rank_retrieve.persistence.manifest import CollectionEntry, Manifest
from rank_retrieve.persistence.readers import ReaderInfo, list_readers
from rank_retrieve.persistence.wal import FrameType
from rank_retrieve.types import Encoder, Field

if TYPE_CHECKING:
    from rank_retrieve.collection.snapshot import Snapshot
    from rank_retrieve.persistence.checkpoints import CheckpointInfo

Durability = Literal["sync", "group", "async", "none"]
DURABILITIES: tuple[Durability, ...] = ("sync", "group", "async", "none")

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Database:
    """Made by `rr.open`. Close it, or use it in a `with` block.

    report: what recovery found when the database was opened.
    """

    def __init__(
        self,
        opened: Opened,
        *,
        durability: Durability,
        flush_bytes: int,
        sync_interval_s: float,
        compaction: CompactionMode,
        owns_directory: bool = False,
    ) -> None:
        self._directory, self._owns_directory = opened.directory, owns_directory
        self._manifest: Manifest = opened.manifest
        self._stores = {store.entry.name: store for store in opened.stores}
        self._wal, self._writer_lock = opened.wal, opened.lock
        # a number is spent even when the file it named came to nothing
        self._numbers = FileNumbers(opened.manifest.next_file_number)
        self.report = opened.report
        self.durability: Durability = durability
        self._flush_bytes = flush_bytes
        self._lock = threading.RLock()
        self._owner = Owner(opened.directory.path)
        self._closed = False
        self._refusal: str | None = None
        self._poison: BaseException | None = None
        self._half_adopted = False
        self._compaction = Compaction(self, compaction)
        self._syncer: IntervalSync | None = None
        if self._wal is not None and durability == "async":
            self._syncer = IntervalSync(self._sync_now, sync_interval_s)
        self._snapshots: weakref.WeakSet[Snapshot] = weakref.WeakSet()
        self._follower: Follower | None = None
        if opened.log_end is not None:
            self._follower = Follower(self, opened.log_end)

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
        self._owner.check()
        if self._closed:
            raise InvalidArgument("database", self.path, "is closed", "open it again")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._check_open()
        with self._lock:
            self._check_usable()
            yield

    def _check_usable(self) -> None:
        self._check_open()
        if self._half_adopted:
            raise PoisonedError(self.path, repr(self._poison)) from self._poison

    @contextmanager
    def _locked_for(self, operation: str) -> Iterator[None]:
        """The lock, for a change; raises where changes are not possible."""
        # not inside `_locked`: every put comes here, and pays for each context
        self._check_open()
        with self._lock:
            self._check_usable()
            if self._wal is None:
                raise ReadOnlyError(operation)
            if self._poison is not None:
                raise PoisonedError(self.path, repr(self._poison)) from self._poison
            if self._refusal is not None:
                raise ReadOnlyError(operation, f"{self._refusal}; free space, then call resume()")
            yield

    def _stop_writing(self, error: BaseException) -> None:
        if self._poison is None:
            self._poison = error

    def refresh(self) -> bool:
        """Move a reading handle to the newest state; whether there was a newer one.

        Everything read through the handle and its collections from now on shows that state,
        whole; what is not committed yet may show, and is never seen to go again while this
        machine runs. Snapshots keep what they show. The cost is in proportion to what was
        written since, and to the size of the log after a flush or a compaction. A writing
        handle is always up to date.

        Raises ResourceExhausted when the writer publishes faster than it can be followed, and
        what opening raises for damage; the handle then stays where it was.
        """
        self._check_open()
        return False if self._follower is None else self._follower.refresh(self)

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
                lambda: self._stores.update({name: store}),
                collections=[*self._manifest.collections, store.entry],
                next_collection_id=number + 1,
            )
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

            def adopt() -> None:
                store.dropped = True
                del self._stores[name]

            self._publish(adopt, collections=entries)

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
        # one of its own: two threads may train at once, and the first to publish wins
        encoder = None if store.settings is None else unfitted_encoder(store.settings)
        if encoder is None:
            raise InvalidArgument("encoder", store.entry.name, "has no encoder to train")
        if not texts:
            raise InvalidArgument("encoder", 0, "there are no documents to train on")
        encoder.fit(texts, progress=None if progress is None else partial(progress, "fit"))
        with self._locked_for("fit an encoder"):
            store.check_there()
            if store.encoder is not None:
                return
            file = self._write_encoder(encoder)
            entry: CollectionEntry = msgspec.structs.replace(store.entry, encoder=file)

            def adopt() -> None:
                store.entry, store.encoder, store.view = entry, encoder, None

            self._publish(adopt, collections=self._entries_with({entry.id: entry}))

    def _write_encoder(self, encoder: TrainableEncoder) -> FileInfo:
        with self._storing("store the encoder"):
            return write_encoder(self._directory, self._numbers.take(encoder_name), encoder)

    def _entries_with(self, changed: Mapping[int, CollectionEntry]) -> list[CollectionEntry]:
        return [changed.get(entry.id, entry) for entry in self._manifest.collections]

    # ------------------------------------------------------------------ writing

    def _commit(
        self, store: CollectionStore, changes: dict[str, Change], encoder: Encoder | None
    ) -> int:
        """Log, apply and sync a batch; how many ids were there before.

        encoder: the one that the changes were completed with; they are again if it was trained
            meanwhile.
        """
        body = encode_changes(store.entry.id, changes)
        with self._locked_for("write"):
            store.check_there()
            if store.encoder is not encoder:
                store.encoding.complete(changes)
                body = encode_changes(store.entry.id, changes)
            # what can fail on damaged files fails here, before anything is written
            prepared = store.prepare(changes)
            lsn = self._append(body)
            with self._adopting():
                replaced = store.apply(prepared)
            memtable_bytes = self._memtable_bytes()
        if self.durability in ("sync", "group"):
            self._sync_to(lsn)
        if memtable_bytes >= self._flush_bytes:
            self._flush_behind()
        return replaced

    def _flush_behind(self) -> None:
        """Flush after a batch was committed, which must not be told that it was not.

        An error makes the handle read-only until `resume()`: where nothing can be flushed, the
        memtable would grow with every further batch.
        """
        try:
            self.flush()
        except (RankRetrieveError, MemoryError) as error:
            if not self._closed and self._poison is None:
                why = error.reason if isinstance(error, ResourceExhausted) else str(error)
                self._refuse_writes(f"the flush behind an earlier write failed, {why.rstrip('.')}")

    def _refuse_writes(self, reason: str) -> None:
        """Be read-only until `resume()`; the first reason is the one to tell."""
        with self._lock:
            if self._refusal is None:
                self._refusal = reason

    def _memtable_bytes(self) -> int:
        return sum(store.memtable.nbytes for store in self._stores.values())

    def _append(self, body: bytes) -> int:
        """The LSN of a batch that is in the log, though not synced yet."""
        assert self._wal is not None
        try:
            return self._wal.append(FrameType.BATCH, body)
        except InvalidArgument:
            raise  # refused before anything was written
        except OSError as error:
            if error.errno in FULL:
                self._refuse_writes("the disk was full")
                raise NotCommitted("the batch", f"the disk is full ({error})") from error
            self._stop_writing(error)
            raise NotCommitted("the batch", str(error)) from error
        except BaseException as error:
            # interrupted in the middle of the frame: whether it counts, the log knows
            self._stop_writing(error)
            raise

    @contextmanager
    def _adopting(self) -> Iterator[None]:
        """Taking over in memory what is on disk; an interrupt in here ends the handle's use.

        Without this, it would go on with half of the new state. Reopening has all of it.
        """
        try:
            yield
        except BaseException as error:
            self._stop_writing(error)
            self._half_adopted = True
            raise

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
        """Accept writes again after the disk was full, once there is space.

        Where a flush had failed it is made up for first.
        Raises ResourceExhausted when there is still no space, PoisonedError after other errors;
        the handle then refuses writes as before.
        """
        with self._locked():
            if self._wal is None:
                raise ReadOnlyError("resume")
            if self._poison is not None:
                raise PoisonedError(self.path, repr(self._poison)) from self._poison
            if self._refusal is None:
                return
            with self._storing("resume"):
                self._wal.resume()
            refusal, self._refusal = self._refusal, None
            try:
                if self._memtable_bytes() >= self._flush_bytes:
                    self.flush()
            except BaseException:
                self._refusal = refusal
                raise

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

    def _publish(self, adopt: Callable[[], None] = lambda: None, **changes: Any) -> None:
        """Replace the manifest, adopt it in memory, delete the files that it no longer names."""
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
        with self._storing("publish the new state"):
            staged = manifests.stage(self._directory, after)
        try:
            manifests.replace(self._directory, staged)
        except BaseException as error:
            # either state may be published; this handle goes on reading the old one
            self._stop_writing(error)
            if isinstance(error, OSError):
                raise PoisonedError(self.path, repr(error)) from error
            raise
        with self._adopting():
            self._manifest = after
            adopt()
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
        with self._locked_for("flush"), NewFiles(self._directory, self._numbers) as files:
            assert self._wal is not None
            chosen = [store for store in stores if store.dirty and not store.dropped]
            if not chosen:
                return
            lsn = self._wal.last_lsn
            with self._storing("flush"):
                parts = [FlushedStore(s, self._directory, files, lsn) for s in chosen]
                wal_number = self._manifest.wal_number
                if not any(s.dirty for s in self._stores.values() if s not in chosen):
                    self._rotate_log()
                    wal_number = self._wal.numbers[-1]

            def adopt() -> None:
                for part in parts:
                    part.store.flushed(part.entry, part.disk)

            self._publish(
                adopt,
                collections=self._entries_with({p.entry.id: p.entry for p in parts}),
                wal_number=wal_number,
            )
            with suppress(OSError):
                self._wal.delete_before(wal_number)
            self._compaction.wake()

    def _rotate_log(self) -> None:
        assert self._wal is not None
        try:
            self._wal.rotate()
        except OSError as error:
            if error.errno in FULL:
                # the log takes no frame before it is resumed
                self._refuse_writes("the disk was full")
            raise

    # ------------------------------------------------------------------ checkpoints

    def checkpoint(self, name: str) -> CheckpointInfo:
        """Flush, and keep the state as it is now under a name until it is dropped.

        A checkpoint is complete in itself: it survives whatever happens to the database's own
        files. It shares their bytes where the file system has hard links, and is kept in
        `checkpoints/<name>`; `rr.restore((db, name), target)` makes a database of it.

        Raises AlreadyExists, InvalidArgument for a bad name or a directory without folders,
        NotCommitted when it could not be stored.
        """
        from rank_retrieve.collection.checkpoint import make_checkpoint

        return make_checkpoint(self, name)

    def checkpoints(self) -> list[CheckpointInfo]:
        """All checkpoints, oldest first, each with its time and size."""
        from rank_retrieve.persistence.checkpoints import list_checkpoints

        with self._locked():
            return list_checkpoints(self._directory)

    def drop_checkpoint(self, name: str) -> None:
        """Delete a checkpoint and free what only it holds. Raises NotFound."""
        from rank_retrieve.collection.checkpoint import drop_checkpoint

        drop_checkpoint(self, name)

    # ------------------------------------------------------------------ compaction

    def compact(self, progress: Progress | None = None) -> None:
        """`Collection.compact` for every collection, one after the other."""
        with self._locked_for("compact"):
            stores = list(self._stores.values())
        for store in stores:
            try:
                self._compaction.compact(store, progress)
            except NotFound:
                if not store.dropped:  # by another thread, meanwhile
                    raise

    # ------------------------------------------------------------------ reports

    def info(self) -> dict[str, Any]:
        """Sizes and settings, as plain values."""
        with self._locked():
            return database_info(self)

    def readers(self) -> list[ReaderInfo]:
        """The reading handles of this database on this machine, longest idle first.

        One that is behind keeps the files of its generation from being freed, until it is
        refreshed or closed; nothing else waits for it. Empty where the system cannot tell.
        """
        with self._locked():
            newest = self._manifest
            if self._follower is not None:  # which may be left behind itself
                newest = manifests.load(self._directory)
            return list_readers(self._directory, newest.generation)

    def _oldest_generation(self) -> int:
        """Of what is shown here and by snapshots that were not closed."""
        shown = [view.generation for view in self._snapshots if not view.closed]
        return min([self._manifest.generation, *shown])

    def verify(self) -> VerifyReport:
        """Read every byte of every file and compare it with its checksums and its neighbours.

        A reading handle is refreshed first where files that it shows were deleted since.
        """
        return self._verify(lambda: list(self._stores.values()))

    def _verify(self, chosen: Callable[[], Sequence[CollectionStore]]) -> VerifyReport:
        while True:
            with self._locked():
                stores = chosen()
                # opened now: a compaction may delete them at any moment
                parts = [store.visible() for store in stores]
                files = [f for store in stores for f in files_of(store.entry)]
                readers, report = open_files(self._directory, files)
            if report.ok or not self.refresh():
                return verify_all(parts, readers, report)

    # ------------------------------------------------------------------ end

    def close(self) -> None:
        """Flush, let go of the lock, and refuse further use. Closing twice is fine.

        The lock is released whatever happens; what a failed flush could not write is still in
        the log, from which the next opening recovers it. A handle that refuses writes is not
        flushed.
        """
        if not self._owner.is_here or self._closed:
            return
        self._compaction.stop()
        if self._syncer is not None:
            self._syncer.stop()
        refreshing = nullcontext() if self._follower is None else self._follower.paused()
        with refreshing, self._lock:
            try:
                if self._wal is not None and self._poison is None:
                    if self._refusal is None:
                        self.flush()
                    else:
                        self._sync_refused()
                    self._wal.close()
            finally:
                self._closed = True
                if self._wal is not None:
                    with suppress(OSError):
                        self._wal.close()
                if self._writer_lock is not None:
                    self._writer_lock.release()
                self._let_go()

    def _let_go(self) -> None:
        """Drop descriptors and maps now, not when the garbage collector comes by.

        Snapshots and hits that are still around keep the segments that they need.
        """
        if self._follower is not None:
            self._follower.release()
        stores, self._stores = self._stores, {}
        for store in stores.values():
            store.let_go()
        if self._owns_directory and isinstance(self._directory, FSDirectory):
            self._directory.close()

    def _sync_refused(self) -> None:
        """Make what was acknowledged before writes were refused durable, whatever the disk has."""
        assert self._wal is not None
        with suppress(OSError, PoisonedError):  # it syncs first, and then wants space
            self._wal.resume()
        self._sync_to(self._wal.last_lsn)

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
