"""Random corpora: few terms, so that lists are long and scores tie."""

from __future__ import annotations

from hypothesis import strategies as st

TERMS = [b"a", b"b", b"c", b"d", b"rare", b"z"]

terms = st.sampled_from([b"a", b"a", b"a", b"b", b"b", b"c", b"d", b"rare"])
queries = st.lists(st.sampled_from([*TERMS, b"absent"]), max_size=6)
fields = st.lists(terms, max_size=8)
documents = st.lists(st.tuples(fields).map(list), max_size=30)
