"""Changes to documents that are there: to one, or to all that a filter lets through.

    read under the lock -> changed -> one batch

Nothing is written in between, so an edit never loses what another writer put. A changed document
is put again as a whole, behind all others in order of insertion; vectors that the encoder made
stay as they are while the text does.

    changes        {"year": 2022, "author.name": "Ada"}     each path gets its value, whole
    unset          ["draft", "author.note"]                 each path goes, if it is there
    a path         goes into dicts, and makes those that are missing; anything else refuses it
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rank_retrieve.collection.batch import Change
from rank_retrieve.collection.encoding import with_encoded
from rank_retrieve.collection.record import Record, decode_body, to_record
from rank_retrieve.collection.schema import ID, Schema
from rank_retrieve.errors import InvalidArgument

if TYPE_CHECKING:
    from rank_retrieve.collection.engine import Engine
    from rank_retrieve.collection.store import CollectionStore
    from rank_retrieve.filters.paths import Path

MAX_PATHS = 4_096


class Edit:
    """What is to be changed in documents. Raises InvalidArgument.

    changes: values by dotted path. unset: dotted paths.
    """

    def __init__(self, schema: Schema, changes: Mapping[str, Any], unset: Sequence[str]) -> None:
        self._schema = schema
        if not isinstance(changes, Mapping):
            raise InvalidArgument(
                "changes", changes, "must be a dict of values by path", 'such as {"year": 2022}'
            )
        if isinstance(unset, str) or not isinstance(unset, Sequence):
            raise InvalidArgument("unset", unset, "must be a list of paths")
        if len(changes) + len(unset) > MAX_PATHS:
            raise InvalidArgument("changes", len(changes), f"at most {MAX_PATHS} paths")
        self._changes = [(_path(path, "changes"), value) for path, value in changes.items()]
        self._unset = [_path(path, "unset") for path in unset]
        _check_apart([*(path for path, _ in self._changes), *self._unset])

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing."""
        return not self._changes and not self._unset

    def of(self, record: Record) -> Record:
        """The record of the changed document. Raises InvalidArgument, DimensionMismatch."""
        body = decode_body(record.body, "<memory>")
        texts = _texts(self._schema, body)
        put = {name: row for name, row in record.vectors.items() if name not in record.encoded}
        document = {ID: record.id, **body, **put}
        for path, value in self._changes:
            _set(document, path, value, record.id)
        for path in self._unset:
            _remove(document, path)
        result = to_record(self._schema, document)
        if _texts(self._schema, decode_body(result.body, "<memory>")) == texts:
            for name in record.encoded - result.vectors.keys():
                result = with_encoded(result, name, record.vectors[name])
        return result


def _texts(schema: Schema, body: Mapping[str, Any]) -> list[Any]:
    return [body.get(name) for name in schema.texts]


def _path(path: object, argument: str) -> Path:
    from rank_retrieve.filters.paths import check_path

    problem = check_path(path)
    if problem is not None:
        raise problem.error(argument)
    assert isinstance(path, str)
    if path == ID or path.startswith(f"{ID}."):
        raise InvalidArgument(argument, path, "cannot be changed", "put the document anew")
    return tuple(path.split("."))


def _check_apart(paths: Sequence[Path]) -> None:
    """Raises InvalidArgument where one path lies in, or is, another."""
    seen = set(paths)
    for path in paths:
        if paths.count(path) > 1 or any(path[:at] in seen for at in range(1, len(path))):
            raise InvalidArgument(
                "changes", ".".join(path), "is changed twice, or within what is changed too"
            )


def _set(document: dict[str, Any], path: Path, value: Any, identity: str) -> None:
    at = document
    for depth, step in enumerate(path[:-1], start=1):
        below = at.setdefault(step, {})
        if not isinstance(below, dict):
            raise InvalidArgument(
                "changes", ".".join(path),
                f"goes through {'.'.join(path[:depth])}, which is no dict in document {identity!r}",
                "set the whole of it",
            )  # fmt: skip
        at = below
    at[path[-1]] = value


def _remove(document: dict[str, Any], path: Path) -> None:
    at: Any = document
    for step in path[:-1]:
        at = at.get(step)
        if not isinstance(at, dict):
            return
    at.pop(path[-1], None)


class Editor:
    """Edits of one collection. ids: those of the live documents that a filter lets through."""

    def __init__(
        self,
        engine: Engine,
        store: Callable[[], CollectionStore],
        ids: Callable[[Any], Iterable[str]],
    ) -> None:
        self._engine, self._store, self._ids = engine, store, ids

    def update(self, document_id: str, edit: Edit) -> int:
        """Change one document; how many were there."""
        return self._commit("update", lambda store: _edited(store, [document_id], edit))

    def update_where(self, where: Any, edit: Edit) -> int:
        """Change every document that a filter lets through; how many."""
        return self._commit("update", lambda store: _edited(store, self._ids(where), edit))

    def delete_where(self, where: Any) -> int:
        """Delete every document that a filter lets through; how many."""
        return self._commit("delete", lambda _: dict.fromkeys(self._ids(where)))

    def _commit(
        self, operation: str, choose: Callable[[CollectionStore], dict[str, Change]]
    ) -> int:
        with self._engine.state.locked_for(operation):
            store = self._store()
            store.check_there()
            changes = choose(store)
            if changes:
                with self._engine.services.metrics.writing(store.entry.name, changes):
                    store.encoding.complete(changes)
                    self._engine.writer.commit_locked(store, changes, store.encoder)
            return len(changes)


def _edited(store: CollectionStore, ids: Iterable[str], edit: Edit) -> dict[str, Change]:
    records = ((identity, store.get(identity)) for identity in ids)
    return {identity: edit.of(record) for identity, record in records if record is not None}
