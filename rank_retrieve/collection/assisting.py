"""What helps people to search: highlights, spelling, documents like others, expanded queries.

All of it reads the stored texts of a few documents and analyses them again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from rank_retrieve.collection.record import check_id
from rank_retrieve.collection.request import SearchRequest
from rank_retrieve.errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    from rank_retrieve.analysis import Analyzer
    from rank_retrieve.collection.schema import TextGroup
    from rank_retrieve.collection.search import Searcher
    from rank_retrieve.filters import Predicate
    from rank_retrieve.lexical.feedback import Feedback, Statistics
    from rank_retrieve.lexical.highlighting import Snippet
    from rank_retrieve.lexical.queries import LexicalQuery
    from rank_retrieve.lexical.spelling import SimilarTerm, Suggestion
    from rank_retrieve.types import Hits, Query

# how many documents show how a term is written
SURFACE_DOCS = 16
MAX_QUERY_TERMS = 1_024


class Assisting(ABC):
    """Help with searching; `_look` says in what."""

    @abstractmethod
    def _look(self) -> Searcher:
        """What searches the documents as they are now."""

    def highlight(
        self,
        query: str | Query | LexicalQuery,
        document_id: str,
        *,
        fields: Sequence[str] | None = None,
        n_snippets: int = 1,
        max_characters: int = 200,
    ) -> dict[str, list[Snippet]]:
        """The passages of a document that match a query best, for each text field that does.

        query: text, or a query object; of a pattern such as `rr.Prefix`, the terms it accepts.
        fields: text fields, by default all.
        n_snippets: at most so many of each field, in their order in it.
        max_characters: of a snippet; a longer sentence is cut between words.

        `snippet.marked()` is HTML. Raises NotFound for an unknown id, InvalidArgument for
        anything else that does not fit.
        """
        from rank_retrieve.analysis import get_analyzer
        from rank_retrieve.lexical.highlighting import highlight

        searcher = self._look()
        stored = _stored(searcher, document_id)
        wanted = _text_fields(searcher, fields)
        asked = _query_object(query)
        found = {}
        for group in searcher.schema.groups:
            analyzer = get_analyzer(group.analyzer)
            weights = _Weights(searcher, group, analyzer, asked)
            for field in group.fields:
                text = stored.get(field)
                if text and field in wanted:
                    snippets = highlight(
                        text, analyzer, weights.of,
                        n_snippets=n_snippets, max_characters=max_characters,
                    )  # fmt: skip
                    if snippets:
                        found[field] = snippets
        return found

    def suggest(
        self, word: str, k: int = 5, *, max_edits: int = 2, prefix_length: int = 1
    ) -> list[Suggestion]:
        """Words of the documents that are almost this one, the nearest first.

        word: one word. max_edits: 1 or 2 characters inserted, deleted, replaced, or exchanged
            with their neighbour, between the terms that analysis makes of the words.
        prefix_length: so many first characters must be equal.
        Words at the same distance are ordered by how many documents hold them.
        """
        _check_numbers(k=(k, 1, 1_000), max_edits=(max_edits, 1, 2))
        _check_numbers(prefix_length=(prefix_length, 0, 255))
        searcher = self._look()
        suggestions = (
            found
            for group, analyzer in _analyzers(searcher)
            for found in _suggestions(searcher, group, analyzer, word, max_edits, prefix_length)
        )
        return list(islice(suggestions, k))

    def did_you_mean(self, text: str, *, max_edits: int = 2) -> str | None:
        """The text with each word that no document holds replaced by its best suggestion.

        None when every word is known or nothing is near: there is nothing to propose.
        """
        _check_numbers(max_edits=(max_edits, 1, 2))
        searcher = self._look()
        groups = list(_analyzers(searcher))
        if not groups:
            return None
        _, cutter = groups[0]
        pieces, end = [], 0
        for token in cutter.tokens(text):
            word = text[token.start : token.end]
            if token.start < end or _is_known(searcher, groups, word):
                continue
            better = next(
                (
                    found.text
                    for group, analyzer in groups
                    for found in _suggestions(searcher, group, analyzer, word, max_edits, 1)
                ),
                None,
            )
            if better is not None:
                pieces += [text[end : token.start], better]
                end = token.end
        return "".join([*pieces, text[end:]]) if pieces else None

    def more_like_this(
        self,
        like: str | Sequence[str],
        k: int = 10,
        *,
        n_terms: int = 25,
        min_term_frequency: int = 1,
        min_document_frequency: int = 2,
        where: Mapping[str, Any] | Predicate | None = None,
    ) -> Hits:
        """The k documents whose words are most like those of some documents, without these.

        like: an id, or several. n_terms: the query is made of so many terms, those with the
            greatest tf * idf among the ones that stand min_term_frequency times in the documents
            and in min_document_frequency documents of the collection.
        where: a filter, as for `search`.
        Raises NotFound for an unknown id. See `rank_retrieve.lexical.feedback.key_terms`.
        """
        from rank_retrieve.filters import Filter
        from rank_retrieve.lexical.feedback import key_terms

        _check_numbers(
            n_terms=(n_terms, 1, MAX_QUERY_TERMS),
            min_term_frequency=(min_term_frequency, 1, 1 << 31),
            min_document_frequency=(min_document_frequency, 1, 1 << 31),
        )
        ids = [like] if isinstance(like, str) else list(like)
        searcher = self._look()
        stored = [_stored(searcher, each) for each in ids]
        weights = {}
        for group, analyzer in _analyzers(searcher):
            bags = [_bag(document, group, analyzer) for document in stored]
            weights[group.fields] = key_terms(
                bags, _statistics(searcher, group, bags), n_terms=n_terms,
                min_term_frequency=min_term_frequency,
                min_document_frequency=min_document_frequency,
            )  # fmt: skip
        others = Filter.nin("id", ids)
        allowed = others if where is None else Filter.and_(Filter.parse(where), others)
        query = weighted_query(weights)
        return searcher.run(SearchRequest(query, k, mode="lexical", where=allowed))

    def expand_query(
        self,
        query: str,
        feedback: Feedback | None = None,
        *,
        where: Mapping[str, Any] | Predicate | None = None,
    ) -> LexicalQuery:
        """A query with terms of the documents that it finds first: pseudo-relevance feedback.

        feedback: how, by default `rr.RM3()`. where: take documents that a filter lets through.
        Returns a query object for `search`, which prints as the weighted terms that it is.
        """
        from rank_retrieve.lexical.feedback import RM3, Feedback

        chosen = RM3() if feedback is None else feedback
        if not isinstance(chosen, Feedback):
            raise InvalidArgument("feedback", feedback, "must be rr.RM3(...) or rr.Rocchio(...)")
        searcher = self._look()
        hits = searcher.run(SearchRequest(query, chosen.n_documents, mode="lexical", where=where))
        stored = [_stored(searcher, each) for each in hits.ids.tolist()]
        weights = {}
        for group, analyzer in _analyzers(searcher):
            asked = Counter(analyzer.terms(query))
            bags = [_bag(document, group, analyzer) for document in stored]
            known = _statistics(searcher, group, [*bags, asked])
            weights[group.fields] = chosen.expand(asked, bags, hits.scores.tolist(), known)
        return weighted_query(weights)


def weighted_query(weights: Mapping[tuple[str, ...], Mapping[bytes, float]]) -> LexicalQuery:
    """An OR of weighted terms; weights: by the fields that share an analyzer."""
    from rank_retrieve.lexical.queries import Boolean, Boosted, Term

    return Boolean(
        should=tuple(
            Boosted(Term(term.decode(), field=fields), weight)
            for fields, of_terms in weights.items()
            for term, weight in of_terms.items()
        )
    )


class _Weights:
    """How much each term of a text counts in a highlight: its idf if the query looks for it."""

    def __init__(
        self, searcher: Searcher, group: TextGroup, analyzer: Analyzer, query: LexicalQuery
    ) -> None:
        self._lexical = searcher.lexical_searcher(group)
        self._terms = set(analyzer.terms(query.words))
        self._automata = list(_patterns(query, analyzer))

    def of(self, term: bytes) -> float:
        """0 for a term that is not looked for."""
        if term not in self._terms and not any(_holds(span, term) for span in self._automata):
            return 0.0
        return self._lexical.known([term])[term].idf


def _patterns(query: LexicalQuery, analyzer: Analyzer) -> Iterable[Any]:
    """The spans of terms that the patterns within a query accept."""
    from rank_retrieve.lexical.queries.boolean import Boolean
    from rank_retrieve.lexical.queries.multi_term import MultiTermQuery

    if isinstance(query, MultiTermQuery):
        yield from query.spans(analyzer)
    children = query.must + query.should if isinstance(query, Boolean) else query.children
    for child in children:
        yield from _patterns(child, analyzer)


def _holds(span: Any, term: bytes) -> bool:
    return (
        (span.ge is None or term >= span.ge)
        and (span.lt is None or term < span.lt)
        and (span.automaton is None or span.automaton.matches(term))
    )


def _query_object(query: object) -> LexicalQuery:
    from rank_retrieve.lexical.queries import LexicalQuery, Match
    from rank_retrieve.types import Query

    text = query.text if isinstance(query, Query) else query
    if isinstance(text, LexicalQuery):
        return text
    if not isinstance(text, str):
        raise InvalidArgument("query", query, "must be text, or a query with text")
    return Match(text)


def _analyzers(searcher: Searcher) -> Iterable[tuple[TextGroup, Analyzer]]:
    from rank_retrieve.analysis import get_analyzer

    return ((group, get_analyzer(group.analyzer)) for group in searcher.schema.groups)


def _stored(searcher: Searcher, document_id: str) -> Mapping[str, Any]:
    check_id(document_id)
    for part in reversed(searcher.parts):
        doc = part.segment.ids.find(document_id)
        if doc >= 0 and part.is_live(doc):
            return part.segment.stored(doc)
    raise NotFound("document", document_id)


def _text_fields(searcher: Searcher, fields: Sequence[str] | None) -> frozenset[str]:
    known = frozenset(searcher.schema.texts)
    if fields is None:
        return known
    for field in fields:
        if field not in known:
            raise InvalidArgument("fields", field, f"is none of the text fields {sorted(known)}")
    return frozenset(fields)


def _bag(document: Mapping[str, Any], group: TextGroup, analyzer: Analyzer) -> Counter[bytes]:
    bag: Counter[bytes] = Counter()
    for field in group.fields:
        bag.update(analyzer.terms(document.get(field) or ""))
    return bag


def _statistics(
    searcher: Searcher, group: TextGroup, bags: Sequence[Mapping[bytes, Any]]
) -> Statistics:
    from rank_retrieve.lexical.feedback import TermStatistics

    known = searcher.lexical_searcher(group).known({term for bag in bags for term in bag})
    return {t: TermStatistics(each.document_frequency, each.idf) for t, each in known.items()}


def _is_known(searcher: Searcher, groups: Sequence[tuple[TextGroup, Analyzer]], word: str) -> bool:
    for group, analyzer in groups:
        terms = analyzer.terms(word)
        known = searcher.lexical_searcher(group).known(terms)
        if not terms or any(each.document_frequency for each in known.values()):
            return True
    return False


def _suggestions(
    searcher: Searcher,
    group: TextGroup,
    analyzer: Analyzer,
    word: str,
    max_edits: int,
    prefix_length: int,
) -> Iterable[Suggestion]:
    from rank_retrieve.lexical.spelling import Suggestion, similar_terms

    terms = analyzer.terms(word)
    if len(terms) > 1:
        raise InvalidArgument("word", word, f"is not one word but {len(terms)}")
    for term in terms:
        lexical = searcher.lexical_searcher(group)
        for similar in similar_terms(
            lexical, term, max_edits=max_edits, prefix_length=prefix_length
        ):
            text = _surface(searcher, group, analyzer, similar)
            if word.islower():
                text = text.lower()  # perhaps the first word of a sentence
            yield Suggestion(text, similar.term, similar.edits, similar.document_frequency)


def _surface(searcher: Searcher, group: TextGroup, analyzer: Analyzer, similar: SimilarTerm) -> str:
    """How documents mostly write a term."""
    from rank_retrieve.lexical.spelling import most_common

    surfaces = (
        text[token.start : token.end]
        for text in islice(_texts_with(searcher, group, similar.term), SURFACE_DOCS)
        for token in analyzer.tokens(text)
        if token.term == similar.term
    )
    return most_common(surfaces) or similar.term.decode("utf-8", "replace")


def _texts_with(searcher: Searcher, group: TextGroup, term: bytes) -> Iterable[str]:
    """The texts of live documents that hold a term, each field by itself."""
    known = searcher.lexical_searcher(group).known([term])[term]
    for part, ordinal in zip(searcher.parts, known.ordinals, strict=True):
        if ordinal < 0:
            continue
        docs, _ = part.segment.index(group.name).postings(ordinal)
        for doc in docs.tolist():
            if part.is_live(doc):
                stored = part.segment.stored(doc)
                yield from (stored[field] for field in group.fields if stored.get(field))


def _check_numbers(**numbers: tuple[Any, int, int]) -> None:
    for name, (value, least, most) in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise InvalidArgument(name, value, f"must be a whole number in {least}..{most}")
