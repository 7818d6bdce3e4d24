"""A query bound to an index: its best documents, how many there are, and why they score so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.lexical.queries.flat import flattened
from rank_retrieve.lexical.queries.plan import Found
from rank_retrieve.lexical.queries.query import LexicalQuery
from rank_retrieve.lexical.queries.scope import Deadline, FieldGroup, Scope
from rank_retrieve.lexical.queries.term_plans import BagPlan
from rank_retrieve.types import Bitmap, Explanation, Float64s, Int32s, Int64s, Ranked

# fewer allowed docs than this share of a part are looked up one by one
FEW_SHARE = 16


class PreparedQuery:
    """One query over the parts of some groups of fields.

    groups: at least one; with the same parts, in the same order. timeout_s: from now on, or
    None. Raises InvalidArgument for unknown fields, ResourceExhausted for patterns that stand for
    too many terms, DeadlineExceeded like every method.
    """

    def __init__(
        self, groups: Sequence[FieldGroup], query: LexicalQuery, timeout_s: float | None = None
    ) -> None:
        self._groups, self._query = groups, query
        self._scope = Scope(groups, Deadline(timeout_s))
        self._plan = query.bind(self._scope, 1.0)
        self._parts = groups[0].searcher.parts

    def search(self, k: int, allowed: Sequence[Bitmap | None] | None = None) -> Ranked:
        """The k best live docs, numbered over all parts; equal scores by ascending doc.

        allowed: for each part the docs that may be returned, or None for all.
        """
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise InvalidArgument("k", k, "must be an integer of at least 1")
        flat = flattened(self._plan)
        if flat is not None:
            self._scope.deadline.check()
            ranked = flat.search(int(k), allowed)
            self._scope.deadline.check()
            return ranked
        docs, scores = [np.empty(0, dtype=np.int64)], [np.empty(0)]
        for number, part in enumerate(self._parts):
            found = self._find(number, allowed)
            docs.append(found.docs.astype(np.int64) + part.base)
            scores.append(found.scores)
        return Ranked.best(np.concatenate(docs), np.concatenate(scores), int(k))

    def count(self, allowed: Sequence[Bitmap | None] | None = None) -> int:
        """How many live docs match."""
        if isinstance(self._plan, BagPlan):
            counted = self._plan.count(allowed)
            if counted is not None:
                return counted
        return sum(len(self._find(number, allowed).docs) for number in range(len(self._parts)))

    def scores(self, docs: Int64s) -> Float64s:
        """The score of each doc, numbered as by `search`, in any order; NaN where none matches."""
        self._scope.deadline.lift()
        result = np.full(len(docs), np.nan)
        if self._plan is None:
            return result
        for number, part in enumerate(self._parts):
            inside = np.flatnonzero((docs >= part.base) & (docs < part.base + part.index.n_docs))
            if len(inside):
                wanted, places = np.unique(docs[inside] - part.base, return_inverse=True)
                found = self._plan.find(number, wanted.astype(np.int32))
                of_wanted = np.full(len(wanted), np.nan)
                of_wanted[np.searchsorted(wanted, found.docs)] = found.scores
                result[inside] = of_wanted[places]
        return result

    def explain(self, doc: int) -> Explanation:
        """How a doc scores; the sums in it are exact.

        Raises InvalidArgument for a doc of no part, or one that does not match.
        """
        self._scope.deadline.lift()
        for number, part in enumerate(self._parts):
            if part.base <= doc < part.base + part.index.n_docs:
                found = self._plan.explain(number, doc - part.base) if self._plan else None
                if found is None:
                    raise InvalidArgument("doc", doc, "does not match the query")
                return found
        raise InvalidArgument("doc", doc, "is in no part of this index")

    def _find(self, number: int, allowed: Sequence[Bitmap | None] | None) -> Found:
        if self._plan is None:
            return Found.nothing()
        self._scope.deadline.check()
        mask = self._mask(number, None if allowed is None else allowed[number])
        within: Int32s | None = None
        if mask is not None and len(mask) * FEW_SHARE < mask.size:
            within = mask.to_docs().astype(np.int32)
        found = self._plan.find(number, within)
        if mask is not None:
            found = found.chosen(np.flatnonzero(mask.to_mask()[found.docs]))
        self._scope.deadline.check()
        return found

    def _mask(self, number: int, allowed: Bitmap | None) -> Bitmap | None:
        part = self._parts[number]
        if allowed is not None and allowed.size != part.index.n_docs:
            raise InvalidArgument("allowed", allowed.size, f"must have {part.index.n_docs} docs")
        if allowed is None or part.live is None:
            return part.live if allowed is None else allowed
        return allowed & part.live
