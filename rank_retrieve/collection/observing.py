"""The metrics of a database as they are now: what was observed, and what can be looked up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rank_retrieve.collection.metrics import Labels, Samples, looked_up
from rank_retrieve.collection.reports import collection_info, readers_of

if TYPE_CHECKING:
    from rank_retrieve.collection.engine import Engine
    from rank_retrieve.collection.store import CollectionStore

INFO = (
    "documents", "deleted", "segments", "segment_bytes", "memtable_documents", "memtable_bytes",
)  # fmt: skip


def samples_of(engine: Engine) -> Samples:
    """Everything, gauges under the database's lock. Raises what any use of a closed handle does."""
    observed = engine.services.metrics.samples()
    with engine.state.locked():
        return looked_up(_database(engine)) | observed


def _database(engine: Engine) -> Iterator[tuple[str, Labels, float]]:
    yield "open_seconds", (), engine.opening_s
    for step in engine.report.steps:
        yield "recovery_seconds", (step.name,), step.seconds
    yield "generation", (), engine.state.manifest.generation
    yield "readers", (), len(readers_of(engine))
    for name, store in engine.state.stores.items():
        yield from _collection(name, store)


def _collection(name: str, store: CollectionStore) -> Iterator[tuple[str, Labels, float]]:
    info = collection_info(store)
    for key in INFO:
        yield key, (name,), info[key]
    yield "compactions", (name,), store.merges
    seconds: Counter[str] = Counter()
    for part in store.disk:
        seconds.update(part.visible.segment.opening_s)
    for structure, took in seconds.items():
        yield "structure_open_seconds", (name, structure), took
