"""Wildcards and regular expressions as automata over bytes, without backtracking.

Both match a whole term unless a search is asked for, and characters are code points of UTF-8: a
term that is not UTF-8 never matches. A pattern's automaton has at most 4,096 states, else it is
refused.
"""

from __future__ import annotations

from rank_retrieve.codecs.fst._determinize import determinize
from rank_retrieve.codecs.fst._syntax import Reading, parse_regex, parse_wildcard
from rank_retrieve.codecs.fst.automaton import Automaton, dfa


def wildcard(pattern: str) -> Automaton:
    """`*` is any run of characters, `?` any one; a backslash takes the next one as it is."""
    return dfa(pattern, *determinize(pattern, parse_wildcard(pattern)))


def regex(
    pattern: str, *, anywhere: bool = False, ignore_case: bool = False, dot_all: bool = True
) -> Automaton:
    r"""A regular expression: . | ( ) (?: ) [a-z] [^a-z] * + ? {m,n} and escapes.

    \d \w \s are ASCII, \D \W \S their complements; \n \t \r \f \v \a, \xHH, \uHHHH,
    \UHHHHHHHH; a backslash before punctuation takes it as it is.

    anywhere: match when some part of the text does; ^ and $ then stand for its two ends, around
        the pattern or around each of its outermost alternatives.
    ignore_case: letters also match their other cases, by the simple mappings of Unicode.
    dot_all: whether a dot is any character, or any but a line feed.

    InvalidArgument says at which character something else, like an anchor in the middle, a
    back-reference or lookaround, was found.
    """
    reading = Reading(anywhere, ignore_case, dot_all)
    return dfa(pattern, *determinize(pattern, parse_regex(pattern, reading)))
