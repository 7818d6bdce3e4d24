"""Evaluating `Phrase` in the fields under one analyzer."""

from __future__ import annotations

import numpy as np

from rank_retrieve.lexical.phrases import PhraseShape, find_phrase, phrase_in_texts
from rank_retrieve.lexical.queries.fields import (
    Postings,
    analysed_texts,
    live_only,
    postings_in,
)
from rank_retrieve.lexical.queries.plan import Found
from rank_retrieve.lexical.queries.scope import Choice, Scope
from rank_retrieve.lexical.queries.term_plans import ScopedPlan, with_boost
from rank_retrieve.types import Explanation, Int32s


class PhrasePlan(ScopedPlan):
    """Docs that hold a phrase of two terms or more."""

    def __init__(
        self, scope: Scope, choice: Choice, shape: PhraseShape, boost: float | None
    ) -> None:
        super().__init__(scope, choice)
        self._shape, self._boost = shape, boost
        self._known = choice.group.searcher.known(shape.distinct)
        self._held = all(known.document_frequency for known in self._known.values())
        self._idf = sum(self._known[term].idf for term in shape.terms)
        if boost is not None and self._held:
            self._number = scope.weights[choice.number].add(self._idf * boost)

    def most(self, part: int) -> int:
        """See `Plan`."""
        ordinals = [known.ordinals[part] for known in self._known.values()]
        if min(ordinals) < 0:
            return 0
        index = self.index(part)
        return min([index.document_frequency(ordinal) for ordinal in ordinals])

    def find(self, part: int, within: Int32s | None) -> Found:
        """See `Plan`."""
        self.scope.deadline.check()
        if not self._held or self.most(part) == 0:
            return Found.nothing()
        postings = self._postings(part, within)
        if self._boost is None:
            return Found.unscored(postings.docs)
        return Found(postings.docs, self.scored(self._number, part, postings))

    def _postings(self, part: int, within: Int32s | None) -> Postings:
        if self.index(part).positions is None:
            return self._postings_by_texts(part, within)
        live = self.choice.group.searcher.parts[part].live_words
        ordinals = {term: known.ordinals[part] for term, known in self._known.items()}
        docs, frequencies = find_phrase(
            self.index(part), self._shape, ordinals, self.choice.units, live, within
        )
        return Postings(docs, frequencies)

    def _postings_by_texts(self, part: int, within: Int32s | None) -> Postings:
        """Those of the docs that hold every term, found in their texts."""
        whole = self.scope.choose(self.choice.group.fields)[0]
        by_size = sorted(
            self._known.items(),
            key=lambda item: self.index(part).document_frequency(item[1].ordinals[part]),
        )
        for term, known in by_size:
            ordinal = known.ordinals[part]
            within = postings_in(self.scope, whole, part, term, ordinal, within).docs
        assert within is not None
        kept, counted = [np.empty(0, dtype=np.int32)], [np.empty(0)]
        candidates = live_only(self.choice, part, within)
        for chunk, texts in analysed_texts(self.scope, self.choice, part, candidates):
            frequencies = phrase_in_texts(
                texts.tokens, texts.offsets, texts.positions, texts.numbers, self._shape,
                self.choice.units,
            )  # fmt: skip
            held = np.flatnonzero(frequencies)
            kept.append(chunk[held])
            counted.append(frequencies[held])
        return Postings(np.concatenate(kept), np.concatenate(counted))

    def explain(self, part: int, doc: int) -> Explanation | None:
        """See `Plan`."""
        from rank_retrieve.lexical.explain import explain_phrase

        if not self._held or self.most(part) == 0:
            return None
        postings = self._postings(part, np.array([doc], dtype=np.int32))
        if not len(postings.docs):
            return None
        value = 0.0
        if self._boost is not None:
            value = float(self.scored(self._number, part, postings)[0])
        searcher = self.choice.group.searcher
        explanation = explain_phrase(
            value,
            self._shape.terms,
            [self._known[term].idf for term in self._shape.terms],
            float(postings.frequencies[0]),
            searcher.scorer,
            searcher.statistics,
            int(self.index(part).lengths[doc]),
            self.choice.label,
        )
        return with_boost(explanation, self._boost or 0.0)
