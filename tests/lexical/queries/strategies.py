"""Random documents of few words, and random query trees over them."""

from __future__ import annotations

from hypothesis import strategies as st

import rank_retrieve as rr

WORDS = ["a", "b", "ab", "ba", "abc", "c", "rare"]
words = st.sampled_from(["a", "a", "a", "b", "b", "ab", "ba", "abc", "c", "rare"])
some_words = st.lists(words, max_size=7)
documents = st.fixed_dictionaries({"title": some_words, "text": some_words, "notes": some_words})
fields = st.sampled_from([None, None, "title", "text", "notes", ("title", "notes")])
asked = st.lists(st.sampled_from([*WORDS, "absent"]), min_size=1, max_size=4).map(" ".join)
rewrites = st.sampled_from(["constant", "scoring"])
minimums = st.sampled_from([None, None, 0, 1, 2, 3, -1, "50%", "-40%"])

leaves = st.one_of(
    st.builds(rr.Match, asked, field=fields, operator=st.sampled_from(["or", "and"])),
    st.builds(rr.Match, asked, field=fields, minimum_should_match=minimums),
    st.builds(rr.Term, st.sampled_from([*WORDS, "absent"]), field=fields),
    st.builds(rr.Phrase, asked, field=fields, slop=st.integers(0, 4)),
    st.builds(rr.Prefix, st.sampled_from(["a", "b", "ra"]), field=fields, rewrite=rewrites),
    st.builds(
        rr.Wildcard,
        st.sampled_from(["a*", "*", "?b", "a?c", "*a*"]),
        field=fields,
        rewrite=rewrites,
    ),
    st.builds(rr.Regex, st.sampled_from(["a|b", "[ab]+", "ra.*e"]), field=fields, rewrite=rewrites),
    st.builds(
        rr.Fuzzy,
        st.sampled_from(["a", "ab", "bac", "rear"]),
        field=fields,
        edits=st.integers(0, 2),
        prefix_length=st.integers(0, 1),
        max_expansions=st.integers(1, 4),
        transpositions=st.booleans(),
        rewrite=rewrites,
    ),
    st.builds(
        rr.TermRange,
        st.sampled_from([None, "a", "ab"]),
        st.sampled_from([None, "b", "ba"]),
        st.booleans(),
        st.booleans(),
        field=fields,
        rewrite=rewrites,
    ),
    st.just(rr.MatchAll()),
)
boosts = st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.7])


def _joined(children: st.SearchStrategy[rr.LexicalQuery]) -> st.SearchStrategy[rr.LexicalQuery]:
    several = st.lists(children, max_size=3)
    return st.one_of(
        st.builds(
            rr.Boolean,
            must=several,
            should=several,
            must_not=st.lists(children, max_size=1),
            filter=st.lists(children, max_size=1),
            minimum_should_match=minimums,
        ),
        st.builds(
            rr.DisMax,
            st.lists(children, min_size=1, max_size=3),
            tie_breaker=st.sampled_from([0.0, 0.3, 1.0]),
        ),
        st.builds(rr.Boosted, children, boosts),
        st.builds(rr.ConstantScore, children, st.sampled_from([0.1, 1.0, 2.5])),
    )


queries = st.recursive(leaves, _joined, max_leaves=6)
