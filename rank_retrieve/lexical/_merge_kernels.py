"""The kernel that copies the live postings of one index into the lists of a merged one."""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import kernel
from rank_retrieve.lexical._postings_kernels import INT32S, INT64S, LISTS, load_block, open_list


@kernel(
    f"int64({LISTS}, int64, {INT32S}, {INT64S}, int64[:, ::1], uint32[::1], uint32[::1], "
    "int64[::1], int32[::1], uint32[::1])"
)
def copy_live(
    bases: Any,
    starts: Any,
    document_frequencies: Any,
    last_docs: Any,
    block_offsets: Any,
    block_bits: Any,
    postings: Any,
    n_docs: Any,
    new_docs: Any,
    list_numbers: Any,
    cursors: Any,
    block_docs: Any,
    block_frequencies: Any,
    next_posting: Any,
    docs: Any,
    frequencies: Any,
) -> Any:
    """Append the postings of each list to the merged list that list_numbers names.

    new_docs [n_docs]: the merged number of each doc, -1 for a dead one.
    next_posting [n_lists]: the place after the last posting of each merged list.
    docs, frequencies: the merged postings; with empty arrays they are only counted.
    """
    only_count = len(docs) == 0
    for ordinal in range(len(document_frequencies)):
        status = open_list(
            bases, starts, document_frequencies, last_docs, block_offsets, block_bits, postings,
            np.int64(ordinal), n_docs, cursors, np.int64(0),
        )  # fmt: skip
        if status < 0:
            return status
        place = next_posting[list_numbers[ordinal]]
        while True:
            count = load_block(
                last_docs, block_offsets, block_bits, postings, n_docs, cursors, block_docs,
                block_frequencies, np.int64(0),
            )  # fmt: skip
            if count < 0:
                return count
            if count == 0:
                break
            for i in range(count):
                doc = new_docs[block_docs[i]]
                if doc >= 0:
                    if not only_count:
                        docs[place] = doc
                        frequencies[place] = block_frequencies[i]
                    place += np.int64(1)
        next_posting[list_numbers[ordinal]] = place
    return np.int64(0)
