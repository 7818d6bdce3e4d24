"""One search over several collections.

    merge      how                                             for collections with
    "scores"   their segments searched as those of one         equal fields and encoders
    a method   each ranked on its own, the rankings fused      any

Searched as one, a document has the score that it would have if all documents were in one
collection: the statistics are counted over all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rank_retrieve.collection.collection import Collection
from rank_retrieve.collection.named_collections import find_collection
from rank_retrieve.collection.request import SearchRequest
from rank_retrieve.collection.search import Searcher
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Explanation, Hits, Int64s, Ranked

if TYPE_CHECKING:
    from rank_retrieve.collection.engine import Engine
    from rank_retrieve.fusion import FusionMethod

MAX_COLLECTIONS = 256


class _Joined(Searcher):
    """The segments of several collections as those of one."""

    def __init__(self, names: Sequence[str], searchers: Sequence[Searcher]) -> None:
        parts = [part for searcher in searchers for part in searcher.parts]
        first = searchers[0]
        super().__init__(first.schema, parts, first.encoder, first.encoder_field)
        self._name_of = [
            name for name, searcher in zip(names, searchers, strict=True) for _ in searcher.parts
        ]

    def collections(self, docs: Int64s) -> list[str] | None:
        """The collection of each doc."""
        parts = np.searchsorted(self.bases, docs, side="right") - 1
        return [self._name_of[part] for part in parts.tolist()]


def search_across(
    engine: Engine,
    collections: Sequence[str] | None,
    merge: Literal["scores"] | FusionMethod | None,
    request: SearchRequest,
) -> Hits:
    """See `Database.search`."""
    with engine.state.locked():
        names = _names(engine, collections)
        searchers = [
            Collection(engine, find_collection(engine.state, name))._look() for name in names
        ]
    method = _method(merge, names, searchers)
    if method is None:
        return _Joined(names, searchers).run(request)
    return _fused(method, names, searchers, request)


def _names(engine: Engine, collections: Sequence[str] | None) -> list[str]:
    names = sorted(engine.state.stores) if collections is None else collections
    if (
        isinstance(names, str)
        or not isinstance(names, Sequence)
        or not 1 <= len(names) <= MAX_COLLECTIONS
        or len(set(names)) < len(names)
    ):
        raise InvalidArgument(
            "collections", collections, f"must be 1..{MAX_COLLECTIONS} different names in a list"
        )
    return list(names)


def _method(
    merge: object, names: Sequence[str], searchers: Sequence[Searcher]
) -> FusionMethod | None:
    """What fuses the rankings, None where the collections are searched as one."""
    from rank_retrieve.fusion import RRF, FusionMethod

    forms = [_form(searcher) for searcher in searchers]
    alike = all(form == forms[0] for form in forms)
    if merge is None:
        return None if alike else RRF()
    if merge == "scores":
        if not alike:
            raise InvalidArgument(
                "merge", merge, f"the collections {', '.join(names)} differ in fields or encoder",
                "fuse their rankings with merge=rr.RRF()",
            )  # fmt: skip
        return None
    if isinstance(merge, type) or not isinstance(merge, FusionMethod):
        raise InvalidArgument("merge", merge, 'must be "scores" or a method such as rr.RRF()')
    return merge


def _form(searcher: Searcher) -> tuple[Any, ...]:
    """What two collections must have in common for their scores to mean the same."""
    encoder = searcher.encoder
    fingerprint = None if encoder is None else encoder.fingerprint
    return (searcher.schema.to_dict(), searcher.encoder_field, fingerprint)


def _fused(
    method: FusionMethod,
    names: Sequence[str],
    searchers: Sequence[Searcher],
    request: SearchRequest,
) -> Hits:
    for argument in ("sort", "group_by", "min_score"):
        if getattr(request, argument) is not None:
            raise InvalidArgument(
                argument, getattr(request, argument), "is not for rankings that are fused",
                'search collections of equal fields with merge="scores"',
            )  # fmt: skip
    alone = replace(request, k=request.last, offset=0)
    found = [searcher.run(alone) for searcher in searchers]
    # a document is in one collection only: number them one after the other
    starts = np.cumsum([0, *(len(hits) for hits in found)])
    rankings = [
        Ranked(np.arange(start, start + len(hits)), hits.scores)
        for start, hits in zip(starts.tolist(), found, strict=False)
    ]
    fused = method.fuse(rankings, max(request.last, 1))
    docs = fused.docs[request.offset :]
    places = [
        (int(ranking), int(doc - starts[ranking]))
        for doc in docs.tolist()
        for ranking in [np.searchsorted(starts, doc, side="right") - 1]
    ]

    def document(position: int) -> dict[str, Any]:
        ranking, place = places[position]
        return found[ranking][place].document

    def explanation(position: int) -> Explanation:
        ranking, place = places[position]
        below: list[Explanation | None] = [None] * len(found)
        below[ranking] = found[ranking][place].explain()
        return fused.explain(int(docs[position]), names=list(names), legs=below)

    ids = np.empty(len(docs), dtype=object)
    ids[:] = [found[ranking].ids[place] for ranking, place in places]
    timings: dict[str, float] = {}
    for hits in found:
        for stage, seconds in hits.timings.items():
            timings[stage] = timings.get(stage, 0.0) + seconds
    return Hits(
        ids,
        fused.scores[request.offset :],
        document=document,
        explain=explanation,
        plan=lambda: {
            "merge": repr(method),
            "collections": {n: dict(h.plan) for n, h in zip(names, found, strict=True)},
        },
        offset=request.offset,
        collections=[names[ranking] for ranking, _ in places],
        timings=timings,
    )
