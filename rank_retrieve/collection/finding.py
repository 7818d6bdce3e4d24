"""Documents by filter alone, in an order, page by page.

    cursor = base64url of msgpack [version, [key, ...], [value, ...], id]

A cursor says behind which document the next page begins: where it stands by the sort keys (the id
is always the last of them, so no two documents stand in one place), and its id. So a page neither
repeats nor skips a document because others came or went. Without a sort the order is that of
insertion, and the cursor's document must still be there.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, overload

import msgspec
import numpy as np

from rank_retrieve._tables import Tabular
from rank_retrieve.collection.projection import Projection
from rank_retrieve.collection.record import check_id
from rank_retrieve.collection.schema import ID
from rank_retrieve.collection.sorting import Place, Sorter, SortKey, parse_sort, with_id
from rank_retrieve.errors import InvalidArgument

if TYPE_CHECKING:
    from rank_retrieve.collection.search import Searcher
    from rank_retrieve.filters import Predicate

VERSION = 1
MAX_CURSOR_CHARACTERS = 1 << 20

_encode = msgspec.msgpack.Encoder().encode


class _Cursor(msgspec.Struct, array_like=True):
    version: int
    keys: list[str]
    place: list[Any]
    id: str


_decode = msgspec.msgpack.Decoder(_Cursor).decode


class Page(Tabular, Sequence[dict[str, Any]]):
    """Some of the documents that were found, as dicts.

    ids: theirs. total: how many there are on all pages. next: what `after` takes for the page
    behind this one, None on the last.
    """

    def __init__(
        self, documents: list[dict[str, Any]], ids: list[str], total: int, following: str | None
    ) -> None:
        self.ids, self.total, self.next = ids, total, following
        self._documents = documents

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        return self._documents[index]

    def __len__(self) -> int:
        return len(self._documents)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._documents)

    def _leading_columns(self) -> dict[str, Any]:
        return {ID: self.ids}

    def _all_documents(self) -> list[dict[str, Any]]:
        return self._documents

    def __repr__(self) -> str:
        return f"Page({len(self)} of {self.total} documents)"


@dataclass(frozen=True, eq=False)
class FindRequest:
    """The arguments of `find`, checked as far as possible without looking at the collection."""

    where: Mapping[str, Any] | Predicate | None = None
    sort: str | Sequence[str] | None = None
    limit: int = 100
    offset: int = 0
    after: str | None = None
    fields: Sequence[str] | None = None
    with_vectors: bool = True

    def __post_init__(self) -> None:
        for name, least in (("limit", 1), ("offset", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise InvalidArgument(name, value, f"must be a whole number of at least {least}")


def find(searcher: Searcher, request: FindRequest) -> Page:
    """One page. Raises InvalidArgument."""
    projection = Projection(request.fields, request.with_vectors)
    keys = parse_sort(searcher.schema, request.sort)
    cursor = None if request.after is None else _read_cursor(request.after, keys)
    matching = searcher.matching(request.where)
    docs = np.concatenate(
        [np.empty(0, dtype=np.int64)]
        + [b.to_docs() + base for b, base in zip(matching, searcher.bases, strict=False)]
    )
    total, last = len(docs), request.offset + request.limit
    if keys:
        sorter = Sorter(searcher.parts, searcher.bases, with_id(keys))
        place = None if cursor is None else tuple(cursor.place)
        # one more tells whether there is another page
        docs = docs[sorter.first(last + 1, docs, place)]
    elif cursor is not None:
        docs = docs[np.searchsorted(docs, _doc_of(searcher, cursor.id), side="right") :]
    page, more = docs[request.offset : last], len(docs) > last
    found = [searcher.locate(doc) for doc in page.tolist()]
    ids = [part.segment.id(doc) for part, doc in found]
    following = None
    if more:
        place = sorter.place(int(page[-1])) if keys else ()
        following = _write_cursor(keys, place, ids[-1])
    documents = [projection.document(part.segment, doc) for part, doc in found]
    return Page(documents, ids, total, following)


def _doc_of(searcher: Searcher, identity: str) -> int:
    """The doc of a live document, numbered over all segments."""
    for part, base in zip(searcher.parts, searcher.bases, strict=False):
        doc = part.segment.ids.find(identity)
        if doc >= 0 and part.is_live(doc):
            return base + doc
    raise InvalidArgument(
        "after", identity, "is the id of a document that is not there any more",
        'page over a snapshot, or pass sort="id"',
    )  # fmt: skip


def _write_cursor(keys: tuple[SortKey, ...], place: Place, identity: str) -> str:
    cursor = _Cursor(VERSION, [str(key) for key in keys], list(place), identity)
    return base64.urlsafe_b64encode(_encode(cursor)).decode("ascii")


def _read_cursor(after: object, keys: tuple[SortKey, ...]) -> _Cursor:
    if not isinstance(after, str) or len(after) > MAX_CURSOR_CHARACTERS:
        _refuse(after)
    try:
        cursor = _decode(base64.b64decode(after.encode("ascii"), altchars=b"-_", validate=True))
        check_id(cursor.id)
    except (msgspec.DecodeError, ValueError, RecursionError, binascii.Error):
        _refuse(after)
    if cursor.version != VERSION or len(cursor.place) != len(with_id(keys) if keys else ()):
        _refuse(after)
    if cursor.keys != [str(key) for key in keys]:
        raise InvalidArgument(
            "after", after[:80], f"is of a page sorted by {cursor.keys or 'insertion'}",
            "pass the same sort for every page",
        )  # fmt: skip
    if not all(_is_scalar(value) for value in cursor.place):
        _refuse(after)
    return cursor


def _is_scalar(value: Any) -> bool:
    from rank_retrieve.filters.check import check_value
    from rank_retrieve.filters.values import KIND_OF, Kind

    kind = KIND_OF.get(type(value))
    return kind not in (None, Kind.OBJECT, Kind.ARRAY) and check_value(value) is None


def _refuse(after: object) -> NoReturn:
    shown = after[:80] if isinstance(after, str) else after
    raise InvalidArgument("after", shown, "is not the `next` of a page", "pass it as it came")
