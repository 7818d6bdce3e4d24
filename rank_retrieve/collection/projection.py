"""Which fields of a document are returned: `fields=["title", "author.name"]`.

    document                                  fields            returned
    {"id", "title", "author": {"name", "x"}}  title             id, title
                                              author.name       id, {"author": {"name"}}
    {"id", "authors": [{"name", "x"}, 7]}     authors.name      id, {"authors": [{"name"}]}

The id is always there. What is not asked for is not read: with no field but the id, not even the
stored body is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from rank_retrieve.collection.schema import ID
from rank_retrieve.errors import InvalidArgument

if TYPE_CHECKING:
    from rank_retrieve.collection.segment import Segment

MAX_FIELDS = 256

Tree: TypeAlias = "dict[str, Tree | None]"
"""Steps below a document; None where everything below is wanted."""


class Projection:
    """fields: dotted paths, None for all. with_vectors: whether vectors are among them.

    A vector field that `fields` names is returned unless with_vectors is False. Raises
    InvalidArgument.
    """

    def __init__(self, fields: Sequence[str] | None = None, with_vectors: bool = True) -> None:
        if not isinstance(with_vectors, bool):
            raise InvalidArgument("with_vectors", with_vectors, "must be True or False")
        self._vectors = with_vectors
        self._tree: Tree | None = None if fields is None else _tree_of(fields)

    def document(self, segment: Segment, doc: int) -> dict[str, Any]:
        """The wanted fields of one document, the id first."""
        tree = self._tree
        if tree is None and self._vectors:
            return segment.document(doc)
        result: dict[str, Any] = {ID: segment.id(doc)}
        if tree is None or not tree.keys() <= {ID, *segment.schema.arrays}:
            body = segment.stored(doc)
            result |= body if tree is None else _picked(body, tree)
        if self._vectors and tree is not None and not tree.keys().isdisjoint(segment.schema.arrays):
            vectors = segment.vectors_of(doc, encoded=False)
            result |= {name: row.copy() for name, row in vectors.items() if name in tree}
        return result


def _tree_of(fields: Sequence[str]) -> Tree:
    from rank_retrieve.filters.paths import check_path

    if isinstance(fields, str) or not isinstance(fields, Sequence):
        raise InvalidArgument("fields", fields, "must be a list of paths", 'such as ["title"]')
    if len(fields) > MAX_FIELDS:
        raise InvalidArgument("fields", len(fields), f"at most {MAX_FIELDS} can be named")
    tree: Tree = {}
    for i, path in enumerate(fields):
        problem = check_path(path)
        if problem is not None:
            raise problem.error("fields", str(i))
        at: Tree | None = tree
        *steps, last = path.split(".")
        for step in steps:
            if at is not None:
                at = at.setdefault(step, {})
        if at is not None:
            at[last] = None
    return tree


def _picked(value: Mapping[str, Any], tree: Tree) -> dict[str, Any]:
    result = {}
    for name, below in tree.items():
        if name not in value:
            continue
        found = value[name]
        if below is None:
            result[name] = found
        elif isinstance(found, dict):
            result[name] = _picked(found, below)
        elif isinstance(found, list):
            result[name] = [_picked(each, below) for each in found if isinstance(each, dict)]
    return result
