"""The kernel that weighs the terms of a query in one index."""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import kernel
from rank_retrieve.lexical._signatures import INT64, INT64S, LISTS, WRITTEN_INT64S
from rank_retrieve.lexical.postings import BLOCK_DOCS


@kernel(INT64(LISTS, INT64S, INT64S, INT64S, WRITTEN_INT64S, WRITTEN_INT64S))
def add_document_frequencies(
    lists: Any,
    ordinals: Any,
    deleted_ordinals: Any,
    deleted_counts: Any,
    totals: Any,
    n_blocks: Any,
) -> Any:
    """Add to totals how many live docs of a part hold each term; ordinal -1 holds none.

    n_blocks receives the full blocks of each list. Returns 0, or -1 for an ordinal of no term.
    """
    n_deleted = np.int64(len(deleted_ordinals))
    for t in range(len(ordinals)):
        ordinal = ordinals[t]
        if ordinal < 0:
            continue
        if ordinal >= len(lists.document_frequencies):
            return np.int64(-1)
        totals[t] += np.int64(lists.document_frequencies[ordinal])
        n_blocks[t] = np.int64(lists.document_frequencies[ordinal]) // np.int64(BLOCK_DOCS)
        low, high = np.int64(0), n_deleted
        while low < high:
            middle = (low + high) >> np.int64(1)
            if deleted_ordinals[middle] < ordinal:
                low = middle + np.int64(1)
            else:
                high = middle
        if low < n_deleted and deleted_ordinals[low] == ordinal:
            totals[t] -= deleted_counts[low]
    return np.int64(0)
