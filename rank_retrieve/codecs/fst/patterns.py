"""Wildcards and regular expressions as automata over bytes, without backtracking.

Both match a whole term, and characters are code points of UTF-8: a term that is not UTF-8 never
matches. A pattern's automaton has at most 4,096 states, else it is refused.
"""

from __future__ import annotations

from rank_retrieve.codecs.fst._determinize import determinize
from rank_retrieve.codecs.fst._syntax import parse_regex, parse_wildcard
from rank_retrieve.codecs.fst.automaton import Automaton, dfa


def wildcard(pattern: str) -> Automaton:
    """`*` is any run of characters, `?` any one; a backslash takes the next one as it is."""
    return dfa(pattern, *determinize(pattern, parse_wildcard(pattern)))


def regex(pattern: str) -> Automaton:
    r"""A regular expression: . | ( ) (?: ) [a-z] [^a-z] * + ? {m,n} and escapes.

    Dot is any character. \d \w \s are ASCII, \D \W \S their complements; \n \t \r \f \v \a,
    \xHH, \uHHHH, \UHHHHHHHH; a backslash before punctuation takes it as it is.
    InvalidArgument says at which character something else, like an anchor, a back-reference
    or lookaround, was found.
    """
    return dfa(pattern, *determinize(pattern, parse_regex(pattern)))
