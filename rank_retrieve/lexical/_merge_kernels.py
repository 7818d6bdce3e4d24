"""The kernel that copies the live postings of one index into the lists of a merged one."""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import kernel
from rank_retrieve.lexical._postings_kernels import load_block, open_list
from rank_retrieve.lexical._signatures import (
    CURSORS,
    INT32S,
    INT64,
    INT64S,
    LISTS,
    WRITTEN_INT32S,
    WRITTEN_INT64S,
    WRITTEN_UINT32S,
)


@kernel(
    INT64(
        LISTS,
        INT32S,
        INT64S,
        INT64,
        CURSORS,
        WRITTEN_UINT32S,
        WRITTEN_UINT32S,
        WRITTEN_INT64S,
        WRITTEN_INT32S,
        WRITTEN_UINT32S,
    )
)
def copy_live(
    lists: Any,
    new_docs: Any,
    list_numbers: Any,
    first: Any,
    cursors: Any,
    block_docs: Any,
    block_frequencies: Any,
    next_posting: Any,
    docs: Any,
    frequencies: Any,
) -> Any:
    """Append the postings of some lists, from the first on, to those that list_numbers names.

    first: the ordinal of the list that list_numbers[0] is about.
    new_docs [n_docs]: the merged number of each doc, -1 for a dead one.
    next_posting [n_lists]: the place after the last posting of each merged list.
    docs, frequencies: the merged postings; with empty arrays they are only counted.
    """
    only_count = len(docs) == 0
    for i in range(len(list_numbers)):
        status = open_list(lists, first + np.int64(i), cursors, np.int64(0))
        if status < 0:
            return status
        place = next_posting[list_numbers[i]]
        while True:
            count = load_block(
                lists, cursors, block_docs, block_frequencies, np.int64(0), np.int64(0)
            )
            if count < 0:
                return count
            if count == 0:
                break
            for j in range(count):
                doc = new_docs[block_docs[j]]
                if doc >= 0:
                    if not only_count:
                        docs[place] = doc
                        frequencies[place] = block_frequencies[j]
                    place += np.int64(1)
        next_posting[list_numbers[i]] = place
    return np.int64(0)
