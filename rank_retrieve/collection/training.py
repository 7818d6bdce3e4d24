"""Encoders of an open database: passed again, trained on its documents, stored with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from rank_retrieve.collection.encoders import TrainableEncoder, unfitted_encoder, write_encoder
from rank_retrieve.collection.publishing import Publisher
from rank_retrieve.collection.state import State
from rank_retrieve.collection.store import CollectionStore
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.persistence import FileInfo
from rank_retrieve.persistence.files import encoder_name
from rank_retrieve.persistence.manifest import CollectionEntry
from rank_retrieve.types import Encoder


class Encoders:
    """What is done with the encoders of one database."""

    def __init__(self, state: State, publisher: Publisher) -> None:
        self._state, self._publisher = state, publisher

    def attach(self, store: CollectionStore, encoder: Encoder) -> None:
        """Use an encoder that could not be stored, under the lock. Raises InvalidArgument."""
        if store.settings is None:
            raise InvalidArgument("encoder", store.entry.name, "was made without an encoder")
        store.settings.check(encoder)
        store.encoder, store.view = encoder, None

    def fit(
        self,
        store: CollectionStore,
        texts: Sequence[str],
        progress: Callable[[str, int, int], None] | None,
    ) -> None:
        """Train a collection's encoder, store and publish it; see `Collection.fit_encoder`."""
        # one of its own: two threads may train at once, and the first to publish wins
        encoder = None if store.settings is None else unfitted_encoder(store.settings)
        if encoder is None:
            raise InvalidArgument("encoder", store.entry.name, "has no encoder to train")
        if not texts:
            raise InvalidArgument("encoder", 0, "there are no documents to train on")
        encoder.fit(texts, progress=None if progress is None else partial(progress, "fit"))
        with self._state.locked_for("fit an encoder"):
            store.check_there()
            if store.encoder is None:
                self.store(store, encoder)

    def store(self, store: CollectionStore, encoder: TrainableEncoder) -> None:
        """Publish a fitted encoder as that of a collection, under the lock."""
        file = self.write(encoder)
        entry: CollectionEntry = msgspec.structs.replace(store.entry, encoder=file)

        def adopt() -> None:
            store.entry, store.encoder, store.view = entry, encoder, None

        self._publisher.publish(adopt, collections=self._state.entries_with({entry.id: entry}))

    def write(self, encoder: TrainableEncoder) -> FileInfo:
        """A fitted encoder in a synced file that no manifest names yet."""
        state = self._state
        with state.storing("store the encoder"):
            return write_encoder(state.directory, state.numbers.take(encoder_name), encoder)
