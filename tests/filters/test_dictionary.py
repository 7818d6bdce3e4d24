from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.filters.dictionary import Dictionary


def dictionary_of(entries: list[bytes]) -> Dictionary:
    offsets = np.zeros(len(entries) + 1, dtype=np.uint32)
    offsets[1:] = np.cumsum([len(entry) for entry in entries])
    return Dictionary(offsets, memoryview(b"".join(entries)))


def test_entries_are_numbered_in_order() -> None:
    dictionary = dictionary_of([b"", b"a", b"ab", b"b"])
    assert len(dictionary) == 4
    assert [dictionary[code] for code in range(4)] == [b"", b"a", b"ab", b"b"]
    assert [dictionary.first_not_below(e) for e in (b"", b"a", b"aa", b"c")] == [0, 1, 2, 4]


def test_what_is_absent_is_left_out() -> None:
    assert dictionary_of([b"a", b"c"]).find_many([b"", b"a", b"b", b"c", b"d"]) == [0, 1]


@pytest.mark.parametrize("prefix", [b"", b"doc-", b"http://example.org/"])
def test_many_entries_are_found_whatever_they_share(prefix: bytes) -> None:
    entries = sorted(prefix + str(n).encode() for n in range(0, 3_000, 3))
    wanted = [*sorted(prefix + str(n).encode() for n in range(500)), b"", b"zzz", prefix[:-1]]
    found = [entries[code] for code in dictionary_of(entries).find_many(wanted)]
    assert sorted(found) == sorted(set(wanted) & set(entries))


@given(
    st.sets(st.binary(max_size=12), min_size=64, max_size=120),
    st.sets(st.binary(max_size=12), max_size=40),
)
@settings(deadline=None, max_examples=40)
def test_find_many_agrees_with_a_dict(entries: set[bytes], others: set[bytes]) -> None:
    ordered = sorted(entries)
    wanted = sorted(entries | others)
    place = {entry: code for code, entry in enumerate(ordered)}
    expected = [place[entry] for entry in wanted if entry in place]
    assert dictionary_of(ordered).find_many(wanted) == expected
