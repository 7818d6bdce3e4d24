"""Working memory of searches: one set of arrays per thread, kept from query to query."""

from __future__ import annotations

import threading

import numpy as np

from rank_retrieve.lexical._maxscore_kernels import CURSOR_COLUMNS
from rank_retrieve.lexical._postings_kernels import BLOCK_DOCS
from rank_retrieve.lexical._search_kernels import GROUP_DOCS, WINDOW_DOCS

# scratch for longer queries is not kept: 2.7 KB a term
KEPT_TERMS = 1024


class Scratch:
    """Room for the cursors and decoded blocks of `n_terms` lists, and one window of scores."""

    def __init__(self, n_terms: int) -> None:
        self.n_terms = n_terms
        self.cursors = np.zeros((n_terms + 1, CURSOR_COLUMNS), dtype=np.int64)
        self.docs = np.zeros(n_terms * BLOCK_DOCS, dtype=np.uint32)
        self.frequencies = np.zeros(n_terms * BLOCK_DOCS, dtype=np.uint32)
        self.impacts = np.zeros(n_terms * BLOCK_DOCS, dtype=np.int32)
        self.tail_docs = np.zeros(n_terms * BLOCK_DOCS, dtype=np.uint32)
        self.tail_impacts = np.zeros(n_terms * BLOCK_DOCS, dtype=np.int32)
        self.block_scores = np.zeros(1024, dtype=np.int32)
        self.accumulators = np.zeros(WINDOW_DOCS, dtype=np.int32)
        self.touched = np.zeros(WINDOW_DOCS // GROUP_DOCS, dtype=np.uint8)
        self.candidates = np.zeros(WINDOW_DOCS, dtype=np.int64)
        self.found = np.zeros(WINDOW_DOCS, dtype=np.int32)

    def reserve_blocks(self, n_blocks: int) -> None:
        """Make room for the bounds of n_blocks blocks."""
        if len(self.block_scores) < n_blocks:
            self.block_scores = np.zeros(2 * n_blocks, dtype=np.int32)


_threads = threading.local()


def thread_scratch(n_terms: int) -> Scratch:
    """This thread's scratch, with room for at least n_terms lists."""
    if n_terms > KEPT_TERMS:
        return Scratch(n_terms)
    scratch: Scratch | None = getattr(_threads, "scratch", None)
    if scratch is None or scratch.n_terms < n_terms:
        room = 16 if scratch is None else 2 * scratch.n_terms
        scratch = Scratch(max(n_terms, room))
        _threads.scratch = scratch
    return scratch


def discard_scratch() -> None:
    """Forget this thread's scratch: a kernel stopped half-way and left scores in it."""
    _threads.scratch = None
