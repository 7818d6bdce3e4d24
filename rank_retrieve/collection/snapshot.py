"""A collection as it stood at one moment: what every search runs on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import Any

from rank_retrieve.collection.asynchronous import AsyncThreads, awaited
from rank_retrieve.collection.live import LiveSegment
from rank_retrieve.collection.owner import Owner
from rank_retrieve.collection.reading import Reading
from rank_retrieve.collection.record import check_id
from rank_retrieve.collection.schema import Schema
from rank_retrieve.collection.search import Searcher
from rank_retrieve.collection.services import Services
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Encoder


class Snapshot(Reading):
    """Repeatable reads: later writes, flushes and compactions don't show here.

    A snapshot may be shared by threads, and outlives its database's handle. Closing it (or
    leaving its `with` block) lets go of the segments it holds.

    generation: of the published state that it was taken from. schema: the declared fields.
    """

    def __init__(
        self,
        schema: Schema,
        parts: Sequence[LiveSegment],
        encoder: Encoder | None,
        encoder_field: str | None,
        owner: Owner,
        generation: int,
        services: Services,
        name: str,
    ) -> None:
        self._searcher: Searcher | None = Searcher(
            schema, parts, encoder, encoder_field, partial(services.metrics.searched, name)
        )
        self._owner, self._services = owner, services
        self.schema, self.generation = schema, generation

    @property
    def _threads(self) -> AsyncThreads:
        return self._services.threads

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._searcher is None

    def _look(self) -> Searcher:
        self._owner.check()
        searcher = self._searcher  # once: another thread may close it meanwhile
        if searcher is None:
            raise InvalidArgument("snapshot", "closed", "was closed", "take a new one")
        return searcher

    def get(self, document_id: str) -> dict[str, Any] | None:
        """The document with this id as it was put, or None."""
        check_id(document_id)
        for part in reversed(self._look().parts):
            doc = part.segment.ids.find(document_id)
            if doc >= 0 and part.is_live(doc):
                return part.segment.document(doc)
        return None

    aget = awaited(get)

    def __contains__(self, document_id: object) -> bool:
        if not isinstance(document_id, str):
            return False
        return any(
            (doc := part.segment.ids.find(document_id)) >= 0 and part.is_live(doc)
            for part in self._look().parts
        )

    def __len__(self) -> int:
        """How many documents are alive."""
        return sum(part.n_live for part in self._look().parts)

    def close(self) -> None:
        """Let go of the segments."""
        self._searcher = None

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
