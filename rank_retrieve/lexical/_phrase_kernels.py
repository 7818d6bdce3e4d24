"""Kernels that find phrases: documents that hold all terms, and how well their positions fit.

What a kernel is given of the phrase (`Slots`): the distinct terms are lists, rarest first; slot s
is list `lists[s]` at place `places[s]`, ascending. `_phrase_match_kernels` says what a match is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import borrowed, kernel, merged
from rank_retrieve.lexical._phrase_arrays import PHRASE_WORK, SLOTS
from rank_retrieve.lexical._phrase_match_kernels import NEEDS_ROOM, phrase_frequency
from rank_retrieve.lexical._positions_kernels import (
    BAD_CHUNK,
    CHUNK_HEADER,
    check_values,
    chunk_start,
    record_end,
    record_start,
)
from rank_retrieve.lexical._postings_kernels import (
    BLOCK,
    BLOCK_END,
    COUNT,
    LAST_DOC,
    POSITION,
    RECORD,
    RECORD_END,
    TAIL_LEFT,
    decode_docs,
    decode_tail,
    open_list,
)
from rank_retrieve.lexical._signatures import (
    BITMAP,
    INT32S,
    INT64,
    INT64S,
    LISTS,
    POSITIONED,
    WRITTEN_FLOAT64S,
    WRITTEN_INT32S,
)
from rank_retrieve.lexical.postings import BLOCK_DOCS
from rank_retrieve.simd.bits import field_at, sum_fields
from rank_retrieve.simd.integers import LANES, count_below, place_among

# further columns of a cursor
N_CHUNKS = 9
CHUNK = 10  # of the loaded block
START = 11  # of the record of positions
END = 12
HEADER_OF = 13  # the chunk whose header is in the columns below, or -1
COUNTS_AT = 14
COUNT_BITS = 15
VALUES_AT = 16
VALUE_BITS = 17
COUNTED = 18  # postings of the chunk whose occurrences are in BEFORE
BEFORE = 19
LEFT = 20  # values of the document that are not read yet
NEXT_VALUE = 21
CURSOR_COLUMNS = 22

_PADDING_DOC = 2**32 - 1


@borrowed
def _open(lists: Any, positions: Any, ordinal: Any, cursors: Any, row: Any) -> Any:
    """Put a cursor before its list; 0, or a negative code."""
    status = open_list(lists, ordinal, cursors, row)
    if status < 0:
        return status
    end = record_end(positions, ordinal)
    if end < 0:
        return end
    n_postings = np.int64(lists.document_frequencies[ordinal])
    cursors[row, N_CHUNKS] = (n_postings + np.int64(BLOCK_DOCS - 1)) // np.int64(BLOCK_DOCS)
    cursors[row, CHUNK] = np.int64(-1)
    cursors[row, START] = record_start(positions, ordinal)
    cursors[row, END] = end
    cursors[row, HEADER_OF] = np.int64(-1)
    return np.int64(0)


@borrowed
def _load(lists: Any, work: Any, row: Any) -> Any:
    """Decode the docs of the next block: how many, 0 at the end, or a negative code."""
    cursors = work.cursors
    place = row * np.int64(BLOCK_DOCS)
    block, count = cursors[row, BLOCK], np.int64(BLOCK_DOCS)
    if block < cursors[row, BLOCK_END]:
        status = decode_docs(
            lists, block, cursors[row, LAST_DOC], cursors[row, RECORD], cursors[row, RECORD_END],
            work.docs, place,
        )  # fmt: skip
        if status < 0:
            return status
        cursors[row, BLOCK] = block + np.int64(1)
    else:
        count = decode_tail(
            lists, cursors, row, cursors[row, LAST_DOC], work.docs, work.frequencies, place
        )
        if count <= 0:
            return count
        cursors[row, TAIL_LEFT] = np.int64(0)
        for i in range(place + count, place + BLOCK_DOCS):
            work.docs[np.uint64(i)] = np.uint32(_PADDING_DOC)
    cursors[row, LAST_DOC] = np.int64(work.docs[np.uint64(place + count - np.int64(1))])
    cursors[row, COUNT] = count
    cursors[row, CHUNK] += np.int64(1)
    return count


@merged
def _advance(lists: Any, work: Any, row: Any, doc: Any) -> Any:
    """Go to the least doc of a list that is not below `doc`: n_docs at the end, or a code."""
    cursors = work.cursors
    n_docs = np.int64(len(lists.lengths))
    if cursors[row, COUNT] == 0 or cursors[row, LAST_DOC] < doc:
        block, end = cursors[row, BLOCK], cursors[row, BLOCK_END]
        skipped: Any = block
        while skipped < end and np.int64(lists.last_docs[np.uint64(skipped)]) < doc:
            skipped += np.int64(1)
        if skipped > block:
            cursors[row, BLOCK] = skipped
            cursors[row, LAST_DOC] = np.int64(lists.last_docs[np.uint64(skipped - np.int64(1))])
            cursors[row, CHUNK] += skipped - block
        count = _load(lists, work, row)
        if count < 0:
            return count
        if count == 0 or cursors[row, LAST_DOC] < doc:
            return n_docs
    place = row * np.int64(BLOCK_DOCS)
    i = count_below(work.docs, place, doc)
    cursors[row, POSITION] = i
    return np.int64(work.docs[np.uint64(place + i)])


@merged
def _find_values(positions: Any, cursors: Any, row: Any) -> Any:
    """Go to the values of the posting that the cursor stands at; 0, or a negative code."""
    packed = positions.packed
    end, chunk = cursors[row, END], cursors[row, CHUNK]
    if cursors[row, HEADER_OF] != chunk:
        at = chunk_start(positions, cursors[row, START], end, cursors[row, N_CHUNKS], chunk)
        if at < 0:
            return at
        count_bits = np.int64(packed[at])
        cursors[row, HEADER_OF] = chunk
        cursors[row, COUNT_BITS] = count_bits
        cursors[row, VALUE_BITS] = np.int64(packed[at + np.int64(1)])
        cursors[row, COUNTS_AT] = at + np.int64(CHUNK_HEADER)
        values_at = cursors[row, COUNTS_AT]
        values_at += (cursors[row, COUNT] * count_bits + np.int64(7)) >> np.int64(3)
        if values_at > end:
            return np.int64(BAD_CHUNK)
        cursors[row, VALUES_AT] = values_at
        cursors[row, COUNTED] = np.int64(0)
        cursors[row, BEFORE] = np.int64(0)
    i, bits, at = cursors[row, POSITION], cursors[row, COUNT_BITS], cursors[row, COUNTS_AT]
    before = cursors[row, BEFORE]
    counted = cursors[row, COUNTED]
    before += i - counted + sum_fields(packed, at, counted, i, bits)
    cursors[row, COUNTED] = i
    cursors[row, BEFORE] = before
    count = field_at(packed, at, i, bits) + np.int64(1)
    if check_values(cursors[row, VALUES_AT], end, before, count, cursors[row, VALUE_BITS]) < 0:
        return np.int64(BAD_CHUNK)
    cursors[row, LEFT] = count
    cursors[row, NEXT_VALUE] = before
    return np.int64(0)


@merged
def _read_field(positions: Any, work: Any, row: Any, field: Any, at: Any) -> Any:
    """Append the positions of one field to work.positions[at:]; where they end, or a code.

    Fields are asked for in ascending order.
    """
    cursors, packed = work.cursors, positions.packed
    values_at, bits = cursors[row, VALUES_AT], cursors[row, VALUE_BITS]
    left, index = cursors[row, LEFT], cursors[row, NEXT_VALUE]
    if at + left > len(work.positions):
        return np.int64(NEEDS_ROOM)
    n_fields = positions.n_fields
    position = np.int64(0)
    while left > 0:
        value = field_at(packed, values_at, index, bits)
        if n_fields > 1:
            of = value % n_fields
            if of > field:
                break
            value = value // n_fields
            if of == field:
                position += value
                work.positions[np.uint64(at)] = position
                at += np.int64(1)
        else:
            position += value
            work.positions[np.uint64(at)] = position
            at += np.int64(1)
        index += np.int64(1)
        left -= np.int64(1)
    cursors[row, LEFT], cursors[row, NEXT_VALUE] = left, index
    return at


@merged
def _once_each(positions: Any, n_lists: Any, cursors: Any) -> Any:
    """Whether both lists have one occurrence in the only field."""
    return (
        positions.n_fields == 1
        and n_lists == 2
        and cursors[0, LEFT] + cursors[1, LEFT] == np.int64(2)
    )


@merged
def _only_value(positions: Any, cursors: Any, row: Any) -> Any:
    at, index = cursors[row, VALUES_AT], cursors[row, NEXT_VALUE]
    return field_at(positions.packed, at, index, cursors[row, VALUE_BITS])


@merged
def _in_document(positions: Any, slots: Any, work: Any) -> Any:
    """The frequency in the document at which all cursors stand, by units of fields; or a code."""
    n_lists = np.int64(len(slots.ordinals))
    for row in range(n_lists):
        status = _find_values(positions, work.cursors, np.int64(row))
        if status < 0:
            return np.float64(status)
    if len(slots.lists) == 2 and slots.slop == 0 and _once_each(positions, n_lists, work.cursors):
        # most of all documents: two words, each there once
        first, second = slots.lists[0], slots.lists[1]
        distance = _only_value(positions, work.cursors, second)
        distance -= _only_value(positions, work.cursors, first)
        return slots.units[0] * np.float64(distance == slots.places[1])
    total = 0.0
    for field in range(len(slots.units)):
        if slots.units[field] == 0.0:
            continue
        at: Any = np.int64(0)
        held: Any = True
        for row in range(n_lists):
            work.bounds[row] = at
            at = _read_field(positions, work, np.int64(row), np.int64(field), at)
            if at < 0:
                return np.float64(at)
            held &= at > work.bounds[row]
        work.bounds[n_lists] = at
        if held:
            found = phrase_frequency(slots, work, at)
            if found < 0.0:
                return found
            total += slots.units[field] * found
    return total


@merged
def _stands(bitmap: Any, doc: Any) -> Any:
    if len(bitmap) == 0:
        return True
    word = bitmap[np.uint64(doc >> np.int64(6))]
    return (word >> np.uint64(doc & np.int64(63))) & np.uint64(1) != 0


@kernel(
    INT64(LISTS, POSITIONED, SLOTS, BITMAP, PHRASE_WORK, WRITTEN_INT32S, WRITTEN_FLOAT64S),
    borrows=True,
)  # fmt: skip
def find_phrase(
    lists: Any,
    positions: Any,
    slots: Any,
    live: Any,
    work: Any,
    docs: Any,
    frequencies: Any,
) -> Any:
    """The docs that hold a phrase of two lists or more; how many, or a negative code.

    live: bitmap of the docs to look at, empty for all. docs, frequencies: room for the rarest
    list; docs ascend, frequencies are in units of fields. The code may be NEEDS_ROOM.

    Block by block of the two rarest lists, their common docs are noted first, without branches
    on what is found; then those are followed up one by one.
    """
    n_docs = np.int64(len(lists.lengths))
    n_lists = np.int64(len(slots.ordinals))
    cursors, noted = work.cursors, work.noted
    for number in range(n_lists):
        status = _open(lists, positions, slots.ordinals[number], cursors, np.int64(number))
        if status < 0:
            return status
    n_found, lead = np.int64(0), np.int64(0)
    while True:
        if lead == cursors[0, COUNT]:
            count = _load(lists, work, np.int64(0))
            if count <= 0:
                return count if count < 0 else n_found
            lead = np.int64(0)
        following = _advance(lists, work, np.int64(1), np.int64(work.docs[np.uint64(lead)]))
        if following < 0:
            return following
        if following >= n_docs:
            return n_found
        last = cursors[1, LAST_DOC]
        end = cursors[0, COUNT]
        if cursors[0, LAST_DOC] > last:
            end = count_below(work.docs, np.int64(0), last + np.int64(1))
        n_noted = np.int64(0)
        # sixteen docs of the second list at a time; the last of its block ends the search
        sixteen: Any = np.int64(BLOCK_DOCS)
        for i in range(lead, end):
            doc = np.int64(work.docs[np.uint64(i)])
            while np.int64(work.docs[np.uint64(sixteen + np.int64(LANES - 1))]) < doc:
                sixteen += np.int64(LANES)
            lane = place_among(work.docs, sixteen, doc)
            noted[np.uint64(n_noted), 0] = i
            noted[np.uint64(n_noted), 1] = sixteen + lane - np.int64(BLOCK_DOCS)
            n_noted += np.int64(lane < LANES)
        lead = end
        for c in range(n_noted):
            cursors[0, POSITION], cursors[1, POSITION] = noted[c, 0], noted[c, 1]
            doc = np.int64(work.docs[np.uint64(noted[c, 0])])
            reached: Any = doc
            row: Any = np.int64(2)
            while row < n_lists and reached == doc:
                reached = _advance(lists, work, row, doc)
                row += np.int64(1)
            if reached < 0:
                return reached
            if reached >= n_docs:
                return n_found
            if reached == doc and _stands(live, doc):
                frequency = _in_document(positions, slots, work)
                if frequency < 0.0:
                    return np.int64(frequency)
                docs[np.uint64(n_found)] = np.int32(doc)
                frequencies[np.uint64(n_found)] = frequency
                n_found += np.int64(frequency > 0.0)


@kernel(
    INT64(
        LISTS, POSITIONED, SLOTS, BITMAP, INT32S, PHRASE_WORK, WRITTEN_INT32S, WRITTEN_FLOAT64S
    ),
    borrows=True,
)  # fmt: skip
def find_phrase_within(
    lists: Any,
    positions: Any,
    slots: Any,
    live: Any,
    within: Any,
    work: Any,
    docs: Any,
    frequencies: Any,
) -> Any:
    """`find_phrase` among ascending docs, for one list or more."""
    n_docs = np.int64(len(lists.lengths))
    n_lists = np.int64(len(slots.ordinals))
    for number in range(n_lists):
        status = _open(lists, positions, slots.ordinals[number], work.cursors, np.int64(number))
        if status < 0:
            return status
    n_found, least = np.int64(0), np.int64(0)
    for i in range(len(within)):
        doc = np.int64(within[i])
        if doc < least or not _stands(live, doc):
            continue
        reached: Any = doc
        row: Any = np.int64(0)
        while row < n_lists and reached == doc:
            reached = _advance(lists, work, row, doc)
            row += np.int64(1)
        if reached < 0:
            return reached
        if reached >= n_docs:
            return n_found
        least = reached
        if reached == doc:
            frequency = _in_document(positions, slots, work)
            if frequency < 0.0:
                return np.int64(frequency)
            docs[np.uint64(n_found)] = np.int32(doc)
            frequencies[np.uint64(n_found)] = frequency
            n_found += np.int64(frequency > 0.0)
    return n_found


@kernel(INT64(INT32S, INT64S, INT32S, INT64, SLOTS, PHRASE_WORK, WRITTEN_FLOAT64S), borrows=True)
def find_in_tokens(
    tokens: Any,
    offsets: Any,
    token_positions: Any,
    n_fields: Any,
    slots: Any,
    work: Any,
    frequencies: Any,
) -> Any:
    """The frequency of a phrase in each document of tokens, in units; 0 or NEEDS_ROOM.

    Documents as in `ForwardIndex`; slots.ordinals are tokens.
    """
    n_lists = np.int64(len(slots.ordinals))
    for doc in range(len(frequencies)):
        total = 0.0
        for field in range(n_fields):
            run = doc * n_fields + field
            first, last = offsets[run], offsets[run + 1]
            if slots.units[field] == 0.0 or first == last:
                continue
            at: Any = np.int64(0)
            held: Any = True
            for row in range(n_lists):
                work.bounds[row] = at
                if at + last - first > len(work.positions):
                    return np.int64(NEEDS_ROOM)
                for i in range(first, last):
                    if np.int64(tokens[i]) == slots.ordinals[row]:
                        work.positions[np.uint64(at)] = np.int64(token_positions[i])
                        at += np.int64(1)
                held &= at > work.bounds[row]
            work.bounds[n_lists] = at
            if held:
                found = phrase_frequency(slots, work, at)
                if found < 0.0:
                    return np.int64(found)
                total += slots.units[field] * found
        frequencies[doc] = total
    return np.int64(0)
