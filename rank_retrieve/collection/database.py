"""A database: one directory, one write-ahead log, one manifest, any number of collections.

    write   check and encode -> WAL append -> memtable -> sync -> acknowledged
    search  seal the memtable if anything was written -> snapshot -> no lock from here on
    flush   memtable -> segment file -> manifest -> WAL truncated
    compact several segments -> one segment file -> manifest

This is the face; `engine.py` names the parts behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from rank_retrieve.collection.across import search_across
from rank_retrieve.collection.asynchronous import AsyncThreads, awaited
from rank_retrieve.collection.collection import Collection
from rank_retrieve.collection.compaction import Progress
from rank_retrieve.collection.engine import Engine
from rank_retrieve.collection.metrics import Samples, to_dict
from rank_retrieve.collection.named_collections import (
    create_collection,
    drop_collection,
    find_collection,
)
from rank_retrieve.collection.observing import samples_of
from rank_retrieve.collection.reports import database_info, readers_of
from rank_retrieve.collection.request import SearchRequest
from rank_retrieve.collection.verify import VerifyReport
from rank_retrieve.collection.writing import Durability
from rank_retrieve.errors import NotFound
from rank_retrieve.persistence.readers import ReaderInfo
from rank_retrieve.types import Encoder, Field, Hits, Query

if TYPE_CHECKING:
    from rank_retrieve.fusion import FusionMethod
    from rank_retrieve.lexical.queries import LexicalQuery
    from rank_retrieve.persistence import Directory
    from rank_retrieve.persistence.checkpoints import CheckpointInfo


class Database:
    """Made by `rr.open`. Close it, or use it in a `with` block.

    report: what recovery found when the database was opened.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.report = engine.report
        self.durability: Durability = engine.durability

    # ------------------------------------------------------------------ handle

    @property
    def path(self) -> str:
        """Where the database is."""
        return self._engine.state.path

    @property
    def mode(self) -> Literal["r", "w"]:
        """How it was opened."""
        return self._engine.state.mode

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._engine.state.closed

    def _opened_directory(self) -> Directory:
        """Where the files are, for what only reads them."""
        self._engine.state.check_open()
        return self._engine.state.directory

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
        return self._engine.refresh()

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
        return Collection(self._engine, create_collection(self._engine, name, fields, encoder))

    def get_collection(self, name: str, *, encoder: Encoder | None = None) -> Collection:
        """A collection by name.

        encoder: needed again where the collection was made with one that cannot be stored (a
            plain function); its fingerprint must be the same.
        Raises NotFound, InvalidArgument.
        """
        engine = self._engine
        with engine.state.locked():
            store = find_collection(engine.state, name)
            if encoder is not None:
                engine.encoders.attach(store, encoder)
            return Collection(engine, store)

    def list_collections(self) -> list[str]:
        """The names of all collections, sorted."""
        with self._engine.state.locked():
            return sorted(self._engine.state.stores)

    def drop_collection(self, name: str) -> None:
        """Delete a collection with everything in it. Raises NotFound."""
        drop_collection(self._engine, name)

    def __contains__(self, name: object) -> bool:
        with self._engine.state.locked():
            return name in self._engine.state.stores

    # ------------------------------------------------------------------ several collections

    def search(
        self,
        query: str | Query | LexicalQuery | None = None,
        k: int = 10,
        *,
        collections: Sequence[str] | None = None,
        merge: Literal["scores"] | FusionMethod | None = None,
        **options: Any,
    ) -> Hits:
        """The k best documents of several collections; `hit.collection` says where each is.

        collections: their names, by default all.
        merge: "scores" searches them as if they were one, with one set of statistics, which
            collections with equal fields and encoders can be; a method such as `rr.RRF()` fuses
            their rankings, each made on its own. By default "scores" where that can be.
        options: as for `Collection.search`; with a method all but sort, group_by and min_score.

        All are searched as they are at one moment. Raises NotFound, InvalidArgument.
        """
        return search_across(self._engine, collections, merge, SearchRequest(query, k, **options))

    # ------------------------------------------------------------------ writing

    def sync(self) -> None:
        """Make every acknowledged write durable. Raises OutcomeUnknown when that fails."""
        self._engine.log.sync()

    def resume(self) -> None:
        """Accept writes again after the disk was full, once there is space.

        Where a flush had failed it is made up for first.
        Raises ResourceExhausted when there is still no space, PoisonedError after other errors;
        the handle then refuses writes as before.
        """
        self._engine.writer.resume()

    def flush(self) -> None:
        """Move every memtable to a segment file, publish them and truncate the log."""
        self._engine.flush()

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

        return make_checkpoint(self._engine, name)

    def checkpoints(self) -> list[CheckpointInfo]:
        """All checkpoints, oldest first, each with its time and size."""
        from rank_retrieve.persistence.checkpoints import list_checkpoints

        with self._engine.state.locked():
            return list_checkpoints(self._engine.state.directory)

    def drop_checkpoint(self, name: str) -> None:
        """Delete a checkpoint and free what only it holds. Raises NotFound."""
        from rank_retrieve.collection.checkpoint import drop_checkpoint

        drop_checkpoint(self._engine, name)

    # ------------------------------------------------------------------ compaction

    def compact(self, progress: Progress | None = None) -> None:
        """`Collection.compact` for every collection, one after the other."""
        engine = self._engine
        with engine.state.locked_for("compact"):
            stores = list(engine.state.stores.values())
        for store in stores:
            try:
                engine.compaction.compact(store, progress)
            except NotFound:
                if not store.dropped:  # by another thread, meanwhile
                    raise

    # ------------------------------------------------------------------ reports

    def info(self) -> dict[str, Any]:
        """Sizes and settings, as plain values."""
        with self._engine.state.locked():
            return database_info(self._engine)

    def metrics(self) -> dict[str, Any]:
        """What was done since opening and how long it took, sizes as they are: plain values.

        `docs/observability.md` lists them. Histograms are dicts of count, sum, p50, p95, p99 in
        seconds, and counts by upper bound.
        """
        return to_dict(samples_of(self._engine))

    def prometheus(self) -> str:
        """The same in the text format of Prometheus, to be served as "text/plain"."""
        from rank_retrieve.collection.prometheus import prometheus_text

        return prometheus_text(samples_of(self._engine))

    def instrument(self, meter_provider: Any = None, tracer_provider: Any = None) -> None:
        """Report the same to OpenTelemetry from now on, and a span for each search.

        meter_provider, tracer_provider: of OpenTelemetry; by default those that are set globally.
        Needs `pip install 'rank-retrieve[otel]'`, else raises MissingExtra.
        """
        from rank_retrieve.collection.telemetry import instrument

        engine = self._engine

        def read() -> Samples:
            # an exporter asks for as long as the process lives
            return {} if engine.state.closed else samples_of(engine)

        instrument(engine.services.metrics, read, meter_provider, tracer_provider)

    def readers(self) -> list[ReaderInfo]:
        """The reading handles of this database on this machine, longest idle first.

        One that is behind keeps the files of its generation from being freed, until it is
        refreshed or closed; nothing else waits for it. Empty where the system cannot tell.
        """
        with self._engine.state.locked():
            return readers_of(self._engine)

    def verify(self) -> VerifyReport:
        """Read every byte of every file and compare it with its checksums and its neighbours.

        A reading handle is refreshed first where files that it shows were deleted since.
        """
        return self._engine.verify(lambda: list(self._engine.state.stores.values()))

    # ------------------------------------------------------------------ end

    def close(self) -> None:
        """Flush, let go of the lock, and refuse further use. Closing twice is fine.

        The lock is released whatever happens; what a failed flush could not write is still in
        the log, from which the next opening recovers it. A handle that refuses writes is not
        flushed.
        """
        self._engine.close()

    @property
    def _threads(self) -> AsyncThreads:
        return self._engine.services.threads

    async def asearch(self, query: str | Query | None = None, k: int = 10, **options: Any) -> Hits:
        """`search`, awaited: the event loop goes on meanwhile."""
        return await self._threads.run(self.search, query, k, **options)

    aflush = awaited(flush)
    acompact = awaited(compact)
    acheckpoint = awaited(checkpoint)
    aclose = awaited(close)

    async def __aenter__(self) -> Database:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

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
