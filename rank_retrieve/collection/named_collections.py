"""The collections of an open database by name: made, found, dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from rank_retrieve.collection.encoders import (
    EncoderSettings,
    TrainableEncoder,
    is_fitted,
    settings_of,
)
from rank_retrieve.collection.entry import to_entry
from rank_retrieve.collection.schema import Schema, check_collection_name
from rank_retrieve.collection.store import CollectionStore
from rank_retrieve.errors import AlreadyExists, NotFound
from rank_retrieve.persistence.manifest import CollectionEntry
from rank_retrieve.types import Encoder, Field

if TYPE_CHECKING:
    from rank_retrieve.collection.engine import Engine
    from rank_retrieve.collection.state import State


def create_collection(
    engine: Engine, name: str, fields: Mapping[str, Field] | None, encoder: Encoder | None
) -> CollectionStore:
    """Make an empty collection; see `Database.create_collection`."""
    check_collection_name(name)
    schema, settings = Schema(fields if fields is not None else {}), None
    if encoder is not None:
        schema, settings = settings_of(schema, encoder)
    return add_collection(engine, name, schema, settings, encoder)


def add_collection(
    engine: Engine,
    name: str,
    schema: Schema,
    settings: EncoderSettings | None,
    encoder: Encoder | None = None,
) -> CollectionStore:
    """Publish an empty collection.

    encoder: stored with it where it is fitted and can be. Raises AlreadyExists.
    """
    state, stored = engine.state, to_entry(schema, settings)
    with state.locked_for("create a collection"):
        if name in state.stores:
            raise AlreadyExists("collection", name, "get it with get_collection")
        number = state.manifest.next_collection_id
        entry = CollectionEntry(number, name, stored)
        store = CollectionStore(entry, schema)
        store.attach_settings(settings)
        file = None
        if encoder is not None and is_fitted(encoder):
            store.encoder = encoder
            if isinstance(encoder, TrainableEncoder):
                file = engine.encoders.write(encoder)
        store.entry = msgspec.structs.replace(entry, encoder=file)
        engine.publisher.publish(
            lambda: state.stores.update({name: store}),
            collections=[*state.manifest.collections, store.entry],
            next_collection_id=number + 1,
        )
    return store


def find_collection(state: State, name: str) -> CollectionStore:
    """A collection by name, under the lock. Raises NotFound."""
    if name not in state.stores:
        known = ", ".join(sorted(state.stores)) or "none yet"
        raise NotFound("collection", str(name), f"the collections are: {known}")
    return state.stores[name]


def drop_collection(engine: Engine, name: str) -> None:
    """Delete a collection with everything in it. Raises NotFound."""
    state = engine.state
    with state.locked_for("drop a collection"):
        store = find_collection(state, name)
        entries = [e for e in state.manifest.collections if e.id != store.entry.id]

        def adopt() -> None:
            store.dropped = True
            del state.stores[name]

        engine.publisher.publish(adopt, collections=entries)
