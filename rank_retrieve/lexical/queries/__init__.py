"""Which documents does a query mean? Query objects, the string syntax, and their evaluation.

query       what every query object is
match, term, phrase, boolean, dis_max, boosted, constant_score, match_all
            one kind of query each
multi_term  queries that stand for many terms: prefix, wildcard, fuzzy, regex, term_range
scope       where a query is looked for: fields, statistics, deadline
plan        bound queries, evaluated part by part; *_plan(s) are their kinds
flat        bound queries that are bags of words, which the searcher answers
fields      terms in some fields only
prepared    a bound query's best documents, count, scores and explanations
syntax      Lucene's query syntax
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rank_retrieve._lazy import lazy_exports

if TYPE_CHECKING:
    from rank_retrieve.lexical.queries.boolean import Boolean
    from rank_retrieve.lexical.queries.boosted import Boosted
    from rank_retrieve.lexical.queries.constant_score import ConstantScore
    from rank_retrieve.lexical.queries.dis_max import DisMax
    from rank_retrieve.lexical.queries.fuzzy import Fuzzy
    from rank_retrieve.lexical.queries.match import Match
    from rank_retrieve.lexical.queries.match_all import MatchAll
    from rank_retrieve.lexical.queries.phrase import Phrase
    from rank_retrieve.lexical.queries.prefix import Prefix
    from rank_retrieve.lexical.queries.prepared import PreparedQuery
    from rank_retrieve.lexical.queries.query import LexicalQuery
    from rank_retrieve.lexical.queries.regex import Regex
    from rank_retrieve.lexical.queries.scope import FieldGroup
    from rank_retrieve.lexical.queries.syntax import parse_query
    from rank_retrieve.lexical.queries.term import Term
    from rank_retrieve.lexical.queries.term_range import TermRange
    from rank_retrieve.lexical.queries.wildcard import Wildcard

__all__ = [
    "Boolean",
    "Boosted",
    "ConstantScore",
    "DisMax",
    "FieldGroup",
    "Fuzzy",
    "LexicalQuery",
    "Match",
    "MatchAll",
    "Phrase",
    "Prefix",
    "PreparedQuery",
    "Regex",
    "Term",
    "TermRange",
    "Wildcard",
    "parse_query",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "boolean": ("Boolean",),
        "boosted": ("Boosted",),
        "constant_score": ("ConstantScore",),
        "dis_max": ("DisMax",),
        "fuzzy": ("Fuzzy",),
        "match": ("Match",),
        "match_all": ("MatchAll",),
        "phrase": ("Phrase",),
        "prefix": ("Prefix",),
        "prepared": ("PreparedQuery",),
        "query": ("LexicalQuery",),
        "regex": ("Regex",),
        "scope": ("FieldGroup",),
        "syntax": ("parse_query",),
        "term": ("Term",),
        "term_range": ("TermRange",),
        "wildcard": ("Wildcard",),
    },
)
